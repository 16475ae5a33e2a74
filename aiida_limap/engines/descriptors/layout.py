"""Layouts: which columns a descriptor row has, with the bins, widths and normalisation of each block."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.elements import PROPERTIES, SYMBOLS
from aiida_limap.engines.errors import InputError

__all__ = [
    'AngularSpec',
    'ClassSpec',
    'Column',
    'HistogramSpec',
    'Layout',
    'RadialSpec',
    'VoronoiSpec',
    'layout_names',
    'load_layout',
]

_NORMALISATIONS = ('g', 'count')
_Spec = TypeVar('_Spec')


@dataclass(frozen=True)
class Column:
    """What one number of a descriptor row is.

    :param name: unique name, e.g. ``rdf_Li-O_1.95``; the number is the centre of the bin.
    :param part: ``composition`` or ``structure``.
    :param block: the histogram it belongs to, e.g. ``atomic_number`` or ``rdf``.
    :param unit: unit of the bin axis, empty for pure numbers.
    :param meaning: one clause.
    """

    name: str
    part: str
    block: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class HistogramSpec:
    """Histogram of one element property, weighted by atomic fraction, with Gaussians of width ``sigma`` (0: hard)."""

    quantity: str
    minimum: float
    maximum: float
    bins: int
    sigma: float

    def __post_init__(self) -> None:
        if self.quantity not in PROPERTIES:
            raise InputError(f'layout: unknown element property {self.quantity!r}; known are {", ".join(PROPERTIES)}')
        if not (self.maximum > self.minimum and self.bins >= 1 and self.sigma >= 0):
            raise InputError(f'layout: {self.quantity}: needs maximum > minimum, bins >= 1 and sigma >= 0')

    @property
    def centres(self) -> NDArray[np.float64]:
        """(bins,) bin centres in the unit of the property."""
        width = (self.maximum - self.minimum) / self.bins
        return self.minimum + width * (np.arange(self.bins, dtype=np.float64) + 0.5)


@dataclass(frozen=True)
class ClassSpec:
    """Classes of sites, a name and its elements each, and the class of every other element.

    A list, since its order is that of the columns, and the order of a mapping may be lost in a database.
    """

    named: Sequence[Mapping[str, Any]]
    rest: str

    def __post_init__(self) -> None:
        for entry in self.named:
            _check_keys('layout: class', entry, ('name', 'elements'))
        symbols = [symbol for entry in self.named for symbol in entry['elements']]
        unknown = sorted(set(symbols) - set(SYMBOLS))
        if unknown:
            raise InputError(f'layout: {unknown[0]!r} in the classes is no element')
        if len(set(symbols)) != len(symbols) or len(set(self.names)) != len(self.names):
            raise InputError('layout: an element or a class name stands twice in the classes')

    @property
    def names(self) -> tuple[str, ...]:
        """All class names, the rest last."""
        return (*(str(entry['name']) for entry in self.named), self.rest)

    def index_of(self, symbol: str) -> int:
        """Return the index of the class of an element.

        :param symbol: element symbol.
        """
        for index, entry in enumerate(self.named):
            if symbol in entry['elements']:
                return index
        return len(self.named)


@dataclass(frozen=True)
class RadialSpec:
    """Radial distribution functions on 0 to ``maximum`` Å by pair of classes, smeared with ``sigma`` Å."""

    pairs: Sequence[Sequence[str]]
    maximum: float
    bins: int
    sigma: float
    normalisation: str

    def __post_init__(self) -> None:
        if self.normalisation not in _NORMALISATIONS:
            raise InputError(f'layout: rdf normalisation is one of {_NORMALISATIONS}, not {self.normalisation!r}')
        if not (self.maximum > 0 and self.bins >= 1 and self.sigma > 0):
            raise InputError('layout: rdf needs maximum > 0, bins >= 1 and sigma > 0')
        unordered = [tuple(sorted(pair)) for pair in self.pairs]
        if any(len(pair) != 2 for pair in unordered) or len(set(unordered)) != len(unordered):
            raise InputError('layout: each rdf pair names two classes and stands once')


@dataclass(frozen=True)
class AngularSpec:
    """Distribution of the angles X-A-Y on 0 to 180 degrees, smeared with ``sigma`` degrees."""

    bins: int
    sigma: float
    inner_ratio: float
    outer_ratio: float

    def __post_init__(self) -> None:
        if not (self.bins >= 1 and self.sigma > 0 and 1 <= self.inner_ratio < self.outer_ratio <= 3):
            raise InputError('layout: adf needs bins >= 1, sigma > 0 and 1 <= inner_ratio < outer_ratio <= 3')


@dataclass(frozen=True)
class VoronoiSpec:
    """Share of the sites of each class that have a given number of Voronoi faces, smeared with ``sigma`` faces."""

    minimum_faces: int
    maximum_faces: int
    small_face_ratio: float
    sigma: float

    def __post_init__(self) -> None:
        faces_fit = 0 < self.minimum_faces <= self.maximum_faces
        if not (faces_fit and 0 < self.small_face_ratio < 1 and self.sigma >= 0):
            raise InputError(
                'layout: voronoi needs 0 < minimum_faces <= maximum_faces, 0 < small_face_ratio < 1, sigma >= 0'
            )


@dataclass(frozen=True, eq=False)
class Layout:
    """All columns of the composition row and of the structure row.

    :param first_element: atomic number of the first element-fraction column.
    :param last_element: atomic number of the last one.
    :param reconstruction: whether the bins are our reading of a source that does not state them.
    """

    name: str
    title: str
    reference: str
    reconstruction: bool
    histograms: tuple[HistogramSpec, ...]
    first_element: int
    last_element: int
    classes: ClassSpec
    rdf: RadialSpec
    adf: AngularSpec
    voronoi: VoronoiSpec

    def __post_init__(self) -> None:
        if not 1 <= self.first_element <= self.last_element <= len(SYMBOLS):
            raise InputError(f'layout: element_fractions needs 1 <= first <= last <= {len(SYMBOLS)}')
        names = [spec.quantity for spec in self.histograms]
        if len(set(names)) != len(names):
            raise InputError('layout: an element property stands twice')
        unknown = {name for pair in self.rdf.pairs for name in pair} - set(self.classes.names)
        if unknown:
            raise InputError(f'layout: the rdf pairs name the unknown class {sorted(unknown)[0]!r}')

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Layout:
        """Build a layout from plain values.

        :param document: what :meth:`as_dict` gives or a YAML file holds.
        :returns: the layout.
        :raises InputError: if a key is unknown or missing, or a value is wrong.
        """
        _check_keys('layout', document, ('name', 'title', 'reference', 'reconstruction', 'composition', 'structure'))
        composition, structure = document['composition'], document['structure']
        _check_keys('layout: composition', composition, ('histograms', 'element_fractions'))
        _check_keys('layout: element_fractions', composition['element_fractions'], ('first', 'last'))
        _check_keys('layout: structure', structure, ('classes', 'rdf', 'adf', 'voronoi'))
        return cls(
            name=document['name'],
            title=document['title'],
            reference=document['reference'],
            reconstruction=bool(document['reconstruction']),
            histograms=tuple(_spec(HistogramSpec, 'histogram', entry) for entry in composition['histograms']),
            first_element=composition['element_fractions']['first'],
            last_element=composition['element_fractions']['last'],
            classes=_spec(ClassSpec, 'classes', structure['classes']),
            rdf=_spec(RadialSpec, 'rdf', structure['rdf']),
            adf=_spec(AngularSpec, 'adf', structure['adf']),
            voronoi=_spec(VoronoiSpec, 'voronoi', structure['voronoi']),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the layout as plain values, in the shape of its YAML file."""
        document = {
            'name': self.name,
            'title': self.title,
            'reference': self.reference,
            'reconstruction': self.reconstruction,
            'composition': {
                'histograms': [asdict(spec) for spec in self.histograms],
                'element_fractions': {'first': self.first_element, 'last': self.last_element},
            },
            'structure': {
                'classes': asdict(self.classes),
                'rdf': asdict(self.rdf),
                'adf': asdict(self.adf),
                'voronoi': asdict(self.voronoi),
            },
        }
        return json.loads(json.dumps(document))

    @property
    def checksum(self) -> str:
        """SHA-256 of everything that decides the numbers; two layouts with one checksum give the same rows."""
        document = self.as_dict()
        numbers = {part: document[part] for part in ('composition', 'structure')}
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _columns(self) -> tuple[Column, ...]:
        from aiida_limap.engines.descriptors.columns import build_columns

        return build_columns(self)

    def columns(self, part: str | None = None) -> tuple[Column, ...]:
        """Return what each column is, the composition row first.

        :param part: ``composition`` or ``structure``; None for both.
        """
        return tuple(column for column in self._columns if part in (None, column.part))

    def labels(self, part: str) -> list[str]:
        """Return the column names of one row.

        :param part: ``composition`` or ``structure``.
        """
        return [column.name for column in self.columns(part)]

    @property
    def blocks(self) -> dict[str, dict[str, list[int]]]:
        """For each part and block, the first column and the one after the last, counted within the part."""
        blocks: dict[str, dict[str, list[int]]] = {}
        for part in ('composition', 'structure'):
            blocks[part] = {}
            for index, column in enumerate(self.columns(part)):
                blocks[part].setdefault(column.block, [index, index])[1] = index + 1
        return blocks


def layout_names() -> list[str]:
    """Return the names of the layouts that come with the package."""
    folder = resources.files('aiida_limap.engines.descriptors') / 'layouts'
    return sorted(entry.name.removesuffix('.yaml') for entry in folder.iterdir() if entry.name.endswith('.yaml'))


def load_layout(layout: str | Path | Mapping[str, Any] | Layout) -> Layout:
    """Return a layout by name, from a YAML file or from plain values.

    :param layout: the name of a shipped layout, the path of a YAML file, a mapping in the shape of one, or a layout.
    :returns: the layout.
    :raises InputError: if there is no such layout, or its content is wrong.
    """
    if isinstance(layout, Layout):
        return layout
    if isinstance(layout, Mapping):
        return Layout.from_dict(layout)
    if str(layout) in layout_names():
        return _shipped(str(layout))
    path = Path(layout)
    if not path.is_file():
        raise InputError(f'layout {str(layout)!r}: neither a file nor one of {", ".join(layout_names())}')
    return _parse(path.read_text(), path.name)


@lru_cache
def _shipped(name: str) -> Layout:
    folder = resources.files('aiida_limap.engines.descriptors') / 'layouts'
    return _parse((folder / f'{name}.yaml').read_text(), name)


def _parse(text: str, name: str) -> Layout:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f'layout {name}: not a YAML file: {error}') from error
    return Layout.from_dict(document)


def _check_keys(name: str, document: Any, keys: Sequence[str]) -> None:
    if not isinstance(document, Mapping):
        raise InputError(f'{name}: expected keys with values, found {type(document).__name__}')
    unknown = sorted(set(document) - set(keys))
    if unknown:
        raise InputError(f'{name}: unknown key {unknown[0]!r}; known are {", ".join(keys)}')
    missing = sorted(set(keys) - set(document))
    if missing:
        raise InputError(f'{name}: the key {missing[0]!r} is missing')


def _spec(kind: type[_Spec], name: str, document: Any) -> _Spec:
    _check_keys(f'layout: {name}', document, [field.name for field in fields(kind)])  # type: ignore[arg-type]
    try:
        return kind(**document)
    except (TypeError, ValueError) as error:
        raise InputError(f'layout: {name}: {error}') from error
