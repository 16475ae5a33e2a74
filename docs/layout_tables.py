"""Tables of the layouts of descriptors, made from the layouts themselves, so that the page never falls behind them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from aiida_limap.engines.bvff.featurizers import BondValenceLandscape
from aiida_limap.engines.descriptors import Column, Layout, layout_names, load_layout
from aiida_limap.engines.descriptors.blocks import KINDS, Block, block_class

__all__ = ['kinds_text', 'layouts_text', 'write_layout_tables']

_BIN = re.compile(r'(?P<series>.+)_(?P<centre>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)')
_PARAMETER = re.compile(r':param (?P<name>\w+):\s*(?P<text>.*?)(?=\n:|\Z)', re.DOTALL)
#: Kinds whose columns need no table.
_OBVIOUS = ('element_fractions',)
_EMPTY = ((), [], {}, '', None)
_ROLE = re.compile(r':\w+:`~?(?P<target>[^`]+)`')


def write_layout_tables(folder: Path) -> None:
    """Write the generated parts of the page on descriptors.

    :param folder: folder of the page.
    """
    (folder / '_layouts.md').write_text(layouts_text(), encoding='utf-8')
    (folder / '_kinds.md').write_text(kinds_text(), encoding='utf-8')


def kinds_text() -> str:
    """Return what each kind of block computes and which options it takes, as its class says."""
    lines = []
    for kind in KINDS:
        prose, options = _documented(block_class(kind))
        lines += [f'### `{kind}`', '', prose, '']
        if options:
            lines += ['| option | meaning |', '|---|---|', *(f'| `{name}` | {text} |' for name, text in options), '']
    prose = _prose(inspect.cleandoc(BondValenceLandscape.__doc__ or ''))
    return '\n'.join([*lines, '### The featurizer `BondValenceLandscape`', '', prose, ''])


def _prose(text: str) -> str:
    found = _ROLE.sub(lambda role: f'`{role["target"].rsplit(".", 1)[-1]}`', text)
    return found.split(':param', 1)[0].strip()


def _documented(kind: type[Block]) -> tuple[str, list[tuple[str, str]]]:
    prose = _prose(inspect.cleandoc(kind.__doc__ or ''))
    options = [
        (name, _one_line(meaning))
        for base in reversed(kind.__mro__)
        if issubclass(base, Block) and base is not Block
        for name, meaning in _PARAMETER.findall(inspect.cleandoc(vars(base).get('__doc__') or ''))
    ]
    return prose, list(dict(options).items())


def _one_line(text: str) -> str:
    return ' '.join(_ROLE.sub(lambda found: f'`{found["target"]}`', text).split()).replace('|', '\\|')


def layouts_text() -> str:
    """Return a section per shipped layout with a table per part: blocks, columns, bins and options."""
    return '\n'.join(line for name in layout_names() for line in _layout_lines(load_layout(name)))


def _layout_lines(layout: Layout) -> Iterator[str]:
    yield from (f'### `{layout.name}`', '')
    counts = [f'{len(layout.columns(part))} {part}' for part in layout.parts if layout.parts[part]]
    # A layout that rebuilds nothing is ours; the publication is where its kind of descriptor comes from.
    source = 'Source' if layout.reconstruction else 'Histogram descriptors of this kind'
    yield f'{layout.title}. Columns: {", ".join(counts)}. [{source}]({layout.reference}).'
    if layout.reconstruction:
        yield '**Reconstruction**: the source does not state the bins; those below are our reading.'
    yield from (f'Classes of sites: {_classes(layout)}.', '')
    for part, blocks in layout.parts.items():
        if not blocks:
            continue
        columns = layout.columns(part)
        yield from (
            f'*{part.capitalize()}*',
            '',
            '| block | kind | columns | bins | options |',
            '|---|---|---|---|---|',
        )
        for block in blocks:
            start, stop = layout.blocks(part)[block.label]
            bins = '; '.join(_bins(columns[start:stop], block.label))
            yield f'| {block.label} | `{block.kind}` | {start + 1} to {stop} | {bins} | {_options(block)} |'
        yield ''
    yield from _single_numbers(layout)


def _single_numbers(layout: Layout) -> Iterator[str]:
    """Return a table of the columns that belong to no histogram, element fractions apart."""
    plain = {
        (part, block.label) for part, blocks in layout.parts.items() for block in blocks if block.kind in _OBVIOUS
    }  # fmt: skip
    single = [
        column
        for column in layout.columns()
        if _centre(column) is None and (column.part, column.block) not in plain
    ]  # fmt: skip
    if not single:
        return
    yield from (f'<details><summary>{len(single)} columns that are no histograms</summary>', '')
    yield from ('| column | unit | meaning |', '|---|---|---|')
    for column in single:
        meaning = column.meaning.replace('|', '\\|')
        yield f'| `{column.name}` | {column.unit} | {meaning} |'
    yield from ('', '</details>', '')


def _classes(layout: Layout) -> str:
    named = []
    for entry in layout.classes.named:
        what = ', '.join(entry['elements']) if 'elements' in entry else f'every {entry["role"]}'
        named.append(str(entry['name']) if what == entry['name'] else f'{entry["name"]} ({what})')
    return f'{", ".join(named)}, and {layout.classes.rest} (every other site)'


def _bins(columns: Sequence[Column], block: str) -> Iterator[str]:
    """Return number, first and last centre, distance and unit of the bins of each kind of series of a block."""
    found: dict[str, list[str]] = {}
    for series, members in groupby(columns, key=_series):
        some = list(members)
        centres = [_centre(column) for column in some]
        name = series.removeprefix(block).strip('_')
        if len(some) < 2 or None in centres:
            text = f'{len(some)} numbers' if len(some) > 1 else 'one number'
        else:
            unit = f' {some[0].unit}' if some[0].unit else ''
            text = f'{len(some)} bins, {_spaced(centres)}{unit}'  # type: ignore[arg-type]
        found.setdefault(text, []).append(name)
    for text, names in found.items():
        known = [name for name in names if name]
        several = f'{len(names)} × ' if len(names) > 1 else ''
        yield several + text + (f' ({", ".join(known)})' if known and 'number' not in text else '')


def _spaced(centres: Sequence[float]) -> str:
    """Return all centres if they are unevenly spaced, else the first, the second and the last."""
    steps = [second - first for first, second in pairwise(centres)]
    even = max(steps) - min(steps) < 1e-3 * max(steps) and len(centres) > 3
    shown = [f'{centre:.6g}' for centre in (centres[:2] if even else centres)]
    return ', '.join([*shown, '…', f'{centres[-1]:.6g}'] if even else shown)


def _series(column: Column) -> str:
    found = _BIN.fullmatch(column.name)
    return found['series'] if found else ''


def _centre(column: Column) -> float | None:
    found = _BIN.fullmatch(column.name)
    return float(found['centre']) if found else None


def _options(block: Block) -> str:
    hidden = ('kind', 'name', 'pairs', 'triplets')
    shown = {
        key: value
        for key, value in block.as_dict().items()
        if key not in hidden and value not in _EMPTY and value is not False
    }
    return ', '.join(f'`{key}` {_plain(value)}' for key, value in shown.items())


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        inner = [f'({_plain(entry)})' if isinstance(entry, (list, tuple)) else _plain(entry) for entry in value]
        return ' '.join(inner)
    if isinstance(value, str):
        # The path of a class is longer than a table is wide.
        return value.rsplit('.', 1)[-1]
    return f'{value:g}' if isinstance(value, float) else str(value)
