"""From a map bundle to what the page's script reads: a chemiscope dataset and the facts of each point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from aiida_limap.common.status import STATUS_MEANINGS
from aiida_limap.formats.mapbundle import AXES, KNOWN_SUPPORT, MapBundle, MapProperty
from aiida_limap.visualisation.facts import (
    MIGRATION_ENERGY,
    NOTHING_KNOWN,
    ColourScale,
    as_far_as_learnt,
    colour_scale,
    covering_plane,
    formulas,
    map_facts,
    new_points,
    numbers,
    outside_domain,
)
from aiida_limap.visualisation.packing import LOOK_ALIKES, page_structures
from aiida_limap.visualisation.plane import plane_data, prediction_data
from aiida_limap.visualisation.rows import column_data, decoded_data, profile_data, row_data

__all__ = ['MAX_CATEGORIES', 'page_data']

#: chemiscope refuses words as a map property where they are more than 21 different ones; more than a dozen symbols
#: cannot be told apart anyway.
MAX_CATEGORIES = 12
#: Label of the property that tells points with and without a calculated energy apart.
ENERGY_WORDS = 'Energy'
#: The word on the map for points that have no value of a category.
NO_WORD = 'not given'


def page_data(bundle: MapBundle) -> dict[str, Any]:
    """Return everything that the page's script reads, as plain JSON values.

    :param bundle: the map; points without codes are in the list of points, the map does not draw them.
    :returns: title, summary, legend, points, properties, and the chemiscope dataset; where the map has them, layers of
        the plane, descriptors of points and axes, and energy profiles, packed. NaN is written as null.
    :raises VisualisationError: if there are more points than a page holds.
    """
    bundle = as_far_as_learnt(bundle)
    names = formulas(bundle)
    labels = _map_labels(bundle)
    scale = colour_scale(numbers(bundle, MIGRATION_ENERGY))
    structures = page_structures(bundle.structures)
    rows, rows_note = row_data(bundle)
    level = _level(bundle)
    return {
        'title': bundle.title,
        'summary': map_facts(bundle).summary(),
        'legend': _legend(bundle, scale),
        'points': {
            'id': list(bundle.ids),
            'formula': names,
            'source': [dict(source) for source in bundle.sources],
            'provenance': [dict(roles) for roles in bundle.provenance],
            'disordered': [not record.is_ordered for record in bundle.structures],
        },
        'properties': [
            {
                'name': name,
                'label': entry.label,
                'unit': entry.unit,
                'description': entry.description,
                'numeric': entry.is_numeric,
                'values': list(entry.values),
            }
            for name, entry in bundle.properties.items()
        ],
        'level': level,
        'support': _support(bundle, labels),
        'plane': plane_data(bundle, [labels[name] for name in AXES]),
        'prediction': prediction_data(bundle, level),
        'columns': column_data(bundle),
        'decoded': decoded_data(bundle),
        'rows': rows,
        'rows_note': rows_note,
        'profiles': profile_data(bundle),
        'structures_packed': structures['packed'],
        'meanings': {str(word): meaning for word, meaning in STATUS_MEANINGS.items()},
        'facts': _flatten(bundle.metadata),
        'dataset': {
            'meta': {'name': 'aiida-limap map'},
            'structures': structures['structures'],
            'properties': {
                **{labels[name]: _map_property(bundle.properties[name]) for name in labels},
                **_energy_words(bundle),
            },
            'settings': _settings(bundle, labels, scale),
        },
    }


def _level(bundle: MapBundle) -> float | None:
    """Return the share of the materials that the intervals are to hold."""
    interval = bundle.metadata.get('interval')
    level = interval.get('level') if isinstance(interval, Mapping) else None
    return float(level) if isinstance(level, (int, float)) else None


def _support(bundle: MapBundle, labels: dict[str, str]) -> dict[str, Any] | None:
    """Return where the plane is backed by training data, and the labels of the axes that it belongs to."""
    heatmap = bundle.heatmap
    if heatmap is None:
        return None
    x_comp, x_struc, support = covering_plane(bundle, heatmap)
    if support is None or not (support < KNOWN_SUPPORT).any():
        return None
    return {
        'axes': [labels[name] for name in AXES],
        'x': [float(x_comp[0]), float(x_comp[-1])],
        'y': [float(x_struc[0]), float(x_struc[-1])],
        'values': np.round(support, 2).tolist(),
        'known': KNOWN_SUPPORT,
    }


def _map_labels(bundle: MapBundle) -> dict[str, str]:
    """Return the label on the map of each property that chemiscope can draw, unique and free of markup."""
    labels: dict[str, str] = {}
    for name, entry in bundle.properties.items():
        if name not in AXES and not _is_drawable(entry):
            continue
        label = entry.label.translate(LOOK_ALIKES).strip() or name.translate(LOOK_ALIKES)
        if label in labels.values():
            label = f'{label} ({name.translate(LOOK_ALIKES)})'
        labels[name] = label
    return labels


def _is_drawable(entry: MapProperty) -> bool:
    if entry.is_numeric:
        # With one value only, chemiscope gives that colour to the points without a value too.
        present = {value for value in entry.values if value is not None}
        return len(present) > 1 or (len(present) == 1 and None not in entry.values)
    return len({NO_WORD if value is None else value for value in entry.values}) <= MAX_CATEGORIES


def _map_property(entry: MapProperty) -> dict[str, Any]:
    values: list[Any]
    if entry.is_numeric:
        values = list(entry.values)
    else:
        values = [NO_WORD if value is None else str(value).translate(LOOK_ALIKES) for value in entry.values]
    document: dict[str, Any] = {'target': 'structure', 'values': values}
    if entry.unit:
        document['units'] = entry.unit.translate(LOOK_ALIKES)
    return document


def _settings(bundle: MapBundle, labels: dict[str, str], scale: ColourScale | None) -> dict[str, Any]:
    colour: dict[str, Any] = {'property': '', 'palette': 'viridis'}
    if scale is not None and MIGRATION_ENERGY in labels:
        colour |= {'property': labels[MIGRATION_ENERGY], 'min': scale.lower, 'max': scale.upper}
    energies = numbers(bundle, MIGRATION_ENERGY)
    drawn = np.isfinite(numbers(bundle, AXES[0])) & np.isfinite(numbers(bundle, AXES[1]))
    # Open at the best conductor of the map, else at the first point that is drawn.
    order = np.where(drawn, np.where(np.isnan(energies), np.inf, energies), np.nan)
    return {
        'target': 'structure',
        'map': {
            'x': {'property': labels[AXES[0]]},
            'y': {'property': labels[AXES[1]]},
            'color': colour,
            'symbol': ENERGY_WORDS if _energy_words(bundle) else '',
            'size': {'factor': 40},
        },
        'structure': [{'bonds': True, 'unitCell': True, 'axes': 'abc'}],
        'pinned': [int(np.nanargmin(order))],
    }


def _energy_words(bundle: MapBundle) -> dict[str, Any]:
    """Say in words which points are new, have no energy or lie outside of the domain: they get symbols of their own.

    Grey alone is lost in print and to some eyes. Status words would say more, but they are too long for the legend of
    chemiscope; the panel has them.
    """
    facts = map_facts(bundle)
    if not facts.n_without_energy and not facts.n_outside and not facts.n_new:
        return {}
    missing, outside = np.isnan(numbers(bundle, MIGRATION_ENERGY)), outside_domain(bundle)
    words = np.where(missing, 'no energy', np.where(outside, 'outside domain', 'calculated'))
    words = np.where(new_points(bundle), np.char.add('new, ', words), words)
    return {ENERGY_WORDS: {'target': 'structure', 'values': words.tolist()}}


def _legend(bundle: MapBundle, scale: ColourScale | None) -> str:
    facts = map_facts(bundle)
    if scale is None:
        return 'One colour: fewer than two different migration energies were calculated.'
    text = f'Colour: calculated migration energy, {scale.lower:g} to {scale.upper:g} eV'
    if scale.n_above:
        text += f'; {scale.n_above} above are drawn in the last colour'
    if facts.n_without_energy:
        text += f'. Grey: {facts.n_without_energy} without a migration energy'
    if facts.n_outside:
        text += f'. Symbol of its own: {facts.n_outside} outside of what the model knows'
    if facts.n_new:
        text += f'. Symbols with \u201cnew\u201d: {facts.n_new} placed on an older map, whose points have not moved'
    if bundle.heatmap is not None and bundle.heatmap.unknown.any():
        text += f'. Hatched: {NOTHING_KNOWN}'
    return text + '.'


def _flatten(document: Any, path: str = '') -> list[list[str]]:
    """Return nested facts as rows of a name and a text."""
    if isinstance(document, Mapping):
        rows = []
        for key, value in document.items():
            rows += _flatten(value, f'{path} › {key}' if path else str(key))
        return rows
    if isinstance(document, (list, tuple)):
        return [[path, ', '.join(str(value) for value in document)]]
    if isinstance(document, float):
        return [[path, re.sub(r'\.0$', '', f'{document:.6g}')]]
    return [[path, '' if document is None else str(document)]]
