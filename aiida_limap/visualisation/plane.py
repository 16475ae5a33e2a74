"""What a page draws behind the points of a map: predicted energies with their interval, and how dense points lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES, Heatmap, MapBundle
from aiida_limap.formats.packing import pack
from aiida_limap.visualisation.density import density_contours, point_density
from aiida_limap.visualisation.facts import MIGRATION_ENERGY, colour_scale, covering_plane, learns_energy, numbers

__all__ = ['plane_data', 'prediction_data']

#: Places along each axis of a map without a heat map, and the margin around its points.
_SIZE, _MARGIN = 101, 0.1
#: Digits of the corners of contours, in parts of the plane.
_DIGITS = 4
_DENSITY = ('Density of known compounds', 'compounds per unit area')
_NAMES = {'low': 'Interval, lower end', 'high': 'Interval, upper end'}


def plane_data(bundle: MapBundle, labels: list[str]) -> dict[str, Any] | None:
    """Return the layers of the plane, and the lines of equal density.

    :param bundle: the map.
    :param labels: what the page calls the two axes.
    :returns: ``axes``, ``x`` and ``y`` (first and last place), ``layers`` and ``contours``; None where there is neither
        a heat map nor enough points for a density.
    """
    x, y = _axes(bundle)
    layers = []
    heatmap = bundle.heatmap
    if heatmap is not None and learns_energy(bundle):
        energies = colour_scale(numbers(bundle, MIGRATION_ENERGY))
        # The background has the colours of the points where both are energies.
        shown = [energies.lower, energies.upper] if energies is not None and heatmap.unit == 'eV' else None
        layers.append(_layer('predicted', heatmap.label, heatmap.unit, _covering(heatmap, x, y), shown))
        for name, layer in bundle.layers.items():
            label = _NAMES.get(name, layer.label)
            layers.append(_layer(name, label, layer.unit, _covering(layer, x, y), shown))
    points = np.column_stack([numbers(bundle, name) for name in AXES])
    density = point_density(points, x, y)
    contours = []
    if density is not None:
        layers.append(_layer('density', *_DENSITY, density.values, None))
        contours = [
            {
                'level': float(f'{entry.level:.4g}'),
                'share': round(entry.share, 4),
                'count': entry.count,
                'lines': [_rounded(line, x, y) for line in entry.lines],
            }
            for entry in density_contours(density)
        ]
    if not layers:
        return None
    return {
        'axes': labels,
        'x': [float(x[0]), float(x[-1])],
        'y': [float(y[0]), float(y[-1])],
        'layers': layers,
        'contours': contours,
    }


def prediction_data(bundle: MapBundle, level: float | None) -> dict[str, Any] | None:
    """Return what the page needs to state the interval of a prediction at any place.

    :param bundle: the map.
    :param level: share of the materials that the intervals of the points are to hold.
    :returns: ``level`` of the layers ``low`` and ``high``, and in ``note`` how they were found; None without them.
    """
    if not {'low', 'high'} <= set(bundle.layers):
        return None
    facts = bundle.metadata.get('plane_interval')
    facts = facts if isinstance(facts, dict) else {}
    return {'level': facts.get('level', level), 'half_width_eV': None, 'note': str(facts.get('note', ''))}


def _axes(bundle: MapBundle) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if bundle.heatmap is not None:
        x, y, _ = covering_plane(bundle, bundle.heatmap)
        return x, y
    axes = []
    for name in AXES:
        codes = numbers(bundle, name)
        codes = codes[np.isfinite(codes)]
        low, high = (float(codes.min()), float(codes.max())) if codes.size else (0.0, 1.0)
        margin = _MARGIN * (high - low) or 0.5
        axes.append(np.linspace(low - margin, high + margin, _SIZE))
    return axes[0], axes[1]


def _covering(layer: Heatmap, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a layer on a plane that may reach beyond it, NaN there."""
    whole = np.full((len(y), len(x)), np.nan)
    column, row = (int(np.abs(axis - own[0]).argmin()) for axis, own in ((x, layer.x_comp), (y, layer.x_struc)))
    rows, columns = layer.values.shape
    whole[row : row + rows, column : column + columns] = layer.values
    return whole


def _layer(name: str, label: str, unit: str, values: NDArray[np.float64], shown: list[float] | None) -> dict[str, Any]:
    known = values[np.isfinite(values)]
    own = [float(known.min()), float(known.max())] if known.size else [0.0, 1.0]
    return {
        'name': name,
        'label': label,
        'unit': unit,
        'values': pack(values, 'u2'),
        'range': own if shown is None else shown,
        'palette': 'magma' if name == 'density' else 'viridis',
    }


def _rounded(line: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> list[list[float]]:
    """Return the corners of a line with as many decimals as a screen shows."""
    spans = (float(x[-1] - x[0]), float(y[-1] - y[0]))
    decimals = [max(0, _DIGITS - int(np.floor(np.log10(span)))) for span in spans]
    ends = ((x[0], x[-1]), (y[0], y[-1]))
    return [
        [
            round(float(min(max(value, low), high)), digits)
            for value, (low, high), digits in zip(corner, ends, decimals, strict=True)
        ]
        for corner in line
    ]
