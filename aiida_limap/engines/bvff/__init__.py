"""Bond-valence force field: parameters, site-energy landscape, percolation and migration energy.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.bvff.migration import MigrationEnergy, migration_energy
    from aiida_limap.engines.bvff.options import BvffOptions
    from aiida_limap.engines.bvff.percolation import Percolation, percolate, percolation_thresholds

__all__ = [
    'BvffOptions',
    'MigrationEnergy',
    'Percolation',
    'migration_energy',
    'percolate',
    'percolation_thresholds',
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'BvffOptions': 'options',
        'MigrationEnergy': 'migration',
        'Percolation': 'percolation',
        'migration_energy': 'migration',
        'percolate': 'percolation',
        'percolation_thresholds': 'percolation',
    },
)
