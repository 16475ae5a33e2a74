"""From the numbers of phonons and their clusters to a report that figures and page are drawn from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aiida_limap import __version__
from aiida_limap.common.phonons import cluster_column_info, phonon_column_info
from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons.fingerprint import FINGERPRINT_FREQUENCIES_THZ
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.job import Job
from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.phononparts import Choice, Correlation, Densities, Enrichment, Grouping, Plane, Tree
from aiida_limap.formats.phonons import PhononReport
from aiida_limap.formats.results import ItemResult, Results, ResultsWriter, read_results

__all__ = ['CLUSTERED_BY_DEFAULT', 'PHONON_CITATIONS', 'cluster_items', 'phonon_report']

#: The vector of thermal band centres, as in the publication.
CLUSTERED_BY_DEFAULT = ('mobile_band_centres_THz',)
#: What stands behind every report of phonons.
PHONON_CITATIONS = (
    '@article{togo2023, author = {Togo, Atsushi and Chaput, Laurent and Tadano, Terumasa and Tanaka, Isao}, title = '
    '{Implementation strategies in phonopy and phono3py}, journal = {Journal of Physics: Condensed Matter}, volume = '
    '{35}, pages = {353001}, year = {2023}, doi = {10.1088/1361-648X/acd831}}',
    '@article{togo2023b, author = {Togo, Atsushi}, title = {First-principles phonon calculations with phonopy and '
    'phono3py}, journal = {Journal of the Physical Society of Japan}, volume = {92}, pages = {012001}, year = {2023}, '
    'doi = {10.7566/JPSJ.92.012001}}',
    '@article{pedregosa2011, author = {Pedregosa, Fabian and others}, title = {Scikit-learn: Machine Learning in '
    'Python}, journal = {Journal of Machine Learning Research}, volume = {12}, pages = {2825--2830}, year = {2011}}',
)
_TASK = 'cluster_phonons'
#: Quantities of a report and their headings; the braces take the symbol of the mobile element.
_QUANTITIES = {
    'mobile_band_centre_THz': '{} band centre',
    'mobile_band_centre_298K_THz': '{} band centre at 298 K',
    'mobile_spread_THz': 'Spread of the {} density',
    'mobile_width_THz': 'Width of the {} density',
    'mobile_first_peak_THz': 'First peak of {}',
    'mobile_onset_THz': 'Onset of {}',
    'total_band_centre_THz': 'Total band centre',
    'total_band_centre_298K_THz': 'Total band centre at 298 K',
    'total_first_peak_THz': 'First peak, total',
    'relative_width': 'Relative width',
    'relative_spread': 'Relative spread',
    'mobile_imaginary_share': 'Imaginary share of {}',
}
_MEANING = {
    'conductor': 'Known conductor',
    'diffusivity_cm2_per_s': 'Diffusivity',
    'conductivity_S_per_cm': 'Conductivity',
    'candidate_rank': 'Candidate rank',
    'nearest_conductor': 'Nearest conductor',
    'nearest_conductor_distance': 'Distance to it',
}
_CORRELATED = (
    'mobile_band_centre_THz', 'mobile_band_centre_298K_THz', 'mobile_spread_THz', 'total_band_centre_THz',
    'relative_width',
)  # fmt: skip


def cluster_items(
    items: Sequence[ItemResult],
    parameters: Mapping[str, Any] | None = None,
    *,
    conductor: Mapping[str, float] | None = None,
    diffusivities: Mapping[str, Sequence[float]] | None = None,
    temperatures_K: Sequence[float] = (),
) -> Results:
    """Cluster compounds whose phonons were computed, as a job of the task ``cluster_phonons`` does.

    :param items: what the task ``phonons`` gave; those without numbers are left out.
    :param parameters: of the task; ``features`` are values or rows of the items, :data:`CLUSTERED_BY_DEFAULT` unless
        named.
    :param conductor: by id 1 for known conductors and 0 for known poor ones.
    :param diffusivities: by id one diffusivity per temperature, cm²/s.
    :param temperatures_K: these temperatures.
    :returns: the results of the task.
    :raises InputError: if a parameter is wrong, a feature is unknown, or the compounds cannot be clustered.
    """
    asked = {'features': list(CLUSTERED_BY_DEFAULT), **(parameters or {})}
    known = [item for item in items if item.status == Status.OK]
    needed = [*asked['features'], *([asked['order_by']] if asked.get('order_by') else [])]
    arrays: dict[str, Any] = {'ids': np.array([item.id for item in known])}
    arrays |= {name: _feature(known, name) for name in dict.fromkeys(needed)}
    inputs = {'features': 'features.npz'}
    with tempfile.TemporaryDirectory(prefix='limap-phonons-') as name:
        folder = Path(name)
        write_arrays(folder / 'features.npz', arrays)
        if conductor:
            inputs['labels'] = 'labels.npz'
            values = np.array(list(conductor.values()), dtype=float)
            write_arrays(folder / 'labels.npz', {'ids': np.array(list(conductor)), 'conductor': values})
        if diffusivities:
            inputs['diffusivities'] = 'diffusivities.npz'
            table = {
                'ids': np.array(list(diffusivities)),
                'temperatures_K': np.array(temperatures_K, dtype=float),
                'diffusivity_cm2_per_s': np.array(list(diffusivities.values()), dtype=float),
            }
            write_arrays(folder / 'diffusivities.npz', table)
        from aiida_limap.engines.phonons.cluster_task import run

        writer = ResultsWriter(folder, _TASK, __version__)
        run(Job(_TASK, asked, inputs), folder, writer)
        writer.finish()
        return read_results(folder)


def _feature(items: Sequence[ItemResult], name: str) -> np.ndarray:
    """Return (n,) or (n, m) numbers, NaN where an item has none."""
    found = [item.rows.get(name, item.values.get(name)) for item in items]
    sizes = {np.shape(value) for value in found if value is not None}
    if not sizes:
        raise InputError(f'cluster_phonons: none of the {len(items)} compounds has {name!r}; look at features')
    shape = sizes.pop()
    if sizes:
        raise InputError(f'cluster_phonons: {name!r} has other lengths in some compounds than in others')
    return np.array([np.full(shape, np.nan) if value is None else value for value in found], dtype=float)


def phonon_report(
    items: Sequence[ItemResult],
    clustered: Results,
    *,
    title: str,
    columns: Mapping[str, MapProperty] | None = None,
    **known: Any,
) -> PhononReport:
    """Put together what figures and page need.

    :param items: what the task ``phonons`` gave; those without numbers are counted and left out.
    :param clustered: results of the task ``cluster_phonons`` for them.
    :param title: heading.
    :param columns: further columns by name, one value for each item, such as ``structure_uuid`` or
        ``conductivity_S_per_cm``.
    :param known: further fields of the report: ``nodes``, ``sources``, ``facts``, ``settings``, and ``bibtex``, which
        is :data:`PHONON_CITATIONS` unless given.
    :returns: the report.
    :raises InputError: if no compound has numbers.
    :raises FormatError: if the parts do not fit together.
    """
    places = [place for place, item in enumerate(items) if item.status == Status.OK]
    kept = [items[place] for place in places]
    if not kept:
        raise InputError('none of the compounds has phonons, so there is nothing to report; their messages say why')
    mobile = str(kept[0].values.get('mobile', 'Li'))
    compounds = _columns(kept, mobile, clustered)
    for name, column in (columns or {}).items():
        values = tuple(column.values[place] for place in places)
        compounds[name] = MapProperty(values, column.label, column.unit, column.description)
    row_of = {item.id: row for row, item in enumerate(kept)}
    rows = tuple(row_of[str(name)] for name in clustered.arrays['clustered_ids'])
    facts = {'Compounds': str(len(kept)), 'Without numbers': str(len(items) - len(kept)), 'Mobile element': mobile}
    known.setdefault('bibtex', PHONON_CITATIONS)
    options = {name: _word(value) for name, value in clustered.summary.get('options', {}).items()}
    plane, missing = _plane(clustered, rows)
    return PhononReport(
        title=title,
        mobile=mobile,
        compounds=compounds,
        groupings=tuple(_grouping(method, clustered, row_of) for method in clustered.summary['methods']),
        tree=_tree(clustered, rows),
        plane=plane,
        densities=_densities(kept),
        correlations=(*_correlations(compounds, options), *_given_correlations(clustered)),
        agreement=clustered.summary.get('agreement', {}),
        facts={**facts, **known.pop('facts', {})},
        settings={'Clustering': options, **known.pop('settings', {})},
        missing={**missing, **known.pop('missing', {})},
        **known,
    )


def _columns(items: Sequence[ItemResult], mobile: str, clustered: Results) -> dict[str, MapProperty]:
    found = {'id': MapProperty(tuple(item.id for item in items), 'Id')}
    found['formula'] = MapProperty(tuple(item.values.get('formula') for item in items), 'Formula')
    info = phonon_column_info(list(_QUANTITIES))
    for name, label in _QUANTITIES.items():
        values = tuple(_number(item.values.get(name)) for item in items)
        if any(value is not None for value in values):
            found[name] = MapProperty(values, label.format(mobile), info[name]['unit'], info[name]['description'])
    told = {item.id: item.values for item in clustered.items}
    info = cluster_column_info(list(_MEANING))
    for name, label in _MEANING.items():
        cells = tuple(told.get(item.id, {}).get(name) for item in items)
        if name != 'nearest_conductor':
            cells = tuple(_number(cell) for cell in cells)
        if any(cell is not None for cell in cells):
            found[name] = MapProperty(cells, label, info[name]['unit'], info[name]['description'])
    temperature = clustered.summary.get('options', {}).get('diffusivity_temperature_K')
    if 'diffusivity_cm2_per_s' in found and temperature:
        column = found['diffusivity_cm2_per_s']
        label = f'{mobile} diffusivity at {temperature:g} K'
        found['diffusivity_cm2_per_s'] = MapProperty(column.values, label, 'cm²/s', column.description)
    return found


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, str | list | dict) or not np.isfinite(value):
        return None
    return float(value)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ', '.join(str(entry) for entry in value)
    return 'not set' if value is None else str(value)


def _grouping(method: str, clustered: Results, row_of: Mapping[str, int]) -> Grouping:
    told: dict[str, Any] = clustered.summary['methods'][method]
    labels: list[int | None] = [None] * len(row_of)
    silhouettes: list[float | None] = [None] * len(row_of)
    for item in clustered.items:
        if item.id in row_of:
            label = item.values.get(f'cluster_{method}')
            labels[row_of[item.id]] = None if label is None else int(label)
            silhouettes[row_of[item.id]] = _number(item.values.get(f'silhouette_{method}'))
    enrichment = [
        Enrichment(kind=kind, background=background, **{**entry, 'fold': _number(entry['fold'])})
        for kind, tests in told.get('enrichment', {}).items()
        for background, entries in tests.items()
        for entry in entries
    ]
    choice = told.get('choice')
    return Grouping(
        method=method,
        features=tuple(clustered.summary['features']),
        scale=clustered.summary['scale'],
        labels=tuple(labels),
        silhouettes=tuple(silhouettes),
        silhouette=told.get('silhouette'),
        cophenetic_correlation=told.get('cophenetic_correlation'),
        choice=None if choice is None else Choice(**choice),
        enrichment=tuple(enrichment),
        stability=tuple(told.get('stability', {}).get('jaccard', ())),
    )


def _tree(clustered: Results, rows: tuple[int, ...]) -> Tree | None:
    if 'linkage' not in clustered.arrays:
        return None
    return Tree(rows, tuple(tuple(merge) for merge in clustered.arrays['linkage'].tolist()))


def _plane(clustered: Results, rows: tuple[int, ...]) -> tuple[Plane | None, dict[str, str]]:
    points = clustered.arrays['plane']
    if points.shape[1] < 2:
        return None, {'plane': 'a single number was clustered, which has no plane of principal components'}
    x, y = (tuple(column.tolist()) for column in points.T[:2])
    return Plane(rows, x, y, tuple(clustered.arrays['plane_variance'].tolist()[:2])), {}


def _densities(items: Sequence[ItemResult]) -> Densities | None:
    both: list[list[ArrayLike | None]] = [[item.rows.get(f'{kind}_dos') for item in items] for kind in _KINDS]
    if all(entry is None for entry in (*both[0], *both[1])):
        return None
    grid = FINGERPRINT_FREQUENCIES_THZ
    return Densities.from_arrays(float(grid[0]), float(grid[1] - grid[0]), *both)


_KINDS = ('mobile', 'total')


def _correlations(compounds: Mapping[str, MapProperty], options: Mapping[str, str]) -> list[Correlation]:
    """Return rank correlations of quantities with the conduction that the report holds."""
    from aiida_limap.engines.phonons.clustering import rank_correlation
    from aiida_limap.formats.phonons import CONDUCTION

    conduction = next((name for name in CONDUCTION if name in compounds), None)
    if conduction is None:
        return []
    word = options.get('diffusivity_temperature_K', '') if conduction == CONDUCTION[0] else ''
    temperature = float(word) if word else None
    found = []
    for name in _CORRELATED:
        if name not in compounds:
            continue
        try:
            told = rank_correlation(compounds[name].numbers(), compounds[conduction].numbers())
        except InputError as error:
            found.append(Correlation(name, temperature, message=str(error)))
        else:
            found.append(Correlation(name, temperature, **told.as_dict()))
    return found


def _given_correlations(clustered: Results) -> list[Correlation]:
    """Return those of features that were clustered, at all temperatures."""
    return [Correlation(**entry) for entry in clustered.summary.get('correlations', ())]
