"""Figures of a map for print: the map itself and the heat map of the predicted migration energy."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES, KNOWN_SUPPORT, Heatmap, MapBundle
from aiida_limap.visualisation import style
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.facts import (
    MIGRATION_ENERGY,
    NOTHING_KNOWN,
    PREDICTED,
    ColourScale,
    check_bundle,
    colour_scale,
    covering_plane,
    formulas,
    map_facts,
    new_points,
    numbers,
    outside_domain,
)

__all__ = ['write_figures']

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


def write_figures(bundle: MapBundle, folder: Path | str, formats: Sequence[str] = ('png', 'svg')) -> list[Path]:
    """Draw the map and, where the bundle has one, the heat map; write their data and captions beside them.

    ``map`` is the figure of Yamaguchi 2023, Fig. 4: points at their two codes, coloured by the calculated migration
    energy; points without one are grey. ``heatmap`` is its Fig. 7: the predicted migration energy over the plane, with
    the points in the same colours on top. Each comes with ``.csv`` (the numbers) and ``.txt`` (the caption).
    Equal bundles give equal files. Files of an earlier run are replaced; a bundle without a heat map writes none.

    :param bundle: the map.
    :param folder: where to write; made if it does not exist.
    :param formats: endings of the figures: ``png``, ``svg``, ``pdf``.
    :returns: the written files.
    :raises VisualisationError: if a format is unknown, no point can be drawn, or the folder cannot be written to.
    """
    folder = Path(folder)
    unknown = [kind for kind in formats if kind not in style.FORMATS]
    if unknown or not formats:
        raise VisualisationError(
            f'unknown figure format {unknown[0]!r}; known are {", ".join(style.FORMATS)}'
            if unknown
            else f'no figure format was given; choose from {", ".join(style.FORMATS)}'
        )
    check_bundle(bundle)
    _make_folder(folder)
    scale = _common_scale(bundle)
    written = []
    with style.styled():
        written += _write(_draw_map(bundle, scale), folder / 'map', formats)
        if bundle.heatmap is not None:
            written += _write(_draw_heatmap(bundle, bundle.heatmap, scale), folder / 'heatmap', formats)
    written += _write_texts(folder / 'map', _map_rows(bundle), _map_caption(bundle, scale))
    if bundle.heatmap is not None:
        written += _write_texts(folder / 'heatmap', _heatmap_rows(bundle.heatmap), _heatmap_caption(bundle, scale))
    return written


def _common_scale(bundle: MapBundle) -> ColourScale | None:
    """One scale for both figures, so that colours can be compared: of the points, or of the heat map without any."""
    energies = numbers(bundle, MIGRATION_ENERGY)
    scale = colour_scale(energies)
    if scale is None and bundle.heatmap is not None:
        scale = colour_scale(bundle.heatmap.values.ravel())
        if scale is not None:
            scale = replace(scale, n_above=int((energies > scale.upper).sum()))
    return scale


def _draw_map(bundle: MapBundle, scale: ColourScale | None) -> Figure:
    figure = style.new_figure(HEIGHT_INCH)
    axes = figure.add_subplot()
    energies = numbers(bundle, MIGRATION_ENERGY)
    _draw_points(axes, bundle, scale, size=_marker_area(len(bundle.ids)))
    if scale is not None and np.isfinite(energies).any():
        _colour_bar(figure, axes, scale, 'Migration energy (eV)', top=float(np.nanmax(energies)))
    _label_axes(axes, bundle)
    return figure


def _draw_heatmap(bundle: MapBundle, heatmap: Heatmap, scale: ColourScale | None) -> Figure:
    figure = style.new_figure(HEIGHT_INCH)
    axes = figure.add_subplot()
    norm = _norm(scale)
    # Pixels stay pixels inside an SVG: ten thousand vector rectangles are slow and show seams.
    axes.pcolormesh(
        heatmap.x_comp,
        heatmap.x_struc,
        np.ma.masked_invalid(heatmap.values),
        norm=norm,
        cmap=style.COLOUR_MAP,
        shading='nearest',
        rasterized=True,
    )
    x_comp, x_struc, support = covering_plane(bundle, heatmap)
    marks = _draw_unknown(axes, x_comp, x_struc, support)
    _draw_points(axes, bundle, scale, size=_marker_area(len(bundle.ids)) * 0.35, edge='white', marks=marks)
    axes.set_xlim(x_comp[0], x_comp[-1])
    axes.set_ylim(x_struc[0], x_struc[-1])
    if scale is not None:
        seen = heatmap.values[~heatmap.unknown]
        highest = max(_largest(seen), _largest(numbers(bundle, MIGRATION_ENERGY)))
        lowest = min(_smallest(seen), _smallest(numbers(bundle, MIGRATION_ENERGY)))
        label = heatmap.label + (f' ({heatmap.unit})' if heatmap.unit else '')
        _colour_bar(figure, axes, scale, label, top=highest, bottom=lowest)
    _label_axes(axes, bundle)
    return figure


def _draw_unknown(
    axes: Axes, x_comp: NDArray[np.float64], x_struc: NDArray[np.float64], support: NDArray[np.float64] | None
) -> list[Artist]:
    """Cover the places without training data near; return the mark of the legend."""
    if support is None or not (support < KNOWN_SUPPORT).any():
        return []
    look: dict[str, Any] = {'hatch': '/////', 'linewidth': 0}
    axes.contourf(
        x_comp,
        x_struc,
        support,
        levels=[-1.0, KNOWN_SUPPORT],
        colors=[style.UNKNOWN_COLOUR],
        hatches=[look['hatch']],
    )
    return [Patch(facecolor=style.UNKNOWN_COLOUR, edgecolor=style.HATCH_COLOUR, label=NOTHING_KNOWN, **look)]


def _draw_points(
    axes: Axes,
    bundle: MapBundle,
    scale: ColourScale | None,
    *,
    size: float,
    edge: str = style.POINT_EDGE,
    marks: Sequence[Artist] = (),
) -> None:
    x, y, energies = numbers(bundle, AXES[0]), numbers(bundle, AXES[1]), numbers(bundle, MIGRATION_ENERGY)
    drawn = np.isfinite(x) & np.isfinite(y)
    missing = drawn & np.isnan(energies)
    # High energies first: a good conductor is never hidden below a bad one.
    order = np.flatnonzero(drawn & ~np.isnan(energies))
    order = order[np.argsort(-energies[order], kind='stable')]
    outside = outside_domain(bundle)
    known, far = order[~outside[order]], order[outside[order]]
    common: dict[str, Any] = {'s': size, 'edgecolors': edge, 'linewidths': 0.25 if size < 12 else 0.35}
    axes.scatter(x[missing], y[missing], marker='s', c=style.MISSING_COLOUR, **common)
    rings = matplotlib.colormaps[style.COLOUR_MAP](_norm(scale)(energies[far]))
    # A ring of the full width would grow the mark: it is drawn smaller by its line.
    ring: dict[str, Any] = {'s': size * 0.7, 'facecolors': 'white', 'linewidths': 0.5 if size < 12 else 0.9}
    axes.scatter(x[far], y[far], edgecolors=rings, **ring)
    axes.scatter(x[known], y[known], c=energies[known], norm=_norm(scale), cmap=style.COLOUR_MAP, **common)
    new = drawn & new_points(bundle)
    axes.scatter(x[new], y[new], s=size * 2.4, facecolors='none', edgecolors=style.NEW_COLOUR, linewidths=0.7)
    _legend(axes, (int(known.size), int(far.size), int(missing.sum()), int(new.sum())), marks)


def _legend(axes: Axes, counts: tuple[int, int, int, int], more: Sequence[Artist]) -> None:
    """Say which mark is what and how many there are, in rows above the axes."""
    colour_of_marks = matplotlib.colormaps[style.COLOUR_MAP](0.4)
    marks = (
        (counts[0], 'calculated', 'o', colour_of_marks, style.POINT_EDGE, 0.35),
        (counts[1], 'outside the domain', 'o', 'white', colour_of_marks, 0.9),
        (counts[2], 'no migration energy', 's', style.MISSING_COLOUR, style.POINT_EDGE, 0.35),
        (counts[3], 'new', 'o', 'none', style.NEW_COLOUR, 0.7),
    )
    handles = [
        Line2D(
            [], [], linestyle='', marker=marker, markersize=3.5, markeredgewidth=width, markeredgecolor=edge,
            markerfacecolor=colour, label=f'{text} ({count})',
        )
        for count, text, marker, colour, edge, width in marks
        if count
    ]  # fmt: skip
    axes.legend(
        handles=[*handles, *more], loc='lower center', bbox_to_anchor=(0.5, 1.0), ncols=2, handletextpad=0.2,
        columnspacing=1.4, borderpad=0.2,
    )  # fmt: skip


def _norm(scale: ColourScale | None) -> Normalize:
    return Normalize(0, 1) if scale is None else Normalize(scale.lower, scale.upper)


def _largest(values: NDArray[np.float64]) -> float:
    return float(np.max(values, initial=-np.inf, where=np.isfinite(values)))


def _smallest(values: NDArray[np.float64]) -> float:
    return float(np.min(values, initial=np.inf, where=np.isfinite(values)))


def _marker_area(n_points: int) -> float:
    """Return the area of a marker, points², smaller where there are more of them."""
    return float(np.clip(4000 / max(n_points, 1), 5, 28))


def _colour_bar(
    figure: Figure, axes: Axes, scale: ColourScale, label: str, *, top: float, bottom: float = np.inf
) -> None:
    above, below = top > scale.upper, bottom < scale.lower
    extend = 'both' if above and below else 'max' if above else 'min' if below else 'neither'
    mappable = ScalarMappable(norm=_norm(scale), cmap=style.COLOUR_MAP)
    bar = figure.colorbar(mappable, ax=axes, extend=extend, pad=0.02, fraction=0.06, aspect=24)
    bar.set_label(label)
    bar.outline.set_linewidth(0.6)


def _label_axes(axes: Axes, bundle: MapBundle) -> None:
    for set_label, name in ((axes.set_xlabel, AXES[0]), (axes.set_ylabel, AXES[1])):
        entry = bundle.properties[name]
        set_label((entry.label or name) + (f' ({entry.unit})' if entry.unit else ''), parse_math=False)


def _write(figure: Figure, stem: Path, formats: Iterable[str]) -> list[Path]:
    paths = [stem.with_suffix(f'.{kind}') for kind in formats]
    for path in paths:
        style.save_figure(figure, path)
    return paths


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VisualisationError(
            f'the folder {folder} for the figures cannot be made: {error.strerror or error}; choose another folder'
        ) from error


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
    text += ' Colour: calculated migration energy; points of low energy are drawn on top.' + _scale_text(scale)
    if np.isnan(energies).any():
        text += ' Grey squares: structures without a migration energy.'
    if outside_domain(bundle).any():
        text += ' Rings: structures outside of the domain of the model.'
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
    return text + (_scale_text(scale) if scale is not None else '') + '\n'


def _scale_text(scale: ColourScale) -> str:
    if not scale.n_above:
        return f' The colour scale runs from {scale.lower:g} to {scale.upper:g} eV.'
    return (
        f' The colour scale runs from {scale.lower:g} to {scale.upper:g} eV, the 95th percentile or twice the median, '
        f'whichever is lower; {scale.n_above} values above it have the last colour.'
    )


def _write_texts(stem: Path, rows: Iterable[Sequence[object]], caption: str) -> list[Path]:
    table = io.StringIO()
    csv.writer(table, lineterminator='\n').writerows(rows)
    written = []
    for path, text in ((stem.with_suffix('.csv'), table.getvalue()), (stem.with_suffix('.txt'), caption)):
        try:
            path.write_text(text, encoding='utf-8')
        except OSError as error:
            raise VisualisationError(
                f'{path} cannot be written: {error.strerror or error}; choose a folder that you may write to'
            ) from error
        written.append(path)
    return written
