"""``<id>.npz``: the energy landscape of one structure, with all that is needed to draw or export it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.formats._files import FormatError, check_keys, check_schema
from aiida_limap.formats.arrays import read_arrays, write_arrays

__all__ = ['LandscapeRecord', 'read_landscape', 'write_landscape']

SCHEMA = 'limap.landscape'
SCHEMA_VERSION = 1
#: Thresholds that differ by less are equal: single precision of the grid.
_TOLERANCE_EV = 1e-5


@dataclass(frozen=True, eq=False)
class LandscapeRecord:
    """Site energy of the mobile ion on a periodic grid over the cell of a structure.

    Grid point (i, j, k) lies at the fractional coordinates ``origin + (i / n1, j / n2, k / n3)``; there are no doubled
    end points.

    :param id: identifier of the structure (the UUID of its node where there is one).
    :param cell: (3, 3) lattice vectors as rows, Å.
    :param energy: (n1, n2, n3) energies, eV; kept in single precision.
    :param origin: (3,) fractional coordinates of grid point (0, 0, 0).
    :param species: element symbol of each site, mobile ions included; of a shared site the most abundant one.
    :param positions: (n_sites, 3) fractional coordinates.
    :param thresholds_eV: energies at which paths percolate in one, two and three dimensions, on the scale of
        ``energy``; infinity where none do. Refined values need not be values of the grid.
    :param energy_minimum_eV: lowest site energy, on the same scale: the zero of barriers.
    :raises FormatError: if shapes disagree, a number is not finite, thresholds do not ascend or the cell has no volume.
    """

    id: str
    cell: NDArray[np.float64]
    energy: NDArray[np.float32]
    origin: NDArray[np.float64]
    species: tuple[str, ...]
    positions: NDArray[np.float64]
    thresholds_eV: tuple[float, float, float]  # noqa: N815
    energy_minimum_eV: float  # noqa: N815

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise FormatError(f'a landscape needs an id that is not empty, not {self.id!r}')
        species = tuple(self.species)
        if not species or not all(isinstance(symbol, str) and symbol for symbol in species):
            raise FormatError(f'landscape {self.id}: species must be the element symbol of each site')
        shape = np.shape(self.energy)
        if len(shape) != 3 or 0 in shape:
            raise FormatError(f'landscape {self.id}: energy has shape {shape}, expected three grid divisions')
        minimum = float(_array(self.id, 'energy_minimum_eV', self.energy_minimum_eV, ()))
        checked: dict[str, Any] = {
            'species': species,
            'cell': _array(self.id, 'cell', self.cell, (3, 3)),
            'energy': _array(self.id, 'energy', self.energy, shape, dtype=np.float32),
            'origin': _array(self.id, 'origin', self.origin, (3,)),
            'positions': _array(self.id, 'positions', self.positions, (len(species), 3)),
            'thresholds_eV': _thresholds(self.id, self.thresholds_eV, minimum),
            'energy_minimum_eV': minimum,
        }
        if abs(np.linalg.det(checked['cell'])) < 1e-6:
            raise FormatError(f'landscape {self.id}: the cell has no volume')
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def barrier_eV(self, dimension: int) -> float | None:  # noqa: N802
        """Return the threshold above the lowest site energy.

        :param dimension: 1, 2 or 3.
        :returns: the barrier in eV; None where nothing percolates.
        """
        threshold = self.thresholds_eV[dimension - 1]
        return threshold - self.energy_minimum_eV if math.isfinite(threshold) else None


def write_landscape(path: Path, record: LandscapeRecord) -> None:
    """Write a landscape atomically; equal records give equal bytes.

    :param path: the ``.npz`` file to write.
    :param record: the landscape.
    """
    arrays = {field.name: np.asarray(getattr(record, field.name)) for field in fields(record)}
    write_arrays(path, arrays | {'schema': np.array(SCHEMA), 'schema_version': np.array(SCHEMA_VERSION)})


def read_landscape(path: Path) -> LandscapeRecord:
    """Read a landscape.

    :param path: the file to read.
    :returns: the landscape.
    :raises FormatError: if the file is missing, damaged, of another schema, or its content does not fit together.
    """
    path = Path(path)
    arrays = read_arrays(path)
    words = {name: arrays[name].item() for name in ('schema', 'schema_version') if _is_single(arrays.get(name))}
    check_schema(path.name, words, SCHEMA, SCHEMA_VERSION)
    names = [field.name for field in fields(LandscapeRecord)]
    check_keys(path.name, arrays, ('schema', 'schema_version', *names))
    for name, ndim in (('id', 0), ('species', 1)):
        if arrays[name].dtype.kind != 'U' or arrays[name].ndim != ndim:
            raise FormatError(f'{path.name}: {name} must hold {"words" if ndim else "one word"}')
    return LandscapeRecord(
        id=arrays['id'].item(),
        cell=arrays['cell'],
        energy=arrays['energy'],
        origin=arrays['origin'],
        species=tuple(arrays['species'].tolist()),
        positions=arrays['positions'],
        thresholds_eV=arrays['thresholds_eV'],  # type: ignore[arg-type]
        energy_minimum_eV=arrays['energy_minimum_eV'],  # type: ignore[arg-type]
    )


def _is_single(array: NDArray | None) -> bool:
    return array is not None and array.ndim == 0


def _thresholds(identifier: str, values: ArrayLike, minimum: float) -> tuple[float, float, float]:
    array = _array(identifier, 'thresholds_eV', values, (3,), infinite=True)
    if array[0] < minimum - _TOLERANCE_EV or (array[1:] < array[:-1] - _TOLERANCE_EV).any():
        raise FormatError(
            f'landscape {identifier}: thresholds_eV must ascend from the lowest site energy {minimum:g} eV, '
            f'found {", ".join(f"{value:g}" for value in array)}'
        )
    one, two, three = array.tolist()
    return one, two, three


def _array(
    identifier: str,
    name: str,
    values: ArrayLike,
    shape: tuple[int, ...],
    *,
    dtype: type = np.float64,
    infinite: bool = False,
) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.array(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise FormatError(f'landscape {identifier}: {name} must be numbers: {error}') from error
    if array.shape != shape:
        raise FormatError(f'landscape {identifier}: {name} has shape {array.shape}, expected {shape}')
    if np.isnan(array).any() or (np.isneginf(array) if infinite else np.isinf(array)).any():
        raise FormatError(f'landscape {identifier}: {name} holds a number that is not finite')
    array.setflags(write=False)
    return array
