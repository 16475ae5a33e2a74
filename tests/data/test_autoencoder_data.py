"""Models: what the header says becomes attributes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError
from plugins_aiida import FIXTURES

from aiida_limap.data.autoencoder import AutoencoderData

MODEL = FIXTURES / 'train' / 'ok' / 'model.safetensors'


def test_a_model_comes_back_from_the_database():
    node = orm.load_node(AutoencoderData(MODEL).store().pk)
    assert node.filename == 'model.safetensors'
    assert (node.layout, node.me_weight, node.engine_version) == ('recorded', 0.1, '0.1.0')
    assert node.base.attributes.get('data_hash') == 'def'
    assert node.header['kind'] == 'recorded'
    assert np.array_equal(node.weights()['weight'], np.ones((2, 2)))
    assert node.get_content(mode='rb') == MODEL.read_bytes()


def test_a_stream_is_as_good_as_a_file():
    assert AutoencoderData(io.BytesIO(MODEL.read_bytes())).store().layout == 'recorded'


def test_other_files_are_refused(tmp_path):
    damaged = FIXTURES / 'train' / 'model_damaged' / 'model.safetensors'
    with pytest.raises(ValueError, match='cut short'):
        AutoencoderData(damaged)
    (tmp_path / 'weights.bin').write_bytes(b'weights')
    with pytest.raises(ValueError, match='not a model file'):
        AutoencoderData(tmp_path / 'weights.bin')


def test_attributes_that_differ_from_the_header_cannot_be_stored():
    node = AutoencoderData(MODEL)
    node.base.attributes.set('seed', 7)
    with pytest.raises(ValidationError, match='seed'):
        node.store()


@pytest.mark.parametrize(
    ('key', 'value'), [('layout', 'another'), ('metrics', {'test': {'r2_me': 1.0}}), ('me_weight', 9)]
)
def test_facts_for_queries_are_those_of_the_file(key, value):
    node = AutoencoderData(MODEL)
    node.base.attributes.set(key, value)
    with pytest.raises(ValidationError, match=f'the attribute {key!r} of the model differs'):
        node.store()
