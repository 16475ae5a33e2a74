"""Histogram descriptors of compositions and crystal structures; the columns are data (a layout), not code.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.descriptors.composition import composition_descriptors
    from aiida_limap.engines.descriptors.layout import Column, Layout, load_layout
    from aiida_limap.engines.descriptors.structure import structure_descriptors

__all__ = ['Column', 'Layout', 'composition_descriptors', 'load_layout', 'structure_descriptors']

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'Column': 'layout',
        'Layout': 'layout',
        'composition_descriptors': 'composition',
        'load_layout': 'layout',
        'structure_descriptors': 'structure',
    },
)
