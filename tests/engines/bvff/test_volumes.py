"""Landscapes in the files of other programs, read back by ase and pymatgen."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from aiida_limap.engines.bvff.volumes import export_landscape
from aiida_limap.engines.errors import InputError
from aiida_limap.formats.landscape import LandscapeRecord

CELL = np.array([[4.0, 0.3, -0.2], [1.5, 5.5, 0.4], [-0.7, 1.1, 7.0]])
SHAPE = (8, 12, 20)
# On grid points, so that the deepest voxel is the atom itself; no two coordinates are equal along any axis.
SPECIES = ('O', 'Li', 'P', 'Li')
POSITIONS = np.array([[0.5, 0.25, 0.3], [0.125, 0.75, 0.9], [0.75, 0.5, 0.05], [1.0, -0.5, 1.55]])


def field(points):
    """Return a periodic energy with its lowest value -3 eV at the first Li atom, and a wall of 50 eV at O."""
    energy = np.zeros(points.shape[:-1])
    for centre, depth in ((POSITIONS[1], -3.0), (POSITIONS[3], -2.0), (POSITIONS[0], 50.0)):
        for image in itertools.product((-2, -1, 0, 1, 2), repeat=3):
            offset = (points - centre + image) @ CELL
            energy += depth * np.exp(-((offset**2).sum(axis=-1)) / 0.8)
    return energy


def record(origin=(0.0, 0.0, 0.0), **changes):
    grid = np.stack(np.meshgrid(*(np.arange(n) / n for n in SHAPE), indexing='ij'), axis=-1)
    energy = field((grid + np.array(origin)) % 1)
    values = {
        'id': 'mp-1',
        'cell': CELL,
        'energy': energy,
        'origin': origin,
        'species': SPECIES,
        'positions': POSITIONS,
        'thresholds_eV': (-1.0, -0.5, math.inf),
        'energy_minimum_eV': float(energy.astype(np.float32).min()),
    }
    return LandscapeRecord(**(values | changes))


def read_cube(path):
    from ase.io.cube import read_cube as read

    with path.open() as handle:
        content = read(handle)
    return content['data'], content['atoms'].cell.array, content['atoms'].symbols, content['atoms'].positions


def read_cube_by_pymatgen(path):
    from pymatgen.io.common import VolumetricData

    volume = VolumetricData.from_cube(path)
    return _of_pymatgen(volume)


def read_vasp(path):
    from pymatgen.io.vasp import Locpot

    return _of_pymatgen(Locpot.from_file(path))


def read_vasp_by_ase(path):
    from ase.calculators.vasp import VaspChargeDensity

    volume = VaspChargeDensity(str(path))
    atoms = volume.atoms[-1]
    # It takes the file for a CHGCAR and divides by the volume.
    return volume.chg[-1] * atoms.get_volume(), atoms.cell.array, atoms.symbols, atoms.positions


def _of_pymatgen(volume):
    structure = volume.structure
    data = volume.data.get('total')
    return data, structure.lattice.matrix, [site.specie.symbol for site in structure], structure.cart_coords


READERS = [
    ('x.cube', read_cube),
    ('x.cube', read_cube_by_pymatgen),
    ('x.vasp', read_vasp),
    ('LOCPOT', read_vasp_by_ase),
]


def energy_at(data, cell, position):
    """Return the value at the voxel of a Cartesian position, and how far that voxel is from it in steps."""
    place = np.linalg.solve(cell.T, position) * data.shape
    nearest = np.rint(place).astype(int)
    return data[tuple(nearest % data.shape)], np.abs(place - nearest).max()


@pytest.mark.parametrize(('name', 'read'), READERS)
def test_values_cell_and_atoms_come_back_in_their_places(tmp_path, name, read):
    landscape = record()
    export_landscape(landscape, tmp_path / name)
    data, cell, symbols, positions = read(tmp_path / name)
    assert data.shape == SHAPE
    expected = np.minimum(landscape.energy - landscape.energy_minimum_eV, 10.0)
    np.testing.assert_allclose(data, expected, atol=2e-6)
    np.testing.assert_allclose(cell, CELL, atol=2e-5)
    assert sorted(symbols) == sorted(SPECIES)
    inside = np.linalg.solve(cell.T, positions.T).T
    assert (inside > -1e-5).all()
    assert (inside < 1 - 1e-5).all()
    found = {symbol: [] for symbol in SPECIES}
    for symbol, position in zip(symbols, positions, strict=True):
        value, distance = energy_at(data, cell, position)
        assert distance < 1e-3
        found[symbol].append(value)
    assert sorted(found['Li']) == pytest.approx([0.0, 1.0], abs=0.02)
    assert found['O'] == [10.0]
    assert found['P'][0] == pytest.approx(3.0, abs=0.1)


def read_grd(path):
    with path.open() as handle:
        title = handle.readline().strip()
        lengths = [float(word) for word in handle.readline().split()]
        shape = tuple(int(word) for word in handle.readline().split())
        values = np.array([float(line) for line in handle])
    return title, lengths, shape, values


def test_grd_holds_cell_parameters_and_the_last_index_fastest(tmp_path):
    from pymatgen.core import Lattice

    landscape = record()
    assert export_landscape(landscape, tmp_path / 'x.grd') == tmp_path / 'x.grd'
    title, parameters, shape, values = read_grd(tmp_path / 'x.grd')
    assert title == (
        f'mp-1: site energy in eV above the lowest, {landscape.energy_minimum_eV:.4f} eV; '
        f'barriers in 1, 2, 3 dimensions {landscape.barrier_eV(1):.4f}, {landscape.barrier_eV(2):.4f}, none; cut at 10'
    )
    np.testing.assert_allclose(parameters, Lattice(CELL).parameters, atol=1e-6)
    assert shape == SHAPE, 'no doubled end points'
    assert len(values) == np.prod(SHAPE)
    # 0.125, 0.75 and 0.9 of 8, 12 and 20 points.
    assert values[(1 * SHAPE[1] + 9) * SHAPE[2] + 18] == values.min() == 0


def test_grd_agrees_with_the_one_of_bvlain(tmp_path):
    """The widely used tool doubles the end points of its grid and leaves them out of its files."""
    bvlain = pytest.importorskip('bvlain')
    from ase.cell import Cell

    landscape = record()
    export_landscape(landscape, tmp_path / 'ours.grd', maximum_eV=None)
    peer = bvlain.Lain.__new__(bvlain.Lain)
    peer.cell = Cell(CELL)
    peer.data = np.pad(landscape.energy.astype(float) - landscape.energy_minimum_eV, ((0, 1),) * 3, mode='wrap')
    peer.size = peer.data.shape
    peer.write_grd(str(tmp_path / 'theirs'))
    ours, theirs = read_grd(tmp_path / 'ours.grd'), read_grd(tmp_path / 'theirs.grd')
    assert ours[2] == theirs[2]
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-6)
    np.testing.assert_allclose(ours[3], theirs[3], atol=1e-6)


@pytest.mark.parametrize('name', ['x.cube', 'x.grd', 'x.vasp'])
def test_a_grid_shifted_by_whole_steps_gives_the_same_file(tmp_path, name):
    (tmp_path / 'shifted').mkdir()
    plain = export_landscape(record(), tmp_path / name)
    shifted = export_landscape(record((2 / 8, -3 / 12, 1 + 5 / 20)), tmp_path / 'shifted' / name)
    assert plain.read_bytes() == shifted.read_bytes()


@pytest.mark.parametrize(('name', 'read'), READERS)
def test_the_rest_of_a_shift_moves_the_atoms_with_the_grid(tmp_path, name, read):
    origin = np.array([1.3 / 8, -0.4 / 12, 2.25 / 20])
    landscape = record(origin)
    export_landscape(landscape, tmp_path / name)
    data, cell, symbols, positions = read(tmp_path / name)
    shift = np.array([0.3 / 8, -0.4 / 12, 0.25 / 20])
    fractions = np.linalg.solve(cell.T, positions.T).T
    for symbol, position in zip(SPECIES, POSITIONS, strict=True):
        offset = fractions - (position - shift)
        nearest = np.abs(offset - np.rint(offset)).max(axis=1).argmin()
        assert symbols[nearest] == symbol
        assert np.abs(offset - np.rint(offset)).max(axis=1)[nearest] < 1e-5
    grid = np.stack(np.meshgrid(*(np.arange(n) / n for n in SHAPE), indexing='ij'), axis=-1)
    np.testing.assert_allclose(
        data, np.minimum(field((grid + shift) % 1) - landscape.energy_minimum_eV, 10.0), atol=1e-5
    )
    assert 'all shifted by the fractions -0.037500 0.033333 -0.012500' in (tmp_path / name).read_text()


def test_walls_are_cut_where_the_user_says(tmp_path):
    landscape = record()
    for maximum, highest in ((2.5, 2.5), (None, float(landscape.energy.max()) - landscape.energy_minimum_eV)):
        export_landscape(landscape, tmp_path / 'x.cube', maximum_eV=maximum)
        assert read_cube(tmp_path / 'x.cube')[0].max() == pytest.approx(highest, rel=1e-6)


@pytest.mark.parametrize(
    ('changes', 'options', 'message'),
    [
        ({}, {'path': 'x.xyz'}, r'the format of x\.xyz does not show in its name; choose one of cube, grd, vasp'),
        ({}, {'path': 'x.cube', 'file_format': 'pgrid'}, "unknown format 'pgrid'"),
        ({}, {'path': 'x.cube', 'maximum_eV': 0.0}, 'maximum_eV must be a positive energy'),
        ({}, {'path': 'x.cube', 'maximum_eV': math.nan}, 'maximum_eV must be a positive energy'),
        ({'species': ('O', 'Li', 'Qq', 'Li')}, {'path': 'x.cube'}, "mp-1: 'Qq' is no element symbol"),
        ({}, {'path': 'nowhere/x.cube'}, 'x.cube cannot be written: No such file or directory'),
        ({}, {'path': 'nowhere/x.grd'}, 'x.grd cannot be written'),
        ({}, {'path': 'nowhere/x.vasp'}, 'x.vasp cannot be written'),
    ],
)
def test_wrong_requests_are_refused(tmp_path, changes, options, message):
    path = tmp_path / options['path']
    with pytest.raises(InputError, match=message):
        export_landscape(record(**changes), path, **{key: value for key, value in options.items() if key != 'path'})
    assert not path.exists()


def test_a_named_format_goes_before_the_ending(tmp_path):
    export_landscape(record(), tmp_path / 'landscape.dat', 'cube')
    assert read_cube(tmp_path / 'landscape.dat')[0].shape == SHAPE
