from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Molecule, Structure

from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.layout import load_layout
from aiida_limap.engines.descriptors.neighbours import find_neighbours, search_neighbours
from aiida_limap.engines.descriptors.task import describe_item
from aiida_limap.engines.errors import DisorderedStructureError, LimapError, OverlappingSitesError


def random_crystal(seed, n_sites, shear):
    """A cell of 8 Å3 or more per site with sites anywhere, also outside of it; sheared as many times as ``shear``."""
    rng = np.random.default_rng(seed)
    cell = 3 * np.eye(3) * n_sites ** (1 / 3) + rng.uniform(-1, 1, (3, 3))
    for _ in range(shear):
        one, other = rng.choice(3, 2, replace=False)
        cell[one] += rng.integers(-3, 4) * cell[other]
    return cell, rng.uniform(-2, 2, (n_sites, 3))


def listed(centres, indices, vectors):
    rows = np.column_stack([centres, indices, vectors])
    return rows[np.lexsort(np.round(rows, 6).T)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 4), st.floats(1.0, 7.0))
def test_the_same_pairs_as_pymatgen(seed, n_sites, shear, cutoff):
    cell, positions = random_crystal(seed, n_sites, shear)
    structure = Structure(Lattice(cell), ['Li'] * n_sites, positions)
    centres, indices, images, distances = structure.get_neighbor_list(cutoff, exclude_self=True)
    assume(distances.min(initial=cutoff) > 0.5 and not np.any(np.abs(distances - cutoff) < 1e-6))
    found = find_neighbours(structure, cutoff)
    expected = (positions[indices] + images - positions[centres]) @ cell
    np.testing.assert_allclose(
        listed(found.centres, found.indices, found.vectors), listed(centres, indices, expected), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), found.distances, rtol=1e-12)


@pytest.mark.parametrize('shear', [0, 1, 7, 60])
def test_however_oblique_the_cell(shear):
    # Simple cubic with 3 Å: 6 + 12 + 8 + 6 neighbours up to 6 Å.
    cell = np.array([[1, 0, 0], [shear, 1, 0], [-shear, 2 * shear, 1]]) @ (3 * np.eye(3))
    found = search_neighbours(cell, np.zeros((1, 3)), 6.5)
    shells, counts = np.unique(np.round(found.distances, 6), return_counts=True)
    np.testing.assert_allclose(shells, 3 * np.sqrt([1, 2, 3, 4]), atol=1e-6)
    assert counts.tolist() == [6, 12, 8, 6]


def test_a_left_handed_cell_has_as_many():
    cell, positions = random_crystal(3, 4, 0)
    found, mirrored = (search_neighbours(matrix, positions, 6.0) for matrix in (cell, cell * [1, 1, -1]))
    np.testing.assert_allclose(found.vectors * [1, 1, -1], mirrored.vectors, atol=1e-12)


def test_sorted_by_centre_then_by_distance_and_cut_shorter():
    cell, positions = random_crystal(1, 5, 2)
    found = search_neighbours(cell, positions, 8.0)
    assert (np.diff(found.centres) >= 0).all()
    for start, stop in zip(found.offsets, found.offsets[1:], strict=False):
        assert (np.diff(found.distances[start:stop]) >= 0).all()
    nearer, expected = found.within(4.0), search_neighbours(cell, positions, 4.0)
    assert nearer.offsets.tolist() == expected.offsets.tolist()
    np.testing.assert_allclose(nearer.distances, expected.distances, rtol=1e-12)
    assert len(found.within(0.1).distances) == 0


def test_more_pairs_than_the_density_lets_expect():
    # Ten sites in a corner of a large cell.
    grid = 0.1 * np.array(np.unravel_index(np.arange(10), (3, 3, 2))).T
    found = search_neighbours(20 * np.eye(3), grid, 9.0)
    assert np.diff(found.offsets).tolist() == [9] * 10


def test_refusals():
    close = Structure(Lattice.cubic(4), ['Li', 'O'], [[0, 0, 0], [0.05, 0, 0]])
    with pytest.raises(OverlappingSitesError, match=r'sites 0 and 1 are 0\.20 Å apart'):
        find_neighbours(close, 5.0)
    shared = Structure(Lattice.cubic(4), [{'Mg': 0.5, 'Zn': 0.5}], [[0, 0, 0]])
    with pytest.raises(DisorderedStructureError, match='disordered'):
        Geometry(shared, load_layout('yamaguchi2023').classes, 5.0)


SITES = np.array([[0.25, 0.25, 0.25], [0.75, 0.75, 0.75], [0, 0, 0]])


@pytest.mark.parametrize(
    ('cell', 'shift', 'error', 'sentence'),
    [
        (4 * np.eye(3), np.nan, LimapError, 'not a finite number'),
        (4 * np.eye(3), np.inf, LimapError, 'not a finite number'),
        (np.diag([4, 4, np.nan]), 0, LimapError, 'not a finite number'),
        (4 * np.eye(3), 1e12, LimapError, 'move it back into the cell'),
        (np.zeros((3, 3)), 0, LimapError, 'has no volume'),
        ([[4, 0, 0], [0, 4, 0], [4, 4, 0]], 0, LimapError, 'has no volume'),
        ([[4, 0, 0], [0, 4, 0], [4, 4, 1e-5]], 0, OverlappingSitesError, 'closer than any bond'),
        (0.1 * np.eye(3), 0, OverlappingSitesError, 'closer than any bond; lengths are in Å'),
        (np.diag([1e-9, 1e6, 1e6]), 0, OverlappingSitesError, 'closer than any bond'),
    ],
)
def test_cells_with_endless_neighbours_are_refused_before_the_search(cell, shift, error, sentence):
    with pytest.raises(error, match=sentence):
        search_neighbours(cell, SITES + shift, 10.0)


def test_what_is_no_crystal():
    layout = load_layout('yamaguchi2023')
    cases = {
        'a Molecule is no periodic structure': Molecule(['C', 'O'], [[0, 0, 0], [0, 0, 1.1]]),
        'a str is no periodic structure': 'Li2O',
        'not periodic along all three': Structure(Lattice(4 * np.eye(3), pbc=(True, True, False)), ['Li'], [[0, 0, 0]]),
        'has no sites': Structure(Lattice.cubic(4), [], []),
    }
    for sentence, case in cases.items():
        with pytest.raises(LimapError, match=sentence):
            Geometry(case, layout.classes, 5.0)
        item, rows = describe_item('a', lambda case=case: case, layout, ('structure',))
        assert rows is None and sentence in item.message
