"""Descriptors and energy profiles as a page holds them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.formats.mapparts import MAX_ROWS, Descriptors, pack_rows
from aiida_limap.formats.packing import pack
from aiida_limap.visualisation._panels import ColumnInfo, panel_ranges

__all__ = ['column_data', 'decoded_data', 'element_fractions', 'profile_data', 'row_data']

_FRACTION = re.compile(r'fraction_([A-Z][a-z]?)')
#: Elements that reach no more than this fraction anywhere along the axis are not listed.
_TRACE = 0.005


def column_data(bundle: MapBundle) -> dict[str, Any] | None:
    """Return what the numbers of the descriptor rows are, as panels that can be drawn.

    :param bundle: the map.
    :returns: by part ``blocks``: ``title``, ``x_label``, ``unit``, ``meaning``, ``start``, ``stop``, ``positions`` of a
        histogram or ``names``, and ``factors``: what a number is multiplied with to be in its own unit, one for all or
        one each. None where the map has no descriptors.
    """
    found = {part: {'blocks': _blocks(given)} for part, given in bundle.descriptors.items()}
    return found or None


def decoded_data(bundle: MapBundle) -> dict[str, Any] | None:
    """Return what the axes decode to: descriptors, and element fractions where the layout has them.

    :param bundle: the map.
    :returns: by part ``code`` (m,) and ``rows`` (m, n), packed; ``elements`` with ``symbols``, ``rows`` (m, k): decoded
        fractions, those below zero set to it, divided by their sum. None where nothing is decoded.
    """
    found: dict[str, Any] = {}
    for part, given in bundle.descriptors.items():
        if given.codes is not None and given.decoded is not None:
            found[part] = {'code': pack(given.codes, 'f4'), 'rows': pack_rows(given.decoded)}
    elements = element_fractions(bundle)
    if elements is not None:
        found['elements'] = {'symbols': elements[0], 'rows': pack(elements[1], 'u1')}
    return found or None


def row_data(bundle: MapBundle) -> tuple[dict[str, Any] | None, str]:
    """Return the descriptors of the points.

    :param bundle: the map.
    :returns: by part (n_points, n) packed numbers, or None, and then why, in a sentence.
    """
    if len(bundle.ids) > MAX_ROWS:
        return None, (
            f'The descriptors of the points are left out: {len(bundle.ids)} points are more than the {MAX_ROWS} of '
            'which a page holds them.'
        )
    rows = {part: given.rows for part, given in bundle.descriptors.items() if given.rows is not None}
    if not rows:
        return None, 'The descriptors of the points are not in this map.'
    return {part: pack_rows(values) for part, values in rows.items()}, ''


def profile_data(bundle: MapBundle) -> dict[str, Any] | None:
    """Return the energies along the limiting paths, packed, or None where no point has any.

    :param bundle: the map.
    """
    profiles = bundle.profiles
    if profiles is None or not np.isfinite(profiles.energy).any():
        return None
    return {
        'distance': pack(profiles.distance, 'u2'),
        'energy': pack(profiles.energy, 'u2'),
        'dimension': profiles.dimension,
    }


def _blocks(given: Descriptors) -> list[dict[str, Any]]:
    columns = [ColumnInfo(entry.name, entry.unit, entry.meaning, entry.part, entry.block) for entry in given.columns]
    blocks = []
    for panel, start, stop in panel_ranges(columns):
        factors = [float(f'{factor:.6g}') for factor in given.factors[start:stop]]
        blocks.append(
            {
                'title': panel.title,
                'x_label': panel.x_label,
                'unit': columns[start].unit,
                'meaning': panel.meaning,
                'start': start,
                'stop': stop,
                'positions': panel.positions.tolist() if panel.is_histogram else None,
                'names': None if panel.is_histogram else list(panel.names),
                'factors': factors[0] if len(set(factors)) == 1 else factors,
            }
        )
    return blocks


def element_fractions(bundle: MapBundle) -> tuple[list[str], NDArray[np.float64]] | None:
    """Return the elements that the composition axis decodes to.

    :param bundle: the map.
    :returns: k symbols, and (m, k) fractions at the codes at which the axis is decoded: those below zero set to it,
        divided by their sum. Elements that are nowhere more than a trace are left out. None where nothing is decoded,
        or the layout does not hold element fractions.
    """
    given = bundle.descriptors.get('composition')
    if given is None or given.decoded is None:
        return None
    places = {
        match[1]: index for index, entry in enumerate(given.columns) if (match := _FRACTION.fullmatch(entry.name))
    }
    if not places:
        return None
    chosen = list(places.values())
    fractions = np.clip(given.decoded[:, chosen] * given.factors[chosen], 0.0, None)
    totals = fractions.sum(axis=1, keepdims=True)
    fractions = np.divide(fractions, totals, out=np.zeros_like(fractions), where=totals > 0)
    kept = np.flatnonzero(fractions.max(axis=0) > _TRACE)
    return [list(places)[index] for index in kept], fractions[:, kept]
