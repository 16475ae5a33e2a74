"""What an importer hands over, entry by entry: a new structure, one that is stored already, or a refusal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['Candidate', 'ImporterError', 'Known', 'Refusal', 'structure_md5']


class ImporterError(Exception):
    """Nothing can be imported; the message says why and what to do."""


@dataclass(frozen=True)
class Candidate:
    """A structure that is to be stored.

    :param structure: the pymatgen structure.
    :param source: where it came from: keys of ``aiida.orm.Data.source``; at least ``db_name``, ``id``, ``source_md5``.
    :param label: label of the node, e.g. the formula with the id.
    :param status: a word of :class:`aiida_limap.common.status.Status` that is known beforehand; ``disordered`` is found
        without being told.
    :param notes: sentences about it for the report.
    """

    structure: Structure
    source: Mapping[str, Any]
    label: str
    status: str = ''
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """A structure that is stored already, so that nothing needs to be downloaded or read.

    :param uuid: UUID of its node, as :func:`aiida_limap.importers.base.known_structures` gives it.
    :param source_id: its identifier at the source.
    """

    uuid: str
    source_id: str


@dataclass(frozen=True)
class Refusal:
    """An entry that was not imported, or something to know about it, with the reason.

    :param name: the file or identifier.
    :param reason: one sentence.
    """

    name: str
    reason: str


def structure_md5(structure: Structure) -> str:
    """Return an MD5 sum of cell and sites, for databases that give no file whose bytes could be summed.

    Lengths (Å), fractional coordinates (brought into the cell) and occupancies are rounded to 1e-6; oxidation states
    and other properties of sites do not count, since a structure node does not keep them.

    :param structure: the structure.
    :returns: 32 hexadecimal digits.
    """
    # Adding zero turns the negative zeros of rounding into plain ones.
    cell = (structure.lattice.matrix.round(6) + 0.0).tolist()
    sites = []
    for site in structure:
        amounts: dict[str, float] = {}
        for species, amount in site.species.items():
            amounts[species.symbol] = amounts.get(species.symbol, 0.0) + float(amount)
        position = (site.frac_coords % 1.0).round(6) % 1.0 + 0.0
        sites.append([{symbol: round(amounts[symbol], 6) for symbol in sorted(amounts)}, *position.tolist()])
    return hashlib.md5(json.dumps([cell, sites]).encode(), usedforsecurity=False).hexdigest()
