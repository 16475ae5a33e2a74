"""What a picture of a landscape shows, in plain arrays: surface, atoms and cell."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats.landscape import LandscapeRecord
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['SURFACE_COLOUR', 'SURFACE_CUT_COLOUR', 'Atom', 'Scene', 'build_scene']

SURFACE_COLOUR = '#2f9e8f'
#: Where the surface is cut by a face of the cell: the inside, darker.
SURFACE_CUT_COLOUR = '#17655b'
MOBILE_COLOUR = '#7a3fc2'
#: The anions have the colours that chemists are used to.
_COLOURS = {
    'O': '#e0342b', 'S': '#e3c422', 'Se': '#d98a00', 'Te': '#b06a00', 'N': '#3b5fe0', 'F': '#7fd13b', 'Cl': '#3fae2a',
    'Br': '#9a3c1f', 'I': '#6b1f8f', 'H': '#d9d9d9', 'C': '#505050',
}  # fmt: skip
#: Cations get these in the order of their atomic numbers: no two of one picture are alike.
_CATIONS = ('#f2a340', '#4f86d9', '#8c6d50', '#e08bb4', '#6f7d8c', '#b7b13a', '#58b5cf', '#a0522d')
_DEFAULT_RADIUS_ANGSTROM = 1.4
#: Energies this far from the level, in levels and at least in eV, are flattened: steep walls make a surface ragged.
_WALL_IN_LEVELS, _WALL_EV = 0.7, 0.5
#: Triangles of about this size look smooth.
_SPACING_ANGSTROM = 0.12
_DIMENSIONS = {1: 'one dimension', 2: 'two dimensions', 3: 'three dimensions'}
_SUBSCRIPTS = str.maketrans('0123456789', '₀₁₂₃₄₅₆₇₈₉')


@dataclass(frozen=True)
class Atom:
    """An atom of the cell, or the image of one that lies on a face, edge or corner.

    :param symbol: element symbol.
    :param position: (3,) Cartesian coordinates, Å.
    :param radius: radius in the picture, Å.
    :param colour: its colour.
    :param is_mobile: whether it is a site of the mobile ion.
    """

    symbol: str
    position: NDArray[np.float64]
    radius: float
    colour: str
    is_mobile: bool


@dataclass(frozen=True)
class Scene:
    """A picture before it is drawn.

    :param title: the formula.
    :param subtitle: what the surface is.
    :param surface_label: the same in short, for the legend.
    :param cell: (3, 3) lattice vectors as rows, Å.
    :param atoms: all atoms inside the cell and on its border.
    :param vertices: (n, 3) corners of the surface's triangles, Å.
    :param triangles: (m, 3) indices of corners.
    :param is_cut: (m,) whether a triangle lies on a face of the cell.
    """

    title: str
    subtitle: str
    surface_label: str
    cell: NDArray[np.float64]
    atoms: tuple[Atom, ...]
    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    is_cut: NDArray[np.bool_]

    @property
    def edges(self) -> NDArray[np.float64]:
        """The (12, 2, 3) ends of the edges of the cell, Å."""
        corners = list(itertools.product((0, 1), repeat=3))
        pairs = [pair for pair in itertools.combinations(corners, 2) if np.abs(np.subtract(*pair)).sum() == 1]
        return np.array(pairs, dtype=float) @ self.cell


def build_scene(record: LandscapeRecord, *, dimension: int, level_eV: float | None, mobile: str) -> Scene:
    """Find the surface below which a landscape is open, and the atoms around it.

    :param record: the landscape.
    :param dimension: whose threshold is the level: 1, 2 or 3.
    :param level_eV: another level, eV above the lowest site energy; None takes the threshold.
    :param mobile: element symbol of the mobile ion.
    :returns: the scene.
    :raises VisualisationError: if nothing percolates in that dimension and no level is given, or nothing lies at it.
    """
    if dimension not in _DIMENSIONS:
        raise VisualisationError(f'the dimension of a threshold is 1, 2 or 3, not {dimension!r}')
    level = _level(record, dimension, level_eV)
    vertices, triangles, is_cut = _surface(record, level)
    formula = _formula(record.species)
    if level_eV is None:
        text = f'paths open in {_DIMENSIONS[dimension]} {level:.2f} eV above the lowest site energy'
    else:
        text = f'sites up to {level:.2f} eV above the lowest site energy'
    return Scene(
        formula,
        text,
        f'surface at {level:.2f} eV',
        record.cell,
        _atoms(record, mobile),
        vertices @ record.cell,
        triangles,
        is_cut,
    )


def _level(record: LandscapeRecord, dimension: int, level_eV: float | None) -> float:
    if level_eV is not None:
        if not (math.isfinite(level_eV) and level_eV > 0):
            raise VisualisationError(f'the level must be a positive energy above the lowest, not {level_eV!r} eV')
        return float(level_eV)
    barrier = record.barrier_eV(dimension)
    if barrier is not None:
        return barrier
    others = [f'{other}D at {value:.2f} eV' for other in (1, 2, 3) if (value := record.barrier_eV(other)) is not None]
    advice = f'it percolates in {" and ".join(others)}' if others else 'it percolates in none'
    raise VisualisationError(
        f'landscape {record.id} does not percolate in {_DIMENSIONS[dimension]}, so there is no threshold to draw; '
        f'{advice}; choose another dimension, or a level in eV above the lowest site energy'
    )


def _surface(record: LandscapeRecord, level: float) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return corners in fractional coordinates, triangles, and which of these lie on a face of the cell."""
    from skimage.measure import marching_cubes

    energy = record.energy.astype(np.float64) - record.energy_minimum_eV
    if not energy.min() < level < energy.max():
        raise VisualisationError(
            f'landscape {record.id} has no surface at {level:g} eV: its energies lie between {energy.min():.3g} and '
            f'{energy.max():.3g} eV above the lowest'
        )
    smooth = _refined(np.tanh((energy - level) / max(_WALL_IN_LEVELS * level, _WALL_EV)), record)
    # The first layer again at the far end closes the period; a steep wall around all closes the body on the faces.
    closed = np.pad(np.pad(smooth, (0, 1), mode='wrap'), 1, constant_values=1e4)
    vertices, triangles, _, _ = marching_cubes(closed.astype(np.float32), 0.0)
    fractions = (vertices.astype(np.float64) - 1) / smooth.shape
    corners = fractions[triangles]
    is_cut = ((corners <= 0).all(axis=1) | (corners >= 1).all(axis=1)).any(axis=1)
    return np.clip(fractions, 0, 1), triangles.astype(np.int64), is_cut


def _refined(values: NDArray[np.float64], record: LandscapeRecord) -> NDArray[np.float64]:
    """Return values by periodic cubic splines on a finer grid that begins at the corner of the cell."""
    from scipy.ndimage import map_coordinates

    lengths = np.linalg.norm(record.cell, axis=1)
    factors = np.maximum(np.ceil(lengths / _SPACING_ANGSTROM / values.shape - 1e-6), 1).astype(int)
    places = [
        np.arange(n * factor) / factor - shift * n
        for n, factor, shift in zip(values.shape, factors, record.origin, strict=True)
    ]
    return map_coordinates(values, np.meshgrid(*places, indexing='ij'), order=3, mode='grid-wrap')


def _atoms(record: LandscapeRecord, mobile: str) -> tuple[Atom, ...]:
    from pymatgen.core import Element

    strange = [symbol for symbol in (*record.species, mobile) if not Element.is_valid_symbol(symbol)]
    if strange:
        raise VisualisationError(f'landscape {record.id}: {strange[0]!r} is no element symbol')
    colours = {**_colours(set(record.species) - {mobile}), mobile: MOBILE_COLOUR}
    atoms = []
    for symbol, position in zip(record.species, record.positions, strict=True):
        radius = float(Element(symbol).atomic_radius or _DEFAULT_RADIUS_ANGSTROM)
        # Sites of the mobile ion are marks inside the surface, not bodies.
        size = 0.28 if symbol == mobile else 0.15 + 0.22 * radius
        for image in _images(position):
            atoms.append(Atom(symbol, image @ record.cell, size, colours[symbol], symbol == mobile))
    return tuple(atoms)


def _images(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a position inside the cell, and its images where it lies on the border."""
    inside = position - np.floor(position)
    inside[inside > 1 - 1e-3] -= 1
    choices = [(value, value + 1) if value < 1e-3 else (value,) for value in inside]
    return np.array(list(itertools.product(*choices)))


def _colours(symbols: set[str]) -> dict[str, str]:
    from pymatgen.core import Element

    cations = sorted(symbols - set(_COLOURS), key=lambda symbol: Element(symbol).Z)
    named = {symbol: _CATIONS[index % len(_CATIONS)] for index, symbol in enumerate(cations)}
    return named | {symbol: _COLOURS[symbol] for symbol in symbols & set(_COLOURS)}


def _formula(species: tuple[str, ...]) -> str:
    from collections import Counter

    from pymatgen.core import Composition

    return Composition(Counter(species)).reduced_formula.translate(_SUBSCRIPTS)
