"""Blocks: what the columns of a layout are computed by. One kind per class; the fields of the class are its options."""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from aiida_limap.engines.descriptors.classes import ClassSpec
    from aiida_limap.engines.descriptors.columns import Column
    from aiida_limap.engines.descriptors.geometry import Geometry

__all__ = ['KINDS', 'Block', 'CompositionBlock', 'StructureBlock', 'block_class', 'read_block', 'require']

#: Module (within this package) and class of each kind of block; imported when a layout first names it.
KINDS: dict[str, tuple[str, str]] = {
    'element_histogram': ('composition_blocks', 'ElementHistogram'),
    'element_fractions': ('composition_blocks', 'ElementFractions'),
    'element_statistics': ('statistics', 'ElementStatistics'),
    'rdf': ('radial', 'RadialDistribution'),
    'adf': ('angular', 'AngularDistribution'),
    'voronoi': ('faces', 'VoronoiFaces'),
    'channels': ('channels', 'Channels'),
    'site_coordination': ('coordination', 'SiteCoordination'),
    'packing': ('coordination', 'Packing'),
    'void_sizes': ('voids', 'VoidSizes'),
    'void_coordination': ('voids', 'VoidCoordination'),
    'free_volume': ('voids', 'FreeVolume'),
    'featurizer': ('external', 'ExternalFeaturizer'),
}


def require(condition: bool, kind: str, sentence: str) -> None:
    """Refuse a wrong option of a block.

    :param condition: what must hold.
    :param kind: kind of the block.
    :param sentence: what the block needs.
    :raises InputError: if the condition does not hold.
    """
    if not condition:
        raise InputError(f'layout: {kind}: {sentence}')


@dataclass(frozen=True, kw_only=True, eq=False)
class Block(ABC):
    """Neighbouring columns of a layout that are computed together.

    :param name: name of the block, unique in its part; by default its kind, or what the kind says.
    :param scale: blocks with the same word share one maximum when models are trained; by default each has its own.
    """

    kind: ClassVar[str]
    #: Parts of a layout that the block may stand in.
    parts: ClassVar[tuple[str, ...]]

    name: str = ''
    scale: str = ''

    @property
    def label(self) -> str:
        """The name, or the default one."""
        return self.name or self.default_label

    @property
    def default_label(self) -> str:
        """The name of a block that is not given one."""
        return self.kind

    @property
    def reach(self) -> float:
        """Largest distance of the neighbours that the block looks at, Å; 0 for none."""
        return 0.0

    @abstractmethod
    def columns(self, classes: ClassSpec) -> list[Column]:
        """Describe the columns; ``part`` and ``block`` are filled in by the layout.

        :param classes: the classes of sites of the layout.
        :raises InputError: if the block names an unknown class.
        """

    @abstractmethod
    def row(self, source: Any) -> NDArray[np.float64]:
        """Compute the numbers of the block.

        :param source: atomic fractions by element symbol, sorted by atomic number, in the composition part; a
            :class:`~aiida_limap.engines.descriptors.geometry.Geometry` in the other parts.
        :returns: (n_columns,) finite numbers.
        :raises LimapError: if they are not defined for this source.
        """

    @property
    def takes_disorder(self) -> bool:
        """Whether the block describes shared and partially occupied sites."""
        return False

    def reading(self, parameters: Path) -> Block:
        """Return the block with other bond-valence parameters; the block itself where it reads none.

        :param parameters: a parameter file.
        """
        return self

    def facts(self) -> dict[str, str]:
        """Return name, citation and checksum of the bond-valence parameters; nothing where the block reads none."""
        return {}

    def as_dict(self) -> dict[str, Any]:
        """Return kind and options as plain values; a name or a scale that was not given is left out."""
        options = {field.name: getattr(self, field.name) for field in fields(self)}
        return {'kind': self.kind} | {key: value for key, value in options.items() if value != '' or key not in _COMMON}


class CompositionBlock(Block):
    """A block that reads nothing but the atomic fractions: equal for all polymorphs."""

    parts = ('composition',)

    @abstractmethod
    def row(self, fractions: Mapping[str, float]) -> NDArray[np.float64]:
        """See :meth:`Block.row`."""


class StructureBlock(Block):
    """A block that reads the geometry."""

    parts = ('structure', 'landscape')

    @abstractmethod
    def row(self, geometry: Geometry) -> NDArray[np.float64]:
        """See :meth:`Block.row`."""


#: No row needs more bins; a slip of the pen must not fill the memory.
_MOST = 100_000
_COMMON = tuple(field.name for field in fields(Block))


def block_class(kind: str) -> type[Block]:
    """Return the class of a kind of block.

    :param kind: a key of :data:`KINDS`.
    :raises InputError: if there is no such kind.
    """
    if kind not in KINDS:
        raise InputError(f'layout: unknown kind of block {kind!r}; known are {", ".join(KINDS)}')
    module, name = KINDS[kind]
    found: type[Block] = getattr(importlib.import_module(f'aiida_limap.engines.descriptors.{module}'), name)
    return found


def read_block(part: str, document: Any) -> Block:
    """Build a block from plain values.

    :param part: the part of the layout that it stands in.
    :param document: ``kind``, the options of that kind, and optionally ``name`` and ``scale``.
    :returns: the block.
    :raises InputError: if a key is unknown or missing, or a value is wrong.
    """
    if not isinstance(document, Mapping) or 'kind' not in document:
        raise InputError(f"layout: {part}: each block needs a 'kind', found {document!r}")
    options = {key: _as_tuple(value) for key, value in document.items() if key != 'kind'}
    kind = block_class(str(document['kind']))
    known = fields(kind)
    for key in options:
        if key not in {field.name for field in known}:
            raise InputError(
                f'layout: {kind.kind}: unknown key {key!r}; known are {", ".join(field.name for field in known)}'
            )
    for field in known:
        if field.name not in options and field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f'layout: {kind.kind}: the key {field.name!r} is missing')
        if field.name in options:
            _check_type(kind.kind, field.name, str(field.type), options[field.name])
    try:
        block = kind(**options)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f'layout: {kind.kind}: {error}') from error
    if part not in block.parts:
        raise InputError(f'layout: a block of kind {kind.kind!r} cannot stand in the part {part!r}')
    return block


def _check_type(kind: str, name: str, wanted: str, value: Any) -> None:
    """Refuse a value of the wrong type; options of other types are checked by the blocks."""
    if wanted in _TYPES:
        matches, meaning = _TYPES[wanted]
        require(matches(value), kind, f'{name} is {meaning}, not {value!r}')
    too_many = wanted == 'int' and value > _MOST
    require(not too_many, kind, f'{name} is at most {_MOST}, not {value!r}')


def _is_word(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple) and all(check(entry) for entry in value)


#: What the annotations of options ask for, and how that is said.
_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    'str': (_is_word, 'a word'),
    'bool': (lambda value: isinstance(value, bool), 'true or false'),
    'int': (lambda value: _is_number(value) and isinstance(value, int), 'a whole number'),
    'float': (_is_number, 'a number'),
    'Sequence[str]': (_is_list_of(_is_word), 'a list of words'),
    'Sequence[Sequence[str]]': (_is_list_of(_is_list_of(_is_word)), 'a list of lists of words'),
    'Sequence[Sequence[float]]': (_is_list_of(_is_list_of(_is_number)), 'a list of lists of numbers'),
}


def _as_tuple(value: Any) -> Any:
    """Return lists as tuples, also nested ones, since a layout does not change."""
    return tuple(_as_tuple(entry) for entry in value) if isinstance(value, (list, tuple)) else value
