"""How the model of a map was trained, how well it rebuilds and predicts, and what it rebuilds worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.visualisation import _training_diagnostics as diagnostics_
from aiida_limap.visualisation import _training_losses as losses_
from aiida_limap.visualisation import style
from aiida_limap.visualisation._labels import formula_text
from aiida_limap.visualisation.drawing import CannotDrawError, Drawing, FigureInputs, FigureOptions, RebuiltPart
from aiida_limap.visualisation.facts import MIGRATION_ENERGY, PREDICTED, formulas, learns_energy, map_facts, numbers

__all__ = ['diagnostics', 'history', 'losses', 'worst']

_BINS = 80
_PARTS = ('composition', 'structure')
_TITLES = {'composition': 'Composition descriptors', 'structure': 'Structure descriptors'}
_R2 = 'R² = {:.2f}'
Floats = NDArray[np.float64]


def losses(inputs: FigureInputs, _options: FigureOptions) -> Drawing:
    """Draw the losses of the best epochs against the weight W (Yamaguchi 2023, Fig. 2).

    :param inputs: the map, with trainings of several weights.
    :raises CannotDrawError: if there are none.
    """
    runs = inputs.losses
    if runs is None:
        raise CannotDrawError(_reason(inputs, 'losses', 'trainings with several weights W were not given'))
    figure = losses_.tradeoff(runs.weights, runs.losses)
    places = np.unique(runs.weights)
    counts = [int((runs.weights == place).sum()) for place in places]
    each = f'{counts[0]} each' if len(set(counts)) == 1 else ', '.join(map(str, counts))
    caption = (
        f'{inputs.bundle.title}: losses in the best epoch against the weight W of the migration energy, in scaled '
        f'units. {len(runs.weights)} trainings: W = {", ".join(f"{place:g}" for place in places)} ({each}), '
        f'{runs.origin}. The map: {_facts(inputs.bundle)}'
    )
    if len(places) < len(runs.weights):
        caption += ' Dots: single trainings; lines: means; bands: from the lowest to the highest.'
    rows: list[Sequence[object]] = [('training', 'me_weight', *runs.losses)]
    rows += list(zip(runs.names, runs.weights.tolist(), *(each.tolist() for each in runs.losses.values()), strict=True))
    return Drawing(figure, rows, caption)


def history(inputs: FigureInputs, _options: FigureOptions) -> Drawing:
    """Draw the losses by epoch, with the epoch whose network was kept.

    :param inputs: the map, with the history of its training.
    :raises CannotDrawError: if that is not there.
    """
    found = inputs.history
    if found is None:
        raise CannotDrawError(_reason(inputs, 'history', 'the history of the training was not given'))
    known = {name: values for name, values in found.losses.items() if losses_.loss_of(name)}
    known = {name: values for name, values in known.items() if np.isfinite(values).any()}
    if not known:
        raise CannotDrawError('the history of the training holds no losses')
    length = max(len(values) for values in known.values())
    caption = f'{inputs.bundle.title}: losses of the training by epoch, in scaled units, {length} epochs.'
    if found.best_epoch is not None:
        caption += f' Dashed: epoch {found.best_epoch}, whose network the map is drawn with.'
    caption += f' {_facts(inputs.bundle)}'
    rows: list[Sequence[object]] = [('epoch', *known)]
    rows += list(zip(range(1, length + 1), *(values.tolist() for values in known.values()), strict=True))
    return Drawing(losses_.history(known, found.best_epoch), rows, caption)


def diagnostics(inputs: FigureInputs, _options: FigureOptions) -> Drawing:
    """Draw rebuilt against given descriptors and predicted against calculated energies (Yamaguchi 2023, Fig. 3a-c).

    Panels without data are left out.

    :param inputs: the map, with its rebuilt descriptors.
    :raises CannotDrawError: if neither descriptors nor energies are there.
    """
    bundle, rebuilt = inputs.bundle, inputs.rebuilt
    energies, predicted = numbers(bundle, MIGRATION_ENERGY), numbers(bundle, PREDICTED)
    known = np.isfinite(energies) & np.isfinite(predicted) & learns_energy(bundle)
    parts = {} if rebuilt is None else {name: part for name, part in rebuilt.parts.items() if part.given.size}
    if not known.any() and not parts:
        why = _reason(inputs, 'diagnostics', 'rebuilt descriptors were not given')
        raise CannotDrawError(f'{why}; and no point has both a calculated and a learnt migration energy')
    figure, panels = _panels(len(parts) + bool(known.any()))
    rows: list[Sequence[object]] = [('panel', 'given', 'rebuilt', 'values', 'id', 'split')]
    caption = f'{bundle.title}: how well the model rebuilds and predicts.'
    letters = iter('abc')
    for name, part in parts.items():
        axes, letter = panels.pop(0), next(letters)
        rows += _draw_part(figure, axes, name, part)
        score = diagnostics_.r2(part.given, part.rebuilt)
        text = '' if score is None else _R2.format(score)
        _name_panel(axes, f'({letter}) {_TITLES[name]}', text)
        assert rebuilt is not None
        caption += f' ({letter}) {_TITLES[name]}, scaled: {_of(rebuilt.split, len(part.given), rebuilt.n_split)}'
        caption += f', {part.given.shape[1]} numbers each{", " + text + " over all values" if text else ""}.'
    if known.any():
        axes, letter = panels.pop(0), next(letters)
        words = _splits(bundle)
        diagnostics_.draw_predictions(axes, energies[known], predicted[known], words[known])
        axes.set_xlabel('Computed (eV)')
        axes.set_ylabel('Predicted (eV)')
        handles, labels = axes.get_legend_handles_labels()
        axes.legend().remove()
        figure.legend(
            handles, labels, loc='outside lower right', ncols=len(labels) if parts else 1, handletextpad=0.1,
            columnspacing=1.2,
        )  # fmt: skip
        _name_panel(axes, f'({letter}) Migration energy', '')
        caption += f' ({letter}) Migration energy of {int(known.sum())} compounds. {_facts(bundle)}'
        ids = np.array(bundle.ids)[known].tolist()
        rows += [
            ('migration_energy_eV', energy, guess, 1, name, word)
            for energy, guess, name, word in zip(
                energies[known].tolist(), predicted[known].tolist(), ids, words[known].tolist(), strict=True
            )
        ]
    else:
        caption += f' {_facts(bundle)}'
    if not parts:
        caption += f' Descriptors are not shown: {_reason(inputs, "diagnostics", "they were not given")}.'
    style.settle(figure)
    return Drawing(figure, rows, caption)


def worst(inputs: FigureInputs, _options: FigureOptions) -> Drawing:
    """Draw given and rebuilt descriptors of the compounds that are rebuilt worst (Yamaguchi 2023, Fig. 3d-f).

    :param inputs: the map, with its rebuilt descriptors.
    :raises CannotDrawError: if these are not there.
    """
    bundle, rebuilt = inputs.bundle, inputs.rebuilt
    if rebuilt is None or not rebuilt.worst_ids:
        raise CannotDrawError(_reason(inputs, 'worst', 'rebuilt descriptors were not given'))
    known = dict(zip(bundle.ids, formulas(bundle), strict=True))
    given, drawn = rebuilt.worst.given, rebuilt.worst.rebuilt
    errors = np.square(given - drawn).mean(axis=1)
    names = [known.get(name, name) for name in rebuilt.worst_ids]
    n_composition = rebuilt.parts['composition'].given.shape[1]
    titles = [
        f'({letter}) {formula_text(name)}: mean squared error {error:#.2g}'
        for letter, name, error in zip('defghijk', names, errors.tolist(), strict=False)
    ]
    figure = diagnostics_.rebuilt_rows(given, drawn, titles, n_composition)
    which = _of(rebuilt.split, rebuilt.n_split, rebuilt.n_split)
    listed = '; '.join(f'{name} ({key})' for name, key in zip(names, rebuilt.worst_ids, strict=True))
    caption = (
        f'{bundle.title}: scaled descriptors (grey) and what the decoders make of the two codes (red) for the '
        f'{len(names)} formulas that are rebuilt worst among the {which}: {listed}. Columns 1 to {n_composition} '
        f'describe the composition, {n_composition + 1} to {given.shape[1]} the structure.'
    )
    rows: list[Sequence[object]] = [
        ('index', 'part', 'column', *(f'{kind}: {key}' for key in rebuilt.worst_ids for kind in ('given', 'rebuilt')))
    ]
    pairs = np.stack([given, drawn], axis=1).reshape(2 * len(given), -1).T
    rows += [
        (index + 1, _PARTS[index >= n_composition], column, *pairs[index].tolist())
        for index, column in enumerate(rebuilt.columns)
    ]
    return Drawing(figure, rows, caption)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    height = {1: 3.4, 2: 2.9}.get(count, 2.35)
    figure = style.new_figure(height, style.DOUBLE_COLUMN_INCH if count > 1 else style.SINGLE_COLUMN_INCH)
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _name_panel(axes: Axes, title: str, score: str) -> None:
    axes.set_title(title, fontsize=8, pad=3, loc='left')
    if score:
        axes.annotate(score, (0.05, 0.95), xycoords='axes fraction', ha='left', va='top', fontsize=7)


def _draw_part(figure: Figure, axes: Axes, name: str, part: RebuiltPart) -> list[Sequence[object]]:
    """Draw how many values of a part are where; return these numbers."""
    low = min(0.0, float(part.given.min()), float(part.rebuilt.min()))
    high = max(float(part.given.max()), float(part.rebuilt.max()), low + 1e-9)
    edges = np.linspace(low, high, _BINS + 1)
    counts, _x, _y = np.histogram2d(part.given.ravel(), part.rebuilt.ravel(), bins=(edges, edges))
    shown: AxesImage = axes.imshow(
        np.ma.masked_equal(counts.T, 0), origin='lower', extent=(low, high, low, high), cmap=style.COLOUR_MAP,
        norm=LogNorm(1, max(float(counts.max()), 10.0)), interpolation='nearest',
    )  # fmt: skip
    # As high as the panel, whose sides are equal.
    bar = figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.06, 1)))
    bar.set_label('Number of values', fontsize=7, labelpad=1)
    bar.ax.tick_params(labelsize=6)
    bar.outline.set_linewidth(0.6)
    axes.plot((low, high), (low, high), color='#444444', linewidth=0.7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel('Given (scaled)')
    axes.set_ylabel('Rebuilt from the code (scaled)')
    centres = ((edges[1:] + edges[:-1]) / 2).round(6).tolist()
    first, second = np.nonzero(counts)
    return [
        (name, centres[i], centres[j], int(counts[i, j]), '', '')
        for i, j in zip(first.tolist(), second.tolist(), strict=True)
    ]


def _splits(bundle: MapBundle) -> NDArray[np.str_]:
    entry = bundle.properties.get('split')
    if entry is None:
        return np.full(len(bundle.ids), 'all')
    return np.array(['not trained on' if word is None else str(word) for word in entry.values])


def _of(split: str, shown: int, total: int) -> str:
    among = f'{shown} of {total} compounds' if shown < total else f'{total} compounds'
    return among if split == 'all' else f'{among} of the {split} split'


def _facts(bundle: MapBundle) -> str:
    return f'{"; ".join(map_facts(bundle).summary())}.'


def _reason(inputs: FigureInputs, name: str, otherwise: str) -> str:
    reasons: Mapping[str, str] = inputs.reasons
    return reasons.get(name, otherwise)
