"""The page of phonons: one HTML file with clusters, every compound and its densities, figures, and provenance."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from aiida_limap import __version__
from aiida_limap.formats.phonons import PhononReport
from aiida_limap.visualisation._phonon_common import METHOD_NAMES, probability
from aiida_limap.visualisation._phonon_data import compound_blocks, page_data
from aiida_limap.visualisation.page_parts import write_text
from aiida_limap.visualisation.phonons import PHONON_FIGURES, said_sources, write_phonon_figures
from aiida_limap.visualisation.report_document import (
    Block,
    Code,
    Items,
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
    cell_text,
    drawn_blocks,
    facts_block,
    following_pictures,
    settings_blocks,
    table_of_nodes,
    write_columns,
)

__all__ = ['draw_phonon_pictures', 'phonon_html', 'write_phonon_compounds', 'write_phonon_page']

#: Own parts of the script, in the order in which they are put together.
SCRIPT_PARTS = (
    'phonon_script/base',
    'phonon_script/plot',
    'phonon_script/density',
    'phonon_script/table',
    'phonon_script/start',
)
_COLOURS = 8
_MOST_CANDIDATES = 25


def write_phonon_page(report: PhononReport, path: Path | str, pictures: Pictures) -> Path:
    """Write the page of a report of phonons as one HTML file that works without network.

    :param report: the report.
    :param path: the file; its folder must exist.
    :param pictures: its figures by name, as :func:`draw_phonon_pictures` gives them.
    :returns: the path.
    :raises VisualisationError: if the file cannot be written.
    """
    return write_text(path, phonon_html(report, pictures), 'page')


def write_phonon_compounds(report: PhononReport, path: Path | str) -> Path:
    """Write the compounds with their numbers and clusters as CSV.

    :param report: the report.
    :param path: the file; its folder must exist.
    :returns: the path.
    :raises VisualisationError: if the file cannot be written.
    """
    columns: dict[str, Sequence[object]] = {name: entry.values for name, entry in report.compounds.items()}
    for grouping in report.groupings:
        columns[f'cluster_{grouping.method}'] = grouping.labels
        columns[f'silhouette_{grouping.method}'] = grouping.silhouettes
    return write_columns(path, columns, 'page')


def draw_phonon_pictures(
    report: PhononReport, on_figure: Callable[[str], None] | None = None
) -> tuple[dict[str, Picture], Mapping[str, str]]:
    """Draw the figures of a page, the same ones as ``aiida-limap phonons figures`` draws.

    :param report: the report.
    :param on_figure: told the name of each figure after it was drawn or left out.
    :returns: the pictures by name, and for figures that the report cannot give why.
    """
    return following_pictures(
        lambda folder: write_phonon_figures(report, folder, formats=('svg',), on_figure=on_figure),
        PHONON_FIGURES,
        report.title,
        # The section on provenance says the same once.
        sources=said_sources(report),
    )


def phonon_html(report: PhononReport, pictures: Pictures) -> str:
    """Return the page of a report of phonons as HTML.

    :param report: the report.
    :param pictures: its figures by name.
    """
    sections = [
        Section('compounds', 'Compounds', compound_blocks(report)),
        Section('clusters', 'Clusters', [*_cards(report), *_methods(report), *_enrichment(report)]),
        Section('candidates', 'Candidates', _candidates(report)),
        Section(
            'tree', 'Tree and number of clusters', _drawn(report, pictures, ('dendrogram', 'silhouettes', 'choice'))
        ),
        Section('planes', 'Planes', _drawn(report, pictures, ('scatter', 'plane'))),
        Section('densities', 'Densities of states', _drawn(report, pictures, ('densities',))),
        Section('conduction', 'Conduction', [*_drawn(report, pictures, ('conduction',)), *_correlations(report)]),
        Section('parameters', 'Parameters', _settings(report)),
        Section('provenance', 'Provenance', _provenance(report)),
        Section('citations', 'What to cite', _citations(report)),
    ]
    sections = [section for section in sections if section.blocks]
    additions = answering('phonons', SCRIPT_PARTS, page_data(report), 'the report')
    return render(report.title, _summary(report), sections, f'aiida-limap {__version__}', additions)


def _summary(report: PhononReport) -> list[str]:
    phrases = [f'{report.n_compounds} compounds', f'mobile element: {report.mobile}']
    if report.groupings:
        phrases.append(
            'clusters by ' + ', '.join(METHOD_NAMES.get(entry.method, entry.method) for entry in report.groupings)
        )
    return phrases


def _cards(report: PhononReport) -> list[Block]:
    """Return the clusters of the first method side by side."""
    if not report.groupings:
        return [Text(report.missing.get('clusters', 'The compounds were not clustered.'), is_note=True)]
    grouping = next((entry for entry in report.groupings if entry.n_clusters), None)
    if grouping is None:
        return [Text('No method found a cluster.', is_note=True)]
    items = []
    for cluster in range(grouping.n_clusters):
        inside = grouping.numbers == cluster
        said = [f'{int(inside.sum())} compounds']
        for name in ('mobile_band_centre_THz', 'total_band_centre_THz'):
            if name in report.compounds and np.isfinite(report.numbers(name)[inside]).any():
                mean = np.nanmean(report.numbers(name)[inside])
                said.append(f'{report.compounds[name].label}: mean {mean:.2f} {report.compounds[name].unit}')
        if cluster < len(grouping.stability) and grouping.stability[cluster] is not None:
            said.append(f'overlap with resamples: {grouping.stability[cluster]:.2f}')
        lines = ''.join(f'<span>{html.escape(line)}</span>' for line in said)
        items.append(f'<li class="c{cluster % _COLOURS}"><b>Cluster {cluster}</b>{lines}</li>')
    name = METHOD_NAMES.get(grouping.method, grouping.method)
    return [
        Text(f'Clusters by {name}, numbered from the lowest mean:'),
        Markup(f'<ul class="cards">{"".join(items)}</ul>'),
    ]


def _methods(report: PhononReport) -> list[Block]:
    if not report.groupings:
        return []
    columns = ('Method', 'Clusters', 'Compounds of each', 'In none', 'Silhouette', 'Cophenetic correlation')
    rows = []
    for entry in report.groupings:
        sizes = ', '.join(str(int((entry.numbers == cluster).sum())) for cluster in range(entry.n_clusters))
        none = str(int((entry.numbers < 0).sum()))
        name = METHOD_NAMES.get(entry.method, entry.method)
        scores = [_decimal(entry.silhouette), _decimal(entry.cophenetic_correlation)]
        rows.append([name, str(entry.n_clusters), sizes, none, *scores])
    first = report.groupings[0]
    caption = f'Clustered: {", ".join(first.features)}; scale: {first.scale}.'
    blocks: list[Block] = [Table(columns, rows, numeric=columns[1:], caption=caption)]
    if report.agreement:
        pairs = '; '.join(f'{_pair(pair)} {_decimal(value)}' for pair, value in report.agreement.items())
        blocks.append(Text(f'Agreement of the methods (adjusted Rand index): {pairs}.'))
    return blocks


def _pair(pair: str) -> str:
    return ' and '.join(METHOD_NAMES.get(word, word) for word in pair.split(', '))


def _decimal(value: float | None, digits: int = 3) -> str:
    return '' if value is None else f'{value:.{digits}f}'.replace('-', '\u2212')


def _enrichment(report: PhononReport) -> list[Block]:
    rows = [
        [METHOD_NAMES.get(grouping.method, grouping.method), str(entry.cluster), _kind(entry.kind, entry.background),
         str(entry.size), str(entry.conductors), f'{entry.expected:.1f}', _decimal(entry.fold, 2),
         probability(entry.p_value), probability(entry.p_adjusted)]
        for grouping in report.groupings for entry in grouping.enrichment
    ]  # fmt: skip
    if not rows:
        return [Text(report.missing.get('enrichment', 'No conductors are known among the compounds.'), is_note=True)]
    columns = (
        'Method', 'Cluster', 'Conductors by', 'Compounds', 'Conductors', 'Expected', 'Ratio', 'p', 'p, all clusters',
    )  # fmt: skip
    caption = 'Known conductors in the clusters against chance (hypergeometric test); last for all clusters together.'
    return [Table(columns, rows, numeric=(columns[1], *columns[3:]), caption=caption)]


def _kind(kind: str, background: str) -> str:
    return f'{kind}, of {"all compounds" if background == "all" else "those with a label"}'


def _candidates(report: PhononReport) -> list[Block]:
    """Return compounds of enriched clusters of which it is not known whether they conduct, if there are any."""
    if 'candidate_rank' not in report.compounds:
        return []
    ranks = report.numbers('candidate_rank')
    rows = [int(row) for row in np.argsort(ranks, kind='stable') if np.isfinite(ranks[row])]
    if not rows:
        return []
    names = [
        name
        for name in ('id', 'formula', 'mobile_band_centre_THz', 'nearest_conductor', 'nearest_conductor_distance')
        if name in report.compounds
    ]
    heads = ['Rank', *(report.compounds[name].label for name in names)]
    formula_of = dict(zip(report.words('id'), report.words('formula'), strict=True))
    table = []
    for row in rows:
        cells = {name: cell_text(report.compounds[name].values[row]) for name in names}
        nearest = cells.get('nearest_conductor', '')
        if nearest in formula_of:
            cells['nearest_conductor'] = f'{formula_of[nearest]} ({nearest})'
        table.append([f'{ranks[row]:.0f}', *cells.values()])
    text = (
        f'{len(rows)} compounds of clusters with more known conductors than chance would put there, of which it is not '
        'known whether they conduct; the nearest to a known conductor first.'
    )
    if len(rows) > _MOST_CANDIDATES:
        text += f' The first {_MOST_CANDIDATES} are listed; compounds.csv holds all.'
    numeric = ['Rank', *(report.compounds[name].label for name in names if report.compounds[name].is_numeric)]
    return [Text(text), Table(heads, table[:_MOST_CANDIDATES], numeric=numeric)]


def _correlations(report: PhononReport) -> list[Block]:
    told = [entry for entry in report.correlations if entry.rho is not None]
    if not told:
        return []
    rows = []
    for entry in told:
        label = report.compounds[entry.feature].label if entry.feature in report.compounds else entry.feature
        interval = f'{_decimal(entry.low, 2)} to {_decimal(entry.high, 2)}' if entry.low is not None else ''
        temperature = '' if entry.temperature_K is None else f'{entry.temperature_K:g}'
        p_value = '' if entry.p_value is None else probability(entry.p_value)
        rows.append([label, temperature, _decimal(entry.rho, 2), interval, p_value, str(entry.n)])
    columns = ('Quantity', 'T / K', 'Spearman', '95 % interval', 'p', 'Compounds')
    return [Table(columns, rows, numeric=columns[1:], caption='Rank correlations with conduction.')]


def _drawn(report: PhononReport, pictures: Pictures, names: Sequence[str]) -> list[Block]:
    return drawn_blocks(pictures, names, PHONON_FIGURES, report.missing)


def _settings(report: PhononReport) -> list[Block]:
    return [*([facts_block(report.facts)] if report.facts else []), *settings_blocks(report.settings)]


def _provenance(report: PhononReport) -> list[Block]:
    blocks: list[Block] = [Items(list(report.sources))] if report.sources else []
    if not report.nodes:
        return [*blocks, Text(report.missing.get('nodes', 'These numbers were not computed by AiiDA.'), is_note=True)]
    return [*blocks, table_of_nodes((node.role, node.kind, node.uuid, node.command) for node in report.nodes)]


def _citations(report: PhononReport) -> list[Block]:
    if not report.bibtex:
        return []
    return [Text('Methods, programs and data.'), Code('\n\n'.join(report.bibtex))]
