from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.arrays import array_bytes, read_arrays, write_arrays
from aiida_limap.formats.weights import HEADER_KEYS, read_header, read_weights, write_weights

HEADER = dict.fromkeys(HEADER_KEYS, 1)
TENSORS = {'encoder.weight': np.arange(6, dtype=np.float32).reshape(2, 3), 'encoder.bias': np.zeros(2)}

named_arrays = st.dictionaries(
    st.text('abcxyz_', min_size=1, max_size=6),
    stnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.bool_]), stnp.array_shapes(max_dims=3, max_side=4)
    ),
    max_size=3,
)


@given(arrays=named_arrays)
@settings(max_examples=40, deadline=None)
def test_arrays_round_trip_and_equal_arrays_give_equal_bytes(arrays):
    content = array_bytes(arrays)
    assert content == array_bytes(dict(reversed(arrays.items())))
    again = read_arrays(io.BytesIO(content))
    assert set(again) == set(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


def test_words_round_trip(tmp_path):
    write_arrays(tmp_path / 'a.npz', {'ids': np.array(['mp-1', 'Å'])})
    assert read_arrays(tmp_path / 'a.npz')['ids'].tolist() == ['mp-1', 'Å']


def test_objects_are_neither_written_nor_read(tmp_path):
    with pytest.raises(FormatError, match="'bad' has type object"):
        array_bytes({'bad': np.array([{}], dtype=object)})
    np.savez(tmp_path / 'pickled.npz', bad=np.array([{}], dtype=object))
    with pytest.raises(FormatError, match=r'pickled\.npz: not an array file'):
        read_arrays(tmp_path / 'pickled.npz')


def test_weights_round_trip(tmp_path):
    path = tmp_path / 'model.safetensors'
    write_weights(path, TENSORS, HEADER)
    tensors, header = read_weights(path)
    assert header == HEADER == read_header(path)
    assert set(tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(tensors[name], tensor)


def test_wrong_headers_and_weights_are_refused(tmp_path):
    path = tmp_path / 'model.safetensors'
    with pytest.raises(FormatError, match="unknown key 'colour'"):
        write_weights(path, TENSORS, {**HEADER, 'colour': 1})
    with pytest.raises(FormatError, match="'seed' is missing"):
        write_weights(path, TENSORS, {key: 1 for key in HEADER_KEYS if key != 'seed'})
    with pytest.raises(FormatError, match="'w' holds a number that is not finite"):
        write_weights(path, {'w': np.array([np.inf])}, HEADER)
    assert not path.exists()


def test_foreign_and_cut_files_are_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / 'model.safetensors'
    with pytest.raises(FormatError, match='there is no such file'):
        read_weights(path)
    save_file(TENSORS, str(path))
    with pytest.raises(FormatError, match='not one that aiida-limap wrote'):
        read_weights(path)
    write_weights(path, TENSORS, HEADER)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(FormatError, match='not a model file, or cut short'):
        read_weights(path)
