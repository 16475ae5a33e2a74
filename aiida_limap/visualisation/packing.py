"""Structures as a page holds them: as plain numbers for a viewer, or packed where there are many."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from aiida_limap.formats.structures import StructureRecord
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['LOOK_ALIKES', 'MAX_INLINE', 'MAX_POINTS', 'page_structures']

#: Up to so many points a page opens faster with structures as plain numbers; beyond, it becomes too large for them.
MAX_INLINE = 20_000
#: What a browser of today opens.
MAX_POINTS = 100_000
#: Decimals of coordinates, Å: finer than any screen shows.
DECIMALS = 4
#: chemiscope and its plotting library read some strings as markup. Their texts get look-alikes of the characters that
#: markup needs; the side panel shows the texts as they are.
LOOK_ALIKES = str.maketrans({'<': '‹', '>': '›', '&': '＆', '"': '”', "'": '’', '`': '’', '\\': '⧵'})
_STEPS = 65_536


def page_structures(records: Sequence[StructureRecord], *, max_inline: int = MAX_INLINE) -> dict[str, Any]:
    """Return the structures of a page.

    Up to ``max_inline`` of them have the form that chemiscope reads. Of more each is ``{'size': n, 'data': text}`` with
    base64 of the cell (nine numbers of single precision, Å), n numbers of elements (``<u2``, places in the list
    ``elements``) and 3 n fractional coordinates (``<u2``, in parts of 65 536), all with the lowest byte first.

    :param records: the structures.
    :param max_inline: how many are written as plain numbers at most.
    :returns: ``structures``, and where they are packed ``packed`` with the list ``elements``, else None.
    :raises VisualisationError: if there are more than :data:`MAX_POINTS`.
    """
    if len(records) > MAX_POINTS:
        raise VisualisationError(
            f'the map has {len(records)} points, but a page holds up to {MAX_POINTS}, which a browser can open; draw '
            'figures of the whole map, or make pages of maps of parts of its dataset'
        )
    if len(records) <= max_inline:
        return {'structures': [_inline(record) for record in records], 'packed': None}
    places: dict[str, int] = {}
    structures = [_packed(record, places) for record in records]
    return {'structures': structures, 'packed': {'elements': list(places)}}


def _names(record: StructureRecord) -> list[str]:
    """Return one element per site, the most frequent one, as viewers draw one; the panel says where sites are mixed."""
    return [max(site, key=lambda element: site[element]).translate(LOOK_ALIKES) for site in record.species]


def _inline(record: StructureRecord) -> dict[str, Any]:
    positions = np.round(record.positions @ record.cell, DECIMALS)
    return {
        'size': len(record.species),
        'names': _names(record),
        **{axis: positions[:, column].tolist() for column, axis in enumerate('xyz')},
        'cell': np.round(record.cell, DECIMALS).ravel().tolist(),
    }


def _packed(record: StructureRecord, places: dict[str, int]) -> dict[str, Any]:
    elements = [places.setdefault(name, len(places)) for name in _names(record)]
    fractions = np.rint(np.asarray(record.positions, dtype=np.float64) * _STEPS).astype(np.int64) % _STEPS
    content = b''.join(
        np.asarray(part, dtype=dtype).tobytes()
        for part, dtype in ((record.cell, '<f4'), (elements, '<u2'), (fractions, '<u2'))
    )
    return {'size': len(elements), 'data': base64.b64encode(content).decode()}
