"""The two-branch autoencoder that spans a map: training, encoding, decoding, prediction of migration energies.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder.config import PRESETS, SplitConfig, TrainConfig
    from aiida_limap.engines.autoencoder.data import SPLITS, TrainingData
    from aiida_limap.engines.autoencoder.grid import expand_grid
    from aiida_limap.engines.autoencoder.model import TrainedModel, load_model
    from aiida_limap.engines.autoencoder.progress import ProgressBar
    from aiida_limap.engines.autoencoder.training import train, train_grid

__all__ = [
    'PRESETS',
    'SPLITS',
    'ProgressBar',
    'SplitConfig',
    'TrainConfig',
    'TrainedModel',
    'TrainingData',
    'expand_grid',
    'load_model',
    'train',
    'train_grid',
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'PRESETS': 'config',
        'ProgressBar': 'progress',
        'SPLITS': 'data',
        'SplitConfig': 'config',
        'TrainConfig': 'config',
        'TrainedModel': 'model',
        'TrainingData': 'data',
        'expand_grid': 'grid',
        'load_model': 'model',
        'train': 'training',
        'train_grid': 'training',
    },
)
