"""Histogram descriptors of compositions and crystal structures; the columns are data (a layout), not code.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_limap.engines.descriptors.composition import composition_descriptors
    from aiida_limap.engines.descriptors.layout import Column, Layout, load_layout
    from aiida_limap.engines.descriptors.structure import structure_descriptors

__all__ = ['Column', 'Layout', 'composition_descriptors', 'load_layout', 'structure_descriptors']

_MODULES = {
    'Column': 'layout',
    'Layout': 'layout',
    'composition_descriptors': 'composition',
    'load_layout': 'layout',
    'structure_descriptors': 'structure',
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'{__name__}.{_MODULES[name]}'), name)


def __dir__() -> list[str]:
    return sorted(__all__)
