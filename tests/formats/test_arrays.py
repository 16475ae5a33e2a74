from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.arrays import array_bytes, read_arrays, write_arrays

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
