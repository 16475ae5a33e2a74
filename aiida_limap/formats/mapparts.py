"""What a map bundle may hold beside its points: descriptors, what axes decode to, and energy profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats._files import FormatError, check_keys
from aiida_limap.formats.packing import pack, unpack

__all__ = ['MAX_ROWS', 'DescriptorColumn', 'Descriptors', 'Profiles', 'pack_rows']

#: Points whose descriptors a map bundle and a page hold at most; with more, they would be most of the file.
MAX_ROWS = 20_000
#: Wider ranges than this, in units of the largest value of a scale, need finer steps than one byte has.
_NARROW = 4.0


@dataclass(frozen=True)
class DescriptorColumn:
    """What one number of a descriptor row is.

    :param name: unique name; in histograms it ends with the centre of the bin, as ``rdf_Li-O_1.95``.
    :param unit: unit of the number, or of the axis of the histogram that it belongs to.
    :param meaning: one clause.
    :param part: ``composition`` or ``structure``.
    :param block: neighbouring columns that are computed together.
    """

    name: str
    unit: str = ''
    meaning: str = ''
    part: str = ''
    block: str = ''


@dataclass(frozen=True, eq=False)
class Descriptors:
    """The descriptors behind one axis of a map, as the model reads them: each divided by the largest of its scale.

    :param columns: what each number is.
    :param factors: (n_columns,) what a number is multiplied with to be in its own unit.
    :param rows: (n_points, n_columns) descriptors of the points, NaN for points without; None where they are left out.
    :param codes: (m,) ascending codes along the axis, or None where nothing is decoded.
    :param decoded: (m, n_columns) what the decoder draws from these codes.
    """

    columns: tuple[DescriptorColumn, ...]
    factors: NDArray[np.float64]
    rows: NDArray[np.float32] | None = None
    codes: NDArray[np.float64] | None = None
    decoded: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        width = len(self.columns)
        for name, kind in (
            ('factors', np.float64),
            ('rows', np.float32),
            ('codes', np.float64),
            ('decoded', np.float64),
        ):
            given = getattr(self, name)
            object.__setattr__(self, name, None if given is None else np.asarray(given, dtype=kind))
        if self.factors.shape != (width,):
            raise FormatError(f'descriptors: {self.factors.size} factors for {width} columns')
        if self.rows is not None and (self.rows.ndim != 2 or self.rows.shape[1] != width):
            raise FormatError(f'descriptors: rows of shape {self.rows.shape} for {width} columns')
        if (self.codes is None) != (self.decoded is None):
            raise FormatError('descriptors: codes and what they decode to belong together')
        if self.codes is not None and self.decoded is not None and self.decoded.shape != (self.codes.size, width):
            raise FormatError(
                f'descriptors: {self.codes.size} codes and {width} columns, but decoded rows of shape '
                f'{self.decoded.shape}'
            )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; rows of points keep what :func:`pack_rows` keeps."""
        fields = [asdict(column) for column in self.columns]
        return {
            'columns': {name: [entry[name] for entry in fields] for name in DescriptorColumn.__dataclass_fields__},
            'factors': self.factors.tolist(),
            'rows': None if self.rows is None else pack_rows(self.rows),
            'codes': None if self.codes is None else self.codes.tolist(),
            'decoded': None if self.decoded is None else pack(self.decoded, 'f4'),
        }

    @classmethod
    def from_dict(cls, name: str, document: Mapping[str, Any]) -> Descriptors:
        """Build from plain values.

        :param name: what it is, for messages.
        :param document: what :meth:`as_dict` gives.
        :raises FormatError: if the document is damaged.
        """
        check_keys(name, document, ('columns', 'factors', 'rows', 'codes', 'decoded'))
        fields = tuple(DescriptorColumn.__dataclass_fields__)
        check_keys(f'{name}: columns', document['columns'], fields)
        lists: Sequence[Sequence[str]] = [document['columns'][field] for field in fields]
        if len({len(entries) for entries in lists}) > 1:
            raise FormatError(f'{name}: the facts of the columns differ in number')
        packed = {
            key: None if document[key] is None else unpack(document[key], f'{name}: {key}')
            for key in ('rows', 'decoded')
        }
        return cls(
            columns=tuple(DescriptorColumn(*entry) for entry in zip(*lists, strict=True)),
            factors=np.array(document['factors'], dtype=np.float64),
            rows=None if packed['rows'] is None else packed['rows'].astype(np.float32),
            codes=None if document['codes'] is None else np.array(document['codes'], dtype=np.float64),
            decoded=packed['decoded'],
        )


def pack_rows(rows: NDArray[Any]) -> dict[str, Any]:
    """Return descriptor rows, packed: one byte per number, or two where the range is wide.

    :param rows: (n, n_columns) numbers in units of the largest of their scale; NaN where there is none.
    :returns: the document of :func:`~aiida_limap.formats.packing.pack`; its steps are at most one part in 60 of the
        largest value of a scale, and about one part in 250 where none is negative or larger.
    """
    low, high = (float(reduce(rows, initial=0.0)) for reduce in (np.nanmin, np.nanmax))
    return pack(rows, 'u1' if high - low <= _NARROW else 'u2')


@dataclass(frozen=True, eq=False)
class Profiles:
    """Energy of the mobile ion along the path that limits its migration, one profile per point.

    :param distance: (n_points, k) ascending distance along the path, Å; NaN for points without a profile.
    :param energy: (n_points, k) energy above the lowest site, eV.
    :param dimension: in how many directions the network that the path closes percolates.
    """

    distance: NDArray[np.float32]
    energy: NDArray[np.float32]
    dimension: int

    def __post_init__(self) -> None:
        for name in ('distance', 'energy'):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float32))
        if self.distance.ndim != 2 or self.distance.shape != self.energy.shape:
            raise FormatError(f'profiles: distances {self.distance.shape} and energies {self.energy.shape} differ')

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            'distance': pack(self.distance, 'f4'),
            'energy': pack(self.energy, 'f4'),
            'dimension': self.dimension,
        }

    @classmethod
    def from_dict(cls, name: str, document: Mapping[str, Any]) -> Profiles:
        """Build from plain values.

        :param name: what it is, for messages.
        :param document: what :meth:`as_dict` gives.
        :raises FormatError: if the document is damaged.
        """
        check_keys(name, document, ('distance', 'energy', 'dimension'))
        return cls(
            distance=unpack(document['distance'], f'{name}: distance').astype(np.float32),
            energy=unpack(document['energy'], f'{name}: energy').astype(np.float32),
            dimension=int(document['dimension']),
        )
