"""Histogram descriptors of compositions and crystal structures; the columns are data (a layout), not code.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.descriptors.columns import Column
    from aiida_limap.engines.descriptors.composition import composition_descriptors
    from aiida_limap.engines.descriptors.layout import Layout, layout_names, load_layout
    from aiida_limap.engines.descriptors.structure import landscape_descriptors, structure_descriptors

__all__ = [
    'Column',
    'Layout',
    'composition_descriptors',
    'landscape_descriptors',
    'layout_names',
    'load_layout',
    'structure_descriptors',
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'Column': 'columns',
        'Layout': 'layout',
        'composition_descriptors': 'composition',
        'landscape_descriptors': 'structure',
        'layout_names': 'layout',
        'load_layout': 'layout',
        'structure_descriptors': 'structure',
    },
)
