"""Bond-valence force field: parameters, site-energy landscape, percolation and migration energy.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    'BvffOptions': 'options',
    'MigrationEnergy': 'migration',
    'Percolation': 'percolation',
    'migration_energy': 'migration',
    'percolate': 'percolation',
    'percolation_thresholds': 'percolation',
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'{__name__}.{_MODULES[name]}'), name)


def __dir__() -> list[str]:
    return sorted(__all__)
