"""From a map node to what its report says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_limap.common.status import STATUS_MEANINGS
from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.tools import citations
from aiida_limap.tools._bundle_parts import _tables
from aiida_limap.tools._report_jobs import jobs_of, nodes_of, plain_parameters, protocol_of
from aiida_limap.tools.diagnosis import rows_of
from aiida_limap.tools.import_words import chosen_by, import_lines
from aiida_limap.tools.models import find_model
from aiida_limap.tools.provenance import map_provenance
from aiida_limap.tools.quality_rows import QUALITY_TITLE, quality_rows
from aiida_limap.tools.query import QueryError
from aiida_limap.visualisation.report_document import Picture
from aiida_limap.visualisation.report_parts import MapReport, ReportDataset, ReportLoss, ReportQuality, ReportRows

if TYPE_CHECKING:
    from aiida_limap.data.map import MapData
    from aiida_limap.visualisation.drawing import FigureInputs

__all__ = ['drawn_map_report', 'map_report']

#: Names of refused or ordered entries of an import that are said.
_MOST_NAMED = 20
_TABLES = {'migration_energies': 'Migration energies', 'descriptors': 'Descriptors'}
_WRITTEN_OPTIONS = {'epochs': 'epochs', 'best_epoch': 'best epoch', 'ended': 'ended by'}
_BASELINE_SCORES = {
    'r2_composition': 'R² composition', 'r2_structure': 'R² structure', 'r2_me': 'R² energy',
    'mae_me_eV': 'mean abs. error / eV', 'trustworthiness_10': 'trustworthiness, k = 10',
}  # fmt: skip


def drawn_map_report(
    map_node: MapData,
    inputs: FigureInputs,
    protocols: Mapping[str, Mapping[str, Any]],
    on_figure: Callable[[str], None],
) -> MapReport:
    """Draw the figures of the report of a map, and collect what it says.

    :param map_node: the stored map.
    :param inputs: what the figures are drawn from.
    :param protocols: the inputs of each protocol of a map by its name, to compare with.
    :param on_figure: told the name of each figure after it was drawn or left out.
    :returns: the report; for what is not in the profile its ``missing`` says why.
    """
    from aiida_limap.visualisation.report_pictures import draw_pictures

    pictures, not_drawn = draw_pictures(inputs, on_figure)
    return map_report(map_node, inputs.bundle, pictures=pictures, not_drawn=not_drawn, protocols=protocols)


def map_report(
    map_node: MapData,
    bundle: MapBundle,
    *,
    pictures: Sequence[Picture] = (),
    not_drawn: Mapping[str, str] | None = None,
    protocols: Mapping[str, Mapping[str, Any]] | None = None,
) -> MapReport:
    """Collect what the report of a map says, as far as it is in the profile.

    :param map_node: the stored map.
    :param bundle: its bundle.
    :param pictures: its figures.
    :param not_drawn: for figures that cannot be drawn why, by name.
    :param protocols: the inputs of each protocol of a map by its name, to compare with.
    :returns: the report; for what is not in the profile its ``missing`` says why.
    """
    missing: dict[str, str] = {}
    provenance = map_provenance(map_node)
    dataset = _dataset(provenance, missing)
    rows, metadata = _rows(map_node, missing)
    training: Mapping[str, Any] = {}
    columns: Mapping[str, Any] = {}
    try:
        model = find_model(map_node)
        training, columns = model.header['training'], model.header['columns']
    except QueryError as error:
        missing.update(dict.fromkeys(('training', 'meaning', 'layout'), f'Not known: {error}.'))
    quality = _quality(map_node, training, missing)
    meaning = training.get('axis_meaning') or []
    if training and not meaning:
        missing['meaning'] = 'The model does not say what its codes follow: an earlier release trained it.'
    jobs = jobs_of(provenance)
    if not jobs:
        missing['jobs'] = (
            'The jobs behind this map are not in this profile, as after the import of a part of an archive.'
        )
    force_field = _force_field(metadata)
    if not force_field:
        missing['force_field'] = 'The table of migration energies does not say which parameters it was computed with.'
    chain = provenance.shared.get('work_chain')
    return MapReport(
        bundle,
        facts=_facts(map_node),
        dataset=dataset,
        rows=rows,
        jobs=jobs,
        protocol='' if chain is None else protocol_of(_node(chain.uuid), protocols or {}),
        force_field=force_field,
        layout=_layout(columns),
        training=_options(training),
        quality=quality,
        meaning=meaning,
        pictures=pictures,
        not_drawn=not_drawn or {},
        nodes=nodes_of(provenance),
        bibtex=_bibtex(bundle, columns, metadata, _import_citations(provenance)),
        missing=missing,
    )


def _node(uuid: str) -> Any:
    from aiida import orm

    return orm.load_node(uuid)


def _facts(map_node: MapData) -> dict[str, str]:
    counts = ', '.join(f'{word} {count}' for word, count in map_node.counts_by_status.items())
    facts = {
        'Label': map_node.label,
        'UUID': map_node.uuid,
        'Made': f'{map_node.ctime.astimezone():%Y-%m-%d %H:%M %Z}',
        'Points': str(len(map_node.ids)),
        'Migration energy': map_node.target,
        'Mobile ion': map_node.mobile_ion or '',
        'Status of the points': counts,
        'Outside of what the model knows': '' if map_node.n_outside is None else f'{map_node.n_outside} points',
        'Placed on the map': map_node.parent_uuid or '',
        'New points': '' if map_node.parent_uuid is None else str(map_node.n_new),
        'Release of the engine': str(map_node.base.attributes.get('engine_version', None) or ''),
    }
    return {name: value for name, value in facts.items() if value}


def _dataset(provenance: Any, missing: dict[str, str]) -> ReportDataset | None:
    if 'dataset' not in provenance.shared:
        missing['dataset'] = 'The dataset of this map is not in this profile, so nothing is known of the import.'
        return None
    node = _node(provenance.shared['dataset'].uuid)
    lines = [line.strip() for line in import_lines(node, _MOST_NAMED)]
    return ReportDataset(node.name, node.uuid, len(node), chosen_by(node), lines)


def _import_citations(provenance: Any) -> list[str]:
    if 'dataset' not in provenance.shared:
        return []
    return list((_node(provenance.shared['dataset'].uuid).report or {}).get('citations') or [])


def _rows(map_node: MapData, missing: dict[str, str]) -> tuple[list[ReportRows], Mapping[str, Any]]:
    """Return what became of the structures, and the metadata of the newest table of migration energies."""
    meanings = {str(word): text for word, text in STATUS_MEANINGS.items()}
    found: list[ReportRows] = []
    metadata: Mapping[str, Any] = {}
    for label, title in _TABLES.items():
        tables = []
        for table in _tables(map_node, label):
            if label == 'migration_energies':
                metadata = metadata or dict(table.metadata)
            if 'status' in table.column_names:
                tables.append(table)
        if not tables:
            continue
        rows = rows_of(tables)
        losses = [
            ReportLoss(group.status, len(group.messages), group.reason, group.reason_count, group.next_step)
            for group in rows.failed
        ]
        found.append(ReportRows(title, rows.counts, meanings, losses))
    if not found:
        counts = {word: int(count) for word, count in map_node.counts_by_status.items()}
        found.append(ReportRows('Points of the map', counts, meanings))
        missing['rows'] = (
            'The tables behind this map are not in this profile, so only its points are counted here; structures '
            'without descriptors are not among them.'
        )
    return found, metadata


def _quality(map_node: MapData, training: Mapping[str, Any], missing: dict[str, str]) -> list[ReportQuality]:
    metrics = dict(map_node.metrics) or training.get('metrics') or {}
    rows = quality_rows(metrics, training.get('map_quality'), with_models=True)
    if not rows:
        missing['quality'] = 'Neither the map nor its model holds scores.'
        return []
    found = [ReportQuality(f'{QUALITY_TITLE[0].upper()}{QUALITY_TITLE[1:]}.', rows[0], rows[1:])]
    baselines = training.get('baselines')
    if isinstance(baselines, Mapping) and baselines:
        found.append(_baselines(baselines))
    return found


def _baselines(baselines: Mapping[str, Any]) -> ReportQuality:
    """Return what simple methods reach on the test compounds."""
    rows = []
    for name, entry in baselines.items():
        scores = {part: (entry.get(part) or {}).get('test') or {} for part in ('metrics', 'map_quality')}
        known = {**scores['map_quality'], **scores['metrics']}
        cells = [f'{known[key]:.2f}' if isinstance(known.get(key), float) else '' for key in _BASELINE_SCORES]
        rows.append([f'{name}: {entry.get("note", "")}', *cells])
    return ReportQuality('Simple methods on the same test compounds.', ['', *_BASELINE_SCORES.values()], rows)


def _force_field(metadata: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        'Parameter set': str(metadata.get('parameters_name') or ''),
        'Citation': str(metadata.get('parameters_citation') or ''),
        'SHA-256 of the set': str(metadata.get('parameters_checksum') or ''),
    }
    options = metadata.get('options')
    return {
        **{name: value for name, value in facts.items() if value},
        **(plain_parameters(options) if isinstance(options, Mapping) else {}),
    }


def _layout(columns: Mapping[str, Any]) -> dict[str, str]:
    layout = columns.get('layout')
    if not isinstance(layout, Mapping):
        return {'Layout': str(layout)} if layout else {}
    facts = {
        'Layout': str(layout.get('name') or ''),
        'Title': str(layout.get('title') or ''),
        'Reference': str(layout.get('reference') or ''),
        'Reconstruction': 'yes: not all of it was published' if layout.get('reconstruction') else '',
        'Checksum': str(columns.get('layout_checksum') or ''),
    }
    for part in ('composition', 'structure'):
        blocks = (columns.get('blocks') or {}).get(part) or {}
        facts[f'Numbers of a {part}'] = ', '.join(f'{name} {stop - start}' for name, (start, stop) in blocks.items())
    return {name: value for name, value in facts.items() if value}


def _options(training: Mapping[str, Any]) -> dict[str, str]:
    from aiida_limap.common.training import TRAIN

    given = {name: training[name] for name in TRAIN if name in training}
    given |= {words: training[name] for name, words in _WRITTEN_OPTIONS.items() if training.get(name) is not None}
    return plain_parameters(given)


def _bibtex(
    bundle: MapBundle, columns: Mapping[str, Any], metadata: Mapping[str, Any], imported: Sequence[str]
) -> list[str]:
    layout = columns.get('layout')
    sources = [source['citation'] for source in bundle.sources if source.get('citation')]
    return citations.unique_entries(
        [
            *citations.program_citations(),
            *(citations.layout_citations(layout) if isinstance(layout, Mapping) else []),
            *citations.force_field_citations(str(metadata.get('parameters_citation') or '')),
            *citations.data_citations([*imported, *sources]),
        ]
    )
