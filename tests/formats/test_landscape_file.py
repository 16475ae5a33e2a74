from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.arrays import read_arrays, write_arrays
from aiida_limap.formats.landscape import LandscapeRecord, read_landscape, write_landscape

VALUES = {
    'id': 'mp-1',
    'cell': [[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [0.5, -0.5, 6.0]],
    'energy': np.arange(24.0).reshape(2, 3, 4) - 3.0,
    'origin': (0.125, 0.0, -0.25),
    'species': ('Li', 'O'),
    'positions': [[0.0, 0.1, 0.2], [0.5, 1.5, -0.5]],
    'thresholds_eV': (-1.0, 2.0, math.inf),
    'energy_minimum_eV': -3.25,
}


def record(**changes):
    return LandscapeRecord(**(VALUES | changes))


def same(one, two):
    return all(np.array_equal(getattr(one, field.name), getattr(two, field.name)) for field in dataclasses.fields(one))


def test_a_landscape_round_trips(tmp_path):
    path = tmp_path / 'mp-1.npz'
    write_landscape(path, record())
    again = read_landscape(path)
    assert same(again, record())
    assert again.energy.dtype == np.float32
    assert again.species == ('Li', 'O')
    assert again.thresholds_eV == (-1.0, 2.0, math.inf)
    first = path.read_bytes()
    write_landscape(path, again)
    assert path.read_bytes() == first


@given(
    energy=stnp.arrays(
        np.float32, stnp.array_shapes(min_dims=3, max_dims=3, max_side=4), elements=st.floats(-10, 100, width=32)
    ),
    origin=st.tuples(*[st.floats(-1, 1)] * 3),
    steps=st.tuples(*[st.floats(0, 5) | st.just(math.inf)] * 3),
)
@settings(max_examples=30, deadline=None)
def test_any_landscape_round_trips(tmp_path_factory, energy, origin, steps):
    path = tmp_path_factory.mktemp('landscape') / 'x.npz'
    minimum = float(energy.min())
    written = record(
        energy=energy, origin=origin, energy_minimum_eV=minimum, thresholds_eV=tuple(minimum + np.cumsum(steps))
    )
    write_landscape(path, written)
    assert same(read_landscape(path), written)


def test_barriers_count_from_the_lowest_site_energy():
    assert [record().barrier_eV(dimension) for dimension in (1, 2, 3)] == [2.25, 5.25, None]


def test_arrays_cannot_be_changed():
    with pytest.raises(ValueError, match='read-only'):
        record().energy[0, 0, 0] = 0


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'id': ''}, 'needs an id'),
        ({'species': ()}, 'element symbol of each site'),
        ({'species': ('Li', 3)}, 'element symbol of each site'),
        ({'species': ('Li',)}, r'positions has shape \(2, 3\), expected \(1, 3\)'),
        ({'energy': np.zeros((2, 3))}, r'energy has shape \(2, 3\), expected three grid divisions'),
        ({'energy': np.zeros((2, 0, 3))}, 'expected three grid divisions'),
        ({'energy': np.full((1, 1, 1), np.nan)}, 'energy holds a number that is not finite'),
        ({'energy': np.full((1, 1, 1), np.inf)}, 'energy holds a number that is not finite'),
        ({'cell': np.ones((3, 3))}, 'the cell has no volume'),
        ({'cell': 'cubic'}, 'cell must be numbers'),
        ({'origin': (0.0, 0.0)}, 'origin has shape'),
        ({'thresholds_eV': (0.0, -1.0, 1.0)}, 'must ascend from the lowest site energy -3.25 eV, found 0, -1, 1'),
        ({'thresholds_eV': (math.inf, 0.0, 1.0)}, 'must ascend'),
        ({'thresholds_eV': (-4.0, 0.0, 1.0)}, 'must ascend'),
        ({'thresholds_eV': (0.0, math.nan, 1.0)}, 'thresholds_eV holds a number that is not finite'),
        ({'energy_minimum_eV': math.inf}, 'energy_minimum_eV holds a number that is not finite'),
    ],
)
def test_wrong_records_are_refused(changes, message):
    with pytest.raises(FormatError, match=message):
        record(**changes)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'schema': np.array('limap.weights')}, "expected a file of schema 'limap.landscape', found 'limap.weights'"),
        ({'schema': np.array(['a', 'b'])}, 'found None'),
        ({'schema_version': np.array(2)}, 'schema version 2 is not version 1'),
        ({'colour': np.zeros(1)}, "unknown key 'colour'"),
        ({'id': np.zeros(2)}, 'id must hold one word'),
        ({'species': np.zeros(2)}, 'species must hold words'),
        ({'energy': np.array(['high'])}, 'expected three grid divisions'),
    ],
)
def test_wrong_files_are_refused(tmp_path, changes, message):
    path = tmp_path / 'x.npz'
    write_landscape(path, record())
    write_arrays(path, read_arrays(path) | changes)
    with pytest.raises(FormatError, match=message):
        read_landscape(path)


def test_missing_and_cut_files_are_refused(tmp_path):
    path = tmp_path / 'x.npz'
    with pytest.raises(FormatError, match='there is no such file'):
        read_landscape(path)
    write_landscape(path, record())
    arrays = read_arrays(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError, match=r'x\.npz: not an array file, or cut short'):
        read_landscape(path)
    del arrays['origin']
    write_arrays(path, arrays)
    with pytest.raises(FormatError, match="the key 'origin' is missing"):
        read_landscape(path)
