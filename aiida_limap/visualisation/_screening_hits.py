"""The hits of a screening inside its report: a table to sort and to filter, by elements too."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.visualisation._screening_common import big_number
from aiida_limap.visualisation.periodic_table import NUMBERS, PLACES
from aiida_limap.visualisation.report_document import Block, Markup, Table, Text
from aiida_limap.visualisation.report_page import cell_text, head_text

__all__ = ['MOST_HITS', 'NODE_SUFFIX', 'hit_blocks', 'hit_data']

#: With more rows a page grows slow to load; the file of the report holds all.
MOST_HITS = 10_000
#: Rows that a reader without scripts sees, and that are printed.
_STATIC = 25
NODE_SUFFIX = '_uuid'
#: Columns that stand among the details of a hit and not in the table.
_DETAILS = (
    'system', 'oxidation_states', 'molar_mass_g_per_mol', 'nearest_label', 'x_comp', 'map_neighbours',
    'map_nearest_distance', 'map_nearest_migration_energy_eV',
)  # fmt: skip
_WORD = re.compile(r'[A-Z][a-z]?')


def hit_blocks(report: ScreeningReport) -> list[Block]:
    """Return the section on hits: filters, and the table that the script of the page takes over.

    :param report: the screening.
    """
    if not report.n_listed:
        reason = report.missing.get('hits', 'No composition passed all stages of the funnel.')
        return [Text(reason, is_note=True)]
    shown = min(report.n_listed, MOST_HITS)
    said = f'{big_number(report.n_hits)} compositions passed all stages'
    if shown < report.n_hits:
        said += f'; {shown} of them, the best, are listed here'
    columns = [name for name in report.hits if not name.endswith(NODE_SUFFIX) and name not in _DETAILS]
    heads = [head_text(report.hits[name]) for name in columns]
    rows = [[cell_text(report.hits[name].values[row]) for name in columns] for row in range(min(shown, _STATIC))]
    numeric = [head for head, name in zip(heads, columns, strict=True) if report.hits[name].is_numeric]
    return [
        Text(f'{said}. Press an element for hits with it, once more for hits without it; press a formula for more.'),
        Markup(_filters(report)),
        Markup('<p class="count" id="hit-count" role="status"></p>'),
        Table(heads, rows, numeric=numeric),
        Markup('<div class="more"><button type="button" id="hit-more" hidden></button></div>'),
    ]


def _filters(report: ScreeningReport) -> str:
    cells = ''.join(
        f'<button type="button" class="r{line + 1} c{column + 1}" data-element="{symbol}" disabled>'
        f'<span>{NUMBERS[symbol]}</span>{symbol}</button>'
        for symbol, (line, column) in PLACES.items()
    )
    colourings = ''.join(
        f'<option value="{name}">{html.escape(entry.label.lower())}</option>' for name, entry in report.elements.items()
    )
    return (
        '<div class="explore" id="explore" hidden><div class="elements">'
        '<label class="colouring">Colour by <select id="colouring"><option value="">hits with the element</option>'
        f'{colourings}</select></label><div class="periodic" id="periodic" role="group" aria-label="Elements">{cells}'
        '</div></div><div class="filters" id="filters"><label class="search">Search '
        '<input type="search" id="search" placeholder="formula, elements or class" autocomplete="off"></label></div>'
        '</div>'
    )


def hit_data(report: ScreeningReport) -> dict[str, Any]:
    """Return what the script of the page has to know.

    :param report: the screening.
    """
    columns = []
    for name, column in report.hits.items():
        kind = 'node' if name.endswith(NODE_SUFFIX) else 'number' if column.is_numeric else 'word'
        columns.append(
            {
                'name': name,
                'label': column.label,
                'unit': column.unit,
                'description': column.description,
                'kind': kind,
                'aside': kind == 'node' or name in _DETAILS,
                'values': list(column.values[:MOST_HITS]),
            }
        )
    return {
        'columns': columns,
        'elements': [sorted(set(_WORD.findall(word))) for word in _systems(report)],
        'colourings': {
            name: {
                'values': dict(entry.values),
                'signed': entry.is_signed,
                'logarithmic': entry.is_logarithmic,
                'unit': entry.unit,
            }
            for name, entry in report.elements.items()
        },
        'n_hits': report.n_hits,
    }


def _systems(report: ScreeningReport) -> Iterable[str]:
    return report.words('system')[:MOST_HITS] if report.n_listed else ()
