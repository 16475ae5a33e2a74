"""What people call a structure: its UUID or the start of it, the id of its source, or its formula."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import NDArray

__all__ = ['rows_by_name']

_SHORTEST_PREFIX = 6
_ID_KEYS = ('attributes.source.id', 'attributes.source.extras.counterpart')


def rows_by_name(text: str, uuids: Sequence[str], formulas: NDArray | None) -> list[str]:
    """Return the structures among those given that a text names.

    :param text: a UUID or its start, the id in the source database, the id of the counterpart in the Materials
        Project, or a formula in any order of elements.
    :param uuids: UUIDs of structures.
    :param formulas: (n,) their reduced formulas; None where nobody knows them.
    :returns: UUIDs in the order given; empty where nothing fits.
    """
    text = text.strip()
    if len(text) >= _SHORTEST_PREFIX:
        start = text.lower()
        by_uuid = [uuid for uuid in uuids if uuid.startswith(start)]
        if by_uuid:
            return by_uuid
    by_source = _uuids_by_source(text)
    chosen = [uuid for uuid in uuids if uuid in by_source]
    if chosen or formulas is None:
        return chosen
    formula = _reduced(text)
    return [] if formula is None else [uuid for uuid, word in zip(uuids, formulas, strict=True) if word == formula]


def _uuids_by_source(text: str) -> set[str]:
    """Return the UUIDs of all structures of the profile with this id of their source, by one query."""
    from aiida import orm

    if not text:
        return set()
    values: list[str | int] = [text]
    # A database may number its entries.
    if text.isdecimal():
        values.append(int(text))
    wanted = [{key: value} for key in _ID_KEYS for value in values]
    query = orm.QueryBuilder().append(orm.StructureData, filters={'or': wanted}, project='uuid')
    return set(query.all(flat=True))


def _reduced(text: str) -> str | None:
    from pymatgen.core import Composition

    try:
        return str(Composition(text).reduced_formula)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
