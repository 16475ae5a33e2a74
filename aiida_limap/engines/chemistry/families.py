"""The structure family of a crystal: garnet, NASICON, perovskite … by comparison with the embedded prototypes.

A *family* here is the family of a literature prototype of the embedded library (:mod:`.prototypes`). A structure
belongs to it if one of these holds, tried in this order:

1. ``whole structure``: pymatgen's ``StructureMatcher`` lays the structure onto the prototype, lithium onto lithium,
   anions onto anions, and the elements of the other cations onto those of the prototype; several elements may share one
   of the prototype, as Zr and Ta in a garnet.
2. ``framework without Li``: the same after lithium is taken out of both: its content and order vary within a family.
3. ``network``: the bonds between cations and anions join as in the prototype, as their coordination sequences of six
   shells say (:mod:`.networks`). It knows tilted, distorted and differently ordered members: perovskites by their
   octahedra, whatever is between them; rock salts and other close packings by all cations together.
   ``family_networks.yaml`` holds the list.

Everything else is ``unknown``: no family is guessed from a formula.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from aiida_limap.engines.chemistry.family_references import (
    ANION,
    LITHIUM,
    NetworkReference,
    Reference,
    crystal_references,
    networks,
)
from aiida_limap.engines.chemistry.networks import BondNetwork
from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['UNKNOWN', 'Family', 'find_families', 'find_family']

UNKNOWN = 'unknown'
WHOLE, FRAMEWORK, NETWORK = 'whole structure', 'framework without Li', 'network'

#: Tolerances of StructureMatcher: lengths (relative), sites (over the cube root of volume per site), angles (degree).
LENGTH_TOLERANCE, SITE_TOLERANCE, ANGLE_TOLERANCE = 0.2, 0.3, 5.0
#: A match whose sites differ more than this, root mean square over the cube root of volume per site, is none. Without
#: lithium fewer sites are left to tell packings of isolated tetrahedra apart.
MOST_RMS = {WHOLE: 0.2, FRAMEWORK: 0.125}
#: Longest over shortest bond of a cation; a network may be met with any of them.
RATIOS = (1.3, 1.2, 1.4)
#: More sites take too long to compare.
MAX_SITES = 300
#: Octahedra that share edges make angles of 90 degree at oxygen, those that share corners more than this.
_WIDEST_OF_EDGES = 120.0
_MOST_ELEMENTS = 8
_MOST_TRIED = 5
_HALIDES = frozenset({'F', 'Cl', 'Br', 'I'})
_CHALCOGENS = frozenset({'S', 'Se', 'Te'})
_OTHER_ANIONS = frozenset({'N', 'P', 'As', 'Sb', 'Bi', 'H'})


@dataclass(frozen=True)
class Family:
    """The family of one structure.

    :param family: its name, as the library has it, or ``unknown``.
    :param prototype: the prototype (or the network of ``family_networks.yaml``) that it matches; None for ``unknown``.
    :param rms: root mean square distance of the matched sites over the cube root of the volume per site; None where no
        sites were laid onto each other: for a ``network`` and for ``unknown``.
    :param matched: ``whole structure``, ``framework without Li``, ``network``, or empty for ``unknown``.
    :param tried: for ``unknown``, the prototypes of fitting composition that did not match, those with most elements in
        common first.
    :param reason: why nothing was found, in words; empty where something was.
    """

    family: str
    prototype: str | None = None
    rms: float | None = None
    matched: str = ''
    tried: tuple[str, ...] = ()
    reason: str = ''

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {'tried': list(self.tried)}


@dataclass
class _Search:
    """What is known of the structure at hand, and until when to look."""

    structure: Structure
    ends: float
    tried: list[str]

    @property
    def late(self) -> bool:
        return time.thread_time() > self.ends


def find_family(structure: Structure, *, time_limit_s: float = 20.0) -> Family:
    """Return the family of a crystal.

    :param structure: the crystal; oxidation states are not used. Sites that are shared are given to their most abundant
        cation other than lithium, empty ones to lithium, so that disordered frameworks are compared too.
    :param time_limit_s: no comparison is begun after this time of the processor, so that the load of the machine does
        not decide.
    :returns: the family, or ``unknown`` with the reason and the prototypes that were tried.
    :raises InputError: if the time is not positive.
    """
    if not time_limit_s > 0:
        raise InputError(f'time_limit_s must be positive, not {time_limit_s}.')
    if len(structure) > MAX_SITES:
        return Family(UNKNOWN, reason=f'{len(structure)} sites are more than the {MAX_SITES} that are compared')
    plain = _plain(structure)
    symbols = set(plain.symbol_set)
    if ANION not in symbols or len(symbols) == 1:
        return Family(UNKNOWN, reason='no cations or no anions were recognised')
    if len(symbols) > _MOST_ELEMENTS:
        return Family(UNKNOWN, reason=f'more than {_MOST_ELEMENTS - 1} kinds of cations')
    search = _Search(plain, time.thread_time() + time_limit_s, [])
    for found in (_matched(search, True), _matched(search, False), _network(search)):
        if found is not None:
            return found
    tried = tuple(dict.fromkeys(search.tried))[:_MOST_TRIED]
    if search.late:
        return Family(UNKNOWN, tried=tried, reason=f'not done within {time_limit_s:g} s of the processor')
    why = 'no prototype of fitting composition matches' if tried else 'no prototype has such a composition'
    return Family(UNKNOWN, tried=tried, reason=why)


def find_families(
    structures: Sequence[Structure],
    *,
    processes: int = 1,
    time_limit_s: float = 20.0,
    on_progress: Callable[[int], None] | None = None,
) -> list[Family]:
    """Return the families of many crystals, in their order.

    :param structures: the crystals.
    :param processes: how many to compare at a time, each in a process of its own; 1 stays in this one.
    :param time_limit_s: as in :func:`find_family`, for each structure.
    :param on_progress: called with 1 after each structure.
    :raises InputError: if ``processes`` is less than 1.
    """
    if processes < 1:
        raise InputError(f'processes must be at least 1, not {processes}.')
    if processes == 1 or len(structures) < 2 * processes:
        return list(_counted((find_family(one, time_limit_s=time_limit_s) for one in structures), on_progress))
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial
    from multiprocessing import get_context

    # A process that is forked from one with threads may hang.
    with ProcessPoolExecutor(processes, mp_context=get_context('spawn')) as pool:
        found = pool.map(partial(find_family, time_limit_s=time_limit_s), structures, chunksize=8)
        return list(_counted(found, on_progress))


def _counted(found: Iterable[Family], on_progress: Callable[[int], None] | None) -> Iterator[Family]:
    for family in found:
        if on_progress is not None:
            on_progress(1)
        yield family


def _plain(structure: Structure) -> Structure:
    """Return the crystal with one element on each site and one symbol for all anions."""
    from pymatgen.core import Structure

    symbols = {species.symbol for site in structure for species in site.species}
    if symbols & {'O', 'F'}:
        anions = _HALIDES | {'O'}
    elif symbols & (_HALIDES | _CHALCOGENS):
        anions = _HALIDES | _CHALCOGENS
    else:
        # A pnictide or hydride: of several the most electronegative.
        anions = frozenset(sorted(symbols & _OTHER_ANIONS, key=_electronegativity)[-1:])
    names = [_name(site.species, anions) for site in structure]
    return Structure(structure.lattice, names, structure.frac_coords)


def _electronegativity(symbol: str) -> float:
    from pymatgen.core import Element

    return float(Element(symbol).X)


def _name(species: Any, anions: Iterable[str]) -> str:
    amounts: Counter[str] = Counter()
    for element, amount in species.items():
        amounts[ANION if element.symbol in anions else element.symbol] += amount
    others = {symbol: amount for symbol, amount in amounts.items() if symbol != LITHIUM}
    if not others:
        return LITHIUM
    # A site that lithium shares with a little of another ion, as Li and Al of a garnet, is a site of lithium.
    largest = max(others, key=lambda symbol: others[symbol])
    return largest if others[largest] >= min(0.3, amounts[LITHIUM]) else LITHIUM


def _matched(search: _Search, whole: bool) -> Family | None:
    """Return the family whose prototype lies closest to the structure, or None."""
    structure = search.structure
    if not whole:
        structure = structure.copy()
        structure.remove_species([LITHIUM])
        if set(structure.symbol_set) == {ANION}:
            return None
    counts = {symbol: int(number) for symbol, number in structure.composition.get_el_amt_dict().items()}
    cells: dict[tuple[tuple[str, str], ...], Structure] = {}
    best: tuple[float, Reference] | None = None
    done: set[str] = set()
    for reference in sorted(crystal_references(whole), key=lambda one: -len(set(one.counts) & set(counts))):
        if reference.structure_type in done:
            continue
        for names in _assignments(counts, reference.counts):
            if search.late:
                return None
            key = tuple(sorted(names.items()))
            if key not in cells:
                cells[key] = _renamed(structure, names)
            rms = _distance(reference.structure, cells[key], MOST_RMS[WHOLE if whole else FRAMEWORK])
            if rms is not None and (best is None or rms < best[0]):
                best = rms, reference
            if rms is not None:
                done.add(reference.structure_type)
            else:
                search.tried.append(reference.prototype)
    if best is None:
        return None
    rms, reference = best
    return Family(reference.family, reference.prototype, round(rms, 4), WHOLE if whole else FRAMEWORK)


def _assignments(counts: dict[str, int], wanted: Any) -> Iterator[dict[str, str]]:
    """Yield the ways to give each cation a name of the reference so that the compositions are the same."""
    factor = Fraction(counts[ANION], wanted[ANION])
    if counts.get(LITHIUM, 0) != factor * wanted.get(LITHIUM, 0):
        return
    cations = [symbol for symbol in counts if symbol not in {ANION, LITHIUM}]
    names = [symbol for symbol in wanted if symbol not in {ANION, LITHIUM}]
    if sum(counts[symbol] for symbol in cations) != factor * sum(wanted[name] for name in names):
        return
    for chosen in itertools.product(names, repeat=len(cations)):
        found: Counter[str] = Counter()
        for symbol, name in zip(cations, chosen, strict=True):
            found[name] += counts[symbol]
        if all(found[name] == factor * wanted[name] for name in names):
            yield dict(zip(cations, chosen, strict=True))


def _renamed(structure: Structure, names: dict[str, str]) -> Structure:
    renamed = structure.copy()
    renamed.replace_species(names)
    return renamed.get_primitive_structure()


def _distance(reference: Structure, structure: Structure, most: float) -> float | None:
    """Return how far apart two crystals of equal elements are, or None where they do not match within ``most``."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    # Both cells are primitive; to look for supercells costs seconds and finds what the networks find.
    if len(reference) != len(structure):
        return None
    matcher = StructureMatcher(LENGTH_TOLERANCE, SITE_TOLERANCE, ANGLE_TOLERANCE, primitive_cell=False)
    found = matcher.get_rms_dist(reference, structure)
    return None if found is None or found[0] > most else float(found[0])


def _network(search: _Search) -> Family | None:
    """Return the family whose network of bonds the structure has, or None."""
    structure = search.structure
    counts = {symbol: int(number) for symbol, number in structure.composition.get_el_amt_dict().items()}
    bonds = BondNetwork.of(structure, ANION)
    for reference in networks():
        for elements, ratio in itertools.product(_choices(counts, reference), RATIOS):
            if search.late:
                return None
            if not _has_network(bonds, elements, ratio, reference):
                continue
            family = reference.family
            if reference.layers is not None and _is_layered(bonds, elements - {LITHIUM}, ratio):
                family = reference.layers
            return Family(family, reference.prototype, None, NETWORK)
    return None


def _choices(counts: dict[str, int], reference: NetworkReference) -> Iterator[frozenset[str]]:
    """Yield the sets of cations of which there are as many as the network has."""
    cations = [symbol for symbol in counts if symbol != ANION and (reference.lithium or symbol != LITHIUM)]
    wanted = reference.cations_per_anion * counts[ANION]
    sizes = [len(cations)] if reference.everything else range(1, len(cations) + 1)
    for size in sizes:
        for elements in itertools.combinations(cations, size):
            others = sum(counts.values()) - counts[ANION] - sum(counts[symbol] for symbol in elements)
            most = reference.others_per_cation
            if sum(counts[symbol] for symbol in elements) == wanted and (most is None or others <= most * wanted):
                yield frozenset(elements)


def _has_network(bonds: BondNetwork, elements: frozenset[str], ratio: float, reference: NetworkReference) -> bool:
    found = bonds.coordinations(elements, ratio)
    total = sum(found.values())
    if {number: Fraction(count, total) for number, count in found.items()} != reference.coordinations:
        return False
    if bonds.sequences(elements, ratio) != reference.sequences:
        return False
    if reference.mean_angle is None:
        return True
    least, largest = reference.mean_angle
    return bool(least <= bonds.angles(elements, ratio).mean() <= largest)


def _is_layered(bonds: BondNetwork, cations: frozenset[str], ratio: float) -> bool:
    """Whether the cations make layers of octahedra that share edges, as in alpha-NaFeO2, and not corners."""
    if not cations or bonds.directions(cations, ratio) != 2:
        return False
    return bool(bonds.angles(cations, ratio).max() < _WIDEST_OF_EDGES)
