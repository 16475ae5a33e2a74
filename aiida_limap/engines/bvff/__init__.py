"""Bond-valence force field: parameters, site-energy landscape, percolation and migration energy.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.bvff.bottleneck import bottleneck_radii
    from aiida_limap.engines.bvff.migration import MigrationEnergy, migration_energy, migration_network
    from aiida_limap.engines.bvff.network import MigrationNetwork, read_network
    from aiida_limap.engines.bvff.options import BvffOptions
    from aiida_limap.engines.bvff.parameters import ParameterSet, default_parameters, load_parameters
    from aiida_limap.engines.percolation.thresholds import Percolation, percolate, percolation_thresholds

__all__ = [
    'BvffOptions',
    'MigrationEnergy',
    'MigrationNetwork',
    'ParameterSet',
    'Percolation',
    'bottleneck_radii',
    'default_parameters',
    'load_parameters',
    'migration_energy',
    'migration_network',
    'percolate',
    'percolation_thresholds',
    'read_network',
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'BvffOptions': 'options',
        'MigrationEnergy': 'migration',
        'MigrationNetwork': 'network',
        'ParameterSet': 'parameters',
        'default_parameters': 'parameters',
        'load_parameters': 'parameters',
        'bottleneck_radii': 'bottleneck',
        'migration_network': 'migration',
        'read_network': 'network',
        'Percolation': 'aiida_limap.engines.percolation.thresholds',
        'migration_energy': 'migration',
        'percolate': 'aiida_limap.engines.percolation.thresholds',
        'percolation_thresholds': 'aiida_limap.engines.percolation.thresholds',
    },
)
