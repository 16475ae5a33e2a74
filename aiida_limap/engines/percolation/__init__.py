"""Percolation of periodic scalar fields: grids, union-find with windings, thresholds.

Shared by the stages that ask when a path through a crystal opens, be it in energy or in size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.percolation.grids import grid_shape, perpendicular_widths
    from aiida_limap.engines.percolation.thresholds import Percolation, percolate, percolation_thresholds

__all__ = ['Percolation', 'grid_shape', 'percolate', 'percolation_thresholds', 'perpendicular_widths']

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'Percolation': 'thresholds',
        'grid_shape': 'grids',
        'percolate': 'thresholds',
        'percolation_thresholds': 'thresholds',
        'perpendicular_widths': 'grids',
    },
)
