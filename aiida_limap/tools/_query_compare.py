"""Two maps side by side: points in both, their shifts on axes brought together, and what differs behind them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import AXES
from aiida_limap.tools._query_error import QueryError
from aiida_limap.tools._query_options import map_facts
from aiida_limap.tools.provenance import structure_facts

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from aiida_limap.data.map import MapData
    from aiida_limap.engines.autoencoder.alignment import Alignment

__all__ = ['MATCHES', 'MapComparison', 'compare_maps']

MATCHES = ('uuid', 'source')
_ENERGIES = ('migration_energy_eV', 'migration_energy_predicted_eV')
_FEWEST = 3


@dataclass(frozen=True)
class MapComparison:
    """What two maps have in common, and what not.

    :param pks: pk of the first and of the second map.
    :param points: one row per point in both, indexed by the UUID of the structure in the first map: ``formula`` where
        there is one; for each axis its codes ``…_a`` and ``…_b``, the second brought onto the axis of the first, and
        ``…_shift``, the second less the first; the same for calculated and predicted migration energies, eV; and
        ``shift``, the distance in the plane, in codes of the first map.
    :param only_a: UUIDs of the structures that only the first map holds.
    :param only_b: those that only the second holds.
    :param alignments: for each axis the monotone map from the codes of the second map to those of the first.
    :param rank_correlations: Spearman's rank correlation over the points in both, by axis (without sign, since a code
        may be turned round) and by energy; None where it is not defined: under three values, or a constant one.
    :param spreads: for each axis the standard deviation of the codes of the first map over the points in both, against
        which shifts are to be seen.
    :param differences: what differs in data and options: value in the first and in the second map, by name.
    """

    pks: tuple[int, int]
    points: pd.DataFrame
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    alignments: Mapping[str, Alignment]
    rank_correlations: Mapping[str, float | None]
    spreads: Mapping[str, float]
    differences: Mapping[str, tuple[Any, Any]]

    def summary(self) -> dict[str, Any]:
        """Return the comparison without its rows, as plain values."""
        shifts = {name: self.points[f'{name}_shift'].to_numpy() for name in (*AXES, *_ENERGIES)}
        return {
            'maps': list(self.pks),
            'points_in_both': len(self.points),
            'only_in_first': len(self.only_a),
            'only_in_second': len(self.only_b),
            'rank_correlations': dict(self.rank_correlations),
            'turned_axes': [name for name, fit in self.alignments.items() if fit.sign < 0],
            'median_absolute_shift': {name: _median(np.abs(values)) for name, values in shifts.items()},
            'spread_of_axes': dict(self.spreads),
            'differences': {name: {'first': a, 'second': b} for name, (a, b) in self.differences.items()},
        }

    def text(self) -> str:
        """Return the comparison in lines for people."""
        told = self.summary()
        lines = [
            f'map {self.pks[0]} and map {self.pks[1]}: {len(self.points)} points in both, '
            f'{len(self.only_a)} only in the first, {len(self.only_b)} only in the second',
            '',
            f'{"":<34} {"rank correlation":>16} {"median |shift|":>16}',
        ]
        for name in (*AXES, *_ENERGIES):
            turned = ', turned round' if name in told['turned_axes'] else ''
            spread = f'  of a spread of {self.spreads[name]:.3g}{turned}' if name in AXES else ''
            shift = told['median_absolute_shift'][name]
            unit = ' eV' if name in _ENERGIES and shift is not None else ''
            lines.append(f'{name:<34} {_word(self.rank_correlations[name]):>16} {_word(shift) + unit:>16}{spread}')
        lines += [
            '',
            'what differs' if self.differences else 'nothing is known to differ in data and options',
        ]
        lines += [f'  {name:<34} {_short(a)} | {_short(b)}' for name, (a, b) in self.differences.items()]
        return '\n'.join(lines)

    def __str__(self) -> str:
        return self.text()


def compare_maps(map_a: MapData, map_b: MapData, match: str = 'uuid') -> MapComparison:
    """Compare two maps over the points that both hold.

    Codes have no zero and no scale of their own: those of the second map are brought onto the axes of the first by the
    monotone maps of :func:`aiida_limap.engines.autoencoder.alignment.align`, fitted to the points in both.

    :param map_a: the first map, on whose axes the shifts are told.
    :param map_b: the second.
    :param match: ``uuid``, points of the same structure nodes; ``source``, of the same database and id there, as for
        structures that were imported twice.
    :returns: the comparison.
    :raises QueryError: if fewer than three points are in both.
    """
    from aiida_limap.engines.autoencoder.alignment import align

    keys_a, keys_b = (_keys(node, match) for node in (map_a, map_b))
    both = [key for key in keys_a if key in keys_b]
    if len(both) < _FEWEST:
        other = "; match='source' compares structures by the id of their source" if match == 'uuid' else ''
        raise QueryError(
            f'maps {map_a.pk} and {map_b.pk} have {len(both) or "no"} points in common, and axes cannot be brought '
            f'together over fewer than {_FEWEST}{other}'
        )
    rows_a, rows_b = ([keys[key] for key in both] for keys in (keys_a, keys_b))
    values_a, values_b = (
        {name: node.column(name)[rows] for name in (*AXES, *_ENERGIES)}
        for node, rows in ((map_a, rows_a), (map_b, rows_b))
    )
    alignments = {axis: align(values_a[axis], values_b[axis]) for axis in AXES}
    ranks = {axis: alignments[axis].rank_correlation for axis in AXES}
    ranks |= {name: _rank_correlation(values_a[name], values_b[name]) for name in _ENERGIES}
    values_b |= {axis: alignments[axis].apply(values_b[axis]) for axis in AXES}
    shared_a, shared_b = set(rows_a), set(rows_b)
    return MapComparison(
        pks=(int(map_a.pk or 0), int(map_b.pk or 0)),
        points=_points(map_a, rows_a, values_a, values_b),
        only_a=tuple(uuid for row, uuid in enumerate(map_a.ids) if row not in shared_a),
        only_b=tuple(uuid for row, uuid in enumerate(map_b.ids) if row not in shared_b),
        alignments=alignments,
        rank_correlations=ranks,
        spreads={axis: float(np.std(values_a[axis])) for axis in AXES},
        differences=_differences(map_facts(map_a), map_facts(map_b)),
    )


def _keys(node: MapData, match: str) -> dict[str, int]:
    """Return the row of each point by what it is matched by; keys that stand for several points are left out."""
    if match not in MATCHES:
        raise QueryError(f'points are matched by {" or ".join(MATCHES)}, not by {match!r}')
    if match == 'uuid':
        return {uuid: row for row, uuid in enumerate(node.ids)}
    facts = structure_facts(node.ids)
    keys: dict[str, int] = {}
    several = set()
    for row, uuid in enumerate(node.ids):
        source = facts.get(uuid, {}).get('source') or {}
        if not source.get('id'):
            continue
        key = json.dumps([str(source.get('db_name') or ''), str(source['id'])])
        if key in keys:
            several.add(key)
        keys[key] = row
    return {key: row for key, row in keys.items() if key not in several}


def _points(
    map_a: MapData, rows: list[int], values_a: Mapping[str, NDArray], values_b: Mapping[str, NDArray]
) -> pd.DataFrame:
    import pandas as pd

    ids = map_a.ids
    columns: dict[str, Any] = {}
    if 'formula' in map_a.columns:
        columns['formula'] = map_a.column('formula')[rows].tolist()
    for name in (*AXES, *_ENERGIES):
        columns[f'{name}_a'], columns[f'{name}_b'] = values_a[name], values_b[name]
        columns[f'{name}_shift'] = values_b[name] - values_a[name]
    columns['shift'] = np.hypot(*(columns[f'{axis}_shift'] for axis in AXES))
    frame = pd.DataFrame(columns, index=pd.Index([ids[row] for row in rows], name='structure_uuid'))
    frame.attrs['units'] = {name: 'eV' if '_eV' in name else '' for name in columns}
    return frame


def _rank_correlation(one: NDArray, other: NDArray) -> float | None:
    from scipy.stats import spearmanr

    known = np.isfinite(one) & np.isfinite(other)
    one, other = one[known], other[known]
    if len(one) < _FEWEST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one, other).statistic)


def _differences(facts_a: Mapping[str, Any], facts_b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = [*facts_a, *(name for name in facts_b if name not in facts_a)]
    pairs = {name: (facts_a.get(name), facts_b.get(name)) for name in names}
    return {name: (a, b) for name, (a, b) in pairs.items() if a != b}


def _median(values: NDArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _word(value: float | None) -> str:
    return 'none' if value is None or math.isnan(value) else f'{value:.3f}'


def _short(value: Any) -> str:
    return 'not given' if value is None else value if isinstance(value, str) else json.dumps(value)
