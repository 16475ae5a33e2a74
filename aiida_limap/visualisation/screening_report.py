"""The report of a screening: one HTML file with its models, its funnel, its hits, and where they come from."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aiida_limap import __version__
from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.visualisation._screening_common import big_number
from aiida_limap.visualisation._screening_counts import shares
from aiida_limap.visualisation._screening_hits import hit_blocks, hit_data
from aiida_limap.visualisation.page_parts import write_text
from aiida_limap.visualisation.report_document import (
    Block,
    Code,
    Markup,
    Picture,
    Section,
    Table,
    Text,
    render,
)
from aiida_limap.visualisation.report_page import (
    Pictures,
    answering,
    drawn_blocks,
    facts_block,
    following_pictures,
    settings_blocks,
    table_of_nodes,
    write_columns,
)
from aiida_limap.visualisation.screening import SCREENING_FIGURES, write_screening_figures

__all__ = [
    'draw_screening_pictures',
    'screening_html',
    'write_screening_citations',
    'write_screening_hits',
    'write_screening_report',
]

#: Own parts of the script, in the order in which they are put together.
SCRIPT_PARTS = ('screening_script/table', 'screening_script/elements', 'screening_script/start')
#: Wide figures that can be read at half their size; the page shows the same numbers beside its hits.
_HALF = ('occurrence', 'price')
_SCORES = (('accuracy', 'Accuracy'), ('f1', 'F1'), ('mcc', 'MCC'))


def write_screening_report(report: ScreeningReport, path: Path | str, pictures: Pictures) -> Path:
    """Write the report of a screening as one HTML file that works without network.

    :param report: the screening.
    :param path: the file; its folder must exist.
    :param pictures: its figures by name, as :func:`draw_screening_pictures` gives them.
    :returns: the path.
    :raises VisualisationError: if the file cannot be written.
    """
    return write_text(path, screening_html(report, pictures), 'report')


def write_screening_hits(report: ScreeningReport, path: Path | str) -> Path:
    """Write the listed hits as CSV.

    :param report: the screening.
    :param path: the file; its folder must exist.
    :returns: the path.
    :raises VisualisationError: if the file cannot be written.
    """
    return write_columns(path, {name: column.values for name, column in report.hits.items()}, 'report')


def write_screening_citations(report: ScreeningReport, path: Path | str) -> Path:
    """Write what to cite for a screening as a BibTeX file.

    :param report: the screening.
    :param path: the file; its folder must exist.
    :returns: the path.
    :raises VisualisationError: if the file cannot be written.
    """
    return write_text(path, '\n\n'.join(report.bibtex) + '\n', 'report')


def draw_screening_pictures(
    report: ScreeningReport, on_figure: Callable[[str], None] | None = None
) -> tuple[dict[str, Picture], Mapping[str, str]]:
    """Draw the figures of a report, the same ones as ``aiida-limap screen figures`` draws.

    :param report: the screening.
    :param on_figure: told the name of each figure after it was drawn or left out.
    :returns: the pictures by name, and for figures that the screening cannot give why.
    """
    return following_pictures(
        lambda folder: write_screening_figures(report, folder, formats=('svg',), on_figure=on_figure),
        SCREENING_FIGURES,
        report.title,
        half=_HALF,
    )


def screening_html(report: ScreeningReport, pictures: Pictures) -> str:
    """Return the report of a screening as HTML.

    :param report: the screening.
    :param pictures: its figures by name.
    """
    sections = [
        Section('screening', 'The screening', [*_strip(report), facts_block(report.facts)]),
        Section('hits', 'Hits', hit_blocks(report)),
        Section('funnel', 'The funnel', _drawn(report, pictures, ('funnel', 'scores'))),
        Section('models', 'How good the models are', [*_models(report), *_drawn(report, pictures, _OF_MODELS)]),
        Section('elements', 'What the elements do', _drawn(report, pictures, ('contribution', 'occurrence', 'price'))),
        Section('ternary', 'Predicted conduction', _drawn(report, pictures, ('ternary',))),
        Section('parameters', 'Parameters', _settings(report)),
        Section('provenance', 'Provenance', _nodes(report)),
        Section('citations', 'What to cite', _citations(report)),
    ]
    additions = answering('screening', SCRIPT_PARTS, hit_data(report), 'the screening')
    return render(report.title, _summary(report), sections, f'aiida-limap {__version__}', additions)


_OF_MODELS = ('models', 'learning', 'subsets', 'plateau')


def _summary(report: ScreeningReport) -> list[str]:
    phrases = [f'{big_number(report.n_hits)} hits' if report.n_hits != 1 else 'one hit']
    counted = [stage for stage in report.funnel if stage.count is not None]
    if counted:
        phrases.append(f'{big_number(counted[0].count or 0)} compositions of the grid')
    models = list(dict.fromkeys(entry.model for entry in report.models if entry.scores))
    if models:
        phrases.append(f'models: {", ".join(models)}')
    return phrases


def _strip(report: ScreeningReport) -> list[Block]:
    """Return the stages side by side, each with the part of the one before that it leaves."""
    stages = [(stage, share) for stage, share in zip(report.funnel, shares(report.funnel), strict=True)]
    items = []
    for stage, share in stages:
        if stage.count is None:
            continue
        kept = '' if share is None else f'<span class="share">{_percent(share)}</span>'
        paper = f'<span class="paper">published {big_number(stage.published)}</span>' if stage.published else ''
        if stage.integers:
            paper += f'<span class="paper">+ {big_number(stage.integers)} of small integers</span>'
        items.append(f'<li>{kept}<b>{big_number(stage.count)}</b><span>{html.escape(stage.label)}</span>{paper}</li>')
    return [Markup(f'<ol class="strip">{"".join(items)}</ol>')] if items else []


def _percent(share: float) -> str:
    if share >= 0.1:
        return f'{share:.0%}'.replace('%', ' %')
    return f'{100 * share:.2g} %' if share >= 1e-4 else 'under 0.01 %' if share else 'none'


def _drawn(report: ScreeningReport, pictures: Pictures, names: Sequence[str]) -> list[Block]:
    blocks = drawn_blocks(pictures, names, SCREENING_FIGURES, report.missing)
    return blocks or [Text('Nothing of this is known of the screening.', is_note=True)]


def _models(report: ScreeningReport) -> list[Block]:
    entries = report.models
    if not entries:
        return []
    columns = ['Model', 'Set', 'Validation', 'Compounds', *(label for _name, label in _SCORES), 'Chance', 'Published']
    rows = []
    for entry in entries:
        cells = []
        for name, _label in _SCORES:
            score = entry.scores.get(name)
            spread = '' if score is None or score.spread is None else f' ± {score.spread:.3f}'
            cells.append('' if score is None else f'{score.value:.3f}{spread}'.replace('-', '\u2212'))
        chance, published = (
            '' if value is None else f'{value:.3f}' for value in (entry.chance, entry.published_accuracy)
        )
        count = str(entry.n) if entry.n else ''
        rows.append([entry.model, entry.data_set, entry.validation, count, *cells, chance, published])
    caption = 'Scores with their standard deviation; chance and published numbers are accuracies.'
    return [Table(columns, rows, numeric=columns[3:], caption=caption)]


def _settings(report: ScreeningReport) -> list[Block]:
    return settings_blocks(report.settings) or [
        Text(report.missing.get('settings', 'No options are known.'), is_note=True)
    ]


def _nodes(report: ScreeningReport) -> list[Block]:
    if not report.nodes:
        return [Text(report.missing.get('nodes', 'The screening was not run by AiiDA.'), is_note=True)]
    return [
        Text('Identifiers are the same in every profile that the screening is imported into.'),
        table_of_nodes((node.role, node.kind, node.uuid, node.command) for node in report.nodes),
    ]


def _citations(report: ScreeningReport) -> list[Block]:
    if not report.bibtex:
        return [Text('Nothing to cite is known.', is_note=True)]
    text = 'Methods, programs and data of this screening. The same entries stand in citations.bib.'
    return [Text(text), Code('\n\n'.join(report.bibtex))]
