"""A document of sections as HTML that makes no request and runs no script."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from string import Template

from aiida_limap.visualisation.page_parts import joined_style, packaged

__all__ = [
    'Additions', 'Block', 'Cell', 'Code', 'Facts', 'Identifier', 'Items', 'Link', 'Markup', 'Picture', 'Section',
    'Table', 'Text', 'render',
]  # fmt: skip

#: Links lead to web pages and nowhere else.
_SCHEMES = ('https://', 'http://')
#: More facts than these stand in two columns.
_MANY = 12
_MANY_CLASS, _SHORT_CLASS = ' class="many"', ' class="short"'


@dataclass(frozen=True)
class Link:
    """Words that lead to a web page.

    :param text: the words.
    :param address: the address; one that is no web page is left out.
    """

    text: str
    address: str


@dataclass(frozen=True)
class Identifier:
    """A UUID or a command, which a click selects as a whole.

    :param text: the identifier.
    """

    text: str


Cell = str | Link | Identifier


@dataclass(frozen=True)
class Text:
    """A paragraph.

    :param text: its words.
    :param is_note: whether it is set apart from the others.
    """

    text: str
    is_note: bool = False


@dataclass(frozen=True)
class Facts:
    """Names with a value each.

    :param rows: names and values.
    """

    rows: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Table:
    """A table.

    :param columns: headings.
    :param rows: cells, as many in each row as there are headings.
    :param numeric: headings of the columns that hold numbers.
    :param caption: what it shows; empty for none.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: Sequence[str] = ()
    caption: str = ''


@dataclass(frozen=True)
class Items:
    """A list.

    :param entries: one line each.
    """

    entries: Sequence[Cell]


@dataclass(frozen=True)
class Code:
    """Text that keeps its lines.

    :param text: the text.
    """

    text: str


@dataclass(frozen=True)
class Picture:
    """A picture with its caption.

    :param kind: ``svg`` or ``png``.
    :param content: the file.
    :param title: what it shows, in a few words.
    :param caption: what stands below it.
    :param is_wide: whether it takes a row of its own; others stand side by side.
    """

    kind: str
    content: bytes
    title: str
    caption: str
    is_wide: bool = False


@dataclass(frozen=True)
class Markup:
    """HTML whose texts are escaped already.

    :param text: the elements.
    """

    text: str


Block = Text | Facts | Table | Items | Code | Picture | Markup


@dataclass(frozen=True)
class Section:
    """A part of the document.

    :param anchor: its name inside the document.
    :param title: its heading.
    :param blocks: what it holds.
    """

    anchor: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Additions:
    """What makes a document one that answers to its reader.

    :param style: rules that follow those of all documents.
    :param script: the script; nothing else runs.
    :param data: JSON for it, with nothing that could be taken for markup.
    :param tools: elements beside the heading.
    """

    style: str
    script: str
    data: str
    tools: str


def render(
    title: str, summary: Sequence[str], sections: Sequence[Section], generator: str, additions: Additions | None = None
) -> str:
    """Return the document as one HTML file.

    All texts are shown as text. The content security policy in the file allows its own style sheet, the pictures inside
    of it and the script of its additions, and nothing else: no request to anywhere.

    :param title: heading.
    :param summary: short phrases below it.
    :param sections: the parts.
    :param generator: what made it.
    :param additions: style, script and data; none for a document that runs no script.
    """
    style = joined_style('palette', 'report')
    scripts, policy = '', ''
    if additions is not None:
        style += additions.style
        policy = f" script-src '{_digest(additions.script)}';"
        data = f'<script type="application/json" id="data">{additions.data}</script>'
        scripts = f'{data}\n<script>{additions.script}</script>\n'
    return Template(packaged('report.html')).substitute(
        policy=f"default-src 'none'; style-src '{_digest(style)}';{policy} img-src data:; base-uri 'none'; "
        "form-action 'none'",
        style=style,
        tools='' if additions is None else additions.tools,
        scripts=scripts,
        title=html.escape(title),
        generator=html.escape(generator),
        summary=''.join(f'<li>{html.escape(phrase)}</li>' for phrase in summary),
        contents=''.join(
            f'<li><a href="#{html.escape(part.anchor)}">{html.escape(part.title)}</a></li>' for part in sections
        ),
        sections='\n'.join(_section(part) for part in sections),
    )


def _digest(text: str) -> str:
    return f'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'


def _section(part: Section) -> str:
    anchor = html.escape(part.anchor)
    blocks = []
    for pictures, group in groupby(part.blocks, key=lambda block: isinstance(block, Picture)):
        texts = '\n'.join(_block(block) for block in group)
        blocks.append(f'<div class="pictures">{texts}</div>' if pictures else texts)
    text = '\n'.join(blocks)
    return f'<section id="{anchor}">\n<h2>{html.escape(part.title)}</h2>\n{text}\n</section>'


def _block(block: Block) -> str:
    if isinstance(block, Text):
        kind = ' class="note"' if block.is_note else ''
        return f'<p{kind}>{html.escape(block.text)}</p>'
    if isinstance(block, Facts):
        rows = ''.join(f'<div><dt>{html.escape(name)}</dt><dd>{_cell(value)}</dd></div>' for name, value in block.rows)
        return f'<dl{_MANY_CLASS if len(block.rows) > _MANY else ""}>{rows}</dl>'
    if isinstance(block, Items):
        short = all(isinstance(entry, Identifier) for entry in block.entries)
        items = ''.join(f'<li>{_cell(entry)}</li>' for entry in block.entries)
        return f'<ul{_SHORT_CLASS if short else ""}>{items}</ul>'
    if isinstance(block, Code):
        return f'<pre>{html.escape(block.text)}</pre>'
    if isinstance(block, Picture):
        return _picture(block)
    if isinstance(block, Markup):
        return block.text
    return _table(block)


def _picture(picture: Picture) -> str:
    kind = 'image/svg+xml' if picture.kind == 'svg' else 'image/png'
    data = base64.b64encode(picture.content).decode()
    image = f'<img src="data:{kind};base64,{data}" alt="{html.escape(picture.title)}">'
    kind = ' class="broad"' if picture.is_wide else ''
    return f'<figure{kind}>{image}<figcaption>{html.escape(picture.caption)}</figcaption></figure>'


def _table(table: Table) -> str:
    kinds = ['number' if name in table.numeric else '' for name in table.columns]

    def tag(name: str, kind: str, content: str) -> str:
        return f'<{name} class="{kind}">{content}</{name}>' if kind else f'<{name}>{content}</{name}>'

    heads = ''.join(tag('th', kind, html.escape(name)) for name, kind in zip(table.columns, kinds, strict=True))
    rows = ''.join(
        '<tr>' + ''.join(tag('td', kind, _cell(cell)) for cell, kind in zip(row, kinds, strict=True)) + '</tr>'
        for row in table.rows
    )
    caption = f'<caption>{html.escape(table.caption)}</caption>' if table.caption else ''
    return f'<div class="wide"><table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: Cell) -> str:
    if isinstance(cell, Identifier):
        return f'<code>{html.escape(cell.text)}</code>'
    if isinstance(cell, Link) and cell.address.lower().startswith(_SCHEMES):
        address = html.escape(cell.address)
        return f'<a href="{address}" rel="noreferrer noopener">{html.escape(cell.text)}</a>'
    return html.escape(cell.text if isinstance(cell, Link) else cell)
