"""Ionic substitution: which groups of sites of a prototype take other ions, and the crystal that results.

The cations other than lithium form classes (same ion, same number of oxygen neighbours). Replaced are whole classes,
single orbits of a class that has several, or the half of a class with one orbit (that half which keeps like ions
furthest apart), at most two such groups at a time and so that the cell stays neutral. An ion may enter where
``ions.yaml`` lists its coordination and where its bonds to oxygen (Shannon radii of that coordination, R. D. Shannon,
Acta Crystallogr. A 32, 751 (1976), plus 1.38 Å for O2-) differ by at most ``ions.MAX_BOND_CHANGE`` from those of the
ion that it replaces.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.chemistry.distance_geometry import Contacts, adapt, global_instability, rescale_by_bond_valence
from aiida_limap.engines.chemistry.ions import (
    OXIDE_RADIUS_ANGSTROM,
    bond_valence_r0,
    charge_of,
    replacements,
    shannon_radius,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from aiida_limap.engines.chemistry.prototypes import LibraryEntry, Prototype

__all__ = [
    'MAX_GLOBAL_INSTABILITY',
    'MAX_GROUPS',
    'Assignment',
    'SiteGroup',
    'Template',
    'substituted_entries',
]

#: Largest number of groups of sites that are replaced at a time.
MAX_GROUPS = 2
#: A substituted crystal with a larger global instability index (valence units) is dropped.
MAX_GLOBAL_INSTABILITY = 0.25
#: Most substituted crystals of one structure type, and most sites of all of them together (large cells are costly to
#: work with).
MAX_PER_TYPE = 40
MAX_SITES_PER_TYPE = 1600
#: Shortest allowed distances in Å: cation-oxygen as a share of the sum of radii, oxygen-oxygen, cation-cation.
MIN_BOND_SHARE = 0.8
MIN_OXYGEN_OXYGEN_ANGSTROM = 2.1
MIN_CATION_CATION_ANGSTROM = 1.9

_MAX_HALVED = 12  # classes with more sites are not halved: the number of ways to do it grows too fast


@dataclass(frozen=True)
class SiteGroup:
    """Sites (indices) of one class that are replaced together, the ion on them and its number of oxygen neighbours."""

    ion: str
    coordination: int
    sites: tuple[int, ...]


@dataclass(frozen=True)
class Assignment:
    """New ions of groups of sites; ``strain`` is the root sum of squares of the relative changes of bond length."""

    ions: tuple[tuple[SiteGroup, str], ...]
    strain: float


class Template:
    """A prototype crystal, prepared for many substitutions.

    :param structure: ordered crystal with oxidation states.
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.ions = tuple(str(site.specie) for site in structure)
        self.charges = np.array([float(site.specie.oxi_state) for site in structure])
        self.r0 = np.array([bond_valence_r0(ion) for ion in self.ions])
        self.contacts = Contacts.of(structure, self.r0, self.charges)
        self.coordination = self.contacts.coordination(len(structure))
        self.groups = self._groups()

    def _groups(self) -> tuple[SiteGroup, ...]:
        """Return the groups of sites that may be replaced: whole classes first, then orbits and halves."""
        from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

        orbits = SpacegroupAnalyzer(self.structure, symprec=1e-3).get_symmetry_dataset().crystallographic_orbits
        labels = [(ion, int(number)) for ion, number in zip(self.ions, self.coordination, strict=True)]
        whole: list[SiteGroup] = []
        parts: list[SiteGroup] = []
        for ion, number in dict.fromkeys(label for label in labels if label[0] not in ('Li+', 'O2-')):
            members = [index for index, label in enumerate(labels) if label == (ion, number)]
            whole.append(SiteGroup(ion, number, tuple(members)))
            by_orbit: dict[int, list[int]] = {}
            for index in members:
                by_orbit.setdefault(int(orbits[index]), []).append(index)
            pieces = list(by_orbit.values()) if len(by_orbit) > 1 else self._halves(members)
            parts += [SiteGroup(ion, number, tuple(piece)) for piece in pieces]
        return (*whole, *parts)

    def _halves(self, members: list[int]) -> list[list[int]]:
        """Split sites into two halves such that the sum of inverse distances within the halves is smallest."""
        if len(members) % 2 or len(members) > _MAX_HALVED:
            return []
        inverse = self.structure.distance_matrix[np.ix_(members, members)] + np.eye(len(members))
        inverse = (1 / inverse - np.eye(len(members))).round(8)
        best: tuple[float, tuple[int, ...]] | None = None
        for rest in itertools.combinations(range(1, len(members)), len(members) // 2 - 1):
            one = (0, *rest)
            other = [index for index in range(len(members)) if index not in one]
            like = float(inverse[np.ix_(one, one)].sum() + inverse[np.ix_(other, other)].sum())
            if best is None or like < best[0] - 1e-6:
                best = (like, one)
        assert best is not None
        return [[members[i] for i in best[1]], [members[i] for i in range(len(members)) if i not in best[1]]]

    def global_instability(self) -> float:
        """Return the global instability index of the prototype itself, in valence units."""
        distances = np.linalg.norm(
            self.contacts.vectors(self.structure.frac_coords, self.structure.lattice.matrix), axis=1
        )
        return global_instability(self.contacts, distances, self.r0, self.charges)

    def assignments(self) -> Iterator[Assignment]:
        """Yield all neutral substitutions of one or two groups of sites, in a fixed order."""
        for number in range(1, MAX_GROUPS + 1):
            for groups in itertools.combinations(self.groups, number):
                if len({site for group in groups for site in group.sites}) < sum(len(group.sites) for group in groups):
                    continue
                choices = [replacements(group.ion, group.coordination) for group in groups]
                for ions in itertools.product(*choices):
                    if (
                        len(
                            {(group.ion, group.coordination, ion) for group, (ion, _) in zip(groups, ions, strict=True)}
                        )
                        < number
                    ):
                        continue  # two parts of one class that take the same ion: the whole class says it
                    added = sum(
                        len(group.sites) * (charge_of(ion) - charge_of(group.ion))
                        for group, (ion, _) in zip(groups, ions, strict=True)
                    )
                    if added == 0:
                        strain = float(np.sqrt(sum(change**2 for _, change in ions)))
                        yield Assignment(
                            tuple((group, ion) for group, (ion, _) in zip(groups, ions, strict=True)), strain
                        )

    def formula(self, assignment: Assignment) -> str:
        """Return the reduced formula that a substitution leads to."""
        from pymatgen.core import Composition

        counts: dict[str, int] = {}
        for ion in self.substituted_ions(assignment):
            symbol = ion.rstrip('+-0123456789')
            counts[symbol] = counts.get(symbol, 0) + 1
        return str(Composition(counts).reduced_formula)

    def describe(self, assignment: Assignment) -> dict[str, str]:
        """Return replaced ion -> new ion, such as ``{'Ti4+': 'Zr4+'}`` or ``{'Ti4+': '1/2 Al3+ + 1/2 Nb5+'}``.

        Where the prototype holds an ion with several coordinations, that number stands behind it: ``Al3+ (6)``.
        """
        classes = [label for label in zip(self.ions, self.coordination.tolist(), strict=True) if label[0] != 'Li+']
        new_ions = self.substituted_ions(assignment)
        words: dict[str, str] = {}
        for group, _ in assignment.ions:
            members = [
                index
                for index, label in enumerate(zip(self.ions, self.coordination.tolist(), strict=True))
                if label == (group.ion, group.coordination)
            ]
            several = len({number for ion, number in classes if ion == group.ion}) > 1
            counts = Counter(new_ions[index] for index in members)
            parts = [f'{Fraction(count, len(members))} {ion}' for ion, count in sorted(counts.items())]
            name = f'{group.ion} ({group.coordination})' if several else group.ion
            words[name] = ' + '.join(parts).removeprefix('1 ')
        return words

    def substituted_ions(self, assignment: Assignment) -> list[str]:
        """Return the ions of all sites after a substitution."""
        ions = list(self.ions)
        for group, ion in assignment.ions:
            for site in group.sites:
                ions[site] = ion
        return ions

    def substitute(self, assignment: Assignment) -> Structure | None:
        """Return the adapted crystal, or None where ions come too close or bond valences cannot be met."""
        from pymatgen.core import Lattice, Structure

        ions = self.substituted_ions(assignment)
        change = np.zeros(len(ions))
        for group, ion in assignment.ions:
            change[list(group.sites)] = shannon_radius(ion, group.coordination) - shannon_radius(
                group.ion, group.coordination
            )
        positions, lattice = adapt(self.contacts, self.structure.frac_coords, self.structure.lattice.matrix, change)
        r0 = np.array([bond_valence_r0(ion) for ion in ions])
        charges = np.array([charge_of(ion) * (-1.0 if ion == 'O2-' else 1.0) for ion in ions])
        distances = np.linalg.norm(self.contacts.vectors(positions, lattice), axis=1)
        factor = rescale_by_bond_valence(self.contacts, distances, r0, charges)
        distances = factor * distances
        if self._too_close(distances, ions) or (
            global_instability(self.contacts, distances, r0, charges) > MAX_GLOBAL_INSTABILITY
        ):
            return None
        return Structure(Lattice(factor * lattice), ions, positions % 1.0)

    def _too_close(self, distances: NDArray[np.float64], ions: list[str]) -> bool:
        contacts = self.contacts
        radii = np.array(
            [
                0.0 if ion == 'O2-' else shannon_radius(ion, int(number))
                for ion, number in zip(ions, self.coordination, strict=True)
            ]
        )
        limits = np.where(self.charges[contacts.first] < 0, MIN_OXYGEN_OXYGEN_ANGSTROM, MIN_CATION_CATION_ANGSTROM)
        limits = np.where(
            contacts.cation_anion, MIN_BOND_SHARE * (radii[contacts.first] + OXIDE_RADIUS_ANGSTROM), limits
        )
        return bool((distances < limits).any())


def substituted_entries(prototypes: Sequence[Prototype], structures: Sequence[Structure]) -> list[LibraryEntry]:
    """Return the substituted crystals of all structure types, the least strained substitutions of each type first.

    :param prototypes: the literature prototypes.
    :param structures: their crystals, in the same order.
    """
    # scipy brings a BLAS of its own, whose threads can be limited only once it is loaded.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    entries: list[LibraryEntry] = []
    # The linear systems are small: threads would cost more than they save, and the last digits would depend on their
    # number.
    with threadpool_limits(limits=1):
        for structure_type in dict.fromkeys(prototype.structure_type for prototype in prototypes):
            members = [
                pair for pair in zip(prototypes, structures, strict=True) if pair[0].structure_type == structure_type
            ]
            entries += _entries_of_type(members)
    return entries


def _entries_of_type(members: Sequence[tuple[Prototype, Structure]]) -> list[LibraryEntry]:
    """Return the substituted crystals of isotypic prototypes, each composition once."""
    templates = [Template(structure) for _, structure in members]
    ranked = [
        (len(assignment.ions), round(assignment.strain, 6), index, number, assignment)
        for index, template in enumerate(templates)
        for number, assignment in enumerate(template.assignments())
    ]
    ranked.sort(key=lambda item: item[:4])
    taken = {template.structure.composition.element_composition.reduced_formula for template in templates}
    limit = min(MAX_PER_TYPE, MAX_SITES_PER_TYPE // len(templates[0].ions))
    entries: list[LibraryEntry] = []
    for _, _, index, _, assignment in ranked:
        formula = templates[index].formula(assignment)
        if len(entries) == limit:
            break
        if formula in taken:
            continue
        structure = templates[index].substitute(assignment)
        if structure is not None:
            taken.add(formula)
            words = templates[index].describe(assignment)
            entries.append(_entry(members[index][0], formula, words, structure))
    return entries


def _entry(prototype: Prototype, formula: str, substitutions: Mapping[str, str], structure: Structure) -> LibraryEntry:
    from aiida_limap.engines.chemistry.prototypes import LibraryEntry

    return LibraryEntry(
        id=f'limap-subst-{formula}-{prototype.structure_type.replace(" ", "-")}',
        formula=formula,
        family=prototype.family,
        structure_type=prototype.structure_type,
        origin='substituted',
        prototype=prototype.name,
        substitutions=substitutions,
        citation=prototype.citation,
        citation_status=prototype.citation_status,
        doi=prototype.doi,
        materials_project_counterpart=None,
        structure=structure,
    )
