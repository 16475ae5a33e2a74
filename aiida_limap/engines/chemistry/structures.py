"""Structures: between records in files and pymatgen, and the checks that every engine runs before it computes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aiida_limap.engines.chemistry.elements import covalent_radius
from aiida_limap.engines.errors import (
    DisorderedStructureError,
    LimapError,
    NoMobileIonError,
    OverlappingSitesError,
    OxidationStatesError,
    StructureTooLargeError,
)
from aiida_limap.formats.structures import StructureRecord

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['MAX_SITES', 'check_structure', 'is_ordered', 'record_from_structure', 'structure_from_record']

#: Default limit on sites per cell.
MAX_SITES = 1000
#: Sites closer than this part of the sum of their covalent radii overlap. The shortest real bonds (C-O in carbon
#: monoxide, N-N in azides, H-H) stay above 0.75, Li-Li contacts of relaxed structures above 0.51; split positions of
#: refined structures lie below.
OVERLAP_FRACTION = 0.5
_FULL = 1e-3
#: Larger cells are nearly empty, and the search of neighbours takes time in proportion to the volume, Å^3.
MAX_VOLUME_PER_SITE = 1e5
#: No crystal is so dense, Å^3: the cell vectors lie in one plane or nearly so.
MIN_VOLUME_PER_SITE = 0.5


def structure_from_record(record: StructureRecord) -> Structure:
    """Build a pymatgen structure; the oxidation states of the record, if any, decorate its species.

    :param record: the structure in plain numbers.
    :returns: the structure, with the sites in the order of the record.
    :raises LimapError: if a species is not an element.
    :raises OxidationStatesError: if an oxidation state is not finite.
    """
    from pymatgen.core import Composition, Element, Lattice, Species, Structure

    species = []
    for index, site in enumerate(record.species):
        unknown = [symbol for symbol in site if not Element.is_valid_symbol(symbol)]
        if unknown:
            raise LimapError(f'structure {record.id}: {unknown[0]!r} on site {index} is not a chemical element')
        if record.oxidation_states is None:
            species.append(Composition(dict(site)))
        else:
            state = record.oxidation_states[index]
            if not math.isfinite(state):
                raise OxidationStatesError(
                    f'structure {record.id}: the oxidation state of site {index} is not a finite number'
                )
            species.append(Composition({Species(symbol, state): part for symbol, part in site.items()}))
    return Structure(Lattice(record.cell), species, record.positions)


def record_from_structure(structure: Structure, identifier: str) -> StructureRecord:
    """Turn a pymatgen structure into plain numbers.

    :param structure: the structure; if all its species have oxidation states, the record keeps them (their mean on
        shared sites).
    :param identifier: id of the record.
    :returns: the record.
    :raises FormatError: if a number is not finite or the cell has no volume.
    """
    species: list[dict[str, float]] = []
    states: list[float] = []
    for site in structure:
        parts: dict[str, float] = {}
        for specie, occupancy in site.species.items():
            parts[specie.symbol] = parts.get(specie.symbol, 0.0) + float(occupancy)
        species.append(parts)
        known = [
            (float(specie.oxi_state), float(part))
            for specie, part in site.species.items()
            if getattr(specie, 'oxi_state', None) is not None
        ]
        if len(known) == len(site.species):
            states.append(sum(state * part for state, part in known) / sum(part for _, part in known))
    return StructureRecord(
        id=identifier,
        cell=structure.lattice.matrix,
        species=tuple(species),
        positions=structure.frac_coords,
        oxidation_states=tuple(states) if len(states) == len(species) else None,
    )


def is_ordered(structure: Structure) -> bool:
    """Return whether every site is fully occupied by one element."""
    return all(len(site.species) == 1 and abs(site.species.num_atoms - 1) < _FULL for site in structure)


def check_structure(
    structure: Structure,
    *,
    mobile_element: str | None = 'Li',
    max_sites: int = MAX_SITES,
    disordered: bool = False,
) -> None:
    """Refuse structures for which no engine has an answer.

    :param structure: the structure.
    :param mobile_element: symbol of the element that moves; None where none has to be present.
    :param max_sites: largest number of sites.
    :param disordered: whether sites may be shared or partially occupied.
    :raises LimapError: if it has no sites, its cell no volume, or a coordinate is not finite.
    :raises StructureTooLargeError: if there are more sites than ``max_sites``, or the cell is nearly empty.
    :raises NoMobileIonError: if the mobile element is absent.
    :raises DisorderedStructureError: if a site is shared or partially occupied.
    :raises OverlappingSitesError: if two sites, images included, are closer than any bond.
    """
    if len(structure) == 0:
        raise LimapError('the structure has no sites')
    if not (np.isfinite(structure.lattice.matrix).all() and np.isfinite(structure.frac_coords).all()):
        raise LimapError(f'{structure.formula}: a lattice vector or a coordinate is not a finite number')
    name = structure.composition.reduced_formula
    _check_cell(structure, name)
    if len(structure) > max_sites:
        raise StructureTooLargeError(f'{name}: {len(structure)} sites are more than the limit of {max_sites}')
    if mobile_element is not None and mobile_element not in {
        element.symbol for element in structure.composition.elements
    }:
        raise NoMobileIonError(f'{name} holds no {mobile_element}')
    if not disordered and not is_ordered(structure):
        index, site = next(
            (index, site)
            for index, site in enumerate(structure)
            if len(site.species) != 1 or abs(site.species.num_atoms - 1) >= _FULL
        )
        raise DisorderedStructureError(
            f'{name}: site {index} is {site.species_string}, shared or partially occupied; use an ordered approximation'
        )
    _check_distances(structure, name)


def _check_cell(structure: Structure, name: str) -> None:
    cell = structure.lattice.matrix
    with np.errstate(over='ignore', invalid='ignore'):
        volume = abs(float(np.linalg.det(cell)))
    if volume > MAX_VOLUME_PER_SITE * len(structure) or not np.isfinite(volume):
        raise StructureTooLargeError(
            f'{name}: the cell has {volume:.3g} Å³ for {len(structure)} sites; it is nearly empty, look at its lengths'
        )
    if volume < MIN_VOLUME_PER_SITE * len(structure):
        raise LimapError(f'{name}: the cell has no volume; its vectors lie in one plane or on one line')


def _check_distances(structure: Structure, name: str) -> None:
    # A shared site counts as the element that is there most often.
    symbols = [max(site.species.items(), key=lambda entry: entry[1])[0].symbol for site in structure]
    occupancies = np.array([site.species.num_atoms for site in structure])
    radii = np.array([covalent_radius(symbol) for symbol in symbols])
    reach = 2 * OVERLAP_FRACTION * float(radii.max())
    # Self-images count: in a very short cell an atom overlaps with its own copy.
    first, second, _, distances = structure.get_neighbor_list(reach, exclude_self=True)
    excess = distances - OVERLAP_FRACTION * (radii[first] + radii[second])
    # Split positions exclude each other: they do not overlap as long as no two of them are occupied at once.
    exclusive = (first != second) & (occupancies[first] + occupancies[second] < 1 + _FULL)
    excess = np.where(exclusive, 0.0, excess)
    if excess.size and excess.min() < 0:
        worst = int(excess.argmin())
        i, j = sorted((int(first[worst]), int(second[worst])))
        pair = f'an image of site {i} ({symbols[i]})' if i == j else f'site {j} ({symbols[j]})'
        raise OverlappingSitesError(
            f'{name}: site {i} ({symbols[i]}) and {pair} are {distances[worst]:.2f} Å apart, closer than any bond'
        )
