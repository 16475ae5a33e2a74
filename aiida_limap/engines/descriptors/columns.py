"""Name, unit and meaning of every column of a layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aiida_limap.engines.descriptors.elements import PROPERTIES, SYMBOLS

if TYPE_CHECKING:
    from aiida_limap.engines.descriptors.layout import Column, Layout

__all__ = ['build_columns']


def build_columns(layout: Layout) -> tuple[Column, ...]:
    """Describe all columns in their order.

    :param layout: the layout.
    :returns: one entry per column, the composition row first.
    """
    return (*_composition(layout), *_structure(layout))


def _composition(layout: Layout) -> list[Column]:
    from aiida_limap.engines.descriptors.layout import Column

    columns = []
    for spec in layout.histograms:
        known = PROPERTIES[spec.quantity]
        for centre in spec.centres:
            meaning = f'share of atoms with {known.meaning} near {centre:.5g}'
            columns.append(Column(f'{spec.quantity}_{centre:.7g}', 'composition', spec.quantity, known.unit, meaning))
    for symbol in SYMBOLS[layout.first_element - 1 : layout.last_element]:
        columns.append(
            Column(f'fraction_{symbol}', 'composition', 'element_fractions', '', f'atomic fraction of {symbol}')
        )
    return columns


def _structure(layout: Layout) -> list[Column]:
    from aiida_limap.engines.descriptors.layout import Column

    columns = []
    for first, second in layout.rdf.pairs:
        for centre in (np.arange(layout.rdf.bins) + 0.5) * layout.rdf.maximum / layout.rdf.bins:
            meaning = f'{first}-{second} radial distribution function at {centre:.5g} Å'
            columns.append(Column(f'rdf_{first}-{second}_{centre:.5g}', 'structure', 'rdf', 'Å', meaning))
    for centre in (np.arange(layout.adf.bins) + 0.5) * 180 / layout.adf.bins:
        meaning = f'share of neighbour angles at {centre:.5g} degrees'
        columns.append(Column(f'adf_{centre:.5g}', 'structure', 'adf', 'degree', meaning))
    for name in layout.classes.names:
        for faces in range(layout.voronoi.minimum_faces, layout.voronoi.maximum_faces + 1):
            meaning = f'share of {name} sites whose Voronoi cell has about {faces} faces'
            columns.append(Column(f'voronoi_{name}_{faces}', 'structure', 'voronoi', '', meaning))
    return columns
