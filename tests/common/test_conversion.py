"""Structures as node, as pymatgen structure and as record."""

from __future__ import annotations

import numpy as np
import pytest
from aiida.orm import StructureData
from pymatgen.core import DummySpecies, Lattice, Species, Structure

from aiida_limap.common.conversion import node_from_pymatgen, pymatgen_from_node, record_from_node

LATTICE = Lattice.from_parameters(4.1, 5.2, 6.3, 80, 95, 110)


def example() -> Structure:
    species = [{'Li': 0.3}, {'Li': 0.7}, {'Zr': 0.4, 'Ti': 0.6}, 'O', 'O']
    coords = [[0, 0, 0], [0.1, 0.2, 0.3], [0.5, 0.5, 0.5], [0.25, 0.7, 0.9], [-0.2, 1.3, 0.4]]
    return Structure(LATTICE, species, coords)


def test_a_structure_comes_back_with_occupancies_and_order():
    structure = example()
    back = pymatgen_from_node(node_from_pymatgen(structure))
    assert np.allclose(back.lattice.matrix, structure.lattice.matrix)
    assert np.allclose(back.frac_coords, structure.frac_coords)
    assert [site.species.as_dict() for site in back] == [site.species.as_dict() for site in structure]


def test_oxidation_states_are_left_out():
    structure = Structure(
        LATTICE, [Species('Li', 1), {Species('Fe', 2): 0.5, Species('Fe', 3): 0.5}], [[0] * 3, [0.5] * 3]
    )
    back = pymatgen_from_node(node_from_pymatgen(structure))
    assert [site.species.as_dict() for site in back] == [{'Li': 1.0}, {'Fe': 1.0}]


def test_the_source_is_set_and_its_keys_are_checked():
    node = node_from_pymatgen(example(), {'db_name': 'Test', 'id': 'mp-1', 'license': 'CC-BY-4.0'}).store()
    assert node.source == {'db_name': 'Test', 'id': 'mp-1', 'license': 'CC-BY-4.0'}
    with pytest.raises(ValueError, match='source'):
        node_from_pymatgen(example(), {'colour': 'red'})


def test_a_record_has_the_same_sites():
    structure = example()
    node = node_from_pymatgen(structure).store()
    record = record_from_node(node, (1.0, 1.0, 4.0, -2.0, -2.0))
    assert record.id == node.uuid
    assert np.allclose(record.positions, structure.frac_coords)
    assert np.allclose(record.cell, structure.lattice.matrix)
    assert record.species[2] == pytest.approx({'Zr': 0.4, 'Ti': 0.6})
    assert record.oxidation_states == (1.0, 1.0, 4.0, -2.0, -2.0)


def test_slabs_and_empty_cells_are_refused():
    slab = StructureData(cell=np.eye(3).tolist(), pbc=(True, True, False))
    slab.append_atom(position=[0, 0, 0], symbols='Li')
    for convert in (record_from_node, pymatgen_from_node):
        with pytest.raises(ValueError, match='not periodic'):
            convert(slab)
        with pytest.raises(ValueError, match='no sites'):
            convert(StructureData(cell=np.eye(3).tolist()))
    molecule = Structure(Lattice(np.eye(3) * 4, pbc=(True, True, False)), ['Li'], [[0, 0, 0]])
    with pytest.raises(ValueError, match='not periodic'):
        node_from_pymatgen(molecule)


def test_an_element_that_aiida_does_not_know_is_named():
    with pytest.raises(ValueError, match='the site Qa'):
        node_from_pymatgen(Structure(LATTICE, [DummySpecies('Qa')], [[0, 0, 0]]))


def test_large_structures_keep_their_sites():
    structure = Structure(Lattice.cubic(4), ['Li', 'O'], [[0] * 3, [0.5] * 3]) * (4, 4, 4)
    assert pymatgen_from_node(node_from_pymatgen(structure)) == structure


def test_isotopes_become_their_element_also_on_shared_sites():
    structure = Structure(LATTICE, ['D', {'H': 0.25, 'D': 0.5}, 'T+'], [[0] * 3, [0.3] * 3, [0.6] * 3])
    back = pymatgen_from_node(node_from_pymatgen(structure))
    assert [site.species.as_dict() for site in back] == [{'H': 1.0}, {'H': 0.75}, {'H': 1.0}]


def test_a_site_that_holds_no_element_is_refused_by_name():
    for symbol in ('X', 'Xa', 'Qq'):
        structure = Structure(LATTICE, ['Li', {DummySpecies(symbol): 0.5}], [[0] * 3, [0.5] * 3])
        with pytest.raises(ValueError, match=f'holds {symbol}, which is no element'):
            node_from_pymatgen(structure)
