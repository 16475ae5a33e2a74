"""``structures.json``: many crystal structures in one file, with a checksum."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.formats._files import FormatError, check_keys, check_schema, checksum, read_json, write_json

__all__ = ['STRUCTURES_FILE', 'StructureRecord', 'read_structures', 'write_structures']

STRUCTURES_FILE = 'structures.json'
SCHEMA = 'limap.structures'
SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class StructureRecord:
    """A periodic structure in plain numbers.

    :param id: identifier of the structure, unique in its file (the UUID of its node where there is one).
    :param cell: (3, 3) lattice vectors as rows, Å.
    :param species: for each site the occupancy by element symbol, e.g. ``{'Li': 1.0}``.
    :param positions: (n_sites, 3) fractional coordinates.
    :param oxidation_states: for each site the formal charge in units of e, or None where they are to be found.
    :raises FormatError: if shapes disagree, a number is not finite, or the cell has no volume.
    """

    id: str
    cell: NDArray[np.float64]
    species: tuple[Mapping[str, float], ...]
    positions: NDArray[np.float64]
    oxidation_states: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'cell', _array(self.id, 'cell', self.cell, (3, 3)))
        species = tuple(dict(site) for site in self.species)
        object.__setattr__(self, 'species', species)
        if not self.id:
            raise FormatError('a structure has an empty id')
        if not species:
            raise FormatError(f'structure {self.id}: it has no sites')
        object.__setattr__(self, 'positions', _array(self.id, 'positions', self.positions, (len(species), 3)))
        if abs(np.linalg.det(self.cell)) < 1e-6:
            raise FormatError(f'structure {self.id}: the cell has no volume')
        for index, site in enumerate(species):
            if not site or not all(
                isinstance(name, str) and 0 < occupancy <= 1 + 1e-6 for name, occupancy in site.items()
            ):
                raise FormatError(f'structure {self.id}: site {index} needs occupancies in (0, 1] by element symbol')
        if self.oxidation_states is not None:
            if len(self.oxidation_states) != len(species):
                raise FormatError(
                    f'structure {self.id}: {len(self.oxidation_states)} oxidation states for {len(species)} sites'
                )
            object.__setattr__(self, 'oxidation_states', tuple(float(value) for value in self.oxidation_states))

    @property
    def is_ordered(self) -> bool:
        """Whether every site is fully occupied by one element."""
        return all(len(site) == 1 and abs(sum(site.values()) - 1) < 1e-6 for site in self.species)

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain Python values."""
        return {
            'id': self.id,
            'cell': self.cell.tolist(),
            'species': [dict(site) for site in self.species],
            'positions': self.positions.tolist(),
            'oxidation_states': None if self.oxidation_states is None else list(self.oxidation_states),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> StructureRecord:
        """Build a record from plain Python values.

        :param document: what :meth:`as_dict` gives.
        :returns: the record.
        :raises FormatError: if a key is unknown or missing, or a value is wrong.
        """
        check_keys('structure', document, ('id', 'cell', 'species', 'positions'), ('oxidation_states',))
        states: Sequence[float] | None = document.get('oxidation_states')
        return cls(
            document['id'],
            document['cell'],
            tuple(document['species']),
            document['positions'],
            None if states is None else tuple(states),
        )


def _array(identifier: str, name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FormatError(f'structure {identifier}: {name} must be numbers: {error}') from error
    if array.shape != shape:
        raise FormatError(f'structure {identifier}: {name} has shape {array.shape}, expected {shape}')
    if not np.isfinite(array).all():
        raise FormatError(f'structure {identifier}: {name} holds a number that is not finite')
    array.setflags(write=False)
    return array


def write_structures(path: Path, records: Iterable[StructureRecord]) -> str:
    """Write structures atomically.

    :param path: the file to write, usually ``structures.json``.
    :param records: the structures; their ids must be unique.
    :returns: the checksum that is stored in the file.
    :raises FormatError: if two structures share an id.
    """
    documents = [record.as_dict() for record in records]
    _check_unique(Path(path).name, [document['id'] for document in documents])
    digest = _digest(documents)
    write_json(
        Path(path),
        {'schema': SCHEMA, 'schema_version': SCHEMA_VERSION, 'checksum': digest, 'structures': documents},
    )
    return digest


def read_structures(path: Path) -> list[StructureRecord]:
    """Read structures and check their checksum.

    :param path: the file to read.
    :returns: the structures in the order of the file.
    :raises FormatError: if the file is missing, damaged, altered or of another schema.
    """
    path = Path(path)
    document = read_json(path)
    check_schema(path.name, document, SCHEMA, SCHEMA_VERSION)
    check_keys(path.name, document, ('schema', 'schema_version', 'checksum', 'structures'))
    if _digest(document['structures']) != document['checksum']:
        raise FormatError(f'{path.name}: the checksum does not fit the content; the file was altered or damaged')
    records = [StructureRecord.from_dict(entry) for entry in document['structures']]
    _check_unique(path.name, [record.id for record in records])
    return records


def _digest(documents: list[dict[str, Any]]) -> str:
    return checksum(json.dumps(documents, sort_keys=True).encode())


def _check_unique(name: str, identifiers: list[str]) -> None:
    if len(set(identifiers)) != len(identifiers):
        repeated = next(identifier for identifier in identifiers if identifiers.count(identifier) > 1)
        raise FormatError(f'{name}: the id {repeated!r} stands for two structures')
