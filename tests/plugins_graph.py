"""The provenance graph of a small map, made once by the real importer and the real work chain."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from plugins_aiida import TESTS, is_stored

ENGINE = TESTS / 'tools' / 'engine_with_formulas.py'
BATCH_SIZE = 2
CITATION = 'A. Author, Journal 1, 2 (1970)'

#: For each structure its id, its atoms, the edge of its cubic cell (Å) and more of its source.
CRYSTALS: dict[str, tuple[tuple[str, ...], float, dict[str, Any]]] = {
    'mp-1960': (
        ('Li', 'Li', 'O'),
        3.0,
        {'db_name': 'Materials Project', 'uri': 'https://example.org/mp-1960', 'license': 'CC-BY-4.0'},
    ),
    'limap-proto-lisicon': (
        ('Li', 'Li', 'Li', 'P', 'O', 'O', 'O', 'O'),
        4.0,
        {
            'description': CITATION,
            'extras': {
                'counterpart': 'mp-13725',
                'counterpart_uri': 'https://example.org/mp-13725',
                'family': 'phosphate',
                'origin': 'substituted',
                'prototype': 'Li3AsO4',
                'substitutions': {'As5+': 'P5+'},
                'citation_status': 'recalled',
            },
        },
    ),
    'twin-a': (('Li', 'Li', 'Mg', 'O', 'O'), 5.0, {}),
    'twin-b': (('Li', 'Li', 'Mg', 'O', 'O'), 6.0, {}),
    'no-lithium': (('Mg', 'O'), 7.0, {}),
}
_BUILT: dict[str, SimpleNamespace] = {}


def _candidates() -> list:
    import numpy as np
    from pymatgen.core import Lattice, Structure

    from aiida_limap.importers.base import Candidate

    candidates = []
    for name, (symbols, edge, more) in CRYSTALS.items():
        places = np.linspace(0, 1, len(symbols), endpoint=False)
        structure = Structure(Lattice.cubic(edge), list(symbols), np.outer(places, np.ones(3)))
        source = {'db_name': 'made for tests', 'id': name, 'source_md5': f'sum of {name}', **more}
        candidates.append(Candidate(structure, source, f'{structure.reduced_formula} {name}'))
    return candidates


@pytest.fixture
def graph(aiida_profile, aiida_code_installed, tmp_path_factory) -> SimpleNamespace:
    """Return the nodes of the map: ``map``, ``chain``, ``dataset``, ``group``, ``code`` and ``uuids`` by source id."""
    from aiida import orm
    from aiida.engine import run_get_node

    from aiida_limap.groups.dataset import DatasetGroup
    from aiida_limap.importers.base import store_dataset
    from aiida_limap.workflows.map import MapWorkChain

    # Another test of the same process may have emptied the profile since.
    if aiida_profile.name not in _BUILT or not is_stored(_BUILT[aiida_profile.name].map):
        script = tmp_path_factory.mktemp('engine') / 'engine'
        script.write_text(f'#!/bin/sh\nPYTHONPATH={TESTS} exec {sys.executable} {ENGINE} "$@"\n')
        script.chmod(0o755)
        code = aiida_code_installed(label=f'engine-{uuid4().hex}', filepath_executable=str(script))
        report = store_dataset(_candidates(), name='small', chosen_by={'importer': 'tests'})
        builder = MapWorkChain.get_builder_from_protocol(
            code,
            report.dataset,
            'fast',
            {'featurize': {'batch_size': BATCH_SIZE}, 'encode': {'parameters': {'grid_size': 5}}},
        )
        outputs, chain = run_get_node(builder)
        assert chain.exit_status == 0, chain.exit_message
        outputs['map'].label = f'small map {uuid4().hex}'
        _BUILT[aiida_profile.name] = SimpleNamespace(
            map=outputs['map'].uuid, chain=chain.uuid, dataset=report.dataset.uuid, code=code.uuid
        )
    # Nodes are loaded anew for each test: another test may have changed the profile and closed the session between.
    nodes = {role: orm.load_node(uuid) for role, uuid in vars(_BUILT[aiida_profile.name]).items()}
    dataset = nodes['dataset']
    uuids = dict(zip(dataset.source_ids, dataset.structure_uuids, strict=True))
    return SimpleNamespace(**nodes, group=DatasetGroup.collection.get(label='limap/small'), uuids=uuids)
