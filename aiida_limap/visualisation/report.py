"""The report of a map: one HTML file that says what the map was made from, how good it is and where to look next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from aiida_limap import __version__
from aiida_limap.visualisation._report_points import best_compounds, data_sources, sparse_regions
from aiida_limap.visualisation.facts import check_bundle, map_facts
from aiida_limap.visualisation.page_parts import write_text
from aiida_limap.visualisation.report_document import (
    Block,
    Code,
    Facts,
    Identifier,
    Items,
    Section,
    Table,
    Text,
    render,
)
from aiida_limap.visualisation.report_page import facts_block, not_drawn_blocks, table_of_nodes
from aiida_limap.visualisation.report_parts import MapReport, ReportRows

__all__ = ['report_html', 'write_citations', 'write_report']

_AXES = {'x_comp': 'composition code', 'x_struc': 'structure code'}
_MOST_QUANTITIES = 10
_MOST_JOBS = 12


def write_report(report: MapReport, path: Path | str) -> Path:
    """Write the report of a map as one HTML file that works without network and runs no script.

    :param report: what it says.
    :param path: the file; its folder must exist.
    :returns: the path.
    :raises VisualisationError: if the map holds no point that can be drawn, or the file cannot be written.
    """
    return write_text(path, report_html(report), 'report')


def write_citations(report: MapReport, path: Path | str) -> Path:
    """Write what to cite for a map as a BibTeX file.

    :param report: the report of the map.
    :param path: the file; its folder must exist.
    :returns: the path.
    :raises VisualisationError: if the file cannot be written.
    """
    return write_text(path, '\n\n'.join(report.bibtex) + '\n', 'report')


def report_html(report: MapReport) -> str:
    """Return the report of a map as HTML.

    :param report: what it says.
    :raises VisualisationError: if the map holds no point that can be drawn.
    """
    check_bundle(report.bundle)
    sections = [
        Section('map', 'The map', [facts_block(report.facts), *report.pictures[:2]]),
        _dataset(report),
        _losses(report),
        _quality(report),
        _meaning(report),
        sparse_regions(report.bundle),
        best_compounds(report.bundle),
        _figures(report),
        _parameters(report),
        _nodes(report),
        _citations(report),
    ]
    generator = f'aiida-limap {__version__}'
    return render(report.bundle.title, map_facts(report.bundle).summary(), sections, generator)


def _missing(report: MapReport, name: str) -> list[Block]:
    return [Text(report.missing[name], is_note=True)] if name in report.missing else []


def _dataset(report: MapReport) -> Section:
    blocks: list[Block] = _missing(report, 'dataset')
    found = report.dataset
    if found is not None:
        blocks.append(
            Facts(
                [
                    ('Dataset', f'{found.name}, {found.number} structures'),
                    ('UUID', Identifier(found.identifier)),
                ]
            )
        )
        if found.chosen_by:
            blocks += [Text('Chosen by:'), facts_block(found.chosen_by)]
        if found.became:
            blocks += [Text('What became of the import:'), Items(list(found.became))]
    return Section('dataset', 'Structures', [*blocks, *data_sources(report.bundle)])


def _losses(report: MapReport) -> Section:
    blocks: list[Block] = _missing(report, 'rows')
    for rows in report.rows:
        blocks.append(
            Table(
                (rows.title, 'Structures', 'Meaning'),
                [(word, str(count), rows.meanings.get(word, '')) for word, count in rows.counts.items()],
                numeric=('Structures',),
            )
        )
        blocks += _reasons(rows)
    return Section('losses', 'What was computed, and what was lost', blocks)


def _reasons(rows: ReportRows) -> list[Block]:
    if not rows.losses:
        return [Text(f'Every structure has an answer: {rows.title.lower()} were lost for none.')]
    cells = [
        (
            loss.status,
            str(loss.number),
            loss.reason
            if loss.reason_number == loss.number
            else f'{loss.reason} ({loss.reason_number} of {loss.number})',
            loss.next_step,
        )
        for loss in rows.losses
    ]
    return [Table(('Lost as', 'Structures', 'Most common reason', 'What to do'), cells, numeric=('Structures',))]


def _quality(report: MapReport) -> Section:
    blocks: list[Block] = _missing(report, 'quality')
    for found in report.quality:
        blocks.append(Table(found.columns, found.rows, numeric=tuple(found.columns[1:]), caption=found.title))
    return Section('quality', 'How good it is', blocks)


def _meaning(report: MapReport) -> Section:
    blocks: list[Block] = _missing(report, 'meaning')
    if report.meaning:
        blocks.append(
            Text(
                'Quantities that each code follows, the strongest first. Spearman is the rank correlation with its '
                'sign; information is the correlation coefficient that two normally distributed numbers of the same '
                'mutual information have, and sees relations of any form.'
            )
        )
    for axis, name in _AXES.items():
        records = [record for record in report.meaning if record.get('axis') == axis][:_MOST_QUANTITIES]
        if records:
            cells = [
                (
                    # Quantities without a meaning in words are called by their column.
                    str(record.get('meaning') or record.get('quantity', '')).replace('_', ' '),
                    str(record.get('unit') or ''),
                    _signed(record.get('spearman')),
                    _plain(record.get('information_correlation')),
                    str(record.get('n', '')),
                )
                for record in records
            ]
            heads = (f'The {name} follows', 'Unit', 'Spearman', 'Information', 'Codes')
            blocks.append(Table(heads, cells, numeric=heads[2:]))
    return Section('axes', 'What the axes mean', blocks)


def _signed(value: object) -> str:
    return f'{value:+.2f}'.replace('-', '\u2212') if isinstance(value, float) and math.isfinite(value) else ''


def _plain(value: object) -> str:
    return f'{value:.2f}' if isinstance(value, float) and math.isfinite(value) else ''


def _figures(report: MapReport) -> Section:
    return Section('figures', 'Figures', [*report.pictures[2:], *not_drawn_blocks(report.not_drawn)])


def _parameters(report: MapReport) -> Section:
    blocks: list[Block] = [Text(report.protocol)] if report.protocol else []
    for title, name in (('Force field', 'force_field'), ('Descriptors', 'layout'), ('Training', 'training')):
        facts: Mapping[str, str] = getattr(report, name)
        lacking = _missing(report, name)
        if facts or lacking:
            blocks.append(Text(f'{title}:'))
        blocks += [facts_block(facts), *lacking] if facts else lacking
    blocks += _missing(report, 'jobs')
    for jobs in report.jobs:
        shown = jobs.identifiers[:_MOST_JOBS]
        more = (
            f' (the first {_MOST_JOBS} of {len(jobs.identifiers)} below)' if len(jobs.identifiers) > len(shown) else ''
        )
        count = f'{len(jobs.identifiers)} job{"" if len(jobs.identifiers) == 1 else "s"}'
        blocks += [
            Text(
                f'{jobs.title}, {count} of the same parameters{more}:'
                if len(jobs.identifiers) > 1
                else f'{jobs.title}:'
            ),
            facts_block({**jobs.facts, **jobs.parameters}),
            Items([Identifier(uuid) for uuid in shown]),
        ]
    return Section('parameters', 'Protocols and parameters', blocks)


def _nodes(report: MapReport) -> Section:
    blocks: list[Block] = [
        Text('Identifiers are the same in every profile that the map is imported into. The jobs of one compound:'),
        Code('aiida-limap point show UUID'),
        table_of_nodes((node.role, node.kind, node.identifier, node.command) for node in report.nodes),
        *_missing(report, 'nodes'),
    ]
    return Section('provenance', 'Provenance', blocks)


def _citations(report: MapReport) -> Section:
    return Section(
        'citations',
        'What to cite',
        [
            Text('Methods, programs, parameters and data of this map. The same entries stand in citations.bib.'),
            Code('\n\n'.join(report.bibtex)),
        ],
    )
