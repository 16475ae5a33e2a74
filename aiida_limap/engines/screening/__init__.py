"""Screening: features of few numbers, models that learn from few measurements, and the enumeration that asks them.

The names below are loaded when they are first used, so that importing the package costs nothing. The screen itself is
:func:`aiida_limap.engines.screening.screen.screen`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.screening.atom2vec import Atom2VecClassifier
    from aiida_limap.engines.screening.element_properties import (
        ELEMENT_PROPERTIES,
        complete_elements,
        element_property_table,
    )
    from aiida_limap.engines.screening.funnel import ScreenOptions
    from aiida_limap.engines.screening.labels import (
        LabelledSet,
        embedded_conductivities,
        match_structures,
        read_labels,
        read_laskowski,
        read_liverpool,
        read_obelix,
    )
    from aiida_limap.engines.screening.linear import LinearModel
    from aiida_limap.engines.screening.models import ElementModel, Sendek2017, StructureModel, TransferModel, load_model
    from aiida_limap.engines.screening.nested import nested_selection, permuted_searches
    from aiida_limap.engines.screening.reductions import REDUCTIONS, composition_features, feature_labels
    from aiida_limap.engines.screening.selection import SearchOptions, search_subsets
    from aiida_limap.engines.screening.sendek import (
        FIVE_FEATURES,
        PUBLISHED_FIVE,
        SENDEK_FEATURES,
        sendek_feature_matrix,
        sendek_features,
    )
    from aiida_limap.engines.screening.systems import ChemicalSystems

__all__ = [
    'ELEMENT_PROPERTIES',
    'FIVE_FEATURES',
    'PUBLISHED_FIVE',
    'REDUCTIONS',
    'SENDEK_FEATURES',
    'Atom2VecClassifier',
    'ChemicalSystems',
    'ElementModel',
    'LabelledSet',
    'LinearModel',
    'ScreenOptions',
    'SearchOptions',
    'Sendek2017',
    'StructureModel',
    'TransferModel',
    'complete_elements',
    'composition_features',
    'element_property_table',
    'embedded_conductivities',
    'feature_labels',
    'load_model',
    'match_structures',
    'nested_selection',
    'permuted_searches',
    'read_labels',
    'read_laskowski',
    'read_liverpool',
    'read_obelix',
    'search_subsets',
    'sendek_feature_matrix',
    'sendek_features',
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'Atom2VecClassifier': 'atom2vec',
        'ELEMENT_PROPERTIES': 'element_properties',
        'complete_elements': 'element_properties',
        'element_property_table': 'element_properties',
        'ScreenOptions': 'funnel',
        'LabelledSet': 'labels',
        'embedded_conductivities': 'labels',
        'match_structures': 'labels',
        'read_labels': 'labels',
        'read_laskowski': 'labels',
        'read_liverpool': 'labels',
        'read_obelix': 'labels',
        'LinearModel': 'linear',
        'ElementModel': 'models',
        'Sendek2017': 'models',
        'StructureModel': 'models',
        'TransferModel': 'models',
        'load_model': 'models',
        'nested_selection': 'nested',
        'permuted_searches': 'nested',
        'REDUCTIONS': 'reductions',
        'composition_features': 'reductions',
        'feature_labels': 'reductions',
        'SearchOptions': 'selection',
        'search_subsets': 'selection',
        'FIVE_FEATURES': 'sendek',
        'PUBLISHED_FIVE': 'sendek',
        'SENDEK_FEATURES': 'sendek',
        'sendek_feature_matrix': 'sendek',
        'sendek_features': 'sendek',
        'ChemicalSystems': 'systems',
    },
)
