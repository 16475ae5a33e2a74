"""Densities of states as documents of the Materials Project hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import DisorderedStructureError, InputError
from aiida_limap.engines.phonons.dos import PhononDos
from aiida_limap.engines.phonons.errors import PhononSourceError
from aiida_limap.engines.phonons.sources import DosInput

__all__ = ['dos_from_document']


def dos_from_document(document: Any, identifier: str, *, structure: Any = None) -> DosInput:
    """Return the phonon density of states of a document.

    :param document: ``PhononDOS`` of emmet (what ``MPRester().materials.phonon.get_dos_from_material_id`` returns), a
        whole ``PhononBSDOSDoc`` or ``PhononBSDOSTask`` with its ``phonon_dos``, ``PhononDos`` or ``CompletePhononDos``
        of pymatgen, or one of them as a mapping. Frequencies are in THz, projections by site of the structure.
    :param identifier: name of the compound, e.g. ``mp-149``.
    :param structure: the structure of the projections, where the document holds none.
    :returns: the densities.
    :raises PhononSourceError: if there is no density, or projections and structure do not fit.
    :raises DisorderedStructureError: if sites of the structure are shared.
    """
    whole = _get(document, 'phonon_dos')
    if whole is not None:
        structure = _get(document, 'structure') if structure is None else structure
        document = whole
    frequencies, densities = _get(document, 'frequencies'), _get(document, 'densities')
    if frequencies is None or densities is None:
        raise PhononSourceError(f'{identifier}: the document holds no phonon density of states')
    crystal = _crystal(_get(document, 'structure') if structure is None else structure)
    projections: dict[str, NDArray[np.float64]] = {}
    counts: dict[str, int] = {}
    rows = _projections(document, crystal)
    if rows is not None and len(rows):
        symbols = _symbols(identifier, crystal)
        if len(symbols) != len(rows):
            raise PhononSourceError(
                f'{identifier}: there are densities of {len(rows)} sites, but the structure has {len(symbols)}'
            )
        for symbol, row in zip(symbols, rows, strict=True):
            column = np.asarray(row, dtype=np.float64)
            counts[symbol] = counts.get(symbol, 0) + 1
            if column.shape != np.shape(frequencies):
                raise PhononSourceError(f'{identifier}: a density of {symbol} is not as long as the frequencies')
            projections[symbol] = projections.get(symbol, np.zeros_like(column)) + column
    notes = () if projections else ('the document has no densities by site, so that nothing is known of one element',)
    try:
        dos = PhononDos(np.asarray(frequencies), np.asarray(densities), projections, counts)
    except (InputError, ValueError, TypeError) as error:
        raise PhononSourceError(f'{identifier}: {error}') from error
    return DosInput(identifier, dos, {'dos': f'document of {identifier}'}, notes)


def _get(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, Mapping) else getattr(document, name, None)


def _crystal(structure: Any) -> Any:
    if not isinstance(structure, Mapping):
        return structure
    from pymatgen.core import Structure

    return Structure.from_dict(structure)


def _projections(document: Any, structure: Any) -> list[Any] | None:
    """Return densities by site in the order of the structure; objects of pymatgen keep them by site."""
    rows = _get(document, 'projected_densities')
    rows = _get(document, 'pdos') if rows is None else rows
    if isinstance(rows, Mapping) and structure is not None:
        return [rows[site] for site in structure]
    return rows


def _symbols(identifier: str, structure: Any) -> list[str]:
    if structure is None:
        raise PhononSourceError(f'{identifier}: nothing tells whose the densities by site are; give the structure')
    if not structure.is_ordered:
        raise DisorderedStructureError(f'{identifier}: sites are shared by several species')
    return [site.specie.symbol for site in structure]
