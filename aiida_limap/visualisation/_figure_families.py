"""Structure families highlighted on the map, and on maps of other weights beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES, MapBundle
from aiida_limap.visualisation import style
from aiida_limap.visualisation._points import axis_label, marker_area
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, FigureInputs, FigureOptions
from aiida_limap.visualisation.facts import formulas, map_facts, numbers

__all__ = ['FAMILY', 'families']

FAMILY = 'family'
#: The families of the publication.
_PUBLISHED = ('garnet', 'NASICON', 'perovskite')
#: How many are highlighted where a map holds none of these.
_MOST = 3
_UNKNOWN = ('', 'unknown')
_GROUND = '#cfcfcf'
_PANEL_INCH = 2.6


def families(inputs: FigureInputs, options: FigureOptions) -> Drawing:
    """Highlight structure families on the map and on those that it is compared with (Yamaguchi 2023, Fig. 6).

    A map that does not know the family of a structure takes it from another map that holds the structure too.

    :param inputs: the map, and others.
    :param options: which families.
    :raises CannotDrawError: if no family is known, or a named one is not there.
    """
    bundles = (inputs.bundle, *inputs.compared)
    if len({bundle.metadata.get('map_uuid') or index for index, bundle in enumerate(bundles)}) < len(bundles):
        bundles = tuple({bundle.metadata.get('map_uuid'): bundle for bundle in bundles}.values())
    known = {key: word for bundle in reversed(bundles) for key, word in _known(bundle).items()}
    words = [np.array([known.get(key, '') for key in bundle.ids]) for bundle in bundles]
    chosen = _chosen(Counter(words[0][~np.isin(words[0], _UNKNOWN)].tolist()), options.families)
    across = min(len(bundles), 2)
    lines = -(-len(bundles) // across)
    legend_lines = -(-(len(chosen) + 1) // (4 if across == 2 else 2))
    figure = style.new_figure(
        0.2 + 0.16 * legend_lines + _PANEL_INCH * lines,
        style.DOUBLE_COLUMN_INCH if across == 2 else style.SINGLE_COLUMN_INCH,
    )
    panels = figure.subplots(lines, across, squeeze=False).ravel()
    for axes in panels[len(bundles) :]:
        axes.set_axis_off()
    rows: list[Sequence[object]] = [('map', 'id', 'formula', *AXES, FAMILY)]
    captions = []
    for number, (axes, bundle, own) in enumerate(zip(panels, bundles, words, strict=False)):
        _draw(axes, bundle, own, chosen)
        title = _title(bundle)
        if len(bundles) > 1:
            axes.set_title(f'({"abcdefgh"[number]}) {title}', fontsize=8, pad=3, loc='left', parse_math=False)
        x, y = (numbers(bundle, axis).tolist() for axis in AXES)
        rows += list(zip([title] * len(own), bundle.ids, formulas(bundle), x, y, own.tolist(), strict=True))
        counts = ', '.join(f'{family} {int((own == family).sum())}' for family in chosen)
        captions.append(f'{title}: {counts} of {"; ".join(map_facts(bundle).summary())}.')
    handles = [
        Line2D(
            [], [], linestyle='', marker=style.CATEGORY_MARKERS[number], markersize=4.5, markeredgewidth=0.3,
            markeredgecolor=style.POINT_EDGE, markerfacecolor=style.CATEGORY_COLOURS[number],
            label=f'{family} ({int((words[0] == family).sum())})',
        )
        for number, family in enumerate(chosen)
    ]  # fmt: skip
    others = int((~np.isin(words[0], chosen)).sum())
    if others:
        handles.append(
            Line2D([], [], linestyle='', marker='o', markersize=3, color=_GROUND, label=f'others ({others})')
        )
    figure.legend(handles=handles, loc='outside upper center', ncols=4 if across == 2 else 2, handletextpad=0.2)
    style.settle(figure)
    caption = (
        f'{inputs.bundle.title}: structure families at their two codes; grey: all other compounds. {" ".join(captions)}'
    )
    if len(bundles) > 1:
        caption += ' Codes of different models have no common scale: compare how the families lie, not their codes.'
    return Drawing(figure, rows, caption)


def _draw(axes: Axes, bundle: MapBundle, words: NDArray[np.str_], chosen: Sequence[str]) -> None:
    x, y = (numbers(bundle, axis) for axis in AXES)
    size = marker_area(len(bundle.ids))
    other = ~np.isin(words, chosen)
    axes.scatter(x[other], y[other], s=0.6 * size, c=_GROUND, linewidths=0)
    for number, family in enumerate(chosen):
        own = words == family
        axes.scatter(
            x[own], y[own], s=max(1.6 * size, 12), c=style.CATEGORY_COLOURS[number],
            marker=style.CATEGORY_MARKERS[number], edgecolors=style.POINT_EDGE, linewidths=0.3, zorder=3 + number,
        )  # fmt: skip
    axes.set_xlabel(axis_label(bundle, AXES[0]), parse_math=False)
    axes.set_ylabel(axis_label(bundle, AXES[1]), parse_math=False)


def _known(bundle: MapBundle) -> dict[str, str]:
    entry = bundle.properties.get(FAMILY)
    if entry is None:
        return {}
    return {
        key: str(word)
        for key, word in zip(bundle.ids, entry.values, strict=True)
        if word is not None and str(word) not in _UNKNOWN
    }


def _chosen(counts: Counter[str], wanted: Sequence[str]) -> list[str]:
    if not counts:
        raise CannotDrawError('no structure family of the map is known')
    by_name = {family.casefold(): family for family in counts}
    missing = [name for name in wanted if name.casefold() not in by_name]
    if missing:
        raise CannotDrawError(
            f'no structure of the map belongs to the family {missing[0]!r}; it has {", ".join(sorted(counts))}'
        )
    most = len(style.CATEGORY_COLOURS)
    if len(wanted) > most:
        raise CannotDrawError(f'{len(wanted)} families were named, but at most {most} can be told apart')
    if wanted:
        return list(dict.fromkeys(by_name[name.casefold()] for name in wanted))
    published = [by_name[name.casefold()] for name in _PUBLISHED if name.casefold() in by_name]
    return published or [family for family, _count in counts.most_common(_MOST)]


def _title(bundle: MapBundle) -> str:
    weight = map_facts(bundle).me_weight
    return bundle.title if weight is None else f'W = {weight:g}'
