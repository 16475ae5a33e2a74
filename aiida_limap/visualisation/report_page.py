"""What the reports of maps, screenings and phonons share: their blocks, their pictures, and what answers a reader."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.visualisation.figure_files import ReportFigure, WrittenFigures
from aiida_limap.visualisation.page_parts import inline_json, joined_script, joined_style, write_text
from aiida_limap.visualisation.report_document import Additions, Block, Facts, Identifier, Items, Picture, Table, Text
from aiida_limap.visualisation.report_pictures import drawn_files, is_wide
from aiida_limap.visualisation.svg_scheme import follow_scheme

__all__ = [
    'Pictures',
    'answering',
    'cell_text',
    'drawn_blocks',
    'facts_block',
    'following_pictures',
    'head_text',
    'not_drawn_blocks',
    'settings_blocks',
    'table_of_nodes',
    'write_columns',
]

Pictures = Mapping[str, Picture]
#: A UUID or a SHA-256.
_IDENTIFIER = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}')
#: Parts of the script of every report that answers: they come first, and all parts share one function.
_SCRIPTS = ('shared_script/elements', 'shared_script/listing', 'shared_script/scheme')
#: The switch between light and dark.
_TOOLS = '<button type="button" id="theme" hidden></button>'


def answering(style: str, scripts: Iterable[str], data: Any, what: str) -> Additions:
    """Return what makes a report answer its reader.

    :param style: its own style sheet without ending; it follows those that answering reports share.
    :param scripts: paths of the own parts of its script without ending, in their order.
    :param data: what the script has to know, as plain values.
    :param what: what these are of, for the message, such as ``the screening``.
    :raises VisualisationError: if a value is no number of JSON.
    """
    return Additions(
        joined_style('controls', 'listing', style),
        joined_script((*_SCRIPTS, *scripts)),
        inline_json(data, what),
        _TOOLS,
    )


def following_pictures(
    write: Callable[[Path], WrittenFigures],
    figures: Mapping[str, ReportFigure[Any]],
    title: str,
    *,
    sources: str = '',
    half: Iterable[str] = (),
) -> tuple[dict[str, Picture], Mapping[str, str]]:
    """Draw figures as pictures that follow the colours of the page around them.

    :param write: writes them as SVG into a folder.
    :param figures: all figures by name.
    :param title: heading of the report; captions do not say it once more.
    :param sources: what captions end with and the report says elsewhere.
    :param half: names of wide figures that can be read at half their size.
    :returns: the pictures by name, and for figures that the report cannot give why.
    """
    drawn, left_out = drawn_files(write)
    pictures = {}
    for name, (content, caption) in drawn.items():
        text = caption.removeprefix(f'{title}: ').removesuffix(sources)
        wide = is_wide(content) and name not in half
        shown = follow_scheme(content)
        pictures[name] = Picture('svg', shown, figures[name].shows, text[:1].upper() + text[1:], is_wide=wide)
    return pictures, left_out


def drawn_blocks(
    pictures: Pictures, names: Sequence[str], figures: Mapping[str, ReportFigure[Any]], missing: Mapping[str, str]
) -> list[Block]:
    """Return figures, and for those that are not there the reason.

    :param pictures: the pictures by name.
    :param names: which of them are wanted.
    :param figures: all figures by name.
    :param missing: what the report says of its missing parts, by name.
    """
    absent = [name for name in names if name not in pictures and name in missing]
    return [
        *(pictures[name] for name in names if name in pictures),
        *not_drawn_blocks({figures[name].shows: missing[name] for name in absent}),
    ]


def not_drawn_blocks(reasons: Mapping[str, str]) -> list[Block]:
    """Return why figures were not drawn; nothing where all were.

    :param reasons: the reason by what the figure shows.
    """
    if not reasons:
        return []
    return [Text('Not drawn:', is_note=True), Items([f'{name}: {reason}' for name, reason in reasons.items()])]


def facts_block(facts: Mapping[str, str]) -> Facts:
    """Return names with a value each; a click selects an identifier as a whole.

    :param facts: value by name.
    """
    return Facts([(name, Identifier(word) if _IDENTIFIER.fullmatch(word) else word) for name, word in facts.items()])


def head_text(column: MapProperty) -> str:
    """Return the head of a column with its unit.

    :param column: the column.
    """
    return f'{column.label} / {column.unit}' if column.unit else column.label


def cell_text(value: float | str | None) -> str:
    """Return a value as it stands in a table: numbers with four digits, nothing where there is none.

    :param value: the value.
    """
    if value is None:
        return ''
    return value if isinstance(value, str) else f'{value:.4g}'.replace('-', '\u2212')


def settings_blocks(settings: Mapping[str, Mapping[str, str]]) -> list[Block]:
    """Return options under the title of their group.

    :param settings: options by title of their group.
    """
    blocks: list[Block] = []
    for title, options in settings.items():
        blocks += [Text(f'{title}:'), facts_block(options)]
    return blocks


def table_of_nodes(nodes: Iterable[tuple[str, str, str, str]]) -> Table:
    """Return the table of the nodes behind a report.

    :param nodes: of each what it did, its kind, its UUID, and what shows it.
    """
    rows = [(role, kind, Identifier(uuid), Identifier(command)) for role, kind, uuid, command in nodes]
    return Table(('What it did', 'Node', 'UUID', 'Command that shows it'), rows)


def write_columns(path: Path | str, columns: Mapping[str, Sequence[Any]], what: str) -> Path:
    """Write the table of a report as CSV.

    :param path: the file; its folder must exist.
    :param columns: values by the name of their column, equally many in each.
    :param what: what it belongs to, for the message: ``page`` or ``report``.
    :returns: the path.
    :raises VisualisationError: if the file cannot be written.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return write_text(path, table.getvalue(), what)
