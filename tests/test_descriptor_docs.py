"""The page on descriptors tells every layout and every kind of block down to the last bin."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from aiida_limap.engines.descriptors import composition_descriptors, layout_names, load_layout
from aiida_limap.engines.descriptors.blocks import KINDS
from aiida_limap.engines.descriptors.elements import SYMBOLS, ElementDataError
from aiida_limap.engines.descriptors.layout import Layout

DOCS = Path(__file__).parents[1] / 'docs'


@pytest.fixture(scope='module')
def tables():
    spec = importlib.util.spec_from_file_location('layout_tables', DOCS / 'layout_tables.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def layouts_text(tables):
    return tables.layouts_text()


def section(text: str, name: str) -> str:
    return text.split(f'### `{name}`', 1)[1].split('\n### ', 1)[0]


@pytest.mark.parametrize('name', layout_names())
def test_every_block_and_option_of_a_layout_is_told(layouts_text, name):
    layout, text = load_layout(name), section(layouts_text, name)
    assert ('**Reconstruction**' in text) == layout.reconstruction
    assert layout.reference in text
    for part, blocks in layout.parts.items():
        for block in blocks:
            start, stop = layout.blocks(part)[block.label]
            (line,) = [
                row
                for row in text.splitlines()
                if row.startswith(f'| {block.label} |') and f' {start + 1} to {stop} ' in row
            ]
            assert f'`{block.kind}`' in line
            for key in set(block.as_dict()) - {'kind', 'name', 'pairs', 'triplets'}:
                value = block.as_dict()[key]
                assert f'`{key}`' in line or value is False or value in ((), [], {}, '', None)


@pytest.mark.parametrize('name', layout_names())
def test_elements_of_a_layout_are_told(name):
    """The table says from which element to which a layout has rows, and which between them it lacks."""
    text = (DOCS / 'topics' / 'descriptors.md').read_text(encoding='utf-8')
    (line,) = [row for row in text.splitlines() if row.startswith('| `') and f'`{name}`' in row and ' to ' in row]
    _, _, span, lacking, _ = (cell.strip() for cell in line.split('|'))
    first, last = (SYMBOLS.index(symbol) for symbol in span.split(' to '))
    expected = [symbol for symbol in SYMBOLS[first : last + 1] if symbol not in lacking.split(', ')]
    layout = load_layout(name)
    assert [symbol for symbol in SYMBOLS if _has_row(symbol, layout)] == expected


def _has_row(symbol: str, layout: Layout) -> bool:
    try:
        composition_descriptors([symbol], layout)
    except ElementDataError:
        return False
    return True


def test_bins_are_told_with_their_unit_and_names(layouts_text):
    text = section(layouts_text, 'yamaguchi2023')
    assert '6 × 100 bins, 0.05, 0.15, …, 9.95 Å (Li-Li, Li-O, Li-M, O-O, O-M, M-M)' in text
    assert '180 bins, 0.5, 1.5, …, 179.5 degree' in text
    assert '3 × 26 bins, 3, 4, …, 28 (Li, O, M)' in text
    assert '140 bins, 7.52179, 8.76536, …, 180.378 u' in text


@pytest.mark.parametrize('name', layout_names())
def test_numbers_that_are_no_histogram_have_a_line_each(layouts_text, name):
    lines = section(layouts_text, name).splitlines()
    for column in load_layout(name).columns():
        last = column.name.rpartition('_')[2].lstrip('-').replace('.', '').replace('e', '')
        if not last.isdigit() and not column.name.startswith('fraction_'):
            (line,) = [row for row in lines if row.startswith(f'| `{column.name}` |')]
            assert line == f'| `{column.name}` | {column.unit} | {column.meaning} |'


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_of_block_is_told_with_its_options(tables, kind):
    from dataclasses import fields

    from aiida_limap.engines.descriptors.blocks import Block, block_class

    text = section(tables.kinds_text(), kind)
    own = {field.name for field in fields(block_class(kind))} - {field.name for field in fields(Block)}
    for option in own:
        assert f'| `{option}` |' in text
    assert ':param' not in text
    assert ':class:' not in text
