"""Migration energies of real and constructed structures."""

from __future__ import annotations

import gzip
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.stats import spearmanr

from aiida_limap.common.status import Status
from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.errors import (
    DisorderedStructureError,
    InputError,
    NoMobileIonError,
    OutOfTimeError,
    OxidationStatesError,
    ParametersMissingError,
    StructureTooLargeError,
)

#: Materials Project id of Li3PO4, Pnma.
LITHIUM_PHOSPHATE = 'mp-2878'
#: Migration energies (eV) of Table 1 of Yamaguchi et al., Sci. Rep. 13, 16799 (2023), by Materials Project id.
PAPER_EV = {
    'mp-761986': 0.983, 'mp-775628': 0.827, 'mp-1200057': 0.923, 'mp-554747': 0.543, 'mp-774721': 1.018,
    'mp-559776': 0.529, 'mp-774437': 0.842, 'mp-942733': 0.861, 'mp-779434': 0.837, 'mp-10499': 0.850,
    'mp-759280': 1.016, 'mp-773074': 1.261, 'mp-681439': 0.385, 'mp-541661': 0.865, 'mp-1222522': 2.964,
    'mp-768320': 0.760,
}  # fmt: skip
#: An independent calculation of the two-dimensional barrier at 0.2 Å (literal double-precision sum, other divisions).
INDEPENDENT_EV = {
    'mp-761986': 0.938, 'mp-775628': 0.828, 'mp-1200057': 0.989, 'mp-554747': 0.453, 'mp-774721': 0.915,
    'mp-559776': 0.447, 'mp-774437': 0.840, 'mp-942733': 0.864, 'mp-779434': 0.837, 'mp-10499': 0.861,
    'mp-759280': 1.082, 'mp-773074': 1.336, 'mp-681439': 0.355, 'mp-541661': 0.510, 'mp-1222522': 3.668,
    'mp-768320': 0.801,
}  # fmt: skip


def lithium_oxide() -> Structure:
    lithium = list(itertools.product((0.25, 0.75), repeat=3))
    oxygen = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    return Structure(Lattice.cubic(4.62), ['Li'] * 8 + ['O'] * 4, lithium + oxygen)


@pytest.fixture(scope='module')
def table(shared_data):
    found = {}
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt') as handle:
        for line in handle:
            entry = json.loads(line)
            if entry['id'] in PAPER_EV or entry['id'] == LITHIUM_PHOSPHATE:
                structure = entry['structure']
                document = json.loads(structure) if isinstance(structure, str) else structure
                found[entry['id']] = Structure.from_dict(document)
    assert set(found) == {LITHIUM_PHOSPHATE, *PAPER_EV}
    return found


def deviation_from_the_paper(values):
    published = np.array(list(PAPER_EV.values()))
    return spearmanr(values, published).statistic, np.median(abs(values - published))


def test_published_migration_energies_are_reproduced_by_the_grid(table):
    """Their authors took values of a grid, so that those of a grid come closest."""
    results = {name: migration_energy(table[name], refine=False, symmetry=False) for name in PAPER_EV}
    ours = np.array([results[name].barrier_2d for name in PAPER_EV])
    correlation, deviation = deviation_from_the_paper(ours)
    assert correlation >= 0.91
    assert deviation <= 0.056
    for result in results.values():
        assert result.status is Status.OK
        assert not result.refined
        assert (result.barrier_1d, result.barrier_2d, result.barrier_3d) == pytest.approx(result.grid_barriers)
        assert result.barrier_1d <= result.barrier_2d <= result.barrier_3d
        assert result.network_barrier_2d <= result.barrier_2d
        assert 0 <= result.grid_error < 0.12


def test_grid_agrees_with_an_independent_calculation(table):
    ours = []
    for name in PAPER_EV:
        # That calculation took charges which tell equal sites apart: La as 2+, 2+ and 3+ beside Ti as 4+.
        charges = [1, 2, 2, 3, 4, 4, 4, 4, *[-2] * 12] if name == 'mp-1222522' else None
        result = migration_energy(table[name], refine=False, symmetry=False, oxidation_states=charges)
        ours.append(result.barrier_2d)
    # Divisions of the grid differ by one, which moves a barrier by as much as the grid may be wrong by.
    deviations = abs(np.array(ours) - np.array(list(INDEPENDENT_EV.values())))
    assert np.median(deviations) <= 0.01
    assert deviations.max() <= 0.08


def test_published_migration_energies_are_close_to_those_of_the_continuum(table):
    results = {name: migration_energy(table[name]) for name in PAPER_EV}
    correlation, deviation = deviation_from_the_paper(np.array([result.barrier_2d for result in results.values()]))
    assert correlation >= 0.89
    assert deviation <= 0.065
    for result in results.values():
        assert result.refined
        assert result.unresolved_saddles == 0
        assert result.barrier_1d <= result.barrier_2d <= result.barrier_3d
        assert abs(result.barrier_2d - result.grid_barriers[1]) < 0.12


@pytest.mark.parametrize(
    ('preset', 'spacing', 'expected'),
    [
        ('bvse', 0.4, (0.509, 0.612, 0.932)),
        ('bvse', 0.2, (0.466, 0.474, 0.783)),
        ('bvse', 0.1, (0.443, 0.444, 0.764)),
        ('bvff', 0.2, (0.748, 0.770, 0.957)),
    ],
)
def test_lithium_phosphate_agrees_with_an_independent_calculation(table, preset, spacing, expected):
    structure = table[LITHIUM_PHOSPHATE]
    result = migration_energy(structure, preset=preset, spacing=spacing, refine=False, symmetry=False)
    assert (result.barrier_1d, result.barrier_2d, result.barrier_3d) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize(('preset', 'expected'), [('bvse', (0.444, 0.445, 0.765)), ('bvff', (0.718, 0.722, 0.885))])
def test_lithium_phosphate_of_the_continuum_is_what_fine_grids_approach(table, preset, expected):
    for spacing in (0.4, 0.2):
        result = migration_energy(table[LITHIUM_PHOSPHATE], preset=preset, spacing=spacing)
        assert result.refined
        # The values are those of a grid of 0.075 Å, which still lie some meV too high.
        for value, fine in zip((result.barrier_1d, result.barrier_2d, result.barrier_3d), expected, strict=True):
            assert fine - 0.012 <= value <= fine + 0.002


def test_half_the_morse_depth_gives_other_barriers(table):
    full, half = (
        migration_energy(table['mp-559776'], preset=preset, refine=False, symmetry=False) for preset in ('bvff', 'bvse')
    )
    # Values of an independent calculation for this garnet: 0.467 / 0.472 / 0.486 and 0.416 / 0.417 / 0.417 eV.
    assert full.barrier_2d == pytest.approx(0.47, abs=0.02)
    assert half.barrier_2d == pytest.approx(0.417, abs=0.02)
    assert half.energy_minimum > full.energy_minimum


def test_cell_choice_and_supercell_do_not_matter(table):
    structure = table['mp-681439']
    longest = int(np.argmax(structure.lattice.abc))
    # Whole divisions along the repeated axis, so that the supercell has the same points.
    spacing = structure.lattice.abc[longest] / 36 * 1.0001
    copies = [1, 1, 1]
    copies[longest] = 2
    expected = migration_energy(structure, spacing=spacing)
    repeated = migration_energy(structure * copies, spacing=spacing)
    assert repeated.barrier_1d == pytest.approx(expected.barrier_1d, abs=2e-4)
    assert repeated.barrier_2d == pytest.approx(expected.barrier_2d, abs=2e-4)
    assert repeated.barrier_3d == pytest.approx(expected.barrier_3d, abs=2e-4)
    matrix = structure.lattice.matrix
    sheared = Structure(
        Lattice([matrix[0], matrix[1] + matrix[0], matrix[2]]),
        structure.species,
        structure.cart_coords,
        coords_are_cartesian=True,
    )
    other = migration_energy(sheared, spacing=0.2)
    # Another grid over the same landscape.
    assert other.barrier_3d == pytest.approx(expected.barrier_3d, abs=1e-3)


# bvlain imports a scipy name from where it is about to vanish.
@pytest.mark.filterwarnings('ignore:Please import .* namespace:DeprecationWarning')
def test_agrees_with_an_independent_program(table):
    bvlain = pytest.importorskip('bvlain')
    structure = table['mp-681439'].copy()
    calculation = bvlain.Lain(verbose=False)
    calculation.read_structure(structure)
    calculation.bvse_distribution(mobile_ion='Li1+', r_cut=10, resolution=0.2, k=100)
    theirs = calculation.percolation_barriers(encut=5.0)
    ours = migration_energy(structure, preset='bvse')
    for dimension in (1, 2, 3):
        # Their grid doubles the end points, and their bisection stops at 0.01 eV.
        assert theirs[f'E_{dimension}D'] == pytest.approx(getattr(ours, f'barrier_{dimension}d'), abs=0.05)


def test_result_row_has_plain_values_with_units():
    result = migration_energy(lithium_oxide(), spacing=0.3)
    row = result.values()
    assert row['refined'] is True
    assert row['unresolved_saddles'] == 0
    assert row['grid_barrier_2d_eV'] == result.grid_barriers[1] > 0
    assert json.loads(json.dumps(row)) == row
    assert row['barrier_2d_eV'] == result.barrier_2d > 0
    assert row['grid'] == list(result.grid)
    assert row['symmetry_operations'] in {1, 48}
    assert migration_energy(lithium_oxide(), spacing=0.3, symmetry=False).grid == (16, 16, 16)
    assert (row['sites'], row['mobile_sites']) == (12, 8)
    assert row['oxidation_states'] == {'Li': 1.0, 'O': -2.0}
    assert row['oxidation_method'] == 'composition'
    assert result.oxidation_states == (1.0,) * 8 + (-2.0,) * 4
    assert result.message == ''


def test_energy_cap_turns_barriers_into_none():
    result = migration_energy(lithium_oxide(), spacing=0.3, energy_cap_eV=0.01)
    assert result.status is Status.NOT_PERCOLATING
    assert result.barrier_1d is result.barrier_2d is result.barrier_3d is result.network_barrier_2d is None
    assert result.grid_error is None
    assert '0.01 eV' in result.message


def test_given_oxidation_states_are_used():
    result = migration_energy(lithium_oxide(), spacing=0.4, oxidation_states={'Li': 1, 'O': -2})
    assert result.oxidation_method == 'given'
    with pytest.raises(OxidationStatesError):
        migration_energy(lithium_oxide(), spacing=0.4, oxidation_states={'Li': 1, 'O': -1})


def test_mean_states_are_told():
    structure = lithium_oxide()
    structure.remove_sites([0])
    result = migration_energy(structure, spacing=0.4)
    assert result.oxidation_method == 'composition_mean'
    assert 'O -1.75' in result.message


def test_sixfold_estimate_bounds_the_barrier_from_above():
    coarse, fine = (
        migration_energy(lithium_oxide(), spacing=spacing, symmetry=False, refine=False) for spacing in (0.41, 0.1)
    )
    assert fine.grid_error < coarse.grid_error
    assert abs(coarse.barrier_2d - fine.barrier_2d) <= coarse.grid_error + 0.05


def structure_of(*symbols: str) -> Structure:
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0], [0, 0.5, 0]]
    return Structure(Lattice.cubic(5.0), list(symbols), places[: len(symbols)])


@pytest.mark.parametrize(
    ('structure', 'options', 'error'),
    [
        (structure_of('Na', 'Cl'), {}, NoMobileIonError),
        (structure_of('Li', 'Al'), {}, OxidationStatesError),
        (structure_of('Li', 'P', 'Li', 'Li'), {}, ParametersMissingError),
        (structure_of('Li', 'H'), {}, ParametersMissingError),
        (structure_of('Li', 'Cl'), {'max_sites': 1}, StructureTooLargeError),
        (structure_of('Li', 'Cl'), {'max_voxels': 1000}, StructureTooLargeError),
        (structure_of('Li', 'Cl'), {'time_limit_s': 1e-9}, OutOfTimeError),
        (structure_of('Li', 'Cl'), {'spacing': -0.1}, InputError),
        (structure_of('Li', 'Cl'), {'resolution': 0.1}, InputError),
        (Structure(Lattice.cubic(4), [{'Li': 0.5}, 'Cl'], [[0, 0, 0], [0.5] * 3]), {}, DisorderedStructureError),
    ],
)
def test_structures_without_an_answer_say_why(structure, options, error):
    with pytest.raises(error):
        migration_energy(structure, **options)


def test_importing_the_package_loads_no_heavy_library():
    script = (
        'import sys, aiida_limap.engines.bvff as bvff\n'
        'assert not {"numba", "pymatgen", "scipy", "aiida"} & set(sys.modules)\n'
        'assert callable(bvff.migration_energy) and "migration_energy" in dir(bvff)\n'
    )
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
