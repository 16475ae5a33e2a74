"""Labelled sets: compounds with measured conductivities, one citation per row, and structures where there are some.

A small table of the literature is embedded (:func:`embedded_conductivities`). Collections are read from the files that
their publishers give (:func:`read_obelix`, :func:`read_liverpool`, :func:`read_laskowski`), tables of one's own by
:func:`read_labels`. :func:`match_structures` looks for crystals of the rows that have none.
"""

from __future__ import annotations

from aiida_limap.engines.screening._embedded import embedded_conductivities, embedded_structures, load_conductors
from aiida_limap.engines.screening._label_files import (
    OWN_COLUMNS,
    read_labels,
    read_laskowski,
    read_liverpool,
    read_obelix,
)
from aiida_limap.engines.screening._label_merging import DUPLICATES, merge_duplicates
from aiida_limap.engines.screening._label_rows import (
    COLUMNS,
    FAST_S_PER_CM,
    KINDS,
    MATCHES,
    ROOM_TEMPERATURE_K,
    LabelledRow,
    LabelledSet,
    LeftOut,
    composition_key,
    label_of,
    parse_composition,
)
from aiida_limap.engines.screening._label_structures import match_structures

__all__ = [
    'COLUMNS',
    'DUPLICATES',
    'FAST_S_PER_CM',
    'KINDS',
    'MATCHES',
    'OWN_COLUMNS',
    'ROOM_TEMPERATURE_K',
    'LabelledRow',
    'LabelledSet',
    'LeftOut',
    'composition_key',
    'embedded_conductivities',
    'embedded_structures',
    'label_of',
    'load_conductors',
    'match_structures',
    'merge_duplicates',
    'parse_composition',
    'read_labels',
    'read_laskowski',
    'read_liverpool',
    'read_obelix',
]
