"""Structures between records and pymatgen, and the checks before a computation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pymatgen.core import Lattice, Species, Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.chemistry.structures import check_structure, record_from_structure, structure_from_record
from aiida_limap.engines.errors import (
    DisorderedStructureError,
    LimapError,
    NoMobileIonError,
    OverlappingSitesError,
    StructureTooLargeError,
)
from aiida_limap.formats.structures import StructureRecord


def lithium_oxide() -> Structure:
    lithium = list(itertools.product((0.25, 0.75), repeat=3))
    oxygen = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    return Structure(Lattice.cubic(4.62), ['Li'] * 8 + ['O'] * 4, lithium + oxygen)


def test_records_keep_cell_sites_and_order():
    structure = lithium_oxide()
    record = record_from_structure(structure, 'a')
    again = structure_from_record(record)
    assert record.id == 'a'
    assert record.oxidation_states is None
    assert [site.specie.symbol for site in again] == [site.specie.symbol for site in structure]
    np.testing.assert_array_equal(again.lattice.matrix, structure.lattice.matrix)
    np.testing.assert_array_equal(again.frac_coords, structure.frac_coords)


def test_records_keep_oxidation_states():
    structure = lithium_oxide()
    structure.add_oxidation_state_by_element({'Li': 1, 'O': -2})
    record = record_from_structure(structure, 'a')
    assert set(record.oxidation_states) == {1.0, -2.0}
    again = structure_from_record(record)
    assert again.composition == structure.composition
    assert record_from_structure(again, 'a').oxidation_states == record.oxidation_states


def test_records_keep_shared_sites():
    sites = [{Species('Fe', 2): 0.5, Species('Fe', 3): 0.25, Species('Mn', 3): 0.25}]
    record = record_from_structure(Structure(Lattice.cubic(3), sites, [[0, 0, 0]]), 'a')
    assert record.species == ({'Fe': 0.75, 'Mn': 0.25},)
    assert record.oxidation_states == (2.5,)
    assert structure_from_record(record).composition.element_composition.as_dict() == {'Fe': 0.75, 'Mn': 0.25}


def test_states_on_some_sites_only_are_not_kept():
    structure = Structure(Lattice.cubic(4), [Species('Li', 1), 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert record_from_structure(structure, 'a').oxidation_states is None


def test_unknown_element_is_named():
    record = StructureRecord('a', np.eye(3) * 4, ({'Xx': 1.0},), [[0, 0, 0]])
    with pytest.raises(LimapError, match=r"structure a: 'Xx' on site 0"):
        structure_from_record(record)


def test_sound_structure_passes():
    check_structure(lithium_oxide())


def test_absent_mobile_ion_is_refused():
    with pytest.raises(NoMobileIonError, match='Li2O holds no Na'):
        check_structure(lithium_oxide(), mobile_element='Na')
    check_structure(lithium_oxide(), mobile_element=None)


@pytest.mark.parametrize('species', [{'Li': 0.5}, {'Li': 0.5, 'Na': 0.5}, {Species('Li', 1): 0.9}])
def test_disorder_is_refused(species):
    structure = lithium_oxide()
    structure[0] = species
    with pytest.raises(DisorderedStructureError, match='site 0'):
        check_structure(structure)


def test_two_atoms_on_one_site_are_refused():
    structure = lithium_oxide()
    structure.append('O', [0, 0, 0])
    with pytest.raises(OverlappingSitesError, match=r'site 8 \(O\) and site 12 \(O\) are 0\.00 Å apart'):
        check_structure(structure)


def test_overlap_across_the_border_is_found():
    structure = Structure(Lattice.cubic(5), ['Li', 'O'], [[0.01, 0.5, 0.5], [0.95, 0.5, 0.5]])
    with pytest.raises(OverlappingSitesError, match=r'0\.30 Å'):
        check_structure(structure)


def test_overlap_with_an_own_image_is_found():
    structure = Structure(Lattice.orthorhombic(1.0, 5, 5), ['Li'], [[0, 0, 0]])
    with pytest.raises(OverlappingSitesError, match=r'an image of site 0 \(Li\) are 1\.00 Å'):
        check_structure(structure)


def test_limit_depends_on_the_pair():
    """Two hydrogen atoms stand 0.74 Å apart in a molecule; lithium and oxygen never do."""
    hydrogen = Structure(Lattice.cubic(6), ['Li', 'H', 'H'], [[0.5, 0.5, 0.5], [0, 0, 0], [0.74 / 6, 0, 0]])
    check_structure(hydrogen)
    oxide = Structure(Lattice.cubic(6), ['Li', 'O'], [[0, 0, 0], [0.74 / 6, 0, 0]])
    with pytest.raises(OverlappingSitesError):
        check_structure(oxide)


def test_size_limit():
    with pytest.raises(StructureTooLargeError, match='12 sites are more than the limit of 11'):
        check_structure(lithium_oxide(), max_sites=11)


def test_numbers_that_are_not_finite_are_refused():
    structure = Structure(Lattice.cubic(5), ['Li', 'O'], [[np.nan, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(LimapError, match='finite') as caught:
        check_structure(structure)
    assert caught.value.status is Status.FAILED
