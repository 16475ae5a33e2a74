"""``limap.map``: the points of a materials map, the predicted landscape behind them, and how good both are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from aiida.common.exceptions import ValidationError
from aiida.orm import Data
from aiida.orm.implementation.utils import clean_value
from numpy.typing import ArrayLike, NDArray

from aiida_limap.data._columns import (
    as_column,
    as_ids,
    content_checksum,
    count_words,
    plain_json,
    plain_value,
    read_node_arrays,
    verify_checksum,
    write_node_arrays,
)
from aiida_limap.data._names import rows_by_name
from aiida_limap.data._plane import inside_polygon, nearest_points, within_ranges
from aiida_limap.formats.mapbundle import AXES, Heatmap

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

__all__ = ['IS_NEW', 'POINT_COLUMNS', 'SCHEMA_VERSION', 'UNCERTAINTY_COLUMNS', 'MapData']

#: Columns that every map has; those after the axes may hold no value for a point.
POINT_COLUMNS = (
    *AXES,
    'migration_energy_eV',
    'migration_energy_predicted_eV',
    'grid_error_eV',
    'reconstruction_mse_composition',
    'reconstruction_mse_structure',
    'status',
)
#: Columns that a map has where its model knows its domain, has intervals or a wide head, or an ensemble was given.
UNCERTAINTY_COLUMNS = (
    'migration_energy_wide_eV',
    'migration_energy_low_eV',
    'migration_energy_high_eV',
    'migration_energy_spread_eV',
    'x_comp_spread',
    'x_struc_spread',
    'distance_composition',
    'distance_structure',
    'reconstruction_ratio_composition',
    'reconstruction_ratio_structure',
    'in_domain',
    'domain_reason',
)
#: 1 for the points that were placed on the map of a parent, 0 for those taken over from it.
IS_NEW = 'is_new'
#: Maps without a parent are those of version 1, and stay readable for releases that know nothing else.
SCHEMA_VERSION = 2
_SUPPORT = 'grid_support'
_PARENT = 'parent'
_FACTS = ('target', 'mobile_ion', 'model_uuid', 'engine_version')


class MapData(Data):
    """A materials map: one point per structure, spanned by a composition code and a structure code.

    Attributes (queryable): ``n_points``, ``target`` (the column that the migration energies came from), ``mobile_ion``,
    ``model_uuid``, ``engine_version``, ``metrics``, ``counts_by_status``, ``checksum``; of a map with new
    structures on an older one also ``parent`` (UUID of that map), ``n_new`` and ``schema_version``. Build one with
    :meth:`from_points`.
    """

    ARRAYS_FILE = 'map.npz'
    _loaded: dict[str, NDArray] | None = None
    _positions: dict[str, int] | None = None

    @classmethod
    def from_points(
        cls,
        ids: Iterable[str],
        columns: Mapping[str, ArrayLike | list],
        *,
        heatmap: Heatmap,
        facts: Mapping[str, str | None],
        metrics: Mapping[str, Any] | None = None,
    ) -> MapData:
        """Build an unstored map.

        :param ids: UUID of the structure of each point.
        :param columns: one value per point for each of :data:`POINT_COLUMNS`; further columns may follow, such as those
            of :data:`UNCERTAINTY_COLUMNS`. Codes are pure numbers, energies are in eV.
        :param heatmap: the predicted migration energy over the plane, eV.
        :param facts: ``target`` (required), ``mobile_ion``, ``model_uuid`` and ``engine_version``; also ``parent``, the
            UUID of the map whose points are among these, if the column :data:`IS_NEW` tells them from the others.
        :param metrics: how well model and map do, plain values by name.
        :returns: the map, not yet stored.
        :raises ValueError: if a column is missing or has the wrong length, a point has no codes, a fact is unknown, or
            only one of ``parent`` and the column :data:`IS_NEW` is given.
        """
        names = as_ids(ids)
        missing = [name for name in POINT_COLUMNS if name not in columns]
        if missing:
            raise ValueError(f'a map needs the column {missing[0]!r}')
        arrays: dict[str, NDArray] = {'ids': names}
        for name, values in columns.items():
            arrays[f'column.{name}'] = as_column(name, values, names.size)
        for axis in AXES:
            if not np.isfinite(arrays[f'column.{axis}']).all():
                raise ValueError(f'every point of a map needs a number for {axis!r}')
        arrays['grid_x_comp'] = heatmap.x_comp
        arrays['grid_x_struc'] = heatmap.x_struc
        arrays['grid_migration_energy_eV'] = heatmap.values
        if heatmap.support is not None:
            arrays[_SUPPORT] = heatmap.support
        unknown = sorted(set(facts) - {*_FACTS, _PARENT})
        if unknown or not facts.get('target'):
            raise ValueError(f'the facts of a map are {", ".join(_FACTS)}, and target is required; found {dict(facts)}')
        attributes: dict[str, Any] = {
            **{key: facts.get(key) for key in _FACTS},
            'n_points': int(names.size),
            'columns': list(columns),
            'metrics': plain_json('the metrics of a map', dict(metrics or {})),
            'counts_by_status': count_words(arrays['column.status']),
        }
        if heatmap.support is not None:
            # Maps of earlier releases have no such attribute, which their checksum covers.
            attributes['has_support'] = True
        attributes |= _lineage(facts.get(_PARENT), arrays.get(f'column.{IS_NEW}'))
        # AiiDA rounds numbers when it stores them: the checksum must be that of what is stored.
        attributes = clean_value(attributes)
        node = cls()
        node.base.attributes.set_many({**attributes, 'checksum': content_checksum(arrays, attributes)})
        write_node_arrays(node, cls.ARRAYS_FILE, arrays)
        return node

    def _validate(self) -> None:
        super()._validate()
        attributes = dict(self.base.attributes.all)
        if 'checksum' not in attributes:
            raise ValidationError('a MapData is built with MapData.from_points, which was not done')
        for key in ('checksum', 'source'):
            attributes.pop(key, None)
        if self.schema_version > SCHEMA_VERSION:
            raise ValidationError(
                f'the map is of schema version {self.schema_version}, but this release knows up to {SCHEMA_VERSION}; '
                'update aiida-limap'
            )
        try:
            arrays = self._read_arrays()
        except ValueError as error:
            raise ValidationError(str(error)) from error
        verify_checksum(self, content_checksum(arrays, attributes))

    def _read_arrays(self) -> dict[str, NDArray]:
        grids = ['grid_x_comp', 'grid_x_struc', 'grid_migration_energy_eV']
        if self.base.attributes.get('has_support', False):
            grids.append(_SUPPORT)
        return read_node_arrays(self, self.ARRAYS_FILE, ['ids', *grids, *(f'column.{name}' for name in self.columns)])

    @property
    def _arrays(self) -> dict[str, NDArray]:
        if self._loaded is None:
            self._loaded = self._read_arrays()
        return self._loaded

    def __len__(self) -> int:
        return int(self.base.attributes.get('n_points'))

    @property
    def ids(self) -> list[str]:
        """UUID of the structure of each point."""
        return self._arrays['ids'].tolist()

    @property
    def columns(self) -> list[str]:
        """Names of the values that each point has."""
        return list(self.base.attributes.get('columns'))

    @property
    def target(self) -> str:
        """The column of the migration energies that the map shows, e.g. ``barrier_2d_eV``."""
        return str(self.base.attributes.get('target'))

    @property
    def mobile_ion(self) -> str | None:
        """The ion that moves, where it is known."""
        return self.base.attributes.get('mobile_ion', None)

    @property
    def engine_version(self) -> str | None:
        """Version of the engine that encoded the points, where it is known."""
        return self.base.attributes.get('engine_version', None)

    @property
    def model_uuid(self) -> str | None:
        """UUID of the model that encoded the points."""
        return self.base.attributes.get('model_uuid', None)

    @property
    def schema_version(self) -> int:
        """Version of what the node holds: 1 without a parent, 2 with one."""
        return int(self.base.attributes.get('schema_version', 1))

    @property
    def parent_uuid(self) -> str | None:
        """UUID of the map that new structures were placed on; None for a map that was drawn from its own training."""
        return self.base.attributes.get(_PARENT, None)

    @property
    def n_new(self) -> int:
        """Number of points that were placed on the map of the parent; 0 for a map without one."""
        return int(self.base.attributes.get('n_new', 0))

    @property
    def n_outside(self) -> int | None:
        """Number of points outside of what the model knows; None where that was not measured."""
        return int((self.column('in_domain') == 0).sum()) if 'in_domain' in self.columns else None

    @property
    def metrics(self) -> dict[str, Any]:
        """How well model and map do, by name."""
        return dict(self.base.attributes.get('metrics'))

    @property
    def counts_by_status(self) -> dict[str, int]:
        """Number of points by status word of their migration energy."""
        return dict(self.base.attributes.get('counts_by_status'))

    @property
    def checksum(self) -> str:
        """SHA-256 of the content; equal for equal maps of the same model."""
        return str(self.base.attributes.get('checksum'))

    def column(self, name: str) -> NDArray:
        """Return one value per point.

        :param name: name of the column; codes are pure numbers, energies are in eV.
        :returns: (n_points,) float64 with NaN where there is no value, or words.
        :raises KeyError: if there is no such column.
        """
        if name not in self.columns:
            raise KeyError(f'the map has no column {name!r}; it has {", ".join(self.columns)}')
        return self._arrays[f'column.{name}']

    def heatmap(self) -> Heatmap:
        """Return the predicted migration energy (eV) on a regular grid, and where it is backed by training data."""
        arrays = self._arrays
        return Heatmap(
            x_comp=arrays['grid_x_comp'],
            x_struc=arrays['grid_x_struc'],
            values=arrays['grid_migration_energy_eV'],
            label='Predicted migration energy',
            unit='eV',
            support=arrays.get(_SUPPORT),
        )

    def find(self, text: str) -> list[str]:
        """Return the UUIDs of the structures of the points that a text names.

        :param text: a UUID or its start, the id in the source database, the id of the counterpart in the Materials
            Project, or a formula in any order of elements.
        :returns: UUIDs in the order of the map; empty where nothing fits.
        """
        return rows_by_name(text, self.ids, self.column('formula') if 'formula' in self.columns else None)

    def point(self, identifier: str) -> dict[str, float | str | None]:
        """Return the values of one point.

        :param identifier: UUID of its structure, or any other name of one point that :meth:`find` knows.
        :returns: number, word or None by column.
        :raises KeyError: if the map has no such point, or several.
        """
        if identifier not in self:
            found = self.find(identifier)
            if len(found) != 1:
                raise KeyError(f'the map has {len(found) or "no"} points that are called {identifier!r}')
            identifier = found[0]
        index = self._rows[identifier]
        return {name: plain_value(self._arrays[f'column.{name}'][index]) for name in self.columns}

    def __contains__(self, structure_uuid: object) -> bool:
        """Say whether a structure, named by its UUID, is a point of the map."""
        return structure_uuid in self._rows

    @property
    def _rows(self) -> dict[str, int]:
        if self._positions is None:
            self._positions = {name: index for index, name in enumerate(self.ids)}
        return self._positions

    def nearest(self, x_comp: float, x_struc: float, k: int = 10) -> pd.DataFrame:
        """Return the points nearest to a place on the plane.

        :param x_comp: composition code of the place.
        :param x_struc: structure code of the place.
        :param k: how many points; all of them where the map has fewer.
        :returns: as :meth:`to_dataframe`, the nearest first, with the column ``distance`` in front: the Euclidean
            distance in the plane, in codes.
        :raises ValueError: if the place is not finite or the number is below 1.
        """
        rows, distances = nearest_points(self._codes, (x_comp, x_struc), k)
        frame = self._frame(rows)
        frame.insert(0, 'distance', distances)
        frame.attrs['units']['distance'] = ''
        return frame

    def in_region(self, *, polygon: ArrayLike | None = None, **ranges: Any) -> pd.DataFrame:
        """Return the points in a region: those that every condition allows.

        ``in_region(x_comp=(-1, 0), x_struc=(0, 2))`` is a box, ``in_region(migration_energy_eV=(None, 0.3))`` takes all
        energies up to 0.3 eV.

        :param polygon: (m, 2) corners in the plane, pairs of composition and structure code, three or more.
        :param ranges: lowest and highest value of any column of numbers by its name; both are included, and None leaves
            a side open. A point without a value is in no range.
        :returns: as :meth:`to_dataframe`, in the order of the map.
        :raises KeyError: if the map has no such column.
        :raises ValueError: if no condition is given, or one of them is no region.
        """
        if polygon is None and not ranges:
            raise ValueError(
                'a region needs a polygon, or a range such as x_comp=(-1, 0) or migration_energy_eV=(0, 0.3)'
            )
        inside = np.ones(len(self), dtype=np.bool_)
        if polygon is not None:
            inside &= inside_polygon(self._codes, polygon)
        if ranges:
            inside &= within_ranges({name: self.column(name) for name in ranges}, ranges)
        return self._frame(np.flatnonzero(inside))

    def to_dataframe(self) -> pd.DataFrame:
        """Return the points as a data frame, indexed by the UUID of their structures.

        The unit of a column stands in its name (``_eV``) and, by name, in ``attrs['units']``; codes are pure numbers.
        """
        return self._frame(slice(None))

    @property
    def _codes(self) -> NDArray[np.float64]:
        return np.column_stack([self.column(axis) for axis in AXES])

    def _frame(self, rows: Any) -> pd.DataFrame:
        import pandas as pd

        columns = {name: self.column(name)[rows] for name in self.columns}
        # Words become Python's, which print and compare as people expect.
        columns = {name: array if array.dtype.kind == 'f' else array.tolist() for name, array in columns.items()}
        frame = pd.DataFrame(columns, index=pd.Index(self._arrays['ids'][rows].tolist(), name='id'))
        frame.attrs.update(
            map=self.uuid, target=self.target, units={name: 'eV' if name.endswith('_eV') else '' for name in columns}
        )
        return frame


def _lineage(parent: str | None, is_new: NDArray | None) -> dict[str, Any]:
    """Return the attributes of a map with a parent; none without, as maps always were."""
    if (parent is None) != (is_new is None):
        raise ValueError(f'a map with a parent needs the column {IS_NEW!r}, and one without has none')
    if is_new is None:
        return {}
    if is_new.dtype.kind != 'f' or not np.isin(is_new, (0, 1)).all():
        raise ValueError(f'the column {IS_NEW!r} holds 0 or 1 for every point')
    return {_PARENT: str(parent), 'n_new': int(is_new.sum()), 'schema_version': SCHEMA_VERSION}
