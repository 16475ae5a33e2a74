"""Models of the database as modules of torch, on a model that was really trained, if not for long."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from plugins_aiida import FIXTURES

from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.table import TableData
from aiida_limap.engines.autoencoder import TrainConfig, TrainingData, train
from aiida_limap.tools.models import encode, find_model, load
from aiida_limap.tools.query import QueryError

N_ROWS, WIDTHS = 24, {'composition': 5, 'structure': 7}


def make_table(rows: dict[str, np.ndarray], checksum: str = 'a' * 64, name: str = 'synthetic') -> TableData:
    info = {part: {'layout': {'name': name}, 'layout_checksum': checksum} for part in rows}
    ids = [f's{number}' for number in range(len(rows['composition']))]
    return TableData.from_arrays(ids, {'status': ['ok'] * len(ids)}, blocks=rows, block_info=info)


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> SimpleNamespace:
    generator = np.random.default_rng(0)
    rows = {part: generator.uniform(size=(N_ROWS, width)) for part, width in WIDTHS.items()}
    data = TrainingData(
        ids=[f's{number}' for number in range(N_ROWS)],
        migration_energy_eV=generator.uniform(size=N_ROWS),
        groups=[f'g{number}' for number in range(N_ROWS)],
        columns={'layout': {'name': 'synthetic'}, 'layout_checksum': 'a' * 64},
        **rows,
    )
    options = {'hidden_widths': [6], 'head_widths': [4], 'max_epochs': 2, 'wide_head_widths': [4]}
    model = train(data, TrainConfig.from_parameters(options))
    path = tmp_path_factory.mktemp('model') / 'model.safetensors'
    model.save(path)
    return SimpleNamespace(model=model, path=path, rows=rows)


@pytest.fixture
def node(trained) -> AutoencoderData:
    return AutoencoderData(trained.path).store()


def test_a_model_comes_back_as_a_module_of_torch(trained, node):
    import torch

    for identifier in (node, node.pk, node.uuid):
        model = load(identifier)
        assert isinstance(model.network, torch.nn.Module)
        found = model.encode(trained.rows['composition'], trained.rows['structure'])
        assert np.array_equal(found, trained.model.encode(trained.rows['composition'], trained.rows['structure']))


def test_a_table_is_encoded_in_one_call(trained, node):
    frame = encode(node, make_table(trained.rows))
    assert list(frame.index) == [f's{number}' for number in range(N_ROWS)]
    x_comp, x_struc = trained.model.encode(trained.rows['composition'], trained.rows['structure'])
    assert np.array_equal(frame['x_comp'], x_comp)
    assert np.array_equal(frame['x_struc'], x_struc)
    assert np.array_equal(frame['migration_energy_predicted_eV'], trained.model.predict(x_comp, x_struc))
    wide = trained.model.predict_rows(trained.rows['composition'], trained.rows['structure'])
    assert np.array_equal(frame['migration_energy_wide_eV'], wide)
    # A loaded model encodes many tables without being read again.
    assert encode(load(node), make_table(trained.rows)).equals(frame)


def test_rows_without_descriptors_are_left_out(trained, node):
    rows = {part: block.copy() for part, block in trained.rows.items()}
    rows['structure'][3, 2] = np.nan
    frame = encode(node, make_table(rows))
    assert 's3' not in frame.index
    assert len(frame) == N_ROWS - 1
    rows['composition'][:] = np.nan
    with pytest.raises(QueryError, match='no row of the table is complete'):
        encode(node, make_table(rows))


def test_descriptors_of_another_layout_are_refused(trained, node):
    table = make_table(trained.rows, 'b' * 64, 'other')
    with pytest.raises(
        QueryError,
        match=r"the layout 'other' \(checksum bbbbbbbb\), but the model was trained with 'synthetic' \(checksum aaaa",
    ):
        encode(node, table)
    with pytest.raises(QueryError, match="no block 'structure'"):
        encode(node, make_table({'composition': trained.rows['composition']}))


def test_models_are_found_from_maps_and_processes(graph):
    model = graph.map.creator.inputs.model
    # The map, the encoding that used the model, the training that made it, and the work chain of all.
    for found_from in (model, graph.map, graph.map.creator, model.creator, graph.chain, graph.chain.pk):
        assert find_model(found_from).uuid == model.uuid


def test_what_has_no_model_gets_a_sentence(graph, bare_map, tmp_path):
    with pytest.raises(QueryError, match=r'no node 999999: .*`verdi data limap model list` shows the models'):
        load(999999)
    with pytest.raises(QueryError, match=r'no model belongs to node .*, a DatasetData'):
        load(graph.dataset)
    with pytest.raises(QueryError, match='no model belongs to BvffCalculation'):
        load(next(job for job in graph.chain.called_descendants if job.process_label == 'BvffCalculation'))
    with pytest.raises(QueryError, match=r'the model of map .* is not in this profile'):
        load(bare_map)
    with pytest.raises(ValueError, match="kind 'recorded', expected 'two_branch_autoencoder'"):
        load(AutoencoderData(Path(FIXTURES) / 'train' / 'ok' / 'model.safetensors').store())
