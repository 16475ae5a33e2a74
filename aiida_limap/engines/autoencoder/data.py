"""Rows to learn from: checks, splits and the scaling of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.config import SplitConfig
from aiida_limap.engines.autoencoder.energies import EnergyScale
from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import checksum

__all__ = ['SPLITS', 'Scaling', 'TrainingData', 'check_rows', 'split_rows']

#: Words of the split, by their code.
SPLITS = ('train', 'validation', 'test')
_FEWEST_ROWS = 10


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Descriptors and migration energies of many structures.

    :param ids: (n,) identifiers, each once.
    :param composition: (n, p) composition rows.
    :param structure: (n, q) structure rows.
    :param migration_energy_eV: (n,) target, NaN where missing: such rows train the reconstruction only.
    :param groups: (n,) reduced formula of each row.
    :param columns: what the descriptors engine says about the columns: ``composition_labels``, ``structure_labels``,
        ``blocks``, ``scales``, ``layout``, ``layout_checksum``. Without it each row is one block.
    :raises InputError: if shapes disagree, a number is not finite, there are fewer than 10 rows, or all targets are
        equal.
    """

    ids: Sequence[str]
    composition: NDArray[np.float64]
    structure: NDArray[np.float64]
    migration_energy_eV: NDArray[np.float64]  # noqa: N815
    groups: Sequence[str]
    columns: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, 'ids', tuple(str(name) for name in self.ids))
        set_(self, 'groups', tuple(str(name) for name in self.groups))
        set_(self, 'migration_energy_eV', np.asarray(self.migration_energy_eV, dtype=np.float64))
        n_rows = len(self.ids)
        if n_rows < _FEWEST_ROWS:
            raise InputError(f'train: {n_rows} rows are too few; at least {_FEWEST_ROWS} are needed')
        if len(set(self.ids)) != n_rows:
            repeated = next(name for name in self.ids if self.ids.count(name) > 1)
            raise InputError(f'train: the id {repeated!r} stands for two rows')
        for part in ('composition', 'structure'):
            labels = self.columns.get(f'{part}_labels') or None
            rows = check_rows(getattr(self, part), part, labels, self.ids)
            set_(self, part, rows)
        if self.migration_energy_eV.shape != (n_rows,) or len(self.groups) != n_rows:
            raise InputError('train: ids, groups and migration_energy_eV must be equally long')
        known = self.migration_energy_eV[~np.isnan(self.migration_energy_eV)]
        if np.isinf(known).any():
            raise InputError('train: migration_energy_eV holds an infinite value; use NaN for a missing one')
        if len(known) < 2:
            raise InputError('train: fewer than two rows have a migration energy')
        if np.ptp(known) == 0:
            raise InputError(f'train: all migration energies are equal ({known[0]:g} eV); there is nothing to learn')

    @property
    def hash(self) -> str:
        """SHA-256 of all rows in their order."""
        parts = [array.tobytes() for array in (self.composition, self.structure, self.migration_energy_eV)]
        return checksum('\n'.join(self.ids).encode(), '\n'.join(self.groups).encode(), *parts)

    def blocks(self, part: str) -> dict[str, tuple[int, int]]:
        """Return the blocks that are scaled by one number each.

        The layout says which columns share a number. Where it does not, the whole composition row has one and each
        block of the structure row its own, as in the paper.

        :param part: ``composition`` or ``structure``.
        :returns: first column and the one after the last by name of the block.
        :raises InputError: if the blocks do not tile the columns.
        """
        width = getattr(self, part).shape[1]
        named = (self.columns.get('scales') or {}).get(part)
        if not named:
            named = None if part == 'composition' else (self.columns.get('blocks') or {}).get(part)
        if not named:
            return {part: (0, width)}
        # In the order of the columns: a database may have stored the names in another one.
        ordered = sorted(named.items(), key=lambda entry: tuple(entry[1]))
        blocks = {name: (int(start), int(stop)) for name, (start, stop) in ordered}
        edges = [0, *(stop for _, stop in blocks.values())]
        if [start for start, _ in blocks.values()] != edges[:-1] or edges[-1] != width:
            raise InputError(f'train: the blocks {blocks} do not cover the {width} {part} columns')
        return blocks


def check_rows(
    rows: Any, part: str, labels: Sequence[str] | None = None, ids: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """Return descriptor rows as an array after checking them.

    :param rows: (n, d) numbers.
    :param part: ``composition`` or ``structure``, for messages.
    :param labels: (d,) column names, if known.
    :param ids: (n,) row names, if known.
    :returns: (n, d) array.
    :raises InputError: if the shape is wrong or it holds NaN or infinity; the message names row and column.
    """
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] == 0 or (ids is not None and len(array) != len(ids)):
        raise InputError(f'the {part} rows have shape {array.shape}; expected one row per id and at least one column')
    if labels is not None and len(labels) != array.shape[1]:
        raise InputError(f'the {part} rows have {array.shape[1]} columns, but {len(labels)} column names are given')
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        name = ids[row] if ids is not None else f'number {row}'
        label = labels[column] if labels is not None else f'number {column}'
        raise InputError(f'the {part} row {name} holds NaN or infinity in column {label}; leave out such rows')
    return array


@dataclass(frozen=True)
class Scaling:
    """One divisor per block: the largest absolute value of the block; and the scale of the migration energy.

    :param composition: divisor of each composition block: (first column, one after the last, divisor).
    :param structure: the same for the structure row.
    :param energy: what the heads make of a migration energy.
    """

    composition: tuple[tuple[int, int, float], ...]
    structure: tuple[tuple[int, int, float], ...]
    energy: EnergyScale

    @classmethod
    def fit(
        cls, data: TrainingData, rows: NDArray[np.bool_], transform: str = 'none', offset_eV: float = 0.1
    ) -> Scaling:
        """Take the divisors from some rows; a block of zeros is left as it is.

        :param data: all rows.
        :param rows: (n,) which rows to take the maxima from.
        :param transform: of the migration energy, see :class:`~aiida_limap.engines.autoencoder.energies.EnergyScale`.
        :param offset_eV: offset of the transform.
        :raises InputError: if none of these rows has a migration energy other than zero.
        """
        blocks = {}
        for part in ('composition', 'structure'):
            values = np.abs(getattr(data, part)[rows])
            blocks[part] = tuple(
                (start, stop, float(values[:, start:stop].max()) or 1.0) for start, stop in data.blocks(part).values()
            )
        energy = EnergyScale.fit(data.migration_energy_eV[rows], transform, offset_eV)
        return cls(blocks['composition'], blocks['structure'], energy)

    def divisors(self, part: str) -> NDArray[np.float64]:
        """Return (d,) the divisor of each column.

        :param part: ``composition`` or ``structure``.
        """
        return np.concatenate([np.full(stop - start, scale) for start, stop, scale in getattr(self, part)])

    def as_dict(self) -> dict[str, Any]:
        """Return the divisors as plain values."""
        return {
            'composition': [list(block) for block in self.composition],
            'structure': [list(block) for block in self.structure],
            'energy': self.energy.as_dict(),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Scaling:
        """Build from plain values.

        :param document: what :meth:`as_dict` gives.
        """
        blocks = {
            part: tuple((int(start), int(stop), float(scale)) for start, stop, scale in document[part])
            for part in ('composition', 'structure')
        }
        return cls(blocks['composition'], blocks['structure'], EnergyScale.from_dict(document['energy']))


def split_rows(groups: Sequence[str], config: SplitConfig) -> NDArray[np.int64]:
    """Share rows between training, validation and test.

    Groups are shuffled and laid end to end; a group goes where its middle lies, so fractions hold to half a group.

    :param groups: (n,) group of each row.
    :param config: fractions, rule and seed.
    :returns: (n,) index into :data:`SPLITS`.
    :raises InputError: if a split that should have rows has none.
    """
    keys = np.asarray(groups) if config.by == 'formula' else np.arange(len(groups)).astype(str)
    names, members, counts = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.random.default_rng(config.seed).permutation(len(names))
    ends = np.cumsum(counts[order])
    middles = (ends - counts[order] / 2) / len(keys)
    limits = [config.train, config.train + config.validation]
    of_group = np.empty(len(names), dtype=np.int64)
    of_group[order] = np.searchsorted(limits, middles - 1e-12, side='right')
    rows = of_group[members]
    for index, fraction in enumerate((config.train, config.validation, config.test)):
        if fraction > 0 and not (rows == index).any():
            raise InputError(
                f'train: the {SPLITS[index]} split got none of the {len(names)} groups; use more rows, another '
                "fraction, another split seed, or split by 'random'"
            )
    return rows
