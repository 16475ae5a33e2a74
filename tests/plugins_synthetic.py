"""A map of any size with its whole graph, put into the database in bulk: thousands of nodes in seconds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np

_EMPTY: dict[str, Any] = {'label': '', 'description': '', 'repository_metadata': {}, 'extras': {}}
_JOB = 'process.calculation.calcjob.CalcJobNode.'
_FUNCTION = 'process.calculation.calcfunction.CalcFunctionNode.'
_CHAIN = 'process.workflow.workchain.WorkChainNode.'


def _insert_nodes(entries: list[dict[str, Any]]) -> list[int]:
    from aiida import orm
    from aiida.common import timezone
    from aiida.manage import get_manager
    from aiida.orm.entities import EntityTypes

    now, user = timezone.now(), orm.User.collection.get_default().pk
    defaults = {**_EMPTY, 'process_type': None, 'ctime': now, 'mtime': now, 'user_id': user, 'dbcomputer_id': None}
    rows = [{**defaults, **entry} for entry in entries]
    backend = get_manager().get_profile_storage()
    return backend.bulk_insert(EntityTypes.NODE, rows)


def _insert_links(links: list[tuple[int, int, str, str]]) -> None:
    from aiida.manage import get_manager
    from aiida.orm.entities import EntityTypes

    rows = [{'input_id': one, 'output_id': other, 'type': kind, 'label': label} for one, other, kind, label in links]
    get_manager().get_profile_storage().bulk_insert(EntityTypes.LINK, rows)


def _structures(number: int, name: str, n_sites: int) -> list[dict[str, Any]]:
    kinds = [{'name': word, 'symbols': [word], 'weights': [1.0], 'mass': 1.0} for word in ('Li', 'O')]
    sites = [{'kind_name': 'Li' if row % 2 else 'O', 'position': [0.3 * row] * 3} for row in range(n_sites)]
    cell = {'cell': (9 * np.eye(3)).tolist(), 'pbc1': True, 'pbc2': True, 'pbc3': True, 'kinds': kinds, 'sites': sites}
    return [
        {
            'uuid': str(uuid4()),
            'node_type': 'data.core.structure.StructureData.',
            'label': f'Li2O {name}-{row}',
            'attributes': {**cell, 'source': {'db_name': 'made for tests', 'id': f'{name}-{row}'}},
        }
        for row in range(number)
    ]


def _process(node_type: str, label: str) -> dict[str, Any]:
    return {'uuid': str(uuid4()), 'node_type': node_type, 'attributes': {'process_label': label, 'sealed': True}}


def _columns(number: int) -> dict[str, Any]:
    generator = np.random.default_rng(7)
    axes = generator.normal(size=(2, number))
    energies = np.clip(0.5 + 0.2 * axes[0] + 0.1 * generator.normal(size=number), 0, None)
    return {
        'x_comp': axes[0],
        'x_struc': axes[1],
        'migration_energy_eV': np.where(np.arange(number) % 10 == 9, np.nan, energies),
        'migration_energy_predicted_eV': 0.5 + 0.2 * axes[0],
        'grid_error_eV': np.full(number, 0.01),
        'reconstruction_mse_composition': np.full(number, 0.1),
        'reconstruction_mse_structure': np.full(number, 0.1),
        'status': ['not_percolating' if row % 10 == 9 else 'ok' for row in range(number)],
        'formula': [f'Li{row % 89 + 1}O' for row in range(number)],
    }


def synthetic_map(number: int, *, batch_size: int = 100, name: str = 'row', n_sites: int = 4) -> SimpleNamespace:
    """Store a map with structures, jobs in batches, joined tables, encoding and work chain; without a model.

    :param number: points of the map.
    :param batch_size: structures of a job.
    :param name: start of the ids of the sources, ``NAME-0`` and so on.
    :param n_sites: sites of each structure.
    :returns: ``map`` (the node), ``uuids`` of the structures, and ``jobs``: for each role a job UUID per structure.
    """
    from aiida import orm

    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.data.map import MapData
    from aiida_limap.data.table import TableData
    from aiida_limap.formats.mapbundle import Heatmap

    entries = _structures(number, name, n_sites)
    uuids = [entry['uuid'] for entry in entries]
    pks = _insert_nodes(entries)
    batches = [range(start, min(start + batch_size, number)) for start in range(0, number, batch_size)]
    dataset = DatasetData(name=name, structures=[(uuid, f'{name}-{row}') for row, uuid in enumerate(uuids)]).store()
    heatmap = Heatmap(np.linspace(-3, 3, 5), np.linspace(-3, 3, 5), np.full((5, 5), 0.5), 'Predicted', 'eV')
    node = MapData.from_points(uuids, _columns(number), heatmap=heatmap, facts={'target': 'barrier_2d_eV'}).store()
    table = TableData.from_arrays(['none'], {'status': ['ok']}).store()
    joined, jobs, links = {}, {}, []
    (chain,) = _insert_nodes([_process(_CHAIN, 'MapWorkChain')])
    (encoding,) = _insert_nodes([_process(_JOB, 'EncodeCalculation')])
    for role, label in (('migration_energies', 'BvffCalculation'), ('descriptors', 'DescriptorsCalculation')):
        makers = [_process(_JOB, label) for _ in batches]
        maker_pks = _insert_nodes(makers)
        tables = [
            {'uuid': str(uuid4()), 'node_type': table.node_type, 'attributes': {'n_rows': len(rows)}}
            for rows in batches
        ]
        table_pks = _insert_nodes(tables)
        function, joined[role] = _insert_nodes(
            [
                _process(_FUNCTION, 'concatenate_tables'),
                {'uuid': str(uuid4()), 'node_type': table.node_type, 'attributes': {'n_rows': number}},
            ]
        )
        for maker, made, rows in zip(maker_pks, table_pks, batches, strict=True):
            links += [(pks[row], maker, 'input_calc', f'structures__s{uuids[row].replace("-", "")}') for row in rows]
            links += [(maker, made, 'create', 'table'), (made, function, 'input_calc', f'table_{made:08d}')]
        links += [(function, joined[role], 'create', 'result'), (joined[role], encoding, 'input_calc', role)]
        jobs[role] = [makers[row // batch_size]['uuid'] for row in range(number)]
    links += [(encoding, node.pk, 'create', 'map'), (chain, encoding, 'call_calc', 'encode')]
    links += [(dataset.pk, chain, 'input_work', 'dataset'), (chain, node.pk, 'return', 'map')]
    _insert_links(links)
    return SimpleNamespace(map=orm.load_node(node.pk), uuids=uuids, jobs=jobs, dataset=dataset)
