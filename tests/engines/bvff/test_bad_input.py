"""Structures and options without an answer: a status word and a sentence, never an exception, never a wrong number."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from pymatgen.core import DummySpecies, Lattice, Species, Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.task import compute_item
from aiida_limap.engines.chemistry.structures import record_from_structure, structure_from_record
from aiida_limap.engines.errors import InputError

PAIR = [[0, 0, 0], [0.5, 0.5, 0.5]]


def compute_row(structure, **options):
    return compute_item('row', lambda: structure, BvffOptions.from_mapping({'spacing_angstrom': 0.4, **options}))


def refused(structure, status, *words, **options):
    row = compute_row(structure, **options)
    assert row.status is status, f'{row.status}: {row.message}'
    assert not any(name.startswith(('barrier', 'grid_barrier', 'network')) for name in row.values)
    assert len(row.message.split()) >= 4
    # A sentence for a user, not the name of an exception.
    assert not any(word in row.message for word in ('Error', 'Warning', 'Traceback'))
    for word in words:
        assert word in row.message


def pair(*symbols, cell=None, second=PAIR[1]):
    return Structure(Lattice.cubic(5.0) if cell is None else Lattice(cell), list(symbols), [PAIR[0], second])


def crystal(group, lattice, symbols, places):
    return Structure.from_spacegroup(group, lattice, symbols, places)


@pytest.mark.parametrize('distance', [0.0, 0.01, 0.05, 0.1])
def test_overlapping_atoms(distance):
    structure = pair('Li', 'Cl')
    structure.append('Cl', [0.5, 0.5, 0.5 - distance])
    refused(structure, Status.OVERLAPPING_SITES, 'site 1 (Cl)', 'closer than any bond')


def test_atom_that_overlaps_with_its_own_image():
    refused(pair('Li', 'Cl', cell=[[5, 0, 0], [0, 5, 0], [0, 0, 0.5]]), Status.OVERLAPPING_SITES, 'an image of site')


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite(value):
    refused(pair('Li', 'Cl', second=[0.5, value, 0.5]), Status.FAILED, 'not a finite number')
    refused(pair('Li', 'Cl', cell=[[5, 0, 0], [0, value, 0], [0, 0, 5]]), Status.FAILED, 'not a finite number')


@pytest.mark.parametrize(
    'cell',
    [
        [[5, 0, 0], [0, 0, 0], [0, 0, 5]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[5, 0, 0], [0, 5, 0], [5, 5, 0]],
        [[5, 0, 0], [10, 0, 0], [0, 0, 5]],
    ],
)
def test_cell_without_volume(cell):
    refused(pair('Li', 'Cl', cell=cell), Status.FAILED, 'volume')


#: Run apart: what is looked at here has eaten all memory or never ended.
_APART = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (6, 6))
from pymatgen.core import Lattice, Structure
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.task import compute_item
from aiida_limap.engines.chemistry.structures import record_from_structure, structure_from_record
structure = Structure(Lattice({cell}), ['Li', 'Cl'], [[0, 0, 0], [0.5, 0.3, 0.5]])
row = compute_item('row', lambda: structure, BvffOptions())
print(row.status.value, row.message, sep='|')
"""


@pytest.mark.parametrize(
    ('cell', 'status'),
    [
        ('[[5, 0, 0], [0, 5, 0], [5, 5, 1e-7]]', 'failed'),
        ('[[1e9, 0, 0], [0, 1e9, 0], [0, 0, 1e9]]', 'too_large'),
        ('[[1e200, 0, 0], [0, 1e200, 0], [0, 0, 1e200]]', 'too_large'),
        ('[[1500, 0, 0], [0, 1500, 0], [0, 0, 1500]]', 'too_large'),
    ],
)
def test_cell_of_absurd_size_is_refused_at_once(cell, status):
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', _APART.format(cell=cell)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    word, message = done.stdout.strip().split('|')
    assert word == status
    assert 'Error' not in message
    assert 'Warning' not in message


def test_limits_on_size():
    structure = pair('Li', 'Cl')
    refused(structure * (2, 2, 2), Status.TOO_LARGE, '16 sites', 'limit of 10', max_sites=10)
    refused(structure, Status.TOO_LARGE, 'wider spacing', max_voxels=100)
    refused(structure, Status.TOO_LARGE, 'wider spacing', max_voxels=100, symmetry=False)
    refused(structure, Status.TOO_LARGE, 'wider spacing', spacing_angstrom=0.01)
    refused(pair('Li', 'Cl', cell=[[200, 0, 0], [0, 200, 0], [0, 0, 200]]), Status.TOO_LARGE, spacing_angstrom=0.2)


@pytest.mark.parametrize('other', [DummySpecies('X', -1), DummySpecies('X', 0)])
def test_dummy_species(other):
    refused(Structure(Lattice.cubic(5), ['Li', other], PAIR), Status.NO_PARAMETERS)


def test_deuterium_is_hydrogen():
    rows = []
    for symbol in ('H', 'D'):
        structure = Structure(
            Lattice.tetragonal(3.549, 4.334),
            ['Li', 'Li', 'O', 'O', symbol, symbol],
            [[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.1951], [0.5, 0, 0.8049], [0, 0.5, 0.4], [0.5, 0, 0.6]],
        )
        rows.append(compute_row(structure))
    assert rows[0].status is rows[1].status is Status.OK
    assert rows[0].values['barrier_2d_eV'] == pytest.approx(rows[1].values['barrier_2d_eV'], abs=1e-9)
    refused(pair('Li', 'D'), Status.NO_PARAMETERS)


def test_no_lithium_and_nothing_but_lithium():
    refused(pair('Na', 'Cl'), Status.NO_MOBILE_ION, 'NaCl holds no Li')
    refused(pair('Li', 'Li', cell=[[3.5, 0, 0], [0, 3.5, 0], [0, 0, 3.5]]), Status.NO_OXIDATION_STATES)
    refused(Structure(Lattice.cubic(3.0), ['Li'], [[0, 0, 0]]), Status.NO_OXIDATION_STATES)
    refused(Structure(Lattice.cubic(3.0), ['O'], [[0, 0, 0]]), Status.NO_MOBILE_ION)
    refused(Structure(Lattice.cubic(3.0), [], []), Status.FAILED, 'has no sites')


#: Compounds without anions of formal charge, as published; a barrier of any of them would be a wrong number.
NOT_IONIC = {
    'LiB': lambda: Structure(
        Lattice.hexagonal(4.022, 2.796), ['Li', 'Li', 'B', 'B'],
        [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75], [0, 0, 0], [0, 0, 0.5]],
    ),
    'Li2C2': lambda: crystal(
        'Immm', Lattice.orthorhombic(3.652, 4.831, 5.440), ['Li', 'C'], [[0.5, 0, 0.2359], [0, 0.1257, 0]]
    ),
    'LiC6': lambda: crystal('P6/mmm', Lattice.hexagonal(4.305, 3.706), ['Li', 'C'], [[0, 0, 0], [1 / 3, 0, 0.5]]),
    'LiAl': lambda: crystal('Fd-3m', Lattice.cubic(6.37), ['Li', 'Al'], [[0.125] * 3, [0.625] * 3]),
    'LiH': lambda: crystal('Fm-3m', Lattice.cubic(4.08), ['Li', 'H'], [[0, 0, 0], [0.5] * 3]),
    'Li3P': lambda: crystal(
        'P6_3/mmc', Lattice.hexagonal(4.264, 7.579), ['Li', 'Li', 'P'],
        [[0, 0, 0.25], [1 / 3, 2 / 3, 0.583], [1 / 3, 2 / 3, 0.25]],
    ),
    'LiP chains': lambda: crystal(
        'P2_1/c', Lattice.monoclinic(5.582, 4.940, 10.255, 118.15), ['Li', 'Li', 'P', 'P'],
        [[0.2324, 0.4010, 0.3295], [0.2299, 0.6650, 0.0258], [0.3168, 0.8985, 0.2936], [0.3047, 0.1572, 0.1149]],
    ),
    'LiMg': lambda: pair('Li', 'Mg', cell=[[3.48, 0, 0], [0, 3.48, 0], [0, 0, 3.48]]),
    'LiZn': lambda: crystal('Fd-3m', Lattice.cubic(6.22), ['Li', 'Zn'], [[0.125] * 3, [0.625] * 3]),
    'LiSi': lambda: crystal(
        'I4_1/a', Lattice.tetragonal(9.353, 5.743), ['Li', 'Si'], [[0.0993, 0.1211, 0.0434], [0.0608, 0.2003, 0.5440]]
    ),
    'LiBH4': lambda: crystal(
        'Pnma', Lattice.orthorhombic(7.17858, 4.43686, 6.80321), ['Li', 'B', 'H', 'H', 'H'],
        [[0.1568, 0.25, 0.1015], [0.3040, 0.25, 0.4305], [0.900, 0.25, 0.956], [0.404, 0.25, 0.280],
         [0.172, 0.054, 0.428]],
    ),
    'LiN3': lambda: crystal(
        'C2/m', Lattice.monoclinic(5.627, 3.319, 4.979, 107.4), ['Li', 'N', 'N'],
        [[0, 0, 0], [0, 0.5, 0.5], [0.1048, 0.5, 0.7397]],
    ),
}  # fmt: skip


@pytest.mark.parametrize('name', NOT_IONIC)
def test_metals_clusters_hydrides_and_carbides_have_no_barrier(name):
    row = compute_row(NOT_IONIC[name]())
    assert row.status in {Status.NO_OXIDATION_STATES, Status.NO_PARAMETERS}, row
    assert 'barrier_2d_eV' not in row.values
    assert len(row.message.split()) >= 4


@pytest.mark.filterwarnings('ignore:No Pauling electronegativity')
def test_noble_gas():
    refused(pair('Li', 'He'), Status.NO_OXIDATION_STATES)


def test_disorder():
    refused(Structure(Lattice.cubic(5), [{'Li': 0.5, 'Na': 0.5}, 'Cl'], PAIR), Status.DISORDERED, 'ordered')
    refused(Structure(Lattice.cubic(5), [{'Li': 0.5}, 'Cl'], PAIR), Status.DISORDERED, 'ordered')


def test_charges_of_the_structure_that_cannot_be():
    refused(pair(Species('Li', 1), Species('Cl', -2)), Status.NO_OXIDATION_STATES, 'instead of zero')
    refused(pair(Species('Li', 2), Species('Cl', -2)), Status.NO_OXIDATION_STATES, 'the mobile ion is Li+')


def test_charge_that_is_not_a_number():
    # A record of a file can hold it; pymatgen itself cannot.
    record = record_from_structure(pair(Species('Li', 1), Species('Cl', -1)), 'salt')
    object.__setattr__(record, 'oxidation_states', (math.nan, -1.0))
    row = compute_item('salt', lambda: structure_from_record(record), BvffOptions())
    assert row.status is Status.NO_OXIDATION_STATES
    assert 'site 0 is not a finite number' in row.message


@pytest.mark.parametrize(
    'options',
    [
        {name: value}
        for name in ('spacing_angstrom', 'cutoff_angstrom', 'screening_factor', 'energy_cap_eV', 'time_limit_s')
        for value in (0, -1.0, math.nan, True, '0.2')
    ]
    + [{name: value} for name in ('max_sites', 'max_voxels') for value in (0, -5, 1.5, math.nan, True)]
    + [
        {'spacing_angstrom': math.inf},
        # Far from any use: what is left of the landscape would give a barrier of zero.
        {'spacing_angstrom': 1e5},
        {'cutoff_angstrom': 0.01},
        {'cutoff_angstrom': 1.0},
        {'refine': 1},
        {'symmetry': 'yes'},
        {'radii': 'shannon'},
        {'disorder': 'ignore'},
        {'device': ''},
        {'preset': 'md'},
        {'mobile_ion': 'Xx+'},
        {'mobile_ion': 'O2-', 'unknown': 1},
    ],
    ids=str,
)
def test_unusable_options(options):
    with pytest.raises(InputError):
        BvffOptions.from_mapping(options)


@pytest.mark.parametrize('device', ['cuda:99', 'abacus'])
def test_device_that_is_not_there(device):
    pytest.importorskip('torch')
    refused(pair('Li', 'Cl'), Status.FAILED, device, 'cannot be used', device=device)


def test_left_handed_cell_is_as_good_as_any():
    structure = crystal('Fm-3m', Lattice.cubic(5.13), ['Li', 'Cl'], PAIR)
    mirrored = Structure(structure.lattice.matrix[[1, 0, 2]], structure.species, structure.frac_coords[:, [1, 0, 2]])
    assert mirrored.lattice.matrix.ravel().tolist() != structure.lattice.matrix.ravel().tolist()
    assert migration_energy(mirrored).barrier_3d == pytest.approx(migration_energy(structure).barrier_3d, abs=1e-6)


def test_loader_that_fails_costs_its_own_row():
    def load():
        raise OSError('the disk is full')

    row = compute_item('row', load, BvffOptions())
    assert row.status is Status.FAILED
    assert row.message == 'OSError: the disk is full'


def test_energy_cap_below_every_barrier():
    row = compute_row(crystal('Fm-3m', Lattice.cubic(5.13), ['Li', 'Cl'], PAIR), energy_cap_eV=1e-9)
    assert row.status is Status.NOT_PERCOLATING
    assert row.values['barrier_1d_eV'] is row.values['barrier_2d_eV'] is row.values['barrier_3d_eV'] is None
    assert 'no two-dimensional path' in row.message


def test_very_oblique_cell_is_not_taken_for_a_flat_one():
    # Its faces are a tenth of an angstrom apart, and yet it is a description of a common crystal.
    structure = pair('Li', 'Cl', cell=[[3.2, 0, 0], [0, 3.2, 0], [0, 0, 3.2]])
    cell = np.array([[1, 0, 0], [7, 1, 0], [5, 9, 1]]) @ structure.lattice.matrix
    oblique = Structure(cell, structure.species, structure.cart_coords, coords_are_cartesian=True)
    assert compute_row(oblique).values['barrier_2d_eV'] == pytest.approx(
        compute_row(structure).values['barrier_2d_eV'], abs=1e-3
    )
