"""What the axes of a map mean: which named quantities a code follows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.data import TrainingData

__all__ = ['Quantity', 'axis_meaning', 'named_quantities']

_AXES = ('x_comp', 'x_struc')
#: Elements of fewer compounds, and quantities that fewer compounds have, say nothing about an axis.
_FEWEST = 10
#: The number at the end of the name of a histogram column is the centre of its bin.
_BIN = re.compile(r'(?P<series>.+)_(?P<centre>\d+(?:\.\d+)?(?:e[+-]?\d+)?)')
_LEAST_BINS = 3
#: Columns that are quantities by themselves.
_NAMED = re.compile(
    r'element_statistics_(?P<property>.+)_mean'
    r'|site_coordination_(anions|distance|distance_nearest|apart_mobile|apart_cation)_mean'
    r'|packing_.+|channels_0_0_2d'
)
#: A maximum below this part of the highest one is noise of the smearing, not a shell of neighbours.
_PEAK = 0.1
Floats = NDArray[np.float64]


class Quantity(NamedTuple):
    """A number that each compound has.

    :param values: (n,) numbers, NaN where a compound has none.
    :param unit: their unit, empty for a pure number.
    :param meaning: one clause.
    """

    values: Floats
    unit: str = ''
    meaning: str = ''


def axis_meaning(
    codes: tuple[Floats, Floats], quantities: Mapping[str, Quantity], *, seed: int = 0
) -> list[dict[str, Any]]:
    """Return how strongly each code goes with each quantity.

    Yamaguchi et al., Sci. Rep. 13, 16799 (2023), colour the map by contents of elements and distances (Fig. 5) and read
    the axes by eye; this puts numbers beside. Spearman's rank correlation has a sign and sees relations that rise or
    fall all along; mutual information (Kraskov et al., Phys. Rev. E 69, 066138 (2004), with 3 neighbours, as
    scikit-learn estimates it) sees any relation. For a reader the information I is also given as the correlation
    coefficient that two normally distributed numbers of this information have, ``sqrt(1 - exp(-2 I))`` (Linfoot,
    Inf. Control 1, 85 (1957)).

    :param codes: ``x_comp`` and ``x_struc``, (n,) each.
    :param quantities: what to compare with, (n,) each, such as :func:`named_quantities` with whatever else is known.
    :param seed: of the estimator, which adds noise of 1e-10 to tell equal numbers apart.
    :returns: records with ``axis``, ``quantity``, ``unit``, ``meaning``, ``n``, ``spearman``,
        ``mutual_information_nats``, ``information_correlation``; the strongest first. Compounds of equal code
        (polymorphs, on the composition axis) count as one, with the mean of the quantity. A quantity that is known for
        fewer than 10 places of an axis, or does not vary, is left out; a code that does not vary has no records.
    """
    records = []
    for axis, code in zip(_AXES, codes, strict=True):
        for name, quantity in quantities.items():
            values, along = _distinct(quantity.values, code)
            if len(values) < _FEWEST or np.ptp(values) == 0 or np.ptp(along) == 0:
                continue
            information = _information(values, along, seed)
            records.append(
                {
                    'axis': axis,
                    'quantity': name,
                    'unit': quantity.unit,
                    'meaning': quantity.meaning,
                    'n': len(values),
                    'spearman': _spearman(values, along),
                    'mutual_information_nats': information,
                    'information_correlation': float(np.sqrt(1 - np.exp(-2 * information))),
                }
            )
    return sorted(records, key=lambda entry: (-entry['mutual_information_nats'], -abs(entry['spearman'])))


def _distinct(values: Floats, code: Floats) -> tuple[Floats, Floats]:
    """Return each code once, with the mean of the quantity there.

    Polymorphs share their composition code. To an estimator that looks at nearest neighbours such copies seem to be
    information.
    """
    known = np.isfinite(values)
    values, code = values[known], code[known]
    # Equal compositions in cells of unlike size can differ in the last digit.
    unit = float(np.abs(code).max(initial=0.0)) or 1.0
    places, members, counts = np.unique(np.round(code / unit, 9), return_inverse=True, return_counts=True)
    return np.bincount(members, weights=values, minlength=len(places)) / counts, places


def _information(values: Floats, code: Floats, seed: int) -> float:
    from sklearn.feature_selection import mutual_info_regression

    return float(mutual_info_regression(values[:, None], code, n_neighbors=3, random_state=seed)[0])


def _spearman(values: Floats, code: Floats) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(values, code).statistic)


def named_quantities(data: TrainingData) -> dict[str, Quantity]:
    """Return the quantities with a name that can be read from descriptors, and the migration energy.

    From the columns come, where the layout has them: fractions of the elements of ten compounds or more, number of
    elements, Li per O; means over the atoms of the element properties; the first maximum of each radial distribution
    function, which is the distance of the nearest neighbours, mean angles and mean numbers of Voronoi faces; volume,
    coordination and distances around Li, and the width of the best channel.

    :param data: rows with their columns.
    :returns: quantities by name; the migration energy alone where nothing is known about the columns.
    """
    found = {'migration_energy': Quantity(data.migration_energy_eV, 'eV', 'computed migration energy of Li')}
    found |= _fractions(data)
    for part in ('composition', 'structure'):
        labels, units, meanings = (
            list(data.columns.get(f'{part}_{kind}') or []) for kind in ('labels', 'units', 'meanings')
        )
        rows: Floats = getattr(data, part)
        units, meanings = units or [''] * len(labels), meanings or [''] * len(labels)
        for column, label in enumerate(labels):
            if match := _NAMED.fullmatch(label):
                name = f'mean_{match["property"]}' if match['property'] else label
                found[name] = Quantity(rows[:, column], units[column], meanings[column])
        for series, columns, centres in _histograms(labels):
            if series.startswith('rdf_'):
                pair = series.removeprefix('rdf_')
                meaning = f'distance of the first maximum of the {pair} radial distribution function'
                found[f'distance_{pair}'] = Quantity(first_peaks(rows[:, columns], centres), units[columns[0]], meaning)
            elif words := _words(series, part, meanings[columns[0]]):
                # A layout that holds the mean itself knows it better than its histogram.
                found.setdefault(words[0], Quantity(_means(rows[:, columns], centres), units[columns[0]], words[1]))
    return {name: quantity for name, quantity in found.items() if _varies(quantity.values)}


def _fractions(data: TrainingData) -> dict[str, Quantity]:
    labels = [str(label) for label in data.columns.get('composition_labels') or []]
    columns = {label: data.composition[:, place] for place, label in enumerate(labels) if label.startswith('fraction_')}
    found = {
        label: Quantity(values, '', f'atomic fraction of {label.removeprefix("fraction_")}')
        for label, values in columns.items()
        if np.count_nonzero(values) >= _FEWEST
    }
    if columns:
        number = np.count_nonzero(np.stack(list(columns.values())), axis=0).astype(np.float64)
        found['number_of_elements'] = Quantity(number, '', 'number of elements')
    if {'fraction_Li', 'fraction_O'} <= set(found):
        lithium, oxygen = columns['fraction_Li'], columns['fraction_O']
        ratio = np.divide(lithium, oxygen, out=np.full(len(lithium), np.nan), where=oxygen > 0)
        found['Li_per_O'] = Quantity(ratio, '', 'number of Li per O')
    return found


def _histograms(labels: Sequence[str]) -> Iterator[tuple[str, list[int], Floats]]:
    """Yield name, columns and bin centres of each run of columns whose names end with ascending numbers."""

    def series_of(column: int) -> str:
        match = _BIN.fullmatch(labels[column])
        return match['series'] if match else ''

    for series, group in groupby(range(len(labels)), key=series_of):
        columns = list(group)
        if series and len(columns) >= _LEAST_BINS:
            centres = np.array([float(labels[column].removeprefix(f'{series}_')) for column in columns])
            if (np.diff(centres) > 0).all():
                yield series, columns, centres


def _words(series: str, part: str, meaning: str) -> tuple[str, str] | None:
    """Return name and meaning of the mean of a histogram; None for one that does not share out a whole."""
    if part == 'composition':
        match = re.search(r'with (.+) near', meaning)
        return f'mean_{series}', f'mean over the atoms of the {match[1] if match else series.replace("_", " ")}'
    kind, _, centre = series.partition('_')
    of_centre = f' of {centre}' if centre else ''
    if kind == 'adf':
        return f'mean_angle_{centre}'.rstrip('_'), f'mean angle{of_centre}'
    if kind == 'voronoi':
        return f'voronoi_faces_{centre}'.rstrip('_'), f'mean number of Voronoi faces{of_centre}'
    return None


def _means(rows: Floats, centres: Floats) -> Floats:
    """Return (n,) the mean of each distribution; NaN for an empty one."""
    weight = rows.sum(axis=1)
    return np.divide(rows @ centres, weight, out=np.full(len(rows), np.nan), where=weight > 0)


def first_peaks(rows: Floats, centres: Floats) -> Floats:
    """Return where radial distribution functions have their first maximum.

    The top is that of the parabola through the bin and its two neighbours. Maxima below a tenth of the highest value do
    not count.

    :param rows: (n, bins) functions.
    :param centres: (bins,) centres of the bins, ascending.
    :returns: (n,) distances in the unit of the centres; NaN for a function without a maximum.
    """
    padded = np.pad(rows, ((0, 0), (1, 1)))
    left, middle, right = padded[:, :-2], padded[:, 1:-1], padded[:, 2:]
    tops = (middle > left) & (middle >= right) & (middle > _PEAK * rows.max(axis=1, keepdims=True))
    place = tops.argmax(axis=1)
    index = np.arange(len(rows))
    before, top, after = left[index, place], middle[index, place], right[index, place]
    bend = before - 2 * top + after
    shift = np.divide(0.5 * (before - after), bend, out=np.zeros(len(rows)), where=bend < 0)
    step = np.gradient(centres)[place]
    return np.where(tops.any(axis=1), centres[place] + shift * step, np.nan)


def _varies(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return known.size >= _FEWEST and float(np.ptp(known)) > 0
