"""Phonon quantities as a block of descriptors, beside composition and structure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.calculations._phonon_tables import feature_arrays
from aiida_limap.common.layouts import PHONONS_PART
from aiida_limap.common.phonons import BLOCKS
from aiida_limap.common.status import Status
from aiida_limap.data.table import TableData
from aiida_limap.formats._files import checksum

__all__ = ['DEFAULT_PHONON_COLUMNS', 'check_phonon_columns', 'other_phonons', 'rows_with_phonons', 'with_phonons']

#: Band centres, width and first peak; thermal band centres from 10 to 990 K; the density of states of the mobile ion.
DEFAULT_PHONON_COLUMNS = (
    'mobile_band_centre_THz',
    'total_band_centre_THz',
    'mobile_width_THz',
    'mobile_first_peak_THz',
    'mobile_band_centres_THz',
    'mobile_dos',
)
#: Options of the phonon quantities without which their numbers mean something else.
_MEANING = ('mobile', 'smearing_THz')
#: What the columns of a vector may stand for, and the unit of that.
_AXES = {'temperatures_K': 'K', 'frequencies_THz': 'THz'}
_OK = str(Status.OK)


def check_phonon_columns(phonons: TableData, names: Sequence[str]) -> str | None:
    """Return why columns of a table of phonon quantities cannot be a block of descriptors, or None.

    :param phonons: the table.
    :param names: names of columns of numbers, and of blocks.
    :returns: a sentence or None.
    """
    if not names:
        return 'phonon_columns: the list is empty; name columns or blocks of the table of phonon quantities'
    try:
        feature_arrays(phonons, names)
    except ValueError as error:
        return f'phonons: {error}'
    return None


def other_phonons(phonons: TableData, expected: Mapping[str, Any]) -> str | None:
    """Return why a table of phonon quantities holds other numbers than those that a model reads, or None.

    :param phonons: the table, with the columns that the model reads.
    :param expected: what the model says of its phonons.
    :returns: a sentence or None.
    """
    found, _ = _block(phonons, expected['columns'])
    if found['checksum'] == expected['checksum']:
        return None
    return (
        f'phonons: they are other numbers than those of the model, which reads {", ".join(expected["columns"])} with '
        f'{expected["options"]}, but these have {found["options"]} (checksum {expected["checksum"][:8]}, found '
        f'{found["checksum"][:8]}); compute the phonons with the options of the model'
    )


def rows_with_phonons(phonons: TableData, names: Sequence[str]) -> dict[str, str]:
    """Return which rows of a table of phonon quantities cannot be used, and why.

    :param phonons: the table.
    :param names: names of columns of numbers, and of blocks.
    :returns: by id a clause; empty for rows that can be used.
    :raises ValueError: as :func:`~aiida_limap.calculations._phonon_tables.feature_arrays`.
    """
    arrays = feature_arrays(phonons, names)
    ids = arrays.pop('ids').tolist()
    complete = {name: np.isfinite(values.reshape(len(ids), -1)).all(axis=1) for name, values in arrays.items()}
    status = phonons.column('status').tolist() if 'status' in phonons.column_names else [_OK] * len(ids)
    messages = phonons.column('message').tolist() if 'message' in phonons.column_names else [''] * len(ids)
    found = {}
    for row, identifier in enumerate(ids):
        lacking = [name for name, known in complete.items() if not known[row]]
        reason = f'its phonons have no {", ".join(lacking)}' if lacking else ''
        if status[row] != _OK:
            reason = f'its phonons have the status {status[row]}' + (f': {messages[row]}' if messages[row] else '')
        found[identifier] = reason
    return found


def with_phonons(descriptors: TableData, phonons: TableData, names: Sequence[str]) -> TableData:
    """Return a descriptor table with one more block, ``phonons``.

    Rows are joined by the structure. A structure without complete phonons is not filled up: its row has no numbers in
    the block, the status ``no_phonons`` and a reason.

    :param descriptors: a table of descriptors.
    :param phonons: a table of phonon quantities.
    :param names: columns of numbers and blocks of ``phonons``, side by side in this order.
    :returns: the unstored table. The block says what its columns are (``labels``, ``units``, ``meanings``), which of
        them share a scale (``scales``), and has a ``checksum`` of all that.
    :raises ValueError: if ``phonons`` has no such columns, or no described structure has phonons.
    """
    names = list(dict.fromkeys(names))
    reasons = rows_with_phonons(phonons, names)
    info, values = _block(phonons, names)
    ids = descriptors.ids
    block = np.full((len(ids), values.shape[1]), np.nan)
    columns = {name: descriptors.column(name).tolist() for name in descriptors.column_names}
    status = columns.get('status', [_OK] * len(ids))
    message = columns.get('message', [''] * len(ids))
    n_left_out = 0
    for row, identifier in enumerate(ids):
        reason = reasons.get(identifier, 'the table of phonons has no row of it')
        if not reason:
            block[row] = values[phonons.position(identifier)]
        elif status[row] == _OK:
            status[row], message[row] = str(Status.NO_PHONONS), reason
            n_left_out += 1
    n_used = status.count(_OK)
    if not n_used:
        raise ValueError(
            f'none of the {len(ids)} structures has both descriptors and phonons; phonons are joined by the structure '
            'node, so compute them for this dataset, or draw the map of the dataset that has them'
        )
    counts = {'columns': names, 'checksum': info['checksum'], 'n_used': n_used, 'n_left_out': n_left_out}
    blocks = {name: descriptors.block(name) for name in descriptors.block_names if name != PHONONS_PART}
    return TableData.from_arrays(
        ids,
        {**columns, 'status': status, 'message': message},
        column_info={entry['name']: {key: entry[key] for key in ('unit', 'description')} for entry in descriptors.info},
        blocks={**blocks, PHONONS_PART: block},
        block_info={**{name: descriptors.block_info(name) for name in blocks}, PHONONS_PART: info},
        metadata={**descriptors.metadata, PHONONS_PART: counts},
    )


def _columns_of(phonons: TableData, name: str) -> list[dict[str, str]]:
    """Return name, unit and meaning of the columns of a vector, as descriptors tell those of a histogram.

    The name ends with the place on the axis, and the unit is that of the axis.
    """
    described, info = phonons.block_columns(name), phonons.block_info(name)
    axis = next((key for key in _AXES if len(info.get(key) or ()) == len(described)), None)
    if axis is None:
        return described
    unit, meaning = _AXES[axis], BLOCKS.get(name, (name.replace('_', ' '), '', ''))
    own = f' ({meaning[1]})' if meaning[1] else ''
    return [
        {'name': f'{name}_{value:g}', 'unit': unit, 'meaning': f'{meaning[0]}{own} at {value:g} {unit}'}
        for value in info[axis]
    ]


def _block(phonons: TableData, names: Sequence[str]) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Return what the columns of the block are, and their numbers for every row of the table of phonons."""
    described = {entry['name']: entry for entry in phonons.info}
    entries: list[Mapping[str, str]] = []
    values, ranges = [], {}
    for name in names:
        if name in phonons.block_names:
            found = _columns_of(phonons, name)
            values.append(phonons.block(name))
        else:
            found = [{'name': name, 'unit': described[name]['unit'], 'meaning': described[name]['description']}]
            values.append(phonons.column(name)[:, None])
        ranges[name] = [len(entries), len(entries) + len(found)]
        entries += found
    options = phonons.metadata.get('options') or {}
    info: dict[str, Any] = {
        'columns': list(names),
        'labels': [entry['name'] for entry in entries],
        'units': [entry['unit'] for entry in entries],
        'meanings': [entry['meaning'] for entry in entries],
        'options': {name: options[name] for name in _MEANING if name in options},
        'blocks': ranges,
        'scales': ranges,
    }
    told = {name: info[name] for name in ('columns', 'labels', 'units', 'options', 'blocks')}
    info['checksum'] = checksum(json.dumps(told, sort_keys=True, ensure_ascii=False).encode())
    return info, np.concatenate(values, axis=1).astype(np.float64)
