"""Screening: features of few numbers, linear models, and the enumeration of compositions that they are asked about.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.screening.linear import LinearModel
    from aiida_limap.engines.screening.models import (
        ElementModel,
        Sendek2017,
        StructureModel,
        TransferModel,
        load_model,
    )

__all__ = ['ElementModel', 'LinearModel', 'Sendek2017', 'StructureModel', 'TransferModel', 'load_model']

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'ElementModel': 'models',
        'LinearModel': 'linear',
        'Sendek2017': 'models',
        'StructureModel': 'models',
        'TransferModel': 'models',
        'load_model': 'models',
    },
)
