"""``map.json.gz``: everything that a map page or figure needs, in one file and without a database."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats._files import FormatError, check_keys, check_schema, write_bytes_atomic
from aiida_limap.formats.mapparts import Descriptors, Profiles
from aiida_limap.formats.structures import StructureRecord

__all__ = ['AXES', 'KNOWN_SUPPORT', 'Heatmap', 'MapBundle', 'MapProperty', 'read_bundle', 'write_bundle']

SCHEMA = 'limap.mapbundle'
#: Version 1 had neither layers, descriptors nor profiles; it is still read.
SCHEMA_VERSION = 2
_READABLE = (1, 2)
_PARTS = ('title', 'ids', 'properties', 'structures', 'provenance', 'sources', 'heatmap', 'metadata')
_OPTIONAL = ('layers', 'descriptors', 'profiles')
#: The two properties that every bundle has: the codes that span the map.
AXES = ('x_comp', 'x_struc')
#: Support of a place of the map below which nothing is known there.
KNOWN_SUPPORT = 0.5


@dataclass(frozen=True)
class MapProperty:
    """One value per point.

    :param values: numbers or words, one per point; None where there is no value.
    :param label: what a person reads on an axis, without the unit.
    :param unit: the unit, empty for pure numbers and words.
    :param description: one sentence.
    """

    values: tuple[float | str | None, ...]
    label: str
    unit: str = ''
    description: str = ''

    @property
    def is_numeric(self) -> bool:
        """Whether no value is a word."""
        return not any(isinstance(value, str) for value in self.values)

    def numbers(self) -> NDArray[np.float64]:
        """Return the values as (n_points,) numbers, NaN where there is none.

        :raises FormatError: if a value is a word.
        """
        if not self.is_numeric:
            raise FormatError(f'the property {self.label!r} holds words, not numbers')
        return np.array([np.nan if value is None else value for value in self.values], dtype=np.float64)

    def words(self) -> list[str]:
        """Return the values as words, empty where there is none."""
        return ['' if value is None else str(value) for value in self.values]


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A predicted quantity on a regular grid over the map.

    :param x_comp: (m,) ascending composition codes.
    :param x_struc: (n,) ascending structure codes.
    :param values: (n, m) values; row i belongs to ``x_struc[i]``.
    :param label: what the values are, without the unit.
    :param unit: their unit.
    :param support: (n, m) from 0, no training data near this place, to 1; None where nobody measured it.
    """

    x_comp: NDArray[np.float64]
    x_struc: NDArray[np.float64]
    values: NDArray[np.float64]
    label: str
    unit: str
    support: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ('x_comp', 'x_struc', 'values', 'support'):
            given = getattr(self, name)
            object.__setattr__(self, name, None if given is None else np.asarray(given, dtype=np.float64))
        expected = (self.x_struc.size, self.x_comp.size)
        for name, given in (('values', self.values), ('support', self.support)):
            if given is not None and given.shape != expected:
                raise FormatError(f'heat map: {name} have shape {given.shape}, expected {expected}')

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Where there is no training data near, (n, m): values there are guesses."""
        if self.support is None:
            return np.zeros(self.values.shape, dtype=np.bool_)
        return self.support < KNOWN_SUPPORT


@dataclass(frozen=True, eq=False)
class MapBundle:
    """A materials map with its points, structures and provenance.

    :param title: heading of the page.
    :param ids: identifier of each point, unique; the UUID of the structure where there is a database.
    :param properties: values by name, one per point; holds at least ``x_comp`` and ``x_struc``.
    :param structures: the structure of each point, in the order of ``ids``.
    :param provenance: for each point identifiers by role, e.g. ``{'structure': UUID, 'migration_energy': UUID}``.
    :param sources: for each point where its structure came from (``db_name``, ``id``, ``uri``, ``license`` …).
    :param heatmap: a predicted quantity over the plane, or None.
    :param metadata: facts of the whole map: UUIDs of map, model and work chain, metrics, options, counts by status.
    :param layers: further quantities over the plane by name, such as ``low`` and ``high``, the ends of the interval of
        the heat map.
    :param descriptors: what lies behind each axis, by part (``composition``, ``structure``).
    :param profiles: the energy along the limiting path of each point, or None.
    """

    title: str
    ids: tuple[str, ...]
    properties: Mapping[str, MapProperty]
    structures: tuple[StructureRecord, ...]
    provenance: tuple[Mapping[str, str], ...]
    sources: tuple[Mapping[str, str], ...]
    heatmap: Heatmap | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    layers: Mapping[str, Heatmap] = field(default_factory=dict)
    descriptors: Mapping[str, Descriptors] = field(default_factory=dict)
    profiles: Profiles | None = None

    def __post_init__(self) -> None:
        n_points = len(self.ids)
        if len(set(self.ids)) != n_points:
            raise FormatError('map bundle: two points share an id')
        for name, rows in (('structures', self.structures), ('provenance', self.provenance), ('sources', self.sources)):
            if len(rows) != n_points:
                raise FormatError(f'map bundle: {len(rows)} {name} for {n_points} points')
        for name in AXES:
            if name not in self.properties:
                raise FormatError(f'map bundle: the property {name!r} is missing')
        for name, entry in self.properties.items():
            if len(entry.values) != n_points:
                raise FormatError(f'map bundle: property {name!r} has {len(entry.values)} values for {n_points} points')
        for part, found in self.descriptors.items():
            if found.rows is not None and len(found.rows) != n_points:
                raise FormatError(f'map bundle: {len(found.rows)} {part} rows for {n_points} points')
        if self.profiles is not None and len(self.profiles.energy) != n_points:
            raise FormatError(f'map bundle: {len(self.profiles.energy)} energy profiles for {n_points} points')


def write_bundle(path: Path, bundle: MapBundle) -> None:
    """Write a bundle atomically as gzipped JSON; equal bundles give equal files.

    :param path: the file to write, usually ``map.json.gz``.
    :param bundle: the bundle.
    :raises FormatError: if a value cannot be written as JSON.
    """
    heatmap = bundle.heatmap
    document = {
        'schema': SCHEMA,
        'schema_version': SCHEMA_VERSION,
        'title': bundle.title,
        'ids': list(bundle.ids),
        'properties': {
            name: {
                'values': list(entry.values),
                'label': entry.label,
                'unit': entry.unit,
                'description': entry.description,
            }
            for name, entry in bundle.properties.items()
        },
        'structures': [record.as_dict() for record in bundle.structures],
        'provenance': [dict(entry) for entry in bundle.provenance],
        'sources': [dict(entry) for entry in bundle.sources],
        'heatmap': None if heatmap is None else _heatmap_document(heatmap),
        'metadata': dict(bundle.metadata),
        'layers': {name: _heatmap_document(layer) for name, layer in bundle.layers.items()},
        'descriptors': {part: found.as_dict() for part, found in bundle.descriptors.items()},
        'profiles': None if bundle.profiles is None else bundle.profiles.as_dict(),
    }
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise FormatError(f'{Path(path).name}: a value cannot be written as JSON: {error}') from error
    write_bytes_atomic(Path(path), gzip.compress(text.encode(), compresslevel=6, mtime=0))


def _heatmap_document(heatmap: Heatmap) -> dict[str, Any]:
    document: dict[str, Any] = {
        'x_comp': heatmap.x_comp.tolist(),
        'x_struc': heatmap.x_struc.tolist(),
        'values': [[value if math.isfinite(value) else None for value in row] for row in heatmap.values.tolist()],
        'label': heatmap.label,
        'unit': heatmap.unit,
    }
    return document if heatmap.support is None else document | {'support': np.round(heatmap.support, 3).tolist()}


def read_bundle(path: Path) -> MapBundle:
    """Read a bundle.

    :param path: the file to read.
    :returns: the bundle.
    :raises FormatError: if the file is missing, damaged, of another schema, or its parts disagree.
    """
    path = Path(path)
    try:
        document = json.loads(gzip.decompress(path.read_bytes()))
    except FileNotFoundError as error:
        raise FormatError(f'{path.name}: there is no such file in {path.parent}') from error
    except (OSError, EOFError, ValueError) as error:
        raise FormatError(f'{path.name}: not a map bundle, or cut short: {error}') from error
    if not isinstance(document, dict):
        raise FormatError(f'{path.name}: not a map bundle')
    version = document.get('schema_version')
    check_schema(path.name, document, SCHEMA, version if version in _READABLE else SCHEMA_VERSION)
    check_keys(
        path.name, document, ('schema', 'schema_version', *_PARTS), _OPTIONAL if version == SCHEMA_VERSION else ()
    )
    properties = {}
    for name, entry in document['properties'].items():
        check_keys(f'{path.name}: property {name!r}', entry, ('values', 'label', 'unit', 'description'))
        properties[name] = MapProperty(tuple(entry['values']), entry['label'], entry['unit'], entry['description'])
    heatmap, profiles = document['heatmap'], document.get('profiles')
    return MapBundle(
        title=document['title'],
        ids=tuple(document['ids']),
        properties=properties,
        structures=tuple(StructureRecord.from_dict(entry) for entry in document['structures']),
        provenance=tuple(document['provenance']),
        sources=tuple(document['sources']),
        heatmap=None if heatmap is None else _heatmap(f'{path.name}: heat map', heatmap),
        metadata=document['metadata'],
        layers={
            name: _heatmap(f'{path.name}: layer {name!r}', entry) for name, entry in document.get('layers', {}).items()
        },
        descriptors={
            part: Descriptors.from_dict(f'{path.name}: {part} descriptors', entry)
            for part, entry in document.get('descriptors', {}).items()
        },
        profiles=None if profiles is None else Profiles.from_dict(f'{path.name}: profiles', profiles),
    )


def _heatmap(name: str, document: Mapping[str, Any]) -> Heatmap:
    check_keys(name, document, ('x_comp', 'x_struc', 'values', 'label', 'unit'), ('support',))
    return Heatmap(**document)
