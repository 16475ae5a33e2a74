"""What the page of phonons hands to its script."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from aiida_limap.formats.phononparts import DENSITY_UNIT_PER_THZ, Grouping
from aiida_limap.formats.phonons import CONDUCTION, PhononReport
from aiida_limap.visualisation._phonon_common import METHOD_NAMES
from aiida_limap.visualisation._phonon_densities import BAND_PERCENT, cluster_bands, shown_range
from aiida_limap.visualisation.report_document import Block, Markup, Table
from aiida_limap.visualisation.report_page import cell_text, head_text

__all__ = ['compound_blocks', 'page_data']

#: Rows that a reader without scripts sees, and that are printed.
_STATIC = 25
_NODE_SUFFIX = '_uuid'
#: Columns that are told of one compound, and do not stand in the table.
_ASIDE = (
    'mobile_onset_THz', 'total_first_peak_THz', 'relative_spread', 'total_band_centre_298K_THz',
    'nearest_conductor_distance', 'mobile_width_THz', 'nearest_conductor',
)  # fmt: skip
#: Columns with fields that narrow the table down.
_RANGES = ('mobile_band_centre_THz', 'mobile_band_centre_298K_THz', 'mobile_spread_THz', *CONDUCTION)
_NO_AXIS = ('conductor', 'candidate_rank', 'nearest_conductor_distance')
_DIGITS = 4


def page_data(report: PhononReport) -> dict[str, Any]:
    """Return the data of the script as plain values.

    :param report: the report.
    """
    columns = []
    for name, entry in report.compounds.items():
        kind = 'node' if name.endswith(_NODE_SUFFIX) else 'number' if _is_number(name, report) else 'word'
        values = [_short(value) if kind == 'number' else value for value in entry.values]
        if all(value is None for value in values) and name not in ('id', 'formula'):
            continue
        columns.append(
            {'name': name, 'label': entry.label, 'unit': entry.unit, 'description': entry.description, 'kind': kind,
             'aside': name in _ASIDE or kind == 'node', 'values': values}
        )  # fmt: skip
    axes = [
        {'name': entry['name'], 'label': entry['label'], 'unit': entry['unit'], 'values': entry['values'],
         'logarithmic': entry['name'] in CONDUCTION}
        for entry in columns if entry['kind'] == 'number' and entry['name'] not in _NO_AXIS
    ]  # fmt: skip
    axes += _components(report)
    known = [str(entry['name']) for entry in axes]
    wanted = ['mobile_band_centre_THz', 'mobile_band_centre_298K_THz']
    start = [name for name in wanted if name in known]
    start += [name for name in known if name not in start]
    matrices = {} if report.densities is None else {kind: report.densities.matrix(kind) for kind in ('mobile', 'total')}
    return {
        'mobile': report.mobile,
        'size': report.n_compounds,
        'columns': columns,
        'axes': axes,
        'start': start[:2],
        'ranges': [name for name in _RANGES if name in known],
        'methods': [_method(grouping, matrices) for grouping in report.groupings],
        'densities': _densities(report, matrices),
        'band': [f'{value:g}' for value in BAND_PERCENT],
    }


def _is_number(name: str, report: PhononReport) -> bool:
    return name not in ('id', 'formula') and report.compounds[name].is_numeric


def _short(value: Any) -> float | None:
    """Return a number with the digits that a page shows, so that its file stays small."""
    return None if value is None else float(f'{value:.6g}')


def _components(report: PhononReport) -> list[dict[str, Any]]:
    if report.plane is None:
        return []
    found = []
    for number, (part, share) in enumerate(
        zip((report.plane.x, report.plane.y), report.plane.variance, strict=True), start=1
    ):
        values: list[float | None] = [None] * report.n_compounds
        for row, value in zip(report.plane.rows, part, strict=True):
            values[row] = _short(value)
        label = f'Principal component {number} ({100 * share:.1f} %)'
        entry = {'name': f'component_{number}', 'label': label, 'unit': '', 'values': values, 'logarithmic': False}
        found.append(entry)
    return found


def _method(grouping: Grouping, matrices: dict[str, np.ndarray]) -> dict[str, Any]:
    bands = []
    for cluster in range(grouping.n_clusters):
        entry: dict[str, Any] = {}
        for kind in ('mobile', 'total'):
            found = cluster_bands(matrices[kind], grouping.numbers, cluster) if kind in matrices else None
            if found is None:
                entry[kind] = None
                continue
            mean, (low, high) = found
            entry[kind] = {
                name: np.round(values, _DIGITS).tolist()
                for name, values in (('mean', mean), ('low', low), ('high', high))
            }
        bands.append(entry)
    name = METHOD_NAMES.get(grouping.method, grouping.method)
    return {
        'name': grouping.method,
        'label': f'{name}, {grouping.n_clusters} clusters',
        'labels': list(grouping.labels),
        'silhouettes': [_short(value) for value in grouping.silhouettes],
        'bands': bands,
    }


def _densities(report: PhononReport, matrices: dict[str, np.ndarray]) -> dict[str, Any] | None:
    densities = report.densities
    if densities is None:
        return None
    return {
        'first': densities.first_THz,
        'step': densities.step_THz,
        'size': densities.size,
        'unit': DENSITY_UNIT_PER_THZ,
        'shown': list(shown_range(densities.frequencies_THz, list(matrices.values()))),
        'mobile': list(densities.mobile),
        'total': list(densities.total),
    }


def compound_blocks(report: PhononReport) -> list[Block]:
    """Return the section of the compounds: planes and densities for the script, and a table without it.

    :param report: the report.
    """
    mobile = html.escape(report.mobile)
    plots = (
        '<svg id="density-plot" class="plot" viewBox="0 0 545 292" role="img" aria-label="Densities of states"></svg>'
    )
    if report.densities is None:
        plots = '<p class="note">Densities of states are not known.</p>'
    explore = (
        '<div id="explore" class="explore" hidden><div class="choices">'
        '<label>Clusters by <select id="method"></select></label>'
        '<label>across <select id="axis-x"></select></label><label>up <select id="axis-y"></select></label>'
        '<div id="legend" class="legend"></div></div>'
        '<div><svg id="plane-plot" class="plot" viewBox="0 0 600 424" role="img" '
        f'aria-label="Compounds; the table lists the same ones"></svg><p id="plane-missing" class="key"></p></div>'
        f'<div><div id="compound" class="detail-head" aria-live="polite"></div>{plots}'
        f'<p id="density-key" class="key" title="{mobile}"></p><dl id="known"></dl></div></div>'
        '<div id="narrow" class="narrow" hidden><label>Formula or id '
        '<input id="search" type="search" placeholder="e.g. Li3PS4"></label></div><p id="count" class="count"></p>'
    )
    names = [name for name in report.compounds if name not in _ASIDE and not name.endswith(_NODE_SUFFIX)]
    rows = [
        [cell_text(report.compounds[name].values[row]) for name in names]
        for row in range(min(_STATIC, report.n_compounds))
    ]
    heads = [head_text(report.compounds[name]) for name in names]
    numeric = [head_text(report.compounds[name]) for name in names if _is_number(name, report)]
    more = '<p class="more"><button type="button" id="more" hidden></button></p>'
    blocks: list[Block] = [Markup(explore), Markup('<div id="listing">'), Table(heads, rows, numeric=numeric)]
    blocks += [Markup(f'</div>{more}')]
    if report.n_compounds > _STATIC:
        note = f'Printed and without scripts, the first {_STATIC} of {report.n_compounds} are listed.'
        blocks.append(Markup(f'<p class="note" id="static">{note}</p>'))
    return blocks
