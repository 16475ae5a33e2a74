"""What a map bundle holds beside the points of a map: decoded axes, descriptors, intervals and energy profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.layouts import PHONONS_PART, further_parts
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.mapbundle import AXES, Heatmap
from aiida_limap.formats.mapparts import MAX_ROWS, DescriptorColumn, Descriptors, Profiles
from aiida_limap.tools.provenance import parent_of
from aiida_limap.tools.query import QueryError

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.map import MapData
    from aiida_limap.data.table import TableData
    from aiida_limap.engines.autoencoder import TrainedModel

__all__ = ['MapParts', 'map_parts']

#: Codes along each axis at which descriptors are decoded.
_CODES = 201
_LEVEL = 0.9
#: Blocks of a table of migration energies.
_PROFILE = ('profile_distance_angstrom', 'profile_energy_eV')


@dataclass(frozen=True, eq=False)
class MapParts:
    """What a map bundle may hold beside its points; see :class:`~aiida_limap.formats.mapbundle.MapBundle`."""

    descriptors: Mapping[str, Descriptors] = field(default_factory=dict)
    layers: Mapping[str, Heatmap] = field(default_factory=dict)
    profiles: Profiles | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def map_parts(
    map_node: MapData, ids: Sequence[str], split: Sequence[str | None] | None, level: float | None
) -> MapParts:
    """Collect what lies behind the axes and the points of a map, as far as it is in the profile.

    :param map_node: the stored map.
    :param ids: the points that are wanted.
    :param split: part of the data that each point belonged to in training, or None where that is not known.
    :param level: share of the materials that the intervals of the points are to hold, or None.
    :returns: the parts; without its model a map has no decoded axes, and ``facts`` say why.
    """
    from aiida_limap.tools.models import load

    profiles = _profiles(map_node, ids)
    try:
        model = load(map_node)
    except (QueryError, FormatError) as error:
        return MapParts(profiles=profiles, facts={'not_decoded': str(error)})
    layers, facts = _interval_layers(map_node, model, ids, split, level or _LEVEL)
    return MapParts(_descriptors(map_node, model, ids), layers, profiles, facts)


def _descriptors(map_node: MapData, model: TrainedModel, ids: Sequence[str]) -> dict[str, Descriptors]:
    heatmap = map_node.heatmap()
    codes = []
    for name, plane in zip(AXES, (heatmap.x_comp, heatmap.x_struc), strict=True):
        column = map_node.column(name)
        codes.append(np.linspace(min(plane[0], column.min()), max(plane[-1], column.max()), _CODES))
    decoded = model.decode(*codes)
    rows = _rows(map_node, model, ids) if len(ids) <= MAX_ROWS else {}
    found = {}
    for part, axis, drawn in zip(('composition', 'structure'), codes, decoded, strict=True):
        divisors = model.scaling.divisors(part)
        found[part] = Descriptors(
            columns=_columns(model, part),
            factors=divisors,
            rows=(rows[part] / divisors).astype(np.float32) if part in rows else None,
            codes=axis,
            decoded=drawn / divisors,
        )
    return found


def _columns(model: TrainedModel, part: str) -> tuple[DescriptorColumn, ...]:
    """Return what the columns are: from the layout where this release knows it, else from the names in the model."""
    from aiida_limap.engines.descriptors.layout import load_layout
    from aiida_limap.engines.errors import InputError

    facts = model.columns
    count = len(model.scaling.divisors(part))
    names = facts.get(f'{part}_labels') or [f'{part}_column_{number}' for number in range(1, count + 1)]
    blocks = [part] * count
    for block, (start, stop) in ((facts.get('blocks') or {}).get(part) or {}).items():
        blocks[start:stop] = [block] * (stop - start)
    known: dict[str, Any] = {}
    if isinstance(facts.get('layout'), Mapping):
        try:
            known = {column.name: column for column in load_layout(facts['layout']).columns()}
        except (InputError, ImportError):
            # A layout of another release, or with featurizers that are not installed here: the names must do.
            known = {}
    told = {name: (column.unit, column.meaning) for name, column in known.items()}
    # No layout knows the columns of phonons; the model says itself what they are.
    phonons = facts.get(PHONONS_PART) or {}
    described = zip(*(phonons.get(key) or () for key in ('labels', 'units', 'meanings')), strict=True)
    told |= {name: (unit, meaning) for name, unit, meaning in described}
    return tuple(
        DescriptorColumn(name, *told.get(name, ('', '')), part, block)
        for name, block in zip(names, blocks, strict=True)
    )


def _rows(map_node: MapData, model: TrainedModel, ids: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return the descriptors of the points, NaN where a table is not in the profile; nothing where none is."""
    from aiida_limap.calculations._descriptors import check_descriptors, descriptor_arrays

    further = further_parts(model.columns)
    widths = {part: len(model.scaling.divisors(part)) for part in ('composition', 'structure')}
    place = {uuid: number for number, uuid in enumerate(ids)}
    found: dict[str, NDArray[np.float64]] = {}
    for table in _tables(map_node, 'descriptors'):
        if check_descriptors(table, further) is not None:
            continue
        rows = np.array([row for row, uuid in enumerate(table.ids) if uuid in place], dtype=np.int_)
        here = [place[table.ids[row]] for row in rows]
        for part, values in descriptor_arrays(table, rows, further).items():
            if values.shape[1] == widths[part]:
                found.setdefault(part, np.full((len(ids), widths[part]), np.nan))[here] = values
        table.forget()
    return found


def _interval_layers(
    map_node: MapData, model: TrainedModel, ids: Sequence[str], split: Sequence[str | None] | None, level: float
) -> tuple[dict[str, Heatmap], dict[str, Any]]:
    """Return the ends of the interval at every place of the plane, and how they were found.

    At a place there are two codes and nothing else, so the interval is that of the head which reads them. Where the
    points have a wide head, whose intervals are others, those of the codes are calibrated here, on the validation rows.
    """
    from aiida_limap.engines.autoencoder.conformal import LEVELS, Calibration

    calibration = model.calibration
    if calibration is None or level not in LEVELS:
        return {}, {}
    if model.config.wide_head_widths:
        chosen = {uuid for uuid, word in zip(ids, split or (), strict=False) if word == 'validation'}
        rows = np.array([uuid in chosen for uuid in map_node.ids], dtype=np.bool_)
        if not rows.any() or 'formula' not in map_node.columns:
            return {}, {}
        predicted, observed, groups = (
            map_node.column(name)[rows] for name in ('migration_energy_predicted_eV', 'migration_energy_eV', 'formula')
        )
        calibration = Calibration.fit(predicted, observed, groups.tolist(), scale=model.scaling.energy)
    heatmap = map_node.heatmap()
    ends = calibration.interval(heatmap.values, level, scale=model.scaling.energy)
    if not all(np.isfinite(end).all() for end in ends):
        return {}, {}
    layers = {
        name: Heatmap(heatmap.x_comp, heatmap.x_struc, end, label, 'eV')
        for name, end, label in zip(('low', 'high'), ends, ('Interval, lower end', 'Interval, upper end'), strict=True)
    }
    note = (
        f'Calibrated on {calibration.n_rows} validation compounds for the prediction from the two codes, equally wide '
        'everywhere on the scale that the model learns'
    )
    return layers, {'plane_interval': {'level': level, 'note': note}}


def _profiles(map_node: MapData, ids: Sequence[str]) -> Profiles | None:
    place = {uuid: number for number, uuid in enumerate(ids)}
    found: list[NDArray[np.float32]] = []
    dimension = 0
    for table in _tables(map_node, 'migration_energies'):
        if not set(_PROFILE) <= set(table.block_names):
            continue
        parts = [table.block(name) for name in _PROFILE]
        if not found:
            dimension = int(table.block_info(_PROFILE[1]).get('dimension', 2))
            found = [np.full((len(ids), part.shape[1]), np.nan, dtype=np.float32) for part in parts]
        rows = [row for row, uuid in enumerate(table.ids) if uuid in place]
        here = [place[table.ids[row]] for row in rows]
        if parts[0].shape[1] == found[0].shape[1]:
            for whole, part in zip(found, parts, strict=True):
                whole[here] = part[rows]
        table.forget()
    return Profiles(found[0], found[1], dimension) if found else None


def _tables(map_node: MapData, label: str) -> Iterator[TableData]:
    """Return the tables that a map was encoded from, then those of the map before, whose points it took over."""
    node: MapData | None = map_node
    while node is not None:
        encoding: orm.ProcessNode | None = node.creator
        link = None if encoding is None else encoding.base.links.get_incoming(link_label_filter=label).first()
        if link is not None:
            yield link.node
        node = parent_of(node)
