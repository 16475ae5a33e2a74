"""Tables of phonon quantities as inputs of clustering: features, and labels that are joined by structure or formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_limap.calculations._labels import label_arrays
from aiida_limap.data.table import TableData

__all__ = [
    'DEFAULT_FEATURES',
    'DIFFUSIVITIES',
    'check_diffusivities',
    'diffusivity_rows',
    'feature_arrays',
    'joined',
    'label_rows',
]

#: The vector of thermal band centres that the publication clusters.
DEFAULT_FEATURES = ('mobile_band_centres_THz',)
#: Block of a table of diffusivities: one column per temperature, cm²/s.
DIFFUSIVITIES = 'diffusivity_cm2_per_s'
_TEMPERATURES = 'temperatures_K'
_FORMULA = 'formula'
_SOURCE_ID = 'source_id'


def feature_arrays(table: TableData, names: Sequence[str]) -> dict[str, NDArray]:
    """Return columns and blocks of a table by name, with the ids of its rows.

    :param table: a table of phonon quantities.
    :param names: names of columns of numbers, and of blocks.
    :returns: ``ids`` and (n,) or (n, m) numbers by name.
    :raises ValueError: if the table has no such column or block, or it holds words.
    """
    found: dict[str, NDArray] = {'ids': np.array(table.ids)}
    numbers = [entry['name'] for entry in table.info if entry['kind'] == 'number']
    for name in dict.fromkeys(names):
        if name in table.block_names:
            found[name] = table.block(name)
        elif name in numbers:
            found[name] = table.column(name)
        else:
            what = 'column of numbers or block' if name not in table.column_names else 'column of numbers'
            raise ValueError(f'the table has no {what} {name!r}; it has {", ".join([*table.block_names, *numbers])}')
    return found


def label_rows(phonons: TableData, labels: TableData) -> dict[str, NDArray]:
    """Return which compounds are known conductors.

    A row of the labels belongs to the compound with its structure; where there is none, to all compounds of its
    formula. A formula with labels of both kinds, such as those of two polymorphs, counts as a conductor.

    :param phonons: the table of phonon quantities.
    :param labels: a table of measured compounds, with the column ``label`` (1 fast, 0 slow).
    :returns: ``ids`` (m,) of the compounds that have a label, and ``conductor`` (m,).
    """
    arrays = label_arrays(labels)
    known = np.isfinite(arrays['label'])
    by_structure: dict[str, float] = {}
    by_formula: dict[str, float] = {}
    rows = zip(arrays['ids'][known], arrays['formula'][known], arrays['label'][known], strict=True)
    for identifier, formula, label in rows:
        for key, found in ((str(identifier), by_structure), (str(formula), by_formula)):
            if key:
                found[key] = max(float(label), found.get(key, 0.0))
    values = [
        by_structure.get(identifier, by_formula.get(formula))
        for identifier, formula in zip(phonons.ids, _words(phonons, _FORMULA), strict=True)
    ]
    return joined(phonons.ids, {'conductor': values})


def joined(ids: Sequence[str], columns: Mapping[str, Sequence[float | None]]) -> dict[str, NDArray]:
    """Return the rows that have values.

    :param ids: ids of rows.
    :param columns: for each name one value or None per row; a row has values in all columns, or in none.
    :returns: ``ids`` and the columns of the rows with values.
    """
    kept = [row for row in range(len(ids)) if all(values[row] is not None for values in columns.values())]
    found = {'ids': np.array([ids[row] for row in kept], dtype=np.str_)}
    for name, values in columns.items():
        found[name] = np.array([values[row] for row in kept], dtype=np.float64)
    return found


def diffusivity_rows(phonons: TableData, diffusivities: TableData) -> dict[str, NDArray]:
    """Return the diffusivities of compounds.

    :param phonons: the table of phonon quantities.
    :param diffusivities: a table with the block ``diffusivity_cm2_per_s``; its rows are named like structures, or like
        the compounds at their source (the column ``source_id`` of the phonon quantities).
    :returns: ``ids`` (m,), ``temperatures_K`` (t,) and ``diffusivity_cm2_per_s`` (m, t).
    """
    block = diffusivities.block(DIFFUSIVITIES)
    place = {name: row for row, name in enumerate(diffusivities.ids)}
    rows, ids = [], []
    for identifier, source_id in zip(phonons.ids, _words(phonons, _SOURCE_ID), strict=True):
        row = place.get(identifier, place.get(source_id))
        if row is not None:
            rows.append(row)
            ids.append(identifier)
    temperatures = diffusivities.block_info(DIFFUSIVITIES)[_TEMPERATURES]
    return {
        'ids': np.array(ids, dtype=np.str_),
        _TEMPERATURES: np.array(temperatures, dtype=np.float64),
        DIFFUSIVITIES: block[rows].astype(np.float64),
    }


def check_diffusivities(table: TableData) -> str | None:
    """Return what is wrong with a table of diffusivities, or None.

    :param table: the table.
    :returns: a sentence or None.
    """
    if DIFFUSIVITIES not in table.block_names:
        return f'diffusivities: the table has no block {DIFFUSIVITIES!r}'
    temperatures = table.block_info(DIFFUSIVITIES).get(_TEMPERATURES)
    width = table.block(DIFFUSIVITIES).shape[1]
    if not isinstance(temperatures, list) or len(temperatures) != width:
        return f'diffusivities: the block {DIFFUSIVITIES!r} must tell the {width} temperatures_K of its columns'
    return None


def _words(table: TableData, name: str) -> list[str]:
    """Return a column of words; empty ones where there is none."""
    column = table.column(name) if name in table.column_names else np.zeros(0)
    return [str(word) for word in column.tolist()] if column.dtype.kind == 'U' else [''] * len(table)
