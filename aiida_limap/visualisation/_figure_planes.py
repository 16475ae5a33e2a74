"""The map, and the predicted migration energy over its plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from aiida_limap.formats.mapbundle import AXES, Heatmap, MapBundle
from aiida_limap.visualisation import style
from aiida_limap.visualisation._points import (
    colour_bar,
    common_scale,
    draw_points,
    draw_unknown,
    label_axes,
    largest,
    marker_area,
    norm,
    scale_text,
    smallest,
)
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, FigureInputs, FigureOptions
from aiida_limap.visualisation.facts import (
    MIGRATION_ENERGY,
    NOTHING_KNOWN,
    PREDICTED,
    ColourScale,
    covering_plane,
    formulas,
    learns_energy,
    map_facts,
    new_points,
    numbers,
    outside_domain,
)

__all__ = ['heatmap', 'map_']

HEIGHT_INCH = 2.9
#: What the table of the map says beside codes and energies, where it is known.
_MORE = (
    'migration_energy_wide_eV',
    'migration_energy_low_eV',
    'migration_energy_high_eV',
    'migration_energy_spread_eV',
    'in_domain',
    'domain_reason',
    'is_new',
)


def map_(inputs: FigureInputs, _options: FigureOptions) -> Drawing:
    """Draw the points at their two codes, coloured by the calculated migration energy (Yamaguchi 2023, Fig. 4).

    :param inputs: the map.
    """
    bundle = inputs.bundle
    scale = common_scale(bundle)
    return Drawing(_draw_map(bundle, scale), _map_rows(bundle), _map_caption(bundle, scale))


def heatmap(inputs: FigureInputs, _options: FigureOptions) -> Drawing:
    """Draw the predicted migration energy over the plane, with the points in the same colours (Fig. 7).

    :param inputs: the map.
    :raises CannotDrawError: if the map has no predicted plane, or its model has not learnt migration energies.
    """
    bundle = inputs.bundle
    if bundle.heatmap is None:
        raise CannotDrawError('the map holds no predicted migration energy over its plane')
    if not learns_energy(bundle):
        raise CannotDrawError('the model was trained with W = 0, so it has learnt no migration energy to draw')
    scale = common_scale(bundle)
    return Drawing(
        _draw_heatmap(bundle, bundle.heatmap, scale), _heatmap_rows(bundle.heatmap), _heatmap_caption(bundle, scale)
    )


def _draw_map(bundle: MapBundle, scale: ColourScale | None) -> Figure:
    figure = style.new_figure(HEIGHT_INCH)
    axes = figure.add_subplot()
    energies = numbers(bundle, MIGRATION_ENERGY)
    draw_points(axes, bundle, scale, size=marker_area(len(bundle.ids)))
    if scale is not None and np.isfinite(energies).any():
        colour_bar(figure, axes, scale, 'Migration energy (eV)', top=float(np.nanmax(energies)))
    label_axes(axes, bundle)
    return figure


def _draw_heatmap(bundle: MapBundle, heatmap: Heatmap, scale: ColourScale | None) -> Figure:
    figure = style.new_figure(HEIGHT_INCH)
    axes = figure.add_subplot()
    # Pixels stay pixels inside an SVG: ten thousand vector rectangles are slow and show seams.
    axes.pcolormesh(
        heatmap.x_comp,
        heatmap.x_struc,
        np.ma.masked_invalid(heatmap.values),
        norm=norm(scale),
        cmap=style.COLOUR_MAP,
        shading='nearest',
        rasterized=True,
    )
    x_comp, x_struc, support = covering_plane(bundle, heatmap)
    marks = draw_unknown(axes, x_comp, x_struc, support)
    draw_points(axes, bundle, scale, size=marker_area(len(bundle.ids)) * 0.35, edge='white', marks=marks)
    axes.set_xlim(x_comp[0], x_comp[-1])
    axes.set_ylim(x_struc[0], x_struc[-1])
    if scale is not None:
        seen = heatmap.values[~heatmap.unknown]
        highest = max(largest(seen), largest(numbers(bundle, MIGRATION_ENERGY)))
        lowest = min(smallest(seen), smallest(numbers(bundle, MIGRATION_ENERGY)))
        label = heatmap.label + (f' ({heatmap.unit})' if heatmap.unit else '')
        colour_bar(figure, axes, scale, label, top=highest, bottom=lowest)
    label_axes(axes, bundle)
    return figure


def _map_rows(bundle: MapBundle) -> list[Sequence[object]]:
    names = [name for name in (*AXES, MIGRATION_ENERGY, PREDICTED, *_MORE, 'status') if name in bundle.properties]
    columns = [bundle.properties[name].values for name in names]
    rows: list[Sequence[object]] = [('id', 'formula', *names)]
    rows += list(zip(bundle.ids, formulas(bundle), *columns, strict=True))
    return rows


def _heatmap_rows(heatmap: Heatmap) -> list[Sequence[object]]:
    unit = f' ({heatmap.unit})' if heatmap.unit else ''
    grids = {heatmap.label + unit: heatmap.values}
    if heatmap.support is not None:
        grids['support'] = heatmap.support
    y, x = (places.ravel().tolist() for places in np.meshgrid(heatmap.x_struc, heatmap.x_comp, indexing='ij'))
    rows: list[Sequence[object]] = [(*AXES, *grids)]
    rows += list(zip(x, y, *(values.ravel().tolist() for values in grids.values()), strict=True))
    return rows


def _map_caption(bundle: MapBundle, scale: ColourScale | None) -> str:
    text = f'{bundle.title}: {"; ".join(map_facts(bundle).summary())}. '
    text += 'Each point is a structure at its composition code (horizontal) and structure code (vertical).'
    energies = numbers(bundle, MIGRATION_ENERGY)
    if scale is None or np.isnan(energies).all():
        return text + ' Fewer than two different migration energies were calculated, so there is no colour scale.\n'
    text += ' Colour: calculated migration energy; points of low energy are drawn on top.' + scale_text(scale)
    if np.isnan(energies).any():
        text += ' Grey squares: structures without a migration energy.'
    outside = outside_domain(bundle)
    if outside.any():
        text += ' Rings: structures outside of the domain of the model'
        n_grey = int((outside & np.isnan(energies)).sum())
        text += f'; {n_grey} of the grey squares lie there too.' if n_grey else '.'
    if new_points(bundle).any():
        text += ' Halos: structures that were placed on an older map, whose points have not moved.'
    return text + '\n'


def _heatmap_caption(bundle: MapBundle, scale: ColourScale | None) -> str:
    heatmap = bundle.heatmap
    assert heatmap is not None
    text = (
        f'{bundle.title}: {heatmap.label.lower()} on a grid of {heatmap.x_comp.size} × {heatmap.x_struc.size} codes, '
        f'and the calculated values of the points in the same colours. {"; ".join(map_facts(bundle).summary())}.'
    )
    if heatmap.unknown.any():
        text += f' Hatched: {NOTHING_KNOWN}, since no training data are near.'
    return text + (scale_text(scale) if scale is not None else '') + '\n'
