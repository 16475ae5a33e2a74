"""From a map node to a map bundle: the one place where the graph becomes a file for pages and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_limap import __version__
from aiida_limap.formats.mapbundle import MapBundle, MapProperty
from aiida_limap.formats.structures import StructureRecord
from aiida_limap.tools._bundle_parts import map_parts
from aiida_limap.tools.families import family_properties
from aiida_limap.tools.phonon_properties import phonon_properties
from aiida_limap.tools.provenance import MapProvenance, map_provenance, structure_facts

if TYPE_CHECKING:
    from aiida_limap.data.map import MapData

__all__ = ['map_bundle']

_QUERY_SIZE = 200
_TRAINING_OPTIONS = (
    'preset',
    'me_weight',
    'reduction',
    'basis',
    'batch_size',
    'learning_rate',
    'weight_decay',
    'patience',
    'seed',
    'split',
    'scaling',
    'hidden_widths',
    'head_widths',
)
#: What a page says of the quality of the map, for the test rows; the model holds the rest.
_QUALITY = ('trustworthiness_10', 'continuity_10', 'label_smoothness_10')
_EXTRAS = ('prototype', 'counterpart', 'counterpart_uri')

#: Columns of the map node that become properties: label, unit, description.
_COLUMNS = {
    'is_new': ('New', '', '1 where the structure was placed on an older map, 0 where its point was taken over.'),
    'x_comp': ('Composition code', '', 'Code of the composition descriptors: the horizontal axis of the map.'),
    'x_struc': ('Structure code', '', 'Code of the structure descriptors: the vertical axis of the map.'),
    'migration_energy_eV': ('Migration energy', 'eV', 'Barrier of Li+ migration by the bond-valence force field.'),
    'migration_energy_predicted_eV': (
        'Predicted migration energy',
        'eV',
        'Barrier that the map predicts from its codes.',
    ),
    'migration_energy_wide_eV': (
        'Predicted migration energy, all descriptors',
        'eV',
        'Barrier that the wide head predicts from more than the two codes.',
    ),
    'migration_energy_low_eV': ('Interval, lower end', 'eV', 'Where the calculated barrier should be, at least.'),
    'migration_energy_high_eV': ('Interval, upper end', 'eV', 'Where the calculated barrier should be, at most.'),
    'migration_energy_spread_eV': (
        'Spread of the prediction',
        'eV',
        'Standard deviation of the predicted barrier over models of other seeds.',
    ),
    'x_comp_spread': ('Spread of the composition code', '', 'Standard deviation over models of other seeds, aligned.'),
    'x_struc_spread': ('Spread of the structure code', '', 'Standard deviation over models of other seeds, aligned.'),
    'distance_composition': (
        'Distance in composition',
        '',
        'Distance to the nearest training rows; 95 % of these are within 1 of each other.',
    ),
    'distance_structure': (
        'Distance in structure',
        '',
        'Distance to the nearest training rows; 95 % of these are within 1 of each other.',
    ),
    'reconstruction_ratio_composition': (
        'Composition error, relative',
        '',
        'Reconstruction error; within 1 for 95 % of the rows that were held out.',
    ),
    'reconstruction_ratio_structure': (
        'Structure error, relative',
        '',
        'Reconstruction error; within 1 for 95 % of the rows that were held out.',
    ),
    'in_domain': ('In the domain', '', '1 where the model knows materials like this, 0 elsewhere.'),
    'domain_reason': ('Why outside', '', 'What takes the point out of what the model knows.'),
    'grid_error_eV': (
        'Grid error',
        'eV',
        'What the grid would leave uncertain without refinement: 6 against 26 neighbours.',
    ),
    'reconstruction_mse_composition': ('Composition error', '', 'Mean squared error of the decoded composition block.'),
    'reconstruction_mse_structure': ('Structure error', '', 'Mean squared error of the decoded structure block.'),
    'status': ('Status', '', 'What became of the migration energy.'),
    'formula': ('Formula', '', 'Reduced formula.'),
}


def map_bundle(map_node: MapData, *, title: str | None = None) -> MapBundle:
    """Collect everything that a page or figure of a map needs.

    :param map_node: the stored map.
    :param title: heading; None makes one from the label or the number of points.
    :returns: the bundle; its points are those of the map whose structures are still in the profile.
    """
    facts = structure_facts(map_node.ids)
    provenance = map_provenance(map_node)
    rows = [index for index, uuid in enumerate(map_node.ids) if uuid in facts]
    ids = [map_node.ids[index] for index in rows]
    records = _records(ids)
    sources = [_flat_source(facts[uuid]['source']) for uuid in ids]
    properties: dict[str, MapProperty] = {}
    for name, (label, unit, description) in _COLUMNS.items():
        if name in map_node.columns:
            column = map_node.column(name)
            properties[name] = MapProperty(_values([column[index] for index in rows]), label, unit, description)
    properties.update(_composition_properties(records))
    properties.update(_source_properties([facts[uuid]['source'].get('extras') or {} for uuid in ids]))
    for name, (values, label, description) in family_properties(ids).items():
        properties[name] = MapProperty(values, label, '', description)
    properties.update(phonon_properties(ids))
    split = _splits(map_node, ids)
    if split is not None:
        properties['split'] = MapProperty(
            split, 'Split', '', 'Part of the data that the point belonged to in training.'
        )
    metadata = _metadata(map_node, provenance)
    parts = map_parts(map_node, ids, split, (metadata.get('interval') or {}).get('level'))
    return MapBundle(
        title=title or map_node.label or f'Materials map of {len(ids)} lithium compounds',
        ids=tuple(ids),
        properties=properties,
        structures=tuple(records),
        provenance=tuple(provenance.of_point(uuid) for uuid in ids),
        sources=tuple(sources),
        heatmap=map_node.heatmap(),
        metadata={**metadata, **parts.facts},
        layers=parts.layers,
        descriptors=parts.descriptors,
        profiles=parts.profiles,
    )


def _values(entries: Iterable[Any]) -> tuple[float | str | None, ...]:
    """Return plain values: words as they are, numbers as floats, None for NaN."""
    values: list[float | str | None] = []
    for entry in entries:
        if isinstance(entry, str):
            values.append(str(entry))
        else:
            number = float(entry)
            values.append(None if math.isnan(number) else number)
    return tuple(values)


def _records(uuids: Sequence[str]) -> list[StructureRecord]:
    """Return the structures in the order of ``uuids``; nodes are loaded in chunks and let go again."""
    from aiida import orm

    from aiida_limap.common.conversion import record_from_node

    by_uuid: dict[str, StructureRecord] = {}
    for start in range(0, len(uuids), _QUERY_SIZE):
        chunk = list(uuids[start : start + _QUERY_SIZE])
        query = orm.QueryBuilder().append(orm.StructureData, filters={'uuid': {'in': chunk}}, project='*')
        by_uuid.update({node.uuid: record_from_node(node) for (node,) in query.iterall()})
    return [by_uuid[uuid] for uuid in uuids]


def _composition_properties(records: Sequence[StructureRecord]) -> dict[str, MapProperty]:
    def fraction(record: StructureRecord, element: str) -> float:
        amounts = [(name, amount) for site in record.species for name, amount in site.items()]
        return sum(amount for name, amount in amounts if name == element) / sum(amount for _name, amount in amounts)

    return {
        f'{element.lower()}_fraction': MapProperty(
            tuple(round(fraction(record, element), 6) for record in records),
            f'{element} fraction',
            '',
            f'Share of {element} among all atoms.',
        )
        for element in ('Li', 'O')
    }


def _flat_source(source: Mapping[str, Any]) -> dict[str, str]:
    hidden = {'extras', 'source_md5', 'description', 'db_uri', 'version'}
    flat = {key: str(value) for key, value in source.items() if key not in hidden and value}
    extras = source.get('extras') or {}
    flat.update({key: str(extras[key]) for key in _EXTRAS if extras.get(key)})
    if extras.get('substitutions'):
        flat['substitutions'] = ', '.join(f'{old} → {new}' for old, new in extras['substitutions'].items())
    if source.get('description'):
        unchecked = ' (not yet checked against the publication)' if extras.get('citation_status') == 'recalled' else ''
        flat['citation'] = f'{source["description"]}{unchecked}'
    return flat


def _source_properties(extras: Sequence[Mapping[str, Any]]) -> dict[str, MapProperty]:
    properties = {}
    for key, label, description in (
        ('origin', 'Origin', 'Whether the structure is from the literature or made by ionic substitution.'),
    ):
        if any(entry.get(key) for entry in extras):
            properties[key] = MapProperty(tuple(entry.get(key) for entry in extras), label, '', description)
    return properties


def _splits(map_node: MapData, ids: Sequence[str]) -> tuple[str | None, ...] | None:
    """Return the split of each point from the table of the training, or None where that is not in the profile."""
    encoding = map_node.creator
    model = None if encoding is None else encoding.base.links.get_incoming(link_label_filter='model').first()
    training = None if model is None else model.node.creator
    if training is None:
        return None
    link = training.base.links.get_outgoing(link_label_filter='training').first()
    if link is None:
        return None
    table = link.node
    by_id = dict(zip(table.ids, (str(word) for word in table.column('split')), strict=True))
    return tuple(by_id.get(uuid, 'not trained on') for uuid in ids)


def _training_options(map_node: MapData) -> dict[str, Any]:
    """Return the options that the model of the map was trained with."""
    training = _training(map_node)
    return {name: training[name] for name in _TRAINING_OPTIONS if name in training}


def _training(map_node: MapData) -> Mapping[str, Any]:
    """Return what the header of the model says of its training; empty where the model is not in the profile."""
    encoding = map_node.creator
    model = None if encoding is None else encoding.base.links.get_incoming(link_label_filter='model').first()
    return {} if model is None else model.node.header['training']


def _uncertainty_facts(map_node: MapData) -> dict[str, Any]:
    """Return what holds for the whole map: level and measured share of its intervals, and how good the plane is."""
    encoding, training = map_node.creator, _training(map_node)
    link = None if encoding is None else encoding.base.links.get_outgoing(link_label_filter='output_parameters').first()
    found: dict[str, Any] = {}
    summary = {} if link is None else link.node.get_dict()
    if 'level' in summary:
        level, kind = float(summary['level']), str(summary['interval'])
        measured = (training.get('uncertainty') or {}).get('intervals', {}).get(kind, {}).get(f'{level:g}', {})
        found['interval'] = {'level': level, 'kind': kind, **{f'test_{key}': value for key, value in measured.items()}}
    quality = (training.get('map_quality') or {}).get('test') or {}
    if quality:
        found['map_quality_test'] = {key: quality[key] for key in _QUALITY if key in quality}
    return found


def _metadata(map_node: MapData, provenance: MapProvenance) -> dict[str, Any]:
    return {
        'map_uuid': map_node.uuid,
        'map_pk': map_node.pk,
        'created': map_node.ctime.isoformat(timespec='seconds'),
        'aiida_limap_version': __version__,
        'target': map_node.target,
        'metrics': dict(map_node.metrics),
        'options': _training_options(map_node),
        **_uncertainty_facts(map_node),
        'counts_by_status': dict(map_node.counts_by_status),
        'nodes': {role: step.uuid for role, step in provenance.shared.items()},
    }
