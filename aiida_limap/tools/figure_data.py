"""From a map node to what its figures are drawn from: history, grid and rebuilt descriptors beside the bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.tools.query import QueryError
from aiida_limap.visualisation.drawing import FigureInputs, History, LossRuns, RebuiltPart, RebuiltRows

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.autoencoder import AutoencoderData
    from aiida_limap.data.map import MapData
    from aiida_limap.data.table import TableData
    from aiida_limap.engines.autoencoder import TrainedModel

__all__ = ['figure_inputs', 'history_of', 'losses_of_grid', 'losses_of_maps', 'rebuilt_rows']

N_WORST = 3
#: More rows than these do not change the picture of a histogram.
_MOST_ROWS = 2000
_SPLITS = ('train', 'validation', 'test')
_LOSSES = ('composition', 'structure', 'me')
_PARTS = ('composition', 'structure')
#: What may differ between trainings whose losses are drawn against W.
_FREE = ('me_weight', 'seed')
#: Options that change what a loss means, or what it is reached with.
_COMPARED = (
    'preset', 'reduction', 'basis', 'scaling', 'split', 'hidden_widths', 'head_widths', 'batch_size', 'learning_rate',
    'weight_decay', 'patience', 'energy_transform',
)  # fmt: skip
_NEEDS_MODEL = ('diagnostics', 'worst')


def figure_inputs(
    map_node: MapData,
    *,
    compare: Sequence[MapData] = (),
    only: Iterable[str] | None = None,
    title: str | None = None,
    on_step: Callable[[str], None] | None = None,
) -> FigureInputs:
    """Collect what the figures of a map are drawn from.

    :param map_node: the stored map.
    :param compare: other maps, such as one of a model that was trained with W = 0.
    :param only: names of the figures that are wanted, so that nothing else is read; all unless given.
    :param title: heading; None makes one from the label or the number of points.
    :param on_step: told what is being read.
    :returns: the inputs; where something is not in the profile, ``reasons`` says so for each figure that needs it.
    """
    from aiida_limap.tools.bundle import map_bundle

    wanted = None if only is None else set(only)

    def wants(*names: str) -> bool:
        return wanted is None or bool(wanted & set(names))

    tell = on_step or (lambda _text: None)
    tell('reading the map')
    parts: dict[str, Any] = {'bundle': map_bundle(map_node, title=title)}
    reasons: dict[str, str] = {}
    if wants('families'):
        tell('reading the maps beside it')
        parts['compared'] = tuple(map_bundle(node) for node in compare)
    if wants('losses'):
        tell('reading the trainings')
        parts['losses'] = _or_reason(lambda: _losses(map_node, compare), reasons, 'losses')
    if wants('history'):
        parts['history'] = _or_reason(lambda: history_of(map_node), reasons, 'history')
    if wants(*_NEEDS_MODEL):
        tell('rebuilding the descriptors')
        bundle: MapBundle = parts['bundle']
        parts['rebuilt'] = _or_reason(lambda: rebuilt_rows(map_node, bundle), reasons, *_NEEDS_MODEL)
    return FigureInputs(**parts, reasons=reasons)


def _or_reason(load: Callable[[], Any], reasons: dict[str, str], *names: str) -> Any:
    """Return what is loaded, or None and note why it cannot be."""
    from aiida_limap.engines.errors import LimapError
    from aiida_limap.formats._files import FormatError

    try:
        return load()
    except (QueryError, FormatError, LimapError) as error:
        reasons.update(dict.fromkeys(names, str(error)))
        return None


def history_of(map_node: MapData) -> History:
    """Return the losses by epoch of the training of a map.

    :param map_node: the stored map.
    :raises QueryError: if the model, its training or its history is not in the profile.
    """
    from aiida_limap.tools.models import find_model

    model = find_model(map_node)
    training, name = _training_of(model)
    link = training.base.links.get_outgoing(link_label_filter='history').first()
    if link is None:
        raise QueryError(f'the training {training.pk} of map {map_node.pk} has left no history')
    node = link.node
    losses = {array: node.get_array(array) for array in node.get_arraynames() if not array.startswith('grid_')}
    if name:
        # The history by itself is that of the chosen model; those of the others are rows of arrays.
        row = _grid_of(training).ids.index(name)
        losses = {
            array.removeprefix('grid_'): node.get_array(array)[row]
            for array in node.get_arraynames()
            if array.startswith('grid_') and node.get_array(array).ndim == 2
        }
        losses = {array: values[np.isfinite(values)] for array, values in losses.items()}
    best = model.header['training'].get('best_epoch')
    return History({name: np.asarray(values, dtype=np.float64) for name, values in losses.items()}, best)


def losses_of_grid(map_node: MapData) -> LossRuns:
    """Return the losses of the grid that the model of a map was chosen from, by the weight W.

    Only trainings that differ from that model in W and the seed are taken.

    :param map_node: the stored map.
    :raises QueryError: if there is no grid over ``me_weight``.
    """
    from aiida_limap.tools.models import find_model

    model = find_model(map_node)
    training, name = _training_of(model)
    grid = _grid_of(training)
    if 'me_weight' not in grid.column_names:
        raise QueryError(f'the grid of training {training.pk} has no me_weight among its options')
    own = name or str(grid.metadata.get('chosen', ''))
    varied = [option for option in _varied(training) if option not in _FREE and option in grid.column_names]
    rows = [grid.row(key) for key in grid.ids]
    kept = [number for number, row in enumerate(rows) if row.get('status') == 'ok']
    if own in grid.ids:
        kept = [number for number in kept if all(rows[number][key] == grid.row(own)[key] for key in varied)]
    losses = {
        f'{split}_{loss}': grid.column(f'loss_{split}_{loss}')[kept]
        for split in _SPLITS
        for loss in _LOSSES
        if f'loss_{split}_{loss}' in grid.column_names
    }
    names = tuple(grid.ids[number] for number in kept)
    return _checked(grid.column('me_weight')[kept], losses, names, f'one grid, training {training.pk}')


def losses_of_maps(maps: Sequence[MapData]) -> LossRuns:
    """Return the losses of the models of several maps by their weight W.

    :param maps: the stored maps.
    :raises QueryError: if they have fewer than two weights, or a history is missing.
    """
    from aiida_limap.tools.models import find_model

    weights, names, options = [], [], []
    found: list[dict[str, float]] = []
    for node in {node.uuid: node for node in maps}.values():
        history = history_of(node)
        header = find_model(node).header['training']
        if history.best_epoch is None or header.get('me_weight') is None:
            raise QueryError(f'the model of map {node.pk} does not say which W and which epoch it is from')
        epoch = history.best_epoch - 1
        found.append({name: float(values[epoch]) for name, values in history.losses.items() if len(values) > epoch})
        weights.append(float(header['me_weight']))
        names.append(f'map {node.pk}')
        options.append(header)
    shared = [
        f'{split}_{loss}' for split in _SPLITS for loss in _LOSSES if all(f'{split}_{loss}' in entry for entry in found)
    ]
    losses = {name: np.array([entry[name] for entry in found]) for name in shared}
    differing = [key for key in _COMPARED if any(entry.get(key) != options[0].get(key) for entry in options)]
    origin = f'the models of {", ".join(names)}'
    if differing:
        origin += f', which also differ in {", ".join(differing)}, so that their losses do not compare by W alone'
    return _checked(np.array(weights), losses, tuple(names), origin)


def rebuilt_rows(map_node: MapData, bundle: MapBundle) -> RebuiltRows:
    """Return descriptors of a map, scaled, and what the decoders of its model make of the codes.

    The rows are those of the test split; of a map whose split is not known, or without a test split, all of them.

    :param map_node: the stored map.
    :param bundle: its bundle, which knows the split.
    :raises QueryError: if the model or the descriptors of the map are not in the profile.
    """
    from aiida_limap.calculations._descriptors import descriptor_arrays
    from aiida_limap.common.layouts import further_parts
    from aiida_limap.tools.models import load

    table = _descriptors_of(map_node)
    model = load(map_node)
    places = {key: row for row, key in enumerate(table.ids)}
    split, chosen = _chosen_rows(bundle)
    numbers = [number for number in chosen if bundle.ids[number] in places]
    if not numbers:
        raise QueryError(f'the descriptor table {table.pk} holds no compound of map {map_node.pk}')
    further = further_parts(model.columns)
    worst = _worst(bundle, numbers, [len(model.scaling.divisors(part)) for part in _PARTS])
    step = -(-len(numbers) // _MOST_ROWS)
    sampled = numbers[::step]

    def both(points: Sequence[int]) -> dict[str, RebuiltPart]:
        rows = np.array([places[bundle.ids[point]] for point in points], dtype=np.int_)
        return _rebuilt(model, descriptor_arrays(table, rows, further))

    extreme = both(worst)
    return RebuiltRows(
        split=split,
        n_split=len(numbers),
        parts=both(sampled),
        worst=RebuiltPart(
            np.concatenate([extreme[part].given for part in _PARTS], axis=1),
            np.concatenate([extreme[part].rebuilt for part in _PARTS], axis=1),
        ),
        worst_ids=tuple(bundle.ids[number] for number in worst),
        columns=tuple(name for part in _PARTS for name in _column_names(model, part, extreme[part].given.shape[1])),
    )


def _losses(map_node: MapData, compare: Sequence[MapData]) -> LossRuns:
    if compare:
        return losses_of_maps([map_node, *compare])
    return losses_of_grid(map_node)


def _checked(
    weights: NDArray[np.float64], losses: Mapping[str, NDArray[np.float64]], names: tuple[str, ...], origin: str
) -> LossRuns:
    finite = np.isfinite(np.stack([weights, *losses.values()])).all(axis=0)
    if len(np.unique(weights[finite])) < 2:
        raise QueryError(
            f'the trainings ({origin}) have one weight W only; train a grid over me_weight, or name maps of other '
            'weights with --compare'
        )
    kept = tuple(names[number] for number in np.flatnonzero(finite))
    return LossRuns(weights[finite], {key: values[finite] for key, values in losses.items()}, kept, origin)


def _training_of(model: AutoencoderData) -> tuple[orm.ProcessNode, str]:
    """Return the training of a model, and the name of the model in its grid; empty for the one that was chosen."""
    training = model.creator
    if training is None:
        raise QueryError(f'the training of model {model.pk} is not in this profile')
    label = model.base.links.get_incoming(node_class=type(training)).first().link_label
    return training, label.rpartition('__')[2] if '__' in label else ''


def _grid_of(training: orm.ProcessNode) -> TableData:
    link = training.base.links.get_outgoing(link_label_filter='grid').first()
    if link is None:
        raise QueryError(
            f'the model is from training {training.pk}, which was no grid over me_weight; train one, or name maps of '
            'other weights W with --compare'
        )
    return link.node


def _varied(training: orm.ProcessNode) -> list[str]:
    link = training.base.links.get_incoming(link_label_filter='parameters').first()
    return [] if link is None else list(link.node.get_dict().get('grid') or {})


def _descriptors_of(map_node: MapData) -> TableData:
    encoding = map_node.creator
    link = None if encoding is None else encoding.base.links.get_incoming(link_label_filter='descriptors').first()
    if link is None:
        raise QueryError(f'the descriptor table of map {map_node.pk} is not in this profile; import it with the map')
    return link.node


def _chosen_rows(bundle: MapBundle) -> tuple[str, list[int]]:
    entry = bundle.properties.get('split')
    test = [] if entry is None else [number for number, word in enumerate(entry.values) if word == 'test']
    return ('test', test) if test else ('all', list(range(len(bundle.ids))))


def _worst(bundle: MapBundle, points: Sequence[int], widths: Sequence[int]) -> list[int]:
    """Return the points with the largest squared error over all scaled columns, one of each formula."""
    from aiida_limap.visualisation.facts import formulas, numbers

    each = np.stack([numbers(bundle, f'reconstruction_mse_{part}')[list(points)] for part in _PARTS])
    mse = np.average(each, axis=0, weights=widths)
    names = formulas(bundle)
    found: dict[str, int] = {}
    for place in np.argsort(-mse, kind='stable').tolist():
        # Polymorphs are rebuilt alike: one of each formula says more.
        if len(found) < N_WORST and np.isfinite(mse[place]):
            found.setdefault(names[points[place]], points[place])
    return list(found.values())


def _column_names(model: TrainedModel, part: str, width: int) -> list[str]:
    known = model.columns.get(f'{part}_labels')
    return [str(name) for name in known] if known else [f'{part}_{number}' for number in range(width)]


def _rebuilt(model: TrainedModel, rows: Mapping[str, NDArray[np.float64]]) -> dict[str, RebuiltPart]:
    given = [rows[part] for part in _PARTS]
    decoded = model.decode(*model.encode(given[0], given[1]))
    divisors = [model.scaling.divisors(part) for part in _PARTS]
    return {
        part: RebuiltPart(own / scale, drawn / scale)
        for part, own, drawn, scale in zip(_PARTS, given, decoded, divisors, strict=True)
    }
