from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from aiida_limap.engines.autoencoder.checkpoint import read_checkpoint, write_checkpoint
from aiida_limap.engines.autoencoder.plan import State
from aiida_limap.formats._files import FormatError

ARRAYS = ('parameters', 'first_moment', 'second_moment', 'best_parameters')


def make_state(**values):
    rng = np.random.default_rng(0)
    given = {name: rng.normal(size=37).astype(np.float32) for name in ARRAYS}
    given |= {'best_loss': 1e-300, 'best_epoch': 2, 'epoch': 2, 'step': 82}
    given['history'] = {'train_all': [0.1 + 0.2, 1 / 3], 'validation_all': [float('inf'), 1e-300]}
    return State(**{**given, **values})


def assert_same(one, other):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ('best_loss', 'best_epoch', 'epoch', 'step', 'history', 'ended'):
        assert getattr(one, name) == getattr(other, name)


@pytest.mark.parametrize('values', [{}, {'best_loss': float('inf'), 'best_epoch': 0}, {'ended': 'patience'}])
def test_round_trip(tmp_path, values):
    state = make_state(**values)
    write_checkpoint(tmp_path / 'model_0000.safetensors', 'key', state)
    if state.ended:
        # Nothing goes on from it: its best weights are all that is kept.
        state.trim()
    assert_same(read_checkpoint(tmp_path / 'model_0000.safetensors', 'key'), state)
    assert [path.name for path in tmp_path.iterdir()] == ['model_0000.safetensors']


def test_of_another_training(tmp_path):
    write_checkpoint(tmp_path / 'a', 'key', make_state())
    with pytest.raises(FormatError, match='a: the checkpoint of another training; its rows or options differ'):
        read_checkpoint(tmp_path / 'a', 'other key')


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FormatError, match='no such file'):
        read_checkpoint(tmp_path / 'a', 'key')
    (tmp_path / 'a').write_text('no tensors')
    with pytest.raises(FormatError, match='not a checkpoint, or cut short'):
        read_checkpoint(tmp_path / 'a', 'key')
    (tmp_path / 'a').write_bytes(save({'weight': np.zeros(3, np.float32)}))
    with pytest.raises(FormatError, match='not a checkpoint that aiida-limap wrote'):
        read_checkpoint(tmp_path / 'a', 'key')


def test_arrays_that_do_not_fit(tmp_path):
    write_checkpoint(tmp_path / 'a', 'key', make_state(first_moment=np.zeros(36, np.float32)))
    with pytest.raises(FormatError, match='do not fit together'):
        read_checkpoint(tmp_path / 'a', 'key')


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_damage_is_noticed_or_harmless(tmp_path, data):
    """A damaged file is refused with a sentence; where a flipped bit lies in a number, the number is another."""
    write_checkpoint(tmp_path / 'a', 'key', make_state())
    content = bytearray((tmp_path / 'a').read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / 'a').write_bytes(bytes(content))
    try:
        state = read_checkpoint(tmp_path / 'a', 'key')
    except FormatError as error:
        assert str(error).startswith('a: ')
    else:
        assert state.parameters.shape == (37,)
        json.dumps(state.history)
