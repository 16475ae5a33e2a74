from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from aiida_limap.engines.descriptors import composition_descriptors, load_layout, structure_descriptors
from aiida_limap.engines.errors import DisorderedStructureError, OverlappingSitesError

LAYOUT = load_layout('yamaguchi2023')
RDF, ADF, VORONOI = (slice(*LAYOUT.blocks('structure')[name]) for name in ('rdf', 'adf', 'voronoi'))
TOLERANCE = 1e-8


def random_crystal(seed, n_sites):
    """Sites of all classes on a jittered grid in a triclinic cell; never closer than 0.5 Å."""
    rng = np.random.default_rng(seed)
    lattice = Lattice.from_parameters(*rng.uniform(4.5, 6.5, 3), *rng.uniform(75, 105, 3))
    grid = np.array(np.unravel_index(rng.permutation(8)[:n_sites], (2, 2, 2))).T / 2
    species = rng.choice(['Li', 'O', 'O', 'P', 'Zr'], n_sites)
    return Structure(lattice, species, grid + rng.uniform(-0.1, 0.1, (n_sites, 3)))


def unimodular(rng, steps, largest):
    """Return an integer matrix of determinant one: another cell of the same lattice."""
    matrix = np.eye(3, dtype=int)
    for _ in range(steps):
        one, other = rng.choice(3, 2, replace=False)
        matrix[one] += int(rng.integers(-largest, largest + 1)) * matrix[other]
    return matrix


def in_cell(structure, matrix):
    return structure.copy().make_supercell(matrix)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8))
def test_random_crystals_in_any_description(seed, n_sites):
    structure = random_crystal(seed, n_sites)
    rng = np.random.default_rng(seed)
    turn = Rotation.random(rng=rng).as_matrix()
    supercell = unimodular(rng, 3, 1) @ np.diag(rng.permutation([1, 1, 2])) @ unimodular(rng, 2, 1)
    others = [
        Structure(Lattice(structure.lattice.matrix @ turn.T), structure.species, structure.frac_coords),
        Structure(structure.lattice, structure.species, structure.frac_coords + rng.uniform(-3, 3, 3)),
        Structure.from_sites([structure[int(index)] for index in rng.permutation(n_sites)]),
        in_cell(structure, unimodular(rng, 6, 3)),
        in_cell(structure, supercell),
    ]
    rows = structure_descriptors([structure, *others])
    np.testing.assert_allclose(rows[1:], np.tile(rows[0], (5, 1)), atol=TOLERANCE, rtol=TOLERANCE)
    assert rows[0][VORONOI].sum() == pytest.approx(len({*map(str, structure.species)} & {'Li'}) + sum(
        bool({*map(str, structure.species)} & group) for group in ({'O'}, {'P', 'Zr'})
    ))  # fmt: skip


@pytest.mark.parametrize('shear', [5, 30, 100])
def test_very_oblique_cells(shear):
    structure = random_crystal(11, 6)
    oblique = in_cell(structure, [[1, shear, 0], [0, 1, 0], [-1, 2, 1]])
    # One cell vector is many times as long as it need be.
    assert max(oblique.lattice.abc) > 0.8 * shear * min(structure.lattice.abc)
    rows = structure_descriptors([structure, oblique])
    np.testing.assert_allclose(rows[1], rows[0], atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize('group', ['Fm-3m', 'Im-3m', 'Pm-3m'])
@pytest.mark.parametrize('matrix', [np.diag([2, 1, 1]), np.diag([2, 2, 2]), [[1, 1, 0], [-1, 1, 0], [0, 1, 2]]])
def test_supercells_of_high_symmetry(group, matrix):
    structure = Structure.from_spacegroup(group, Lattice.cubic(3.6), ['Li'], [[0, 0, 0]])
    rows = structure_descriptors([structure, structure.get_primitive_structure(), in_cell(structure, matrix)])
    np.testing.assert_allclose(rows[1:], np.tile(rows[0], (2, 1)), atol=TOLERANCE, rtol=TOLERANCE)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8))
def test_a_strain_of_a_millionth_moves_little(seed, n_sites):
    structure = random_crystal(seed, n_sites)
    tensor = np.random.default_rng(seed).uniform(-1, 1, (3, 3))
    strained = Lattice(structure.lattice.matrix @ (np.eye(3) + 1e-6 * (tensor + tensor.T) / 2))
    one, other = structure_descriptors([structure, Structure(strained, structure.species, structure.frac_coords)])
    assert not np.array_equal(one, other)
    for block, limit in ((RDF, 3e-4), (ADF, 1e-4), (VORONOI, 3e-4)):
        assert np.abs(one[block] - other[block]).max() < limit * max(1, one[block].max())


def test_a_sparse_structure_is_described():
    row = structure_descriptors([Structure(Lattice.cubic(14), ['Li'], [[0, 0, 0]])])[0]
    assert row[RDF].max() == 0
    # Twelve right and three straight angles to the nearest images, and six faces.
    assert row[ADF][70:110].sum() == pytest.approx(0.8, abs=1e-9)
    assert row[VORONOI].argmax() == 6 - 3


def test_refusals():
    shared = Structure(Lattice.cubic(4), [{'Mg': 0.5, 'Zn': 0.5}], [[0, 0, 0]])
    with pytest.raises(DisorderedStructureError, match='disordered'):
        structure_descriptors([shared])
    close = Structure(Lattice.cubic(4), ['Li', 'O'], [[0, 0, 0], [0.05, 0, 0]])
    with pytest.raises(OverlappingSitesError, match=r'sites 0 and 1 are 0\.20 Å apart'):
        structure_descriptors([close])
    assert structure_descriptors([]).shape == (0, 858)


def test_real_oxides(shared_data):
    structures, groups = [], {}
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt') as handle:
        for line in handle:
            entry = json.loads(line)
            if not entry.get('paper_table1') and len(structures) >= 30:
                continue
            content = entry['structure']
            structure = Structure.from_dict(json.loads(content) if isinstance(content, str) else content)
            groups.setdefault(structure.composition.reduced_formula, []).append(len(structures))
            structures.append(structure)
    rows = structure_descriptors(structures)
    compositions = composition_descriptors([structure.composition for structure in structures])
    assert rows.shape == (len(structures), 858)
    assert np.isfinite(rows).all() and (rows >= 0).all()
    sums = rows[:, ADF].sum(axis=1)
    assert (sums <= 1 + 1e-9).all() and np.median(sums) > 0.8
    # One for each class of sites that is there: two for lithium oxides, three with other elements.
    classes = [len({'Li', 'O'} | {str(symbol) for symbol in structure.symbol_set}) for structure in structures]
    np.testing.assert_allclose(rows[:, VORONOI].sum(axis=1), np.minimum(classes, 3), atol=1e-9)
    assert any(len(members) > 1 for members in groups.values())
    for members in groups.values():
        assert (compositions[members] == compositions[members[0]]).all()
