"""What every block of every shipped layout owes to physics, whatever its kind."""

from __future__ import annotations

import gzip
import json
from functools import cache

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.descriptors import composition_descriptors, load_layout
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.layout import layout_names

TOLERANCE = 1e-8
STRAIN = 1e-6
#: Li conductors of many kinds; small enough that their supercells are quick.
NAMES = ('Li2O', 'Li3PO4', 'LiZr2(PO4)3', 'LiAlO2', 'LiAlSi2O6', 'LiNbO3', 'Li4GeO4', 'Li8ZrO6', 'LiLaTiO4', 'LiBO2')
BLOCKS = [(name, block.label) for name in layout_names() for block in load_layout(name).parts['structure']]


@cache
def library():
    """Return the smallest literature structure of each formula, by formula."""
    found = {}
    for entry in load_prototypes():
        if entry.formula in NAMES:
            other, structure = found.get(entry.formula), entry.structure()
            if other is None or len(structure) < len(other):
                found[entry.formula] = structure
    assert set(found) == set(NAMES)
    return {formula: structure.copy().remove_oxidation_states() for formula, structure in found.items()}


@cache
def distorted(formula):
    """Return a structure whose sites and cell are pushed off their symmetry."""
    structure = library()[formula].copy()
    rng = np.random.default_rng(len(formula))
    structure.apply_strain(0.01 * rng.standard_normal(3))
    structure.translate_sites(range(len(structure)), [0.1, 0.2, 0.3], frac_coords=True)
    for index in range(len(structure)):
        structure.translate_sites([index], 0.04 * rng.standard_normal(3), frac_coords=False)
    return structure


def rotated(structure):
    matrix = Rotation.from_euler('xyz', [0.3, -0.7, 1.1]).as_matrix()
    return Structure(Lattice(structure.lattice.matrix @ matrix.T), structure.species, structure.frac_coords)


def translated(structure):
    shift = np.array([0.237, -1.61, 0.504])
    return Structure(structure.lattice, structure.species, structure.frac_coords + shift)


def permuted(structure):
    order = np.random.default_rng(0).permutation(len(structure))
    return Structure.from_sites([structure[int(index)] for index in order])


def in_another_cell(structure):
    return structure.copy().make_supercell([[1, 2, 0], [0, 1, 0], [0, -1, 1]])


def doubled(structure):
    return structure * (2, 1, 1)


def in_a_skew_supercell(structure):
    return structure.copy().make_supercell([[1, 1, 0], [-1, 1, 0], [0, 1, 1]])


def mirrored(structure):
    return Structure(Lattice(structure.lattice.matrix * [1, 1, -1]), structure.species, structure.frac_coords)


CHANGES = (rotated, translated, permuted, in_another_cell, doubled, in_a_skew_supercell, mirrored)


def block_row(layout_name, label, structure):
    layout = load_layout(layout_name)
    block = next(block for block in layout.parts['structure'] if block.label == label)
    return block.row(Geometry(structure, layout.classes, layout.reach))


def scale_of(layout_name, label, row):
    """Return the largest value among the columns that share a scale, at least one, for each column."""
    layout = load_layout(layout_name)
    scales = np.array([column.scale for column in layout.columns('structure') if column.block == label])
    largest = {word: max(1.0, np.abs(row[scales == word]).max()) for word in set(scales)}
    return np.array([largest[word] for word in scales])


@pytest.mark.parametrize('change', CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize(('layout', 'label'), BLOCKS)
def test_a_block_knows_nothing_of_the_choice_of_description(layout, label, change):
    for formula, structure in library().items():
        for case in (structure, distorted(formula)):
            row, other = block_row(layout, label, case), block_row(layout, label, change(case))
            np.testing.assert_allclose(other, row, atol=TOLERANCE, rtol=TOLERANCE, err_msg=formula)
            assert np.isfinite(row).all()


@pytest.mark.parametrize(('layout', 'label'), BLOCKS)
def test_a_small_strain_moves_a_block_little(layout, label):
    rng = np.random.default_rng(5)
    for formula, structure in library().items():
        for case in (structure, distorted(formula)):
            tensor = rng.standard_normal((3, 3))
            cell = case.lattice.matrix @ (np.eye(3) + STRAIN * (tensor + tensor.T) / 2)
            strained = Structure(Lattice(cell), case.species, case.frac_coords)
            row, other = block_row(layout, label, case), block_row(layout, label, strained)
            moved = np.abs(other - row) / scale_of(layout, label, row)
            assert moved.max() < 1e-3, formula


@pytest.mark.parametrize(('layout', 'label'), BLOCKS)
def test_a_block_tells_structures_apart(layout, label):
    rows = [block_row(layout, label, structure) for structure in library().values()]
    assert len({row.tobytes() for row in rows}) == len(rows)


@pytest.mark.parametrize('layout', layout_names())
def test_polymorphs_have_equal_composition_rows(layout):
    structure = library()['LiAlO2']
    cases = [structure, permuted(structure), doubled(structure), distorted('LiAlO2')]
    rows = composition_descriptors([case.composition for case in cases], layout)
    assert (rows == rows[0]).all()
    assert not (rows[0] == composition_descriptors(['LiGaO2'], layout)[0]).all()


@pytest.mark.parametrize(('layout', 'label'), BLOCKS)
def test_real_crystals_in_other_cells(layout, label, shared_data):
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt') as handle:
        entries = [json.loads(line) for line in handle][5::80]
    for entry in entries:
        content = entry['structure']
        structure = Structure.from_dict(json.loads(content) if isinstance(content, str) else content)
        row = block_row(layout, label, structure)
        for change in (translated, in_another_cell):
            other = block_row(layout, label, permuted(change(structure)))
            np.testing.assert_allclose(other, row, atol=TOLERANCE, rtol=TOLERANCE, err_msg=entry['id'])
