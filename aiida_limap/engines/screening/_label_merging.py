"""Several measurements of one compound: merged, kept or refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._label_rows import LabelledRow, composition_key, label_of

__all__ = ['DUPLICATES', 'merge_duplicates']

#: What is done with several rows of one compound.
DUPLICATES = ('merge', 'keep', 'refuse')


def merge_duplicates(rows: Iterable[LabelledRow], how: str = 'merge') -> tuple[LabelledRow, ...]:
    """Bring several rows of one compound together.

    Rows speak of one compound where composition, space group (as far as the source gives it) and kind are the same.
    ``merge`` makes one row of them with the median of the logarithms of the conductivities, the label that follows from
    it, all citations, and a note that tells the range; ``keep`` leaves them; ``refuse`` raises an error.

    :param rows: the rows.
    :param how: one of :data:`DUPLICATES`.
    :returns: the rows in the order in which the compounds come first.
    :raises InputError: for another word, for duplicates with ``refuse``, or if labels without conductivities
        contradict each other.
    """
    if how not in DUPLICATES:
        raise InputError(f'Duplicates can be treated by {", ".join(DUPLICATES)}, not by {how!r}.')
    if how == 'keep':
        return tuple(rows)
    groups: dict[tuple[Any, ...], list[LabelledRow]] = {}
    for row in rows:
        key = (composition_key(row.pymatgen_composition), row.space_group, row.kind)
        groups.setdefault(key, []).append(row)
    for group in groups.values():
        if len(group) > 1 and how == 'refuse':
            names = ', '.join(row.id for row in group)
            raise InputError(f'The rows {names} all speak of {group[0].formula}; remove all but one, or merge them.')
    return tuple(_merged(group) if len(group) > 1 else group[0] for group in groups.values())


def _merged(group: Sequence[LabelledRow]) -> LabelledRow:
    first = next((row for row in group if row.structure is not None), group[0])
    values = np.array([row.conductivity_S_per_cm for row in group])
    known = values[~np.isnan(values)]
    labels = {row.label for row in group}
    if not known.size and len(labels) > 1:
        raise InputError(
            f'The rows {", ".join(row.id for row in group)} speak of {first.formula} but have contradicting labels; '
            'remove those that are wrong.'
        )
    citations = '; '.join(dict.fromkeys(part for row in group for part in row.citation.split('; ') if part))
    notes = [row.note for row in group if row.note]
    merged = replace(first, id=group[0].id, citation=citations)
    if not known.size:
        return replace(merged, note='; '.join(dict.fromkeys([f'{len(group)} rows with one label', *notes])))
    median = float(np.exp(np.median(np.log(known))))
    bound = '<' if all(row.bound for row in group) else ''
    fast = sum(row.label for row in group)
    told = f'median of {known.size} values from {known.min():.3g} to {known.max():.3g} S/cm, {fast} of them fast'
    return replace(
        merged,
        conductivity_S_per_cm=median,
        bound=bound,
        label=label_of(median, bound),
        temperature_K=float(np.mean([row.temperature_K for row in group])),
        note='; '.join(dict.fromkeys([told, *notes])),
    )
