"""What pages and figures say about a map: the names they know, its numbers, and the scale of its colours.

Names of properties with a place of their own (all but the two codes are optional): ``x_comp``, ``x_struc``,
``migration_energy_eV``, ``migration_energy_predicted_eV``, ``grid_error_eV``, ``formula``, ``family``, ``origin``,
``status``, ``migration_energy_wide_eV``, ``migration_energy_low_eV``, ``migration_energy_high_eV``, ``in_domain`` (0 or
1), ``domain_reason``, ``is_new`` (0 or 1). Every other property is listed under its label.

Keys of ``MapBundle.metadata`` that are read (all optional): ``options`` with ``me_weight``; ``interval`` with
``level``; ``metrics`` with one mapping per split (``test``, ``validation``, ``train``), each with ``r2_me``,
``mae_me_eV`` and others. All other metadata are listed as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES, Heatmap, MapBundle, MapProperty
from aiida_limap.visualisation.errors import VisualisationError

__all__ = [
    'MIGRATION_ENERGY',
    'NOTHING_KNOWN',
    'PREDICTED',
    'ColourScale',
    'MapFacts',
    'as_far_as_learnt',
    'check_bundle',
    'colour_scale',
    'covering_plane',
    'formulas',
    'learns_energy',
    'map_facts',
    'new_points',
    'numbers',
    'outside_domain',
]

MIGRATION_ENERGY = 'migration_energy_eV'
PREDICTED = 'migration_energy_predicted_eV'
_PREDICTIONS = {PREDICTED, 'migration_energy_wide_eV', 'migration_energy_low_eV', 'migration_energy_high_eV'}
IN_DOMAIN = 'in_domain'
IS_NEW = 'is_new'
#: What a place of the map without training data near is called.
NOTHING_KNOWN = 'nothing known here'
#: Margin around points beyond the plane of a heat map, as a fraction of the range.
_MARGIN = 0.04
SPLITS = ('test', 'validation', 'train')


@dataclass(frozen=True)
class ColourScale:
    """The range of a colour bar, in the unit of the values.

    :param lower: value of the first colour.
    :param upper: value of the last colour.
    :param n_above: how many values lie above ``upper`` and are drawn in the last colour.
    """

    lower: float
    upper: float
    n_above: int


@dataclass(frozen=True)
class MapFacts:
    """Numbers that stand in headings and captions.

    :param n_points: points of the map.
    :param n_without_energy: points without a calculated migration energy.
    :param n_without_codes: points without both codes, which no map can show.
    :param n_outside: points outside of what the model knows.
    :param n_new: points that were placed on an older map.
    :param me_weight: weight W of the migration energy in the loss, or None if not recorded.
    :param split: the split that the metrics belong to, empty if there are none.
    :param metrics: metrics of that split by name.
    """

    n_points: int
    n_without_energy: int
    n_without_codes: int
    n_outside: int
    n_new: int
    me_weight: float | None
    split: str
    metrics: Mapping[str, float]

    def summary(self) -> list[str]:
        """Return the facts as short phrases for a heading or a caption."""
        phrases = [f'{self.n_points} point{"s" if self.n_points != 1 else ""}']
        if self.n_new:
            phrases.append(f'{self.n_new} new on an older map')
        if self.n_without_energy:
            phrases.append(f'{self.n_without_energy} without a migration energy')
        if self.n_without_codes:
            phrases.append(f'{self.n_without_codes} without codes, not drawn')
        if self.n_outside:
            phrases.append(f'{self.n_outside} outside the domain')
        if self.me_weight is not None:
            phrases.append(f'W = {self.me_weight:g}')
        scores = [
            text.format(self.metrics[key])
            for key, text in (('r2_me', 'R² = {:.2f}'), ('mae_me_eV', 'mean absolute error {:.2f} eV'))
            if key in self.metrics
        ]
        if self.me_weight == 0:
            phrases.append('no migration energy learnt from the codes')
        elif scores:
            phrases.append(f'predicted migration energy, {self.split} split: {", ".join(scores)}')
        return phrases


def check_bundle(bundle: MapBundle) -> None:
    """Refuse a bundle of which no map can be drawn.

    :param bundle: the map.
    :raises VisualisationError: if it holds no point, or no point has both codes.
    """
    if not bundle.ids:
        raise VisualisationError(
            f'the map {bundle.title!r} holds no points; look at the report of the run for what became of its structures'
        )
    for name in AXES:
        if not bundle.properties[name].is_numeric:
            raise VisualisationError(f'the map {bundle.title!r}: the codes {name!r} are words, expected numbers')
    if not _has_codes(bundle).any():
        raise VisualisationError(
            f'the map {bundle.title!r}: no point has both codes {AXES[0]} and {AXES[1]}; encode its structures first'
        )


def map_facts(bundle: MapBundle) -> MapFacts:
    """Collect the numbers of a map.

    :param bundle: the map.
    :returns: its numbers.
    """
    options = _mapping(bundle.metadata.get('options'))
    metrics = _mapping(bundle.metadata.get('metrics'))
    split = next((name for name in SPLITS if _mapping(metrics.get(name))), '')
    chosen = {key: float(value) for key, value in _mapping(metrics.get(split)).items() if _is_number(value)}
    weight = options.get('me_weight')
    return MapFacts(
        n_points=len(bundle.ids),
        n_without_energy=int(np.isnan(numbers(bundle, MIGRATION_ENERGY)).sum()),
        n_without_codes=int((~_has_codes(bundle)).sum()),
        n_outside=int(outside_domain(bundle).sum()),
        n_new=int(new_points(bundle).sum()),
        me_weight=float(weight) if weight is not None and _is_number(weight) else None,
        split=split,
        metrics=chosen,
    )


def learns_energy(bundle: MapBundle) -> bool:
    """Return whether the model behind a map has learnt migration energies: with W = 0 its head is never trained.

    :param bundle: the map.
    """
    return _mapping(bundle.metadata.get('options')).get('me_weight') != 0


def as_far_as_learnt(bundle: MapBundle) -> MapBundle:
    """Return a map without what a head says that was never trained, with W = 0: it would pass for a prediction.

    :param bundle: the map; its heat map stays for the support of the plane.
    """
    if learns_energy(bundle):
        return bundle
    kept = {name: entry for name, entry in bundle.properties.items() if name not in _PREDICTIONS}
    return replace(bundle, properties=kept, layers={})


def numbers(bundle: MapBundle, name: str) -> NDArray[np.float64]:
    """Return a property as numbers, NaN where a value is missing or the map does not have the property.

    :param bundle: the map.
    :param name: name of the property.
    :returns: (n_points,) values.
    """
    entry = bundle.properties.get(name)
    if entry is None or not entry.is_numeric:
        return np.full(len(bundle.ids), np.nan)
    return entry.numbers()


def outside_domain(bundle: MapBundle) -> NDArray[np.bool_]:
    """Return which points lie outside of what the model knows; none where that was not measured.

    :param bundle: the map.
    :returns: (n_points,) flags.
    """
    return numbers(bundle, IN_DOMAIN) == 0


def new_points(bundle: MapBundle) -> NDArray[np.bool_]:
    """Return which points were placed on an older map; none on a map that was drawn at once.

    :param bundle: the map.
    :returns: (n_points,) flags.
    """
    return numbers(bundle, IS_NEW) == 1


def covering_plane(
    bundle: MapBundle, heatmap: Heatmap
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the axes of a heat map, and its support, as far as the points reach.

    Points that were placed on an older map may lie beyond its plane; nothing is known there.

    :param bundle: the map.
    :param heatmap: its heat map.
    :returns: (m,) composition codes, (n,) structure codes, and the (n, m) support, or None where that is not known.
        Those of the heat map itself where all points lie within.
    """
    axes, pads = [], []
    for name, plane in zip(AXES, (heatmap.x_comp, heatmap.x_struc), strict=True):
        codes, step = numbers(bundle, name), float(plane[1] - plane[0])
        codes = codes[np.isfinite(codes)]
        low, high = (float(codes.min()), float(codes.max())) if codes.size else (plane[0], plane[-1])
        margin = _MARGIN * max(high - low, float(plane[-1] - plane[0]))
        before = math.ceil((plane[0] - low + margin) / step) if low < plane[0] else 0
        after = math.ceil((high - plane[-1] + margin) / step) if high > plane[-1] else 0
        pads.append((before, after))
        axes.append(
            np.concatenate(
                [plane[0] - step * np.arange(before, 0, -1), plane, plane[-1] + step * np.arange(1, after + 1)]
            )
        )
    support = None if heatmap.support is None else np.pad(heatmap.support, (pads[1], pads[0]))
    return axes[0], axes[1], support


def colour_scale(values: NDArray[np.float64]) -> ColourScale | None:
    """Choose a colour range that resolves the low end of a long-tailed quantity.

    Migration energies run up to 10 eV while the interesting ones lie below 1 eV. The scale ends at the 95th percentile
    or at twice the median, whichever is lower, so that half of the colours serve the lower half of the values; a set
    without such a tail is shown in full.

    :param values: (n,) values, NaN where there is none.
    :returns: the range, or None where there are fewer than two different values.
    """
    present = values[np.isfinite(values)]
    if present.size == 0 or present.min() == present.max():
        return None
    lower, top = float(present.min()), float(present.max())
    upper = min(float(np.percentile(present, 95)), 2 * float(np.median(present)))
    if upper <= lower or top - lower <= 1.5 * (upper - lower):
        upper = top
    # Round outwards to two digits: readable ticks, and no value is cut that need not be.
    step = 10.0 ** (math.floor(math.log10(upper - lower)) - 1)
    lower, upper = (round(math.floor(lower / step) * step, 12), round(math.ceil(upper / step) * step, 12))
    return ColourScale(lower, upper, int((present > upper).sum()))


def formulas(bundle: MapBundle) -> list[str]:
    """Return the formula of each point: the property ``formula`` where given, else from the sites of its structure.

    :param bundle: the map.
    :returns: one reduced formula per point.
    """
    given = bundle.properties.get('formula', MapProperty((None,) * len(bundle.ids), '')).values
    found = []
    for value, record in zip(given, bundle.structures, strict=True):
        if value is not None:
            found.append(str(value))
            continue
        from pymatgen.core import Composition

        amounts: dict[str, float] = {}
        for site in record.species:
            for element, occupancy in site.items():
                amounts[element] = amounts.get(element, 0.0) + occupancy
        try:
            found.append(Composition(amounts).reduced_formula)
        except ValueError:
            # Names that are no element, e.g. of a model system: say them as they are.
            found.append(''.join(f'{name}{amount:g}' for name, amount in amounts.items()))
    return found


def _has_codes(bundle: MapBundle) -> NDArray[np.bool_]:
    return np.isfinite(numbers(bundle, AXES[0])) & np.isfinite(numbers(bundle, AXES[1]))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
