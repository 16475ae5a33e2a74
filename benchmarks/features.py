"""Descriptor rows of many structures, and the sets of columns that a benchmark compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import click
import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.layout import Layout, layout_names, load_layout
from aiida_limap.engines.descriptors.task import describe_items
from benchmarks.common import Entry

__all__ = ['Described', 'FeatureSet', 'block_sets', 'compared_layouts', 'describe', 'element_fractions', 'layout_sets']

#: The same columns as those of another layout, over wider ranges.
_REPEATED = ('all_elements',)
_WORDS = {'composition': 'composition', 'structure': 'structure', 'landscape': 'landscape'}


@dataclass(frozen=True)
class FeatureSet:
    """Columns that a model learns from.

    :param name: what the tables call them.
    :param values: (n, p) numbers.
    :param scales: first column and the one after the last of each group that is divided by one maximum.
    """

    name: str
    values: NDArray[np.float64]
    scales: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Described:
    """Rows of one layout.

    :param layout: the layout.
    :param rows: row of each part by id.
    :param lost: reason by id of those that could not be described.
    """

    layout: Layout
    rows: Mapping[str, Mapping[str, NDArray[np.float64]]]
    lost: Mapping[str, str]

    def part(self, part: str, ids: Sequence[str]) -> NDArray[np.float64]:
        """Return the rows of one part in the order of ids.

        :param part: part of the layout.
        :param ids: ids of structures that are described.
        """
        return np.array([self.rows[name][part] for name in ids]).reshape(len(ids), len(self.layout.columns(part)))


def compared_layouts() -> list[str]:
    """Return the shipped layouts that differ in more than the ranges of their bins."""
    return [name for name in layout_names() if name not in _REPEATED]


def describe(entries: Sequence[Entry], layout: str) -> Described:
    """Compute the rows of all parts of a layout.

    :param entries: the structures.
    :param layout: name of the layout or path of a YAML file.
    :returns: rows, and the reasons of those that failed.
    """
    known = load_layout(layout)
    parts = [part for part, blocks in known.parts.items() if blocks]
    loaders = [(entry.id, lambda entry=entry: entry.structure) for entry in entries]
    rows, lost = {}, {}
    with click.progressbar(describe_items(loaders, known, parts), length=len(entries), label=f'layout {layout}') as bar:
        for item, found in bar:
            if found is None:
                lost[item.id] = item.message
            else:
                rows[item.id] = found
    return Described(known, rows, lost)


def layout_sets(described: Described, ids: Sequence[str]) -> list[FeatureSet]:
    """Return composition, structure and both; with the landscape beside them where the layout has one.

    :param described: rows of a layout.
    :param ids: structures, in the order of the rows.
    """
    chosen = [('composition',), ('structure',), ('composition', 'structure')]
    if described.layout.parts['landscape']:
        chosen += [('landscape',), ('structure', 'landscape'), ('composition', 'structure', 'landscape')]
    return [
        FeatureSet(f'{described.layout.name}: {_called(parts)}', *_joined(described, parts, ids)) for parts in chosen
    ]


def _called(parts: Sequence[str]) -> str:
    return ' + '.join(_WORDS[part] for part in parts)


def element_fractions(entries: Iterable[Entry]) -> FeatureSet:
    """Return atomic fractions of the elements that occur: the least that a model can be given.

    :param entries: the structures.
    """
    fractions = [entry.structure.composition.fractional_composition.get_el_amt_dict() for entry in entries]
    symbols = sorted({symbol for row in fractions for symbol in row})
    values = np.array([[row.get(symbol, 0.0) for symbol in symbols] for row in fractions])
    return FeatureSet('element fractions', values, ((0, len(symbols)),))


def block_sets(described: Described, ids: Sequence[str]) -> list[tuple[str, FeatureSet, FeatureSet | None]]:
    """Return each block of a layout alone, and all others without it; composition blocks of one kind count as one.

    The others are those of composition and structure; a block of the landscape is not among them, so it is added.

    :param described: rows of a layout.
    :param ids: structures, in the order of the rows.
    :returns: name of the block, its columns, and the columns that it is compared with.
    """
    parts = tuple(part for part in ('composition', 'structure', 'landscape') if described.layout.parts[part])
    values, scales = _joined(described, parts, ids)
    columns = [column for part in parts for column in described.layout.columns(part)]
    names = np.array([_group(described.layout, column.part, column.block) for column in columns])
    base = np.array([column.part != 'landscape' for column in columns])
    found = []
    for name in dict.fromkeys(names.tolist()):
        own = names == name
        added = not base[own].any()
        rest = base | own if added else base & ~own
        found.append(
            (name, _chosen(f'only {name}', values, scales, own), _chosen(f'beside {name}', values, scales, rest))
        )
    return found


def _group(layout: Layout, part: str, block: str) -> str:
    if part != 'composition':
        return f'{part}: {block}'
    kind = next(entry.kind for entry in layout.parts[part] if entry.label == block)
    several = sum(entry.kind == kind for entry in layout.parts[part]) > 1
    return f'{part}: {kind if several else block}'


def _joined(
    described: Described, parts: Sequence[str], ids: Sequence[str]
) -> tuple[NDArray[np.float64], tuple[tuple[int, int], ...]]:
    scales, first = [], 0
    for part in parts:
        scales += [(first + start, first + stop) for start, stop in described.layout.scales(part).values()]
        first += len(described.layout.columns(part))
    return np.hstack([described.part(part, ids) for part in parts]), tuple(scales)


def _chosen(
    name: str, values: NDArray[np.float64], scales: Sequence[tuple[int, int]], which: NDArray[np.bool_]
) -> FeatureSet:
    """Return some of the columns, with their groups moved to where they now stand."""
    place = np.concatenate([[0], np.cumsum(which)])
    moved = ((int(place[start]), int(place[stop])) for start, stop in scales)
    return FeatureSet(name, values[:, which], tuple((start, stop) for start, stop in moved if stop > start))
