"""Screening: features of few numbers, linear models, and the enumeration of compositions that they are asked about.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.screening.explanation import explain, published_formulas
    from aiida_limap.engines.screening.funnel import ScreenOptions
    from aiida_limap.engines.screening.linear import LinearModel
    from aiida_limap.engines.screening.models import (
        ElementModel,
        Sendek2017,
        StructureModel,
        TransferModel,
        load_model,
    )
    from aiida_limap.engines.screening.screen import ScreenResult, merge_results
    from aiida_limap.engines.screening.systems import ChemicalSystems

__all__ = [
    'ChemicalSystems',
    'ElementModel',
    'LinearModel',
    'ScreenOptions',
    'ScreenResult',
    'Sendek2017',
    'StructureModel',
    'TransferModel',
    'explain',
    'load_model',
    'merge_results',
    'published_formulas',
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'ChemicalSystems': 'systems',
        'ElementModel': 'models',
        'LinearModel': 'linear',
        'ScreenOptions': 'funnel',
        'ScreenResult': 'screen',
        'Sendek2017': 'models',
        'StructureModel': 'models',
        'TransferModel': 'models',
        'explain': 'explanation',
        'load_model': 'models',
        'merge_results': 'screen',
        'published_formulas': 'explanation',
    },
)
