"""What share of the atoms are lithium and oxygen along each axis of the map."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES, MapBundle
from aiida_limap.visualisation import style
from aiida_limap.visualisation._points import (
    axis_label,
    colour_bar,
    common_scale,
    largest,
    marker_area,
    norm,
    scale_text,
)
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, FigureInputs, FigureOptions
from aiida_limap.visualisation.facts import MIGRATION_ENERGY, formulas, map_facts, numbers

__all__ = ['fractions', 'rank_correlation']

_ELEMENTS = {'Li': 'lithium', 'O': 'oxygen'}
_PANEL_INCH = 2.05
Floats = NDArray[np.float64]


def fractions(inputs: FigureInputs, _options: FigureOptions) -> Drawing:
    """Draw the fractions of lithium and oxygen against each code (Yamaguchi 2023, Fig. 5).

    :param inputs: the map.
    :raises CannotDrawError: if no structure holds one of the two elements.
    """
    bundle = inputs.bundle
    found = {symbol: element_fractions(bundle, symbol) for symbol in _ELEMENTS}
    found = {symbol: values for symbol, values in found.items() if (values > 0).any()}
    if not found:
        raise CannotDrawError('no structure of the map holds lithium or oxygen')
    energies, scale = numbers(bundle, MIGRATION_ENERGY), common_scale(bundle)
    codes = {axis: numbers(bundle, axis) for axis in AXES}
    figure = style.new_figure(0.4 + _PANEL_INCH * len(found), style.DOUBLE_COLUMN_INCH)
    panels = figure.subplots(len(found), 2, squeeze=False, sharex='col', sharey='row')
    order = np.argsort(-np.nan_to_num(energies, nan=np.inf), kind='stable')
    missing = np.isnan(energies[order])
    size = 0.5 * marker_area(len(bundle.ids))
    correlations = []
    letters = iter('abcd')
    for line, (symbol, values) in zip(panels, found.items(), strict=True):
        for axes, (axis, code) in zip(line, codes.items(), strict=True):
            look = {'s': size, 'edgecolors': style.POINT_EDGE, 'linewidths': 0.2}
            x, y = code[order], values[order]
            axes.scatter(x[missing], y[missing], marker='s', c=style.MISSING_COLOUR, **look)
            axes.scatter(
                x[~missing], y[~missing], c=energies[order][~missing], norm=norm(scale), cmap=style.COLOUR_MAP, **look
            )
            letter, rank = next(letters), rank_correlation(code, values)
            text = '' if rank is None else f"Spearman's ρ = {rank:.2f}".replace('-', '−')
            axes.set_title(f'({letter})', fontsize=8, pad=3, loc='left')
            axes.set_title(text, fontsize=7, pad=3, loc='right')
            if rank is not None:
                correlations.append(f'({letter}) {symbol} against {axis}: {rank:.2f}')
        line[0].set_ylabel(f'{symbol} fraction of all atoms')
    for axes, axis in zip(panels[-1], AXES, strict=True):
        axes.set_xlabel(axis_label(bundle, axis), parse_math=False)
    if scale is not None and np.isfinite(energies).any():
        colour_bar(figure, list(panels.ravel()), scale, 'Migration energy (eV)', top=largest(energies))
    style.settle(figure)
    names = ' and '.join(_ELEMENTS[symbol] for symbol in found)
    caption = (
        f'{bundle.title}: share of {names} among all atoms against each code. {"; ".join(map_facts(bundle).summary())}.'
    )
    if correlations:
        caption += f" Spearman's rank correlation: {'; '.join(correlations)}."
    if scale is not None and not missing.all():
        caption += f' Colour: calculated migration energy.{scale_text(scale)}'
    if missing.any():
        caption += ' Grey squares: structures without a migration energy.'
    rows: list[Sequence[object]] = [
        ('id', 'formula', *AXES, *(f'{s.lower()}_fraction' for s in found), MIGRATION_ENERGY)
    ]
    columns = [values.tolist() for values in (*codes.values(), *found.values())]
    shown = [None if np.isnan(energy) else float(energy) for energy in energies]
    rows += list(zip(bundle.ids, formulas(bundle), *columns, shown, strict=True))
    return Drawing(figure, rows, caption)


def element_fractions(bundle: MapBundle, symbol: str) -> Floats:
    """Return the share of an element among all atoms of each structure.

    :param bundle: the map.
    :param symbol: the element.
    :returns: (n_points,) from 0 to 1: the property ``li_fraction`` or its like where there is one, else by the sites.
    """
    name = f'{symbol.lower()}_fraction'
    if name in bundle.properties and bundle.properties[name].is_numeric:
        return numbers(bundle, name)
    shares = []
    for record in bundle.structures:
        total = sum(amount for site in record.species for amount in site.values())
        own = sum(site.get(symbol, 0.0) for site in record.species)
        shares.append(own / total if total else np.nan)
    return np.array(shares)


def rank_correlation(first: Floats, second: Floats) -> float | None:
    """Return Spearman's rank correlation of the pairs that are complete, or None where one of them does not vary.

    :param first: (n,) numbers.
    :param second: (n,) numbers.
    """
    from scipy.stats import spearmanr

    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 3 or np.ptp(first[known]) == 0 or np.ptp(second[known]) == 0:
        return None
    with warnings.catch_warnings():
        # Small samples give a p-value that is not used here.
        warnings.simplefilter('ignore')
        return float(spearmanr(first[known], second[known]).statistic)
