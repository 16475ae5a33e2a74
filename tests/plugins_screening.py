"""Fixtures of the tests of a screening: a stand-in of the engine, labelled structures, and a map to place hits on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from plugins_aiida import FIXTURES, TESTS, make_dataset, make_structure

ENGINE = TESTS / 'workflows' / 'stand_in_screening.py'


def make_labels(structures: list, labels: list[float | None]) -> Any:
    """Return a stored table of measured compounds, as the importer of conductivities makes it."""
    from aiida_limap.data.table import TableData

    ids = [node if isinstance(node, str) else node.uuid for node in structures]
    uuids = ['' if isinstance(node, str) else node.uuid for node in structures]
    columns = {
        'formula': [f'Li{row + 1}O' for row in range(len(ids))],
        'label': labels,
        'conductivity_S_per_cm': [None if label is None else 10.0 ** (-3 if label else -8) for label in labels],
        'citation': ['10.1000/test'] * len(ids),
        'structure_uuid': uuids,
    }
    return TableData.from_arrays(ids, columns, metadata={'task': 'conductivities'}).store()


@pytest.fixture
def labelled(aiida_profile) -> SimpleNamespace:
    """Return two labelled structures, their table, and a dataset of two others."""
    known = [make_structure(1 + number / 10) for number in range(2)]
    others = [make_structure(2 + number / 10) for number in range(2)]
    return SimpleNamespace(
        known=known,
        others=others,
        labels=make_labels([*known, 'no-structure'], [1, 0, 1]),
        dataset=make_dataset(others),
    )


@pytest.fixture
def screening_code(aiida_code_installed, tmp_path) -> Callable:
    """Return a function that gives a code which runs the stand-in of the engine, told by environment variables."""

    def make(**settings: Any) -> Any:
        script = tmp_path / f'stand-in-{uuid4().hex}'
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {ENGINE} "$@"\n')
        script.chmod(0o755)
        # Jobs are counted for each code anew.
        counter = tmp_path / uuid4().hex
        counter.mkdir()
        given = {'counter': counter, **settings}
        lines = ''.join(f"export STAND_IN_{name.upper()}='{value}'\n" for name, value in given.items())
        return aiida_code_installed(
            label=f'stand-in-{uuid4().hex}', filepath_executable=str(script), prepend_text=lines
        )

    return make


@pytest.fixture
def known_map(aiida_profile) -> Any:
    """Return a stored map of three points whose model is in the profile."""
    from aiida_limap.data.autoencoder import AutoencoderData
    from aiida_limap.data.map import POINT_COLUMNS, MapData
    from aiida_limap.formats.mapbundle import Heatmap

    model = AutoencoderData(FIXTURES / 'train' / 'ok' / 'model.safetensors').store()
    structures = [make_structure(3 + number / 10) for number in range(3)]
    values: dict[str, Any] = {name: [0.5] * 3 for name in POINT_COLUMNS}
    values |= {'status': ['ok'] * 3, 'x_comp': [0.0, 1.0, 2.0], 'formula': ['Li2O', 'Li3PS4', 'LiCl']}
    values['migration_energy_eV'] = [0.3, 0.2, None]
    heatmap = Heatmap(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)), 'Predicted', 'eV')
    facts = {'target': 'barrier_2d_eV', 'model_uuid': model.uuid}
    return MapData.from_points([node.uuid for node in structures], values, heatmap=heatmap, facts=facts).store()


_SCREENED: dict[str, dict[str, str]] = {}


@pytest.fixture
def screened(aiida_profile, screening_code, labelled) -> SimpleNamespace:
    """Return a finished screening of the stand-in, which no test changes: its hits, chain, labels and structures."""
    from aiida import orm
    from aiida.engine import run_get_node
    from plugins_aiida import is_stored

    from aiida_limap.workflows.screen import ScreenWorkChain

    known = _SCREENED.get(aiida_profile.name)
    # Another test of the same process may have emptied the profile since.
    if known is None or not is_stored(known['chain']):
        code = screening_code()
        builder = ScreenWorkChain.get_builder_from_protocol(code, labelled.labels, labelled.dataset, 'fast')
        outputs, chain = run_get_node(builder)
        assert chain.exit_status == 0, chain.exit_message
        known = {'chain': chain.uuid, 'hits': outputs['hits'].uuid}
        _SCREENED[aiida_profile.name] = known
    chain, hits = orm.load_node(known['chain']), orm.load_node(known['hits'])
    labels = chain.inputs.labels
    structures = [orm.load_node(uuid) for uuid in labels.column('structure_uuid').tolist() if uuid]
    return SimpleNamespace(hits=hits, chain=chain, labels=labels, known=structures, code=chain.inputs.code)
