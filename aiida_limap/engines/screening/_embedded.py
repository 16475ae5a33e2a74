"""The embedded conductivities: facts of the literature, and the crystals that go with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from aiida_limap.engines.chemistry.prototypes import LibraryEntry, Prototype, load_prototypes
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._label_rows import LabelledRow, LabelledSet, label_of

__all__ = ['embedded_conductivities', 'embedded_structures', 'load_conductors']

_TABLE = Path(__file__).parent / 'conductivities.yaml'
_STRUCTURES = Path(__file__).parent / 'conductor_structures'
_NEEDED = {'id', 'formula', 'conductivity', 'temperature_K', 'doi', 'confirmed_by'}
_KNOWN = _NEEDED | {'space_group', 'structure', 'match_note', 'note'}
_COLLECTIONS = (
    'F. Therrien et al., Digital Discovery (2026), 10.1039/d5dd00441a',
    'C. J. Hargreaves et al., npj Comput. Mater. 9, 9 (2023), 10.1038/s41524-022-00951-z',
)


def load_conductors() -> tuple[Prototype, ...]:
    """Return the crystals of conductors that stand beside the prototype library, whose elements are not limited.

    :raises InputError: for a faulty entry.
    """
    return load_prototypes(_STRUCTURES, elements=None)


@cache
def _prototypes() -> dict[str, tuple[str, Prototype]]:
    """Return identifier and prototype by name, of the library and of the conductors."""
    named = {prototype.name: (f'limap-proto-{prototype.name}', prototype) for prototype in load_prototypes()}
    for prototype in load_conductors():
        if prototype.name in named:
            raise InputError(f'The prototype name {prototype.name!r} stands in the library and among the conductors.')
        named[prototype.name] = (f'limap-conductor-{prototype.name}', prototype)
    return named


@cache
def _rows() -> tuple[Mapping[str, Any], ...]:
    rows = tuple(yaml.safe_load(_TABLE.read_text(encoding='utf-8')))
    for row in rows:
        wrong = sorted((set(row) - _KNOWN) | (_NEEDED - set(row)))
        if wrong:
            raise InputError(f'{_TABLE.name}: the row {row.get("id")} has an unknown or missing key {wrong[0]!r}.')
    return rows


def embedded_conductivities(structures: bool = True) -> LabelledSet:
    """Return the embedded conductivities.

    Each value stands with its DOI in a collection that the column ``note`` names.

    :param structures: whether to build the crystals too, which takes a moment.
    :returns: the rows, fast conductors first.
    """
    return LabelledSet(tuple(_labelled(row, structures) for row in _rows()), (), 'embedded', _COLLECTIONS)


def embedded_structures() -> dict[str, LibraryEntry]:
    """Return the crystals of the embedded conductivities with their citations, by the id of the row."""
    return {
        row['id']: LibraryEntry.of_prototype(*_prototypes()[row['structure']]) for row in _rows() if 'structure' in row
    }


def _labelled(row: Mapping[str, Any], structures: bool) -> LabelledRow:
    text = str(row['conductivity'])
    bound = '<' if text.startswith('<') else ''
    value = float(text.removeprefix('<'))
    words: dict[str, Any] = {}
    if structures and 'structure' in row:
        prototype = _prototypes()[row['structure']][1]
        same_group = row.get('space_group') == prototype.space_group_number
        notes = [
            f'prototype {prototype.name}, {prototype.space_group_symbol}, {prototype.coordinates} coordinates',
            row.get('match_note', ''),
        ]
        words = {
            'structure': prototype.structure(),
            'match': 'formula, structure type and space group' if same_group else 'formula and structure type',
            'match_note': '; '.join(note for note in notes if note),
        }
    collection, _, identifier = row['confirmed_by'].partition(' ')
    return LabelledRow(
        id=row['id'],
        composition=row['formula'],
        label=label_of(value, bound),
        conductivity_S_per_cm=value,
        bound=bound,
        temperature_K=float(row['temperature_K']),
        space_group=row.get('space_group'),
        citation=row['doi'],
        collection='aiida-limap',
        note='; '.join(part for part in (f'as in {collection}, row {identifier}', row.get('note', '')) if part),
        **words,
    )
