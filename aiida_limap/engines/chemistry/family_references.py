"""What structures are compared with to find their family: prototypes, their frameworks without lithium, networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from aiida_limap.engines.chemistry.networks import BondNetwork, Sequence
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.formats._files import checksum

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['ANION', 'LITHIUM', 'NetworkReference', 'Reference', 'crystal_references', 'families_checksum', 'networks']

ANION = 'O'
LITHIUM = 'Li'
#: The bonds of the references are all but equal in length, so that any limit between the first and second shell does.
REFERENCE_RATIO = 1.3
_NETWORKS = Path(__file__).with_name('family_networks.yaml')


@dataclass(frozen=True)
class Reference:
    """A crystal to compare with: a prototype, or its framework without lithium, as a primitive cell of elements."""

    prototype: str
    family: str
    structure_type: str
    structure: Structure
    counts: Mapping[str, int]


@dataclass(frozen=True)
class NetworkReference:
    """A network of bonds that makes a family.

    :param sequences: share of cations with each coordination sequence.
    :param cations_per_anion: how many cations of the network stand for one anion.
    :param everything: whether all cations of a structure, lithium too, must belong to the network.
    :param lithium: whether lithium may be on sites of the network.
    :param others_per_cation: most cations beside the network for one of it; None for any number.
    :param mean_angle: least and largest mean angle cation-anion-cation, degree; None for any.
    :param layers: family where the bonds of the other cations alone make no framework but layers; None for the same.
    """

    name: str
    family: str
    prototype: str
    sequences: Mapping[Sequence, Fraction]
    cations_per_anion: Fraction
    everything: bool
    lithium: bool
    others_per_cation: float | None
    mean_angle: tuple[float, float] | None
    layers: str | None
    citation: str | None = None
    citation_status: str | None = None

    @property
    def coordinations(self) -> dict[int, Fraction]:
        """Share of cations with each number of anions."""
        shares: dict[int, Fraction] = {}
        for sequence, share in self.sequences.items():
            shares[sequence[0]] = shares.get(sequence[0], Fraction(0)) + share
        return shares


@cache
def crystal_references(whole: bool) -> tuple[Reference, ...]:
    """Return the crystals of the literature prototypes.

    :param whole: with lithium; False leaves it out, and the prototypes of which only oxygen is left.
    """
    references = []
    for prototype in load_prototypes():
        structure = prototype.structure()
        structure.remove_oxidation_states()
        if not whole:
            structure.remove_species([LITHIUM])
            if set(structure.symbol_set) == {ANION}:
                continue
        structure = structure.get_primitive_structure()
        counts = {symbol: int(number) for symbol, number in structure.composition.get_el_amt_dict().items()}
        references.append(
            Reference(prototype.name, prototype.family, prototype.structure_type, structure, counts),
        )
    return tuple(references)


@cache
def networks() -> tuple[NetworkReference, ...]:
    """Return the networks that make a family, in the order in which they are tried."""
    prototypes = {prototype.name: prototype for prototype in load_prototypes()}
    references = []
    for entry in yaml.safe_load(_NETWORKS.read_text(encoding='utf-8')):
        crystal = entry.get('crystal')
        structure = _bridged(crystal) if crystal else prototypes[entry['prototype']].structure()
        structure.remove_oxidation_states()
        everything = entry['cations'] == 'all'
        cations = set(structure.symbol_set) - {ANION} if everything else set(entry['cations'])
        n_cations = sum(site.specie.symbol in cations for site in structure)
        n_anions = sum(site.specie.symbol == ANION for site in structure)
        references.append(
            NetworkReference(
                name=entry['name'],
                family=entry['family'],
                prototype=entry.get('prototype', entry['name']),
                sequences=BondNetwork.of(structure, ANION).sequences(cations, REFERENCE_RATIO),
                cations_per_anion=Fraction(n_cations, n_anions),
                everything=everything,
                lithium=bool(entry.get('lithium', everything)),
                others_per_cation=entry.get('others_per_cation'),
                mean_angle=tuple(entry['mean_angle']) if 'mean_angle' in entry else None,
                layers=entry.get('layers'),
                citation=crystal['citation'] if crystal else None,
                citation_status=crystal['citation_status'] if crystal else None,
            )
        )
    return tuple(references)


def _bridged(crystal: Mapping[str, Any]) -> Structure:
    """Return a crystal of cations with an anion midway between each pair of the two named kinds within a distance.

    Lengths of its bonds mean nothing; which atoms are bonded does.
    """
    from pymatgen.core import Lattice, Structure

    lattice = crystal['lattice']
    symbols = [symbol for symbol, *_ in crystal['cations']]
    structure = Structure.from_spacegroup(
        crystal['space_group']['symbol'],
        Lattice.orthorhombic(lattice['a'], lattice['b'], lattice['c']),
        symbols,
        [position for _, *position in crystal['cations']],
    )
    first, second, longest = crystal['bridged']
    centres, neighbours, images, _ = structure.get_neighbor_list(longest)
    positions = structure.frac_coords
    for centre, neighbour, image in zip(centres, neighbours, images, strict=True):
        if structure[int(centre)].specie.symbol == first and structure[int(neighbour)].specie.symbol == second:
            structure.append(ANION, np.mean([positions[centre], positions[neighbour] + image], axis=0))
    return structure


@cache
def families_checksum() -> str:
    """Return a checksum of the prototypes, the networks and the code that compares.

    Where it is the same, so are the families of structures.
    """
    folder = Path(__file__).parent
    names = ('families.py', 'family_references.py', 'networks.py', 'prototypes.py', 'spacegroups.py')
    files = [*(folder / name for name in names), _NETWORKS, *sorted((folder / 'prototype_data').glob('*.yaml'))]
    return checksum(*(part for path in files for part in (path.name.encode(), path.read_bytes())))
