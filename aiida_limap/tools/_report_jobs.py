"""The jobs behind a map and the parameters that they were given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_limap.tools.provenance import MapProvenance
from aiida_limap.visualisation.report_parts import ReportJobs, ReportNode

__all__ = ['jobs_of', 'nodes_of', 'plain_parameters', 'protocol_of']

_QUERY_SIZE = 500
#: Jobs of the rows first, then what all points share.
_ROLES = {
    'migration_energy': 'Migration energies',
    'descriptors': 'Descriptors',
    'phonons': 'Phonons',
    'training': 'Training',
    'encoding': 'Codes and predictions',
}
_DATA = ('dataset', 'model', 'map', 'parent_map')
_NODES = ('dataset', 'training', 'model', 'parent_map', 'encoding', 'placing', 'map', 'work_chain')


def jobs_of(provenance: MapProvenance) -> list[ReportJobs]:
    """Return the jobs behind a map, those with the same parameters together.

    :param provenance: the nodes behind the map.
    """
    found = []
    for role, title in _ROLES.items():
        steps = {step.pk: step.uuid for step in provenance.jobs.get(role, {}).values()}
        if role in provenance.shared:
            steps[provenance.shared[role].pk] = provenance.shared[role].uuid
        given = _given(sorted(steps))
        groups: dict[str, list[int]] = {}
        for pk in sorted(steps):
            groups.setdefault(json.dumps(given.get(pk, {}), sort_keys=True), []).append(pk)
        for text, pks in groups.items():
            inputs = json.loads(text)
            parameters = plain_parameters(inputs.pop('parameters', {}))
            found.append(ReportJobs(title, [steps[pk] for pk in pks], inputs, parameters))
    return found


def _given(pks: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return parameters, code and release of the engine of jobs, without loading one."""
    from aiida import orm

    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(pks), _QUERY_SIZE):
        jobs = {'id': {'in': list(pks[start : start + _QUERY_SIZE])}}
        query = orm.QueryBuilder().append(orm.ProcessNode, filters=jobs, project='id', tag='job')
        query.append(
            orm.Dict, with_outgoing='job', edge_filters={'label': 'parameters'}, project='attributes', tag='given'
        )
        for pk, parameters in query.iterall():
            found.setdefault(pk, {})['parameters'] = parameters
        query = orm.QueryBuilder().append(orm.ProcessNode, filters=jobs, project='id', tag='job')
        query.append(orm.AbstractCode, with_outgoing='job', project='label', tag='code')
        query.append(orm.Computer, with_node='code', project='label')
        for pk, code, computer in query.iterall():
            found.setdefault(pk, {})['Code'] = f'{code}@{computer}'
        query = orm.QueryBuilder().append(orm.ProcessNode, filters=jobs, project='id', tag='job')
        query.append(
            orm.Dict,
            with_incoming='job',
            edge_filters={'label': 'output_parameters'},
            project='attributes.engine_version',
        )
        for pk, version in query.iterall():
            if version:
                found.setdefault(pk, {})['Release of the engine'] = str(version)
    return found


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as names and words.

    :param parameters: the parameters; a layout that is given in full is told by its name.
    """
    plain = {}
    for name, value in parameters.items():
        if name == 'layout' and isinstance(value, Mapping):
            value = value.get('name', 'given in full')
        plain[name] = _words(value)
    return plain


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {_words(part)}' for key, part in value.items()) or 'none'
    if isinstance(value, list):
        return ', '.join(_words(part) for part in value) or 'none'
    return value if isinstance(value, str) else json.dumps(value)


def protocol_of(chain: Any, protocols: Mapping[str, Mapping[str, Any]]) -> str:
    """Return which protocol a work chain of a map agrees with.

    :param chain: the work chain.
    :param protocols: the inputs of each protocol of a map by its name.
    :returns: a sentence; empty for another work chain, and where no protocol is given.
    """
    given = {link.link_label: link.node for link in chain.base.links.get_incoming().all()}
    parts = ('featurize__bvff', 'featurize__descriptors', 'train', 'encode')
    if not protocols or not any(f'{part}__parameters' in given for part in parts[:3]):
        return ''
    used = {part: _parameters(given, part) for part in parts}
    for name, inputs in protocols.items():
        featurize = inputs['featurize']
        known = (featurize['bvff'], featurize['descriptors'], inputs['train'], inputs['encode'])
        if all(_agree(used[part], entry['parameters']) for part, entry in zip(parts, known, strict=True)):
            return f'The parameters of the work chain are those of the protocol {name!r} of this release.'
    return 'The parameters of the work chain are those of no protocol of this release: some were set otherwise.'


def _parameters(given: Mapping[str, Any], part: str) -> dict[str, Any]:
    node = given.get(f'{part}__parameters')
    return {} if node is None else dict(node.get_dict())


def _agree(used: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    # The work chain passes the target on to the encoding, for which no protocol names it.
    return {key: value for key, value in used.items() if key in known or key != 'target'} == dict(known)


def nodes_of(provenance: MapProvenance) -> list[ReportNode]:
    """Return the nodes that all points of a map share, with the command that shows each.

    :param provenance: the nodes behind the map.
    """
    steps = [(role, provenance.shared[role]) for role in _NODES if role in provenance.shared]
    return [ReportNode(step.role, step.kind, step.uuid, _command(role, step.uuid)) for role, step in steps]


def _command(role: str, uuid: str) -> str:
    if role in _DATA:
        return f'verdi data limap show {uuid}'
    return f'verdi process show {uuid}'
