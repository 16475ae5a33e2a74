"""Structures that both our code and bvlain can take, so that a comparison is one of equal terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiida_limap.engines.chemistry.oxidation import assign_oxidation_states
from aiida_limap.engines.chemistry.structures import check_structure
from aiida_limap.engines.errors import LimapError
from benchmarks.common import Entry, choose

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['LARGE_SITES', 'comparable', 'decorated', 'sizes']

#: Cells from this number of sites on count as large.
LARGE_SITES = 30


def decorated(entry: Entry) -> Structure | None:
    """Return the structure with our oxidation states; None where bvlain has no parameters for them.

    :param entry: the structure.
    """
    try:
        check_structure(entry.structure)
        states = assign_oxidation_states(entry.structure).values
    except LimapError:
        return None
    structure = entry.structure.copy()
    structure.add_oxidation_state_by_site(list(states))
    for site in structure:
        symbol, state = site.specie.symbol, site.specie.oxi_state
        # Its table has rows for whole charges only; Li in another state than +1 would not be the mobile ion.
        if state != round(state) or (symbol == 'O' and state != -2) or (symbol == 'Li' and state != 1):
            return None
        if state < 0 and symbol != 'O':
            return None
    return structure


def comparable(entries: Sequence[Entry], count: int) -> list[tuple[Entry, Structure]]:
    """Choose structures evenly by rank of size among those that both codes take.

    Each that is unsuitable is replaced by the next one in size.

    :param entries: all structures.
    :param count: how many.
    :returns: entries and their structures with oxidation states.
    """
    ranked = sorted(entries, key=lambda entry: (len(entry.structure), entry.id))
    found: list[tuple[Entry, Structure]] = []
    used: set[str] = set()
    for wanted in choose(entries, count):
        place = next(index for index, entry in enumerate(ranked) if entry.id == wanted.id)
        for entry in (*ranked[place:], *reversed(ranked[:place])):
            if entry.id in used:
                continue
            used.add(entry.id)
            structure = decorated(entry)
            if structure is not None:
                found.append((entry, structure))
                break
    return sorted(found, key=lambda pair: (len(pair[1]), pair[0].id))


def sizes(entries: Sequence[Entry], count: int) -> list[tuple[Entry, Structure]]:
    """Choose comparable structures, three in five of them with :data:`LARGE_SITES` sites or more.

    :param entries: all structures.
    :param count: how many.
    :returns: entries and their structures with oxidation states, by ascending size.
    """
    small = [entry for entry in entries if len(entry.structure) < LARGE_SITES]
    large = [entry for entry in entries if len(entry.structure) >= LARGE_SITES]
    n_large = round(0.6 * count)
    return comparable(small, count - n_large) + comparable(large, n_large)
