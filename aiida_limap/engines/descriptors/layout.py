"""Layouts: which blocks a descriptor row is made of, with the bins, widths and normalisation of each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from aiida_limap.engines.descriptors.blocks import Block, read_block
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import PARTS, Column
from aiida_limap.engines.errors import InputError

__all__ = ['Layout', 'layout_names', 'load_layout']

_HEAD = ('name', 'title', 'reference', 'reconstruction', 'classes')


@dataclass(frozen=True, eq=False)
class Layout:
    """All columns of the rows, part by part.

    :param name: name of the layout.
    :param title: one line.
    :param reference: address of its source.
    :param reconstruction: whether the bins are our reading of a source that does not state them.
    :param classes: classes of sites that the blocks speak of.
    :param parts: the blocks of each part, in the order of the columns.
    """

    name: str
    title: str
    reference: str
    reconstruction: bool
    classes: ClassSpec
    parts: Mapping[str, tuple[Block, ...]]
    _columns: dict[str, tuple[Column, ...]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for part, blocks in self.parts.items():
            labels = [block.label for block in blocks]
            repeated = sorted({label for label in labels if labels.count(label) > 1})
            if repeated:
                raise InputError(f'layout: {part}: two blocks are called {repeated[0]!r}; give one of them a name')
        for part in ('composition', 'structure'):
            if not self.parts.get(part):
                raise InputError(f'layout: the part {part!r} needs at least one block')
            self.columns(part)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Layout:
        """Build a layout from plain values.

        :param document: what :meth:`as_dict` gives or a YAML file holds.
        :returns: the layout.
        :raises InputError: if a key is unknown or missing, or a value is wrong.
        """
        _check_keys('layout', document, (*_HEAD, *PARTS), optional=('landscape',))
        _check_keys('layout: classes', document['classes'], ('named', 'rest'))
        parts = {}
        for part in PARTS:
            entries = document.get(part, ())
            if not isinstance(entries, Sequence) or isinstance(entries, str):
                raise InputError(f'layout: {part}: expected a list of blocks, found {type(entries).__name__}')
            parts[part] = tuple(read_block(part, entry) for entry in entries)
        head = {key: document[key] for key in ('name', 'title', 'reference')}
        for key, value in head.items():
            if not isinstance(value, str) or (key == 'name' and not value.strip()):
                raise InputError(f'layout: {key} is a word or a line of words, not {value!r}; put it into quotes')
        if not isinstance(document['reconstruction'], bool):
            raise InputError(f'layout: reconstruction is true or false, not {document["reconstruction"]!r}')
        return cls(
            **head,
            reconstruction=document['reconstruction'],
            classes=ClassSpec(**document['classes']),
            parts=parts,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the layout as plain values, in the shape of its YAML file."""
        document = {
            **{key: getattr(self, key) for key in _HEAD if key != 'classes'},
            'classes': asdict(self.classes),
            **{part: [block.as_dict() for block in self.parts.get(part, ())] for part in PARTS},
        }
        return json.loads(json.dumps(document))

    def reading(self, parameters: Path) -> Layout:
        """Return the layout with other bond-valence parameters than those of the package.

        :param parameters: a parameter file.
        :raises InputError: if a block reads the file and it is refused.
        """
        parts = {part: tuple(block.reading(parameters) for block in blocks) for part, blocks in self.parts.items()}
        return replace(self, parts=parts)

    def facts(self, parts: Sequence[str]) -> dict[str, str]:
        """Return name, citation and checksum of the bond-valence parameters that the numbers depend on, if they do.

        :param parts: parts that are computed.
        """
        return {key: word for part in parts for block in self.parts[part] for key, word in block.facts().items()}

    @property
    def checksum(self) -> str:
        """SHA-256 of everything that decides the numbers; two layouts with one checksum give the same rows."""
        document = self.as_dict()
        numbers = {key: document[key] for key in ('classes', *PARTS)}
        return hashlib.sha256(json.dumps(_plain_numbers(numbers), sort_keys=True).encode()).hexdigest()

    @property
    def reach(self) -> float:
        """Largest distance of neighbours that a block of the structure or landscape part looks at, Å."""
        return max(block.reach for part in ('structure', 'landscape') for block in self.parts.get(part, ()))

    def takes_disorder(self, parts: Sequence[str]) -> bool:
        """Return whether shared and partially occupied sites can be described.

        :param parts: parts that are computed.
        """
        blocks = [block for part in parts if part != 'composition' for block in self.parts.get(part, ())]
        return all(block.takes_disorder for block in blocks)

    def columns(self, part: str | None = None) -> tuple[Column, ...]:
        """Return what each column is.

        :param part: one of ``composition``, ``structure`` and ``landscape``; None for all, in this order.
        :raises InputError: if a block names an unknown class, or two columns have one name.
        """
        if part is None:
            return tuple(column for part in PARTS for column in self.columns(part))
        if part not in self._columns:
            self._columns[part] = _columns_of(part, self.parts.get(part, ()), self.classes)
        return self._columns[part]

    def labels(self, part: str) -> list[str]:
        """Return the column names of one row.

        :param part: as :meth:`columns`.
        """
        return [column.name for column in self.columns(part)]

    def blocks(self, part: str) -> dict[str, list[int]]:
        """Return the first column of each block and the one after the last, counted within the part.

        :param part: as :meth:`columns`.
        """
        return _ranges([column.block for column in self.columns(part)])

    def scales(self, part: str) -> dict[str, list[int]]:
        """Return the columns that share one maximum: the first and the one after the last, counted within the part.

        :param part: as :meth:`columns`.
        """
        return _ranges([column.scale for column in self.columns(part)])


def _columns_of(part: str, blocks: Sequence[Block], classes: ClassSpec) -> tuple[Column, ...]:
    columns = []
    for block in blocks:
        for column in block.columns(classes):
            own = f'{block.label}.{column.scale}' if column.scale else block.label
            columns.append(replace(column, part=part, block=block.label, scale=block.scale or own))
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        repeated = Counter(names).most_common(1)[0][0]
        raise InputError(
            f'layout: {part}: two columns are called {repeated!r}; give one of the blocks a name, or take fewer bins'
        )
    scales = [column.scale for column in columns]
    for word, (start, stop) in _ranges(scales).items():
        if scales[start:stop] != [word] * (stop - start):
            raise InputError(f'layout: {part}: the columns with the scale {word!r} do not stand side by side')
    return tuple(columns)


def _ranges(words: Sequence[str]) -> dict[str, list[int]]:
    ranges: dict[str, list[int]] = {}
    for index, word in enumerate(words):
        ranges.setdefault(word, [index, index])[1] = index + 1
    return ranges


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
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'layout {path.name}: cannot be read as text: {error}') from error
    return _parse(text, path.name)


@lru_cache
def _shipped(name: str) -> Layout:
    folder = resources.files('aiida_limap.engines.descriptors') / 'layouts'
    return _parse((folder / f'{name}.yaml').read_text(), name)


def _parse(text: str, name: str) -> Layout:
    try:
        return Layout.from_dict(yaml.load(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise InputError(f'layout {name}: not a YAML file: {error}') from error
    except RecursionError as error:
        raise InputError(
            f'layout {name}: a list or a mapping holds itself, or too many others inside each other'
        ) from error


class _Loader(yaml.SafeLoader):
    """Plain values only; a key that stands twice in a mapping is an error, while YAML takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse keys that stand twice."""
        words = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for word, count in Counter(words).items():
            if count > 1:
                raise yaml.constructor.ConstructorError(None, None, f'the key {word!r} stands twice', node.start_mark)
        return super().construct_mapping(node, deep)


def _check_keys(name: str, document: Any, keys: Sequence[str], optional: Sequence[str] = ()) -> None:
    if not isinstance(document, Mapping):
        raise InputError(f'{name}: expected keys with values, found {type(document).__name__}')
    unknown = sorted(set(document) - set(keys), key=str)
    if unknown:
        raise InputError(f'{name}: unknown key {unknown[0]!r}; known are {", ".join(keys)}')
    missing = sorted(set(keys) - set(document) - set(optional))
    if missing:
        raise InputError(f'{name}: the key {missing[0]!r} is missing')


def _plain_numbers(value: Any) -> Any:
    """Return whole floats as integers, so that 10 and 10.0 in two files give one checksum."""
    if isinstance(value, dict):
        return {key: _plain_numbers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
