"""Structure rows: what the blocks of a layout say about the geometry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.layout import Layout, load_layout
from aiida_limap.engines.errors import LimapError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['landscape_descriptors', 'structure_descriptors', 'structure_row']


def structure_descriptors(
    structures: Iterable[Structure], layout: str | Layout = 'yamaguchi2023'
) -> NDArray[np.float64]:
    """Describe the geometry of crystal structures by the blocks of a layout.

    Rows do not change with origin, orientation, site order or choice of cell. (The kinds of numbers of the default
    layout are those of Yamaguchi et al., Sci. Rep. 13, 16799 (2023); its bins are a reconstruction.)

    :param structures: pymatgen structures, Å; ordered ones but for layouts such as ``screening``.
    :param layout: a name, a path of a YAML file, or a layout.
    :returns: (n_structures, n_columns) rows; 858 columns for ``yamaguchi2023``.
    :raises DisorderedStructureError: if a site is partially occupied or shared, unless all blocks take that.
    :raises OverlappingSitesError: if two sites are closer than any bond.
    :raises LimapError: if a block is not defined for a structure.
    :raises InputError: if there is no such layout.
    """
    return _rows(structures, load_layout(layout), 'structure')


def landscape_descriptors(structures: Iterable[Structure], layout: str | Layout = 'modern') -> NDArray[np.float64]:
    """Describe the site energies of the mobile ion by the landscape part of a layout.

    They come from the same landscape as the migration energy, so they are no independent features of it.

    :param structures: ordered pymatgen structures, Å.
    :param layout: a name, a path of a YAML file, or a layout.
    :returns: (n_structures, n_columns) rows; no columns if the layout has no landscape part.
    :raises LimapError: if the landscape of a structure cannot be computed.
    :raises InputError: if there is no such layout.
    """
    return _rows(structures, load_layout(layout), 'landscape')


def _rows(structures: Iterable[Structure], layout: Layout, part: str) -> NDArray[np.float64]:
    rows = [structure_row(structure, layout, part) for structure in structures]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(layout.columns(part)))


def _geometry(structure: Structure, layout: Layout, part: str) -> Geometry:
    return Geometry(structure, layout.classes, layout.reach, disordered=layout.takes_disorder([part]))


def structure_row(structure: Structure | Geometry, layout: Layout, part: str = 'structure') -> NDArray[np.float64]:
    """Describe one structure.

    :param structure: an ordered pymatgen structure, Å, or its geometry where several parts share it.
    :param layout: the layout.
    :param part: ``structure`` or ``landscape``.
    :returns: (n_columns,) row.
    :raises LimapError: as :func:`structure_descriptors`.
    """
    geometry = structure if isinstance(structure, Geometry) else _geometry(structure, layout, part)
    blocks = layout.parts[part]
    rows = [block.row(geometry) for block in blocks]
    for block, row in zip(blocks, rows, strict=True):
        if not np.isfinite(row).all():
            raise LimapError(f'the block {block.label} of the layout {layout.name} holds a value that is not finite')
    return np.concatenate(rows) if rows else np.zeros(0)
