"""Numbers that are packed into texts."""

from __future__ import annotations

import base64
import gzip

import numpy as np
import pytest

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.packing import pack, unpack


@pytest.mark.parametrize(('dtype', 'steps'), [('u1', 253), ('u2', 65_533)])
def test_numbers_come_back_within_half_a_step(dtype, steps):
    values = np.random.default_rng(1).normal(3.0, 2.0, (40, 7))
    values[3, 4], values[5] = np.nan, np.inf
    document = pack(values, dtype)
    again = unpack(document)
    known = np.isfinite(values)
    assert np.array_equal(np.isfinite(again), known)
    assert document['scale'] <= 1.01 * np.ptp(values[known]) / steps
    assert np.abs(again - values)[known].max() <= 0.5001 * document['scale']
    # What has been packed once is packed without a further loss.
    assert np.array_equal(unpack(pack(again, dtype)), again, equal_nan=True)


def test_zero_stays_zero_and_equal_numbers_stay_equal():
    values = np.array([-0.37, 0.0, 1.91])
    assert unpack(pack(values, 'u1'))[1] == 0.0
    assert unpack(pack([[2.5, 2.5], [np.nan, 2.5]])).tolist()[0] == [2.5, 2.5]
    assert np.isnan(unpack(pack(np.full((2, 3), np.nan)))).all()
    assert unpack(pack(np.zeros((0, 4)))).shape == (0, 4)


def test_single_precision_and_whole_numbers_are_exact():
    values = np.array([1.5, np.nan, -2e30], dtype=np.float32)
    assert np.array_equal(unpack(pack(values, 'f4')).astype(np.float32), values, equal_nan=True)
    assert unpack(pack([3, -7], 'i4')).tolist() == [3.0, -7.0]
    with pytest.raises(FormatError, match='whole numbers'):
        pack([0.5], 'i4')
    with pytest.raises(FormatError, match='known are u1, u2'):
        pack([1.0], 'f8')


def test_many_numbers_are_as_good_as_few():
    values = np.arange(1_200_000) % 1000 / 8
    document = pack(values)
    assert np.abs(unpack(document) - values).max() <= 0.5001 * document['scale']


def test_the_bytes_are_those_that_a_page_reads():
    document = pack(np.array([[0.0, 506.0], [252.0, np.nan]]), 'u1')
    assert (document['scale'], document['offset'], document['shape']) == (2.0, 0.0, [2, 2])
    content = base64.b64decode(document['data'])
    assert list(gzip.decompress(content)) == [0, 253, 126, 255]
    # Neither a time nor the name of a system: the same numbers give the same text everywhere.
    assert content[4:8] == b'\0\0\0\0'
    assert content[9] == 255


@pytest.mark.parametrize('change', [{'data': 'AAAA'}, {'data': '?'}, {'dtype': 'u8'}, {'shape': [3]}])
def test_damaged_numbers_are_refused(change):
    with pytest.raises(FormatError, match='profiles: '):
        unpack(pack([1.0, 2.0]) | change, 'profiles')
