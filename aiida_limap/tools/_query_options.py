"""The data and the options behind a map, as plain values that two maps can be compared by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiida_limap.tools._query_jobs import table_tree
from aiida_limap.tools.provenance import input_of, shared_steps

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.map import MapData

__all__ = ['map_facts']

#: What the header of a model says of its training and is an option, not a result.
_TRAINING = (
    'preset',
    'me_weight',
    'reduction',
    'basis',
    'energy_transform',
    'batch_size',
    'learning_rate',
    'weight_decay',
    'patience',
    'max_epochs',
    'seed',
    'split',
    'scaling',
    'hidden_widths',
    'head_widths',
    'wide_head_widths',
    'wide_weight',
    'input_noise',
    'input_whitening',
)
_TABLES = {'migration energies': 'migration_energies', 'descriptors': 'descriptors'}


def map_facts(map_node: MapData) -> dict[str, Any]:
    """Return what a map was made from and how.

    :param map_node: the stored map.
    :returns: plain values by name; what the profile does not hold, as after the import of a part of an archive, is left
        out.
    """
    from aiida import orm

    facts: dict[str, Any] = {
        'points': len(map_node),
        'target': map_node.target,
        'mobile ion': map_node.mobile_ion,
        'engine version': map_node.engine_version,
        'parent map': map_node.parent_uuid,
        'model': map_node.model_uuid,
    }
    steps = shared_steps(map_node)
    if 'dataset' in steps:
        dataset = orm.load_node(steps['dataset'].uuid)
        facts['dataset'] = f'{dataset.name} ({dataset.uuid[:8]}, {len(dataset)} structures)'
        facts['dataset filter'] = dataset.filter
    if 'model' in steps:
        facts |= _model_facts(orm.load_node(steps['model'].uuid))
    encoding = map_node.creator
    if encoding is None:
        return facts
    facts |= _given('encoding', [encoding.pk])
    for name, label in _TABLES.items():
        table = input_of(encoding, label)
        if table is not None:
            facts |= _given(name, list(table_tree(table).jobs))
    return facts


def _model_facts(model: orm.Node) -> dict[str, Any]:
    training = model.header['training']
    found = {f'training: {name}': training[name] for name in _TRAINING if name in training}
    return {'layout': model.layout, **found}


def _given(name: str, jobs: list[int]) -> dict[str, Any]:
    """Return the parameters of jobs, and the sets of bond-valence parameters, each named once."""
    from aiida import orm

    facts: dict[str, Any] = {}
    if not jobs:
        return facts
    query = orm.QueryBuilder().append(orm.Data, project='attributes', tag='given')
    query.append(
        orm.CalcJobNode,
        with_incoming='given',
        filters={'id': {'in': jobs}},
        edge_filters={'label': {'in': ['parameters', 'bond_valence']}},
        edge_project='label',
    )
    documents: dict[str, dict[str, Any]] = {'parameters': {}, 'bond-valence parameters': {}}
    for attributes, label in query.iterall():
        if label == 'parameters':
            documents['parameters'][json.dumps(attributes, sort_keys=True)] = attributes
        else:
            words = f'{attributes.get("name")} {attributes.get("version")} ({str(attributes.get("checksum"))[:8]})'
            documents['bond-valence parameters'][words] = words
    for kind, by_text in documents.items():
        values = [by_text[text] for text in sorted(by_text)]
        if len(values) == 1 and isinstance(values[0], dict):
            facts |= {f'{name}: {key}': value for key, value in values[0].items()}
        elif values:
            facts[f'{name}: {kind}'] = values[0] if len(values) == 1 else values
    return facts
