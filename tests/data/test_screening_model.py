"""The node of a screening model: what it says of its file, and files that it refuses."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError
from plugins_aiida import FIXTURES

from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.formats.weights import read_weights, write_weights

FILE = FIXTURES / 'screen_train' / 'ok' / 'models' / 'esml.safetensors'


def altered(path, **changes):
    tensors, header = read_weights(FILE)
    write_weights(path, tensors, {**header, **changes})
    return path


def test_a_model_says_what_it_is(aiida_profile):
    node = ScreeningModelData(FILE).store()
    again = orm.load_node(node.uuid)
    assert (again.kind, again.features, again.metrics) == ('esml', ['mean group', 'max row'], {'accuracy': 0.9})
    assert (again.engine_version, again.header['seed']) == ('0.1.0', 1)
    assert again.weights()['weights'].tolist() == [1, 1]
    found = orm.QueryBuilder().append(ScreeningModelData, filters={'attributes.kind': 'esml'}, project='uuid')
    assert node.uuid in found.all(flat=True)
    assert again.base.repository.list_object_names() == ['model.safetensors']


def test_the_published_rule_is_a_model_of_structures(aiida_profile, tmp_path):
    node = ScreeningModelData(altered(tmp_path / 'model.safetensors', kind='screening-sendek-2017'))
    assert (node.kind, node.header['kind']) == ('sml', 'screening-sendek-2017')


def test_other_files_are_refused(aiida_profile, tmp_path):
    with pytest.raises(ValueError, match="kind 'two_branch_autoencoder' is no model of a screening; known kinds are"):
        ScreeningModelData(altered(tmp_path / 'model.safetensors', kind='two_branch_autoencoder'))
    with pytest.raises(ValueError, match='not a model file'):
        (tmp_path / 'text.safetensors').write_text('no model')
        ScreeningModelData(tmp_path / 'text.safetensors')
    node = ScreeningModelData(FILE)
    node.base.attributes.set('kind', 'sml')
    with pytest.raises(ValidationError, match="the attribute 'kind' of the model differs"):
        node.store()
