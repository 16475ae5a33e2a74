"""The library of substituted crystals: size, labels, neutrality, distances, uniqueness, and the fit behind it."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from aiida_limap.engines.chemistry.distance_geometry import Contacts, adapt, global_instability, rescale_by_bond_valence
from aiida_limap.engines.chemistry.ions import MAX_BOND_CHANGE, OXIDE_RADIUS_ANGSTROM, bond_valence_r0, shannon_radius
from aiida_limap.engines.chemistry.prototypes import ELEMENTS, LibraryEntry, build_library, load_prototypes
from aiida_limap.engines.chemistry.substitution import (
    MAX_GLOBAL_INSTABILITY,
    MAX_PER_TYPE,
    Template,
)

# spglib 2.7 warns at every call that may fail, also of pymatgen; its new handling of errors is for the next version.
pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')


@pytest.fixture(scope='module')
def library() -> list[LibraryEntry]:
    return build_library()


@pytest.fixture(scope='module')
def substituted(library: list[LibraryEntry]) -> list[LibraryEntry]:
    return [entry for entry in library if entry.origin == 'substituted']


def _template(name: str) -> Template:
    return Template(next(prototype for prototype in load_prototypes() if prototype.name == name).structure())


def test_size_and_breadth(library: list[LibraryEntry]) -> None:
    assert 500 <= len(library) <= 1000
    sites = [len(entry.structure) for entry in library]
    assert max(sites) <= 200
    assert 15 <= np.median(sites) <= 40
    present = {element.symbol for entry in library for element in entry.structure.composition}
    assert present == ELEMENTS | {'Li', 'O'}
    per_type = Counter(entry.structure_type for entry in library if entry.origin == 'substituted')
    assert max(per_type.values()) <= MAX_PER_TYPE


def test_labels(library: list[LibraryEntry]) -> None:
    assert len({entry.id for entry in library}) == len(library)
    prototypes = {prototype.name: prototype for prototype in load_prototypes()}
    literature = [entry for entry in library if entry.origin == 'literature']
    assert [entry.prototype for entry in literature] == list(prototypes)
    assert library[: len(literature)] == literature
    for entry in library:
        prototype = prototypes[entry.prototype]
        assert (entry.citation, entry.doi, entry.family) == (prototype.citation, prototype.doi, prototype.family)
        assert (entry.origin == 'literature') == (not entry.substitutions)
        if entry.origin == 'substituted':
            assert entry.materials_project_counterpart is None
            old = {site.ion for site in prototype.sites}
            new = {str(site.specie) for site in entry.structure}
            told = {part.split()[-1] for value in entry.substitutions.values() for part in value.split(' + ')}
            assert new - old <= told <= new, entry.id
            assert entry.formula == entry.structure.composition.element_composition.reduced_formula


def test_deterministic(library: list[LibraryEntry]) -> None:
    again = build_library()
    assert [entry.id for entry in again] == [entry.id for entry in library]
    for one, two in zip(library, again, strict=True):
        assert np.array_equal(one.structure.lattice.matrix, two.structure.lattice.matrix)
        assert np.array_equal(one.structure.frac_coords, two.structure.frac_coords)


def test_substituted_crystals_are_neutral_and_free_of_overlaps(substituted: list[LibraryEntry]) -> None:
    for entry in substituted:
        structure = entry.structure
        charges = np.array([site.specie.oxi_state for site in structure])
        assert charges.sum() == 0, entry.id
        distances = structure.distance_matrix + 9 * np.eye(len(structure))
        like = charges[:, None] * charges[None, :] > 0
        assert distances[like].min() > 1.9, entry.id
        assert distances.min() > 1.35, entry.id


def test_bond_valences_of_substituted_crystals(substituted: list[LibraryEntry]) -> None:
    # An independent sum over the crystal as it is delivered, not over the contacts of the prototype.
    for entry in substituted[::7]:
        assert Template(entry.structure).global_instability() < MAX_GLOBAL_INSTABILITY + 0.01, entry.id


def test_no_crystal_occurs_twice(library: list[LibraryEntry]) -> None:
    groups: dict[str, list[LibraryEntry]] = defaultdict(list)
    for entry in library:
        groups[entry.structure.composition.element_composition.reduced_formula].append(entry)
    matcher = StructureMatcher()
    for entries in groups.values():
        for one, two in itertools.combinations(entries, 2):
            assert one.structure_type != two.structure_type
            assert not matcher.fit(one.structure, two.structure), (one.id, two.id)


def test_whole_substitution_keeps_the_space_group() -> None:
    template = _template('Li2SnO3')
    (assignment,) = [
        one
        for one in template.assignments()
        if [ion for _, ion in one.ions] == ['Hf4+'] and len(one.ions[0][0].sites) == 4
    ]
    structure = template.substitute(assignment)
    assert structure is not None
    assert SpacegroupAnalyzer(structure, symprec=1e-3).get_space_group_number() == 15


def test_halved_class_separates_like_ions() -> None:
    cell = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg2+', 'O2-'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    template = Template(cell)
    halves = [group for group in template.groups if len(group.sites) == 2]
    assert len(halves) == 2
    assert sorted(halves[0].sites + halves[1].sites) == [i for i, ion in enumerate(template.ions) if ion == 'Mg2+']


def test_substitutions_are_described() -> None:
    template = _template('LiGaO2-beta')
    words = {template.formula(one): template.describe(one) for one in template.assignments()}
    assert words['LiAlO2'] == {'Ga3+': 'Al3+'}
    assert words['Li2AlGaO4'] == {'Ga3+': '1/2 Al3+ + 1/2 Ga3+'}
    assert words['Li2MgGeO4'] == {'Ga3+': '1/2 Ge4+ + 1/2 Mg2+'}
    template = _template('LiGa5O8')
    assert {'Ga3+ (6)': 'Al3+'} in [template.describe(one) for one in template.assignments()]


def test_assignments_are_neutral_and_bounded() -> None:
    template = _template('LiScSiO4')
    found = list(template.assignments())
    assert {template.formula(one) for one in found} >= {'LiInSiO4', 'LiScGeO4', 'LiMgPO4'}
    for assignment in found:
        for group, ion in assignment.ions:
            old = shannon_radius(group.ion, group.coordination) + OXIDE_RADIUS_ANGSTROM
            new = shannon_radius(ion, group.coordination) + OXIDE_RADIUS_ANGSTROM
            assert abs(new / old - 1) <= MAX_BOND_CHANGE
    assert not {'C4+', 'B3+', 'Li+'} & {ion for one in found for group, ion in one.ions if group.coordination == 6}


def test_olivine_volume_follows_the_ions() -> None:
    # LiInSiO4 from LiScSiO4 against the measured cell (Redhammer and Roth 2003): 317 Å3.
    template = _template('LiScSiO4')
    (assignment,) = [one for one in template.assignments() if template.formula(one) == 'LiInSiO4']
    structure = template.substitute(assignment)
    assert structure is not None
    assert structure.volume == pytest.approx(10.765 * 6.040 * 4.882, rel=0.03)


def test_adapt_without_change_returns_the_start() -> None:
    template = _template('Li2SiO3')
    structure = template.structure
    positions, lattice = adapt(
        template.contacts, structure.frac_coords, structure.lattice.matrix, np.zeros(len(structure))
    )
    assert np.allclose(positions, structure.frac_coords, atol=1e-9)
    assert np.allclose(lattice, structure.lattice.matrix, atol=1e-9)


def test_adapt_expands_rock_salt_by_the_radius_change() -> None:
    cell = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg2+', 'O2-'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    template = Template(cell)
    change = np.array([0.1 if ion == 'Mg2+' else 0.0 for ion in template.ions])
    _, lattice = adapt(template.contacts, cell.frac_coords, cell.lattice.matrix, change)
    assert np.allclose(lattice, np.eye(3) * 4.4, atol=1e-6)


def test_rescale_finds_the_volume_of_magnesia() -> None:
    # Six bonds of valence 1/3 have the length R0 + b ln 3; farther contacts lengthen the cell slightly.
    cell = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.0), ['Mg2+', 'O2-'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    template = Template(cell)
    distances = np.linalg.norm(template.contacts.vectors(cell.frac_coords, cell.lattice.matrix), axis=1)
    factor = rescale_by_bond_valence(template.contacts, distances, template.r0, template.charges)
    length = 2.0 * factor
    assert length == pytest.approx(bond_valence_r0('Mg2+') + 0.37 * np.log(3), abs=0.03)
    assert global_instability(template.contacts, factor * distances, template.r0, template.charges) < 1e-3


def test_contacts_of_rock_salt() -> None:
    cell = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg2+', 'O2-'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    r0 = np.array([bond_valence_r0(str(site.specie)) for site in cell])
    charges = np.array([site.specie.oxi_state for site in cell])
    contacts = Contacts.of(cell, r0, charges)
    assert contacts.coordination(len(cell)).tolist() == [6, 6, 6, 6, 0, 0, 0, 0]
    # Twelve edges for each of the four octahedra; its opposite corners are at the cut-off of 4.2 Å.
    assert len(contacts.edges) >= 48
