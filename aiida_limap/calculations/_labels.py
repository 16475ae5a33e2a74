"""Tables of measured conductivities, and of the features that labels are learnt from, as inputs of jobs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_limap.data.table import TableData

__all__ = ['LAYOUT', 'check_features', 'check_labels', 'label_arrays', 'labelled_structures']

#: The descriptor layout that the models of a screening read.
LAYOUT = 'screening'
_LABEL = 'label'
_STRUCTURE = 'structure_uuid'


def check_labels(table: TableData) -> str | None:
    """Return what is wrong with a table of labels, or None.

    :param table: the table.
    :returns: a sentence or None.
    """
    numbers = [entry['name'] for entry in table.info if entry['kind'] == 'number']
    if _LABEL not in numbers:
        return (
            f'labels: the table has no column of numbers {_LABEL!r} (1 fast, 0 slow); give one that `aiida-limap '
            'import conductivities` made'
        )
    found = table.column(_LABEL)
    known = found[np.isfinite(found)]
    wrong = sorted(set(known.tolist()) - {0.0, 1.0})
    if wrong:
        return f'labels: a label is 1 (fast) or 0 (slow), not {wrong[0]:g}'
    if not known.size:
        return 'labels: no row of the table has a label'
    if len(set(known.tolist())) == 1:
        word = 'fast' if known[0] else 'slow'
        return f'labels: all {known.size} labelled rows are {word}; a model needs fast and slow compounds to learn from'
    return None


def check_features(table: TableData) -> str | None:
    """Return what is wrong with the features of structures, or None.

    :param table: the table.
    :returns: a sentence or None.
    """
    for part in ('composition', 'structure'):
        if part not in table.block_names:
            return (
                f'descriptors: the table has no block {part!r}; give the table of a limap.descriptors calculation with '
                f'the layout {LAYOUT}'
            )
    if table.counts_by_status and 'ok' not in table.counts_by_status:
        return f'descriptors: no structure of the table has features ({table.counts_by_status})'
    return None


def labelled_structures(table: TableData) -> list[str]:
    """Return the UUIDs of the structures that have a label, each once, in the order of the table.

    :param table: a table of labels.
    """
    arrays = label_arrays(table)
    known = arrays[_STRUCTURE][np.isfinite(arrays[_LABEL])].tolist()
    return list(dict.fromkeys(uuid for uuid in known if uuid))


def label_arrays(table: TableData) -> dict[str, NDArray]:
    """Return what a training reads of a table of labels.

    :param table: the table.
    :returns: ``ids`` (n,) of the rows: the UUID of the structure where there is one; ``structure_uuid`` (n,), empty
        where there is none; ``formula`` (n,), empty where it is not known; ``label`` (n,), NaN where it is not known.
    """
    ids = np.array(table.ids)
    names = table.column_names
    structures = table.column(_STRUCTURE) if _STRUCTURE in names else ids
    # A column without any word is one of numbers.
    if structures.dtype.kind != 'U':
        structures = np.full(ids.shape, '')
    formulas = table.column('formula') if 'formula' in names else np.full(ids.shape, '')
    return {
        'ids': np.where(structures == '', ids, structures),
        _STRUCTURE: structures,
        'formula': formulas,
        _LABEL: table.column(_LABEL),
    }
