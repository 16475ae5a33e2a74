"""A map with two new structures on the small map of the graph, made once by the real work chain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plugins_aiida import is_stored
from plugins_graph import graph

__all__ = ['graph', 'placed']

_BUILT: dict[str, SimpleNamespace] = {}
#: For each new structure its id, its atoms and the edge of its cubic cell, Å; one has no lithium.
NEW = {'new-oxide': (('Li', 'Li', 'Li', 'P', 'O'), 8.0), 'new-magnesia': (('Mg', 'Mg', 'O'), 9.0)}


def _candidates() -> list[Any]:
    from pymatgen.core import Lattice, Structure

    from aiida_limap.importers.base import Candidate

    candidates = []
    for name, (symbols, edge) in NEW.items():
        places = np.linspace(0, 1, len(symbols), endpoint=False)
        structure = Structure(Lattice.cubic(edge), list(symbols), np.outer(places, np.ones(3)))
        source = {'db_name': 'made for tests', 'id': name, 'source_md5': f'sum of {name}'}
        candidates.append(Candidate(structure, source, f'{structure.reduced_formula} {name}'))
    return candidates


@pytest.fixture
def placed(aiida_profile, graph) -> SimpleNamespace:
    """Return the nodes: ``map``, ``chain``, ``dataset``, and ``uuids`` by source id; ``graph.map`` is the parent."""
    from aiida import orm
    from aiida.engine import run_get_node

    from aiida_limap.importers.base import store_dataset
    from aiida_limap.workflows.encode import EncodeWorkChain

    if aiida_profile.name not in _BUILT or not is_stored(_BUILT[aiida_profile.name].map):
        report = store_dataset(_candidates(), name='new', chosen_by={'importer': 'tests'})
        builder = EncodeWorkChain.get_builder_from_protocol(graph.code, report.dataset, graph.map)
        outputs, chain = run_get_node(builder)
        assert chain.exit_status == 0, chain.exit_message
        _BUILT[aiida_profile.name] = SimpleNamespace(
            map=outputs['map'].uuid, chain=chain.uuid, dataset=report.dataset.uuid
        )
    nodes = {role: orm.load_node(uuid) for role, uuid in vars(_BUILT[aiida_profile.name]).items()}
    dataset = nodes['dataset']
    return SimpleNamespace(**nodes, uuids=dict(zip(dataset.source_ids, dataset.structure_uuids, strict=True)))
