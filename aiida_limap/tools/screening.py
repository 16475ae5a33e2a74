"""From the nodes of a finished screening to what its report and its figures say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_limap.common.screening import HIT_COLUMNS
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.formats.screenparts import NodeReference, Stage, Ternary
from aiida_limap.tools import citations
from aiida_limap.tools._report_jobs import plain_parameters
from aiida_limap.tools._screening_parts import (
    MODEL_WORDS,
    curve_sets,
    element_values,
    funnel_stages,
    histograms,
    model_scores,
)
from aiida_limap.tools._screening_published import BIBTEX
from aiida_limap.tools._screening_ternaries import chosen_systems, load_screening_model, read_systems, ternaries
from aiida_limap.tools.hits import chain_of, models_of
from aiida_limap.tools.provenance import input_of

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.table import TableData

__all__ = ['read_systems', 'screening_report']

_JOB = 'ScreenCalculation'
_MOST_JOBS = 20
#: What people call the columns, in the order in which they are shown.
_LABELS = {
    'formula': 'Formula', 'score': 'Score', 'probability': 'Probability',
    'probability_atom2vec': 'Probability, atom2vec', 'agrees': 'Models agree',
    'training_distance': 'Distance to the training', 'inside': 'Within the range',
    'anion_class': 'Class', 'kind': 'Kind',
    'mean_mass_g_per_mol': 'Mass of a mole of atoms', 'molar_mass_g_per_mol': 'Molar mass', 'cost_usd_per_kg': 'Cost',
    'nearest_formula': 'Nearest known', 'nearest_distance': 'Differs by', 'nearest_label': 'Its measured label',
    'nearest_uuid': 'Structure of the nearest known', 'system': 'Elements',
    'oxidation_states': 'Oxidation states',
    'x_comp': 'Composition code', 'map_nearest_formula': 'Nearest on the map',
    'map_nearest_uuid': 'Structure of that point', 'map_nearest_distance': 'Distance on the map',
    'map_nearest_migration_energy_eV': 'Its migration energy', 'map_neighbours': 'Neighbours on the map',
}  # fmt: skip
#: Columns whose 1 and 0 are words to a reader.
_WORDS = {
    'agrees': {1.0: 'yes', 0.0: 'no'}, 'inside': {1.0: 'yes', 0.0: 'no'}, 'nearest_label': {1.0: 'fast', 0.0: 'slow'},
}  # fmt: skip
_UNITS = {'mean_mass_g_per_mol': 'g/mol'}
_DESCRIPTIONS = {
    'agrees': 'whether its score by the second model is above zero too, where the probability may be under 0.5; '
    'empty where it has not seen one of the elements'
}


def screening_report(
    table: TableData, *, title: str | None = None, systems: Sequence[tuple[str, str, str]] = ()
) -> ScreeningReport:
    """Collect what the report of a screening says, as far as it is in the profile.

    :param table: the stored hits of the screening.
    :param title: heading; None makes one from the label or the number of hits.
    :param systems: ternary systems to draw; those of the best hits unless given.
    :returns: the report; for what is not in the profile its ``missing`` says why.
    :raises LimapError: if a system that was asked for cannot be drawn.
    """
    chain = chain_of(table)
    screen = dict(table.metadata)
    train = _train(chain)
    missing: dict[str, str] = {}
    curves, no_curves = curve_sets(train)
    elements, no_elements = element_values(screen, train)
    scores, stages = model_scores(train), funnel_stages(screen)
    if not scores:
        missing['models'] = 'The models of this screening were given, not trained in it: their scores are in theirs.'
    diagrams = _ternaries(table, screen, systems, missing)
    hits = _hits(table, _jobs(chain))
    found = (no_curves if train else dict.fromkeys(no_curves, 'No model was trained in this screening.')) | no_elements
    return ScreeningReport(
        title or _title(table, chain),
        models=scores,
        curves=curves,
        funnel=stages,
        elements=elements,
        ternaries=diagrams,
        histograms=histograms(screen),
        hits=hits,
        n_hits=max(_left(stages), len(table)),
        facts=_facts(table, chain, screen),
        settings=_settings(screen, train),
        nodes=_nodes(table, chain),
        bibtex=_bibtex(chain),
        missing={**found, **missing},
    )


def _train(chain: orm.Node | None) -> dict[str, Any]:
    if chain is None or 'output_parameters' not in chain.outputs:
        return {}
    return dict(chain.outputs.output_parameters.get_dict().get('train') or {})


def _title(table: TableData, chain: orm.Node | None) -> str:
    label = table.label or ('' if chain is None else chain.label)
    return str(label or f'Screening {table.pk if chain is None else chain.pk}')


def _facts(table: TableData, chain: orm.Node | None, screen: Mapping[str, Any]) -> dict[str, str]:
    whole, done = int(screen.get('n_systems_in_all') or 0), int(screen.get('n_systems') or 0)
    agreed = table.column('agrees') if 'agrees' in table.column_names else ()
    known = [value for value in agreed if value == value]
    facts = {
        'Work chain': '' if chain is None else chain.uuid,
        'Table of the hits': table.uuid,
        'Made': f'{table.ctime.astimezone():%Y-%m-%d %H:%M %Z}',
        'Chemical systems': f'{done:,}'.replace(',', ' ') if done >= whole else f'{done} of {whole}: not all were done',
        'Compositions': f'{int(screen.get("n_compositions") or 0):,}'.replace(',', '\u202f'),
        'Hits that are kept': f'{len(table)}, {_kept_of(screen)}' if _kept_of(screen) else str(len(table)),
        'Models agree on': f'{sum(known):.0f} of {len(known)} hits' if known else '',
        'Note': ' '.join(f'{note[:1].upper()}{note[1:]}.' for note in screen.get('notes') or ()),
        'Models': ', '.join(MODEL_WORDS.get(kind, kind) for kind in models_of(table)),
        'Release of the engine': str(screen.get('engine_version') or ''),
    }
    return {name: value for name, value in facts.items() if value}


def _left(stages: Sequence[Stage]) -> int:
    """Return how many compositions passed all stages."""
    counted = [stage for stage in stages if stage.count is not None]
    return (counted[-1].count or 0) + (counted[-1].integers or 0) if counted else 0


def _kept_of(screen: Mapping[str, Any]) -> str:
    number = (screen.get('options') or {}).get('best_per_system')
    return f'the best of each chemical system, at most {number} of one' if number else ''


def _settings(screen: Mapping[str, Any], train: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    groups = {'Enumeration and funnel': screen.get('options'), 'Training': train.get('options')}
    return {
        title: {name: 'none' if words == 'null' else words for name, words in plain_parameters(given).items()}
        for title, given in groups.items()
        if isinstance(given, Mapping) and given
    }


def _jobs(chain: orm.Node | None) -> list[orm.CalcJobNode]:
    if chain is None:
        return []
    return sorted((node for node in chain.called if node.process_label == _JOB), key=lambda node: node.pk)


def _hits(table: TableData, jobs: Sequence[orm.CalcJobNode]) -> dict[str, MapProperty]:
    """Return the columns of the hits, and which job found each."""
    columns: dict[str, MapProperty] = {}
    order = list(_LABELS)
    for name in sorted(table.column_names, key=lambda name: order.index(name) if name in order else len(order)):
        known = HIT_COLUMNS.get(name, {})
        unit = known.get('unit') or _UNITS.get(name, '')
        given: list[Any] = [_plain(value) for value in table.column(name).tolist()]
        words = _WORDS.get(name)
        values = tuple(given if words is None else (words.get(value) for value in given))
        label = _LABELS.get(name, name.replace('_', ' '))
        columns[name] = MapProperty(values, label, unit, _DESCRIPTIONS.get(name) or known.get('description', ''))
    if 'formula' not in columns or 'score' not in columns:
        return {}
    if 'system' not in columns:
        columns['system'] = MapProperty(tuple(map(_system, columns['formula'].values)), 'Elements')
    by_formula: dict[str, str] = {}
    for job in jobs:
        if 'hits' in job.outputs:
            for formula in job.outputs.hits.ids:
                by_formula.setdefault(formula, job.uuid)
    if by_formula:
        columns['job_uuid'] = MapProperty(tuple(by_formula.get(name) for name in table.ids), 'Job that found it')
    return columns


def _system(formula: Any) -> str:
    from pymatgen.core import Composition

    return '-'.join(Composition(str(formula)).get_el_amt_dict())


def _plain(value: Any) -> Any:
    """Return a number or word, None for what is not known."""
    return None if value != value or value == '' else value


def _ternaries(
    table: TableData, screen: Mapping[str, Any], wanted: Sequence[tuple[str, str, str]], missing: dict[str, str]
) -> tuple[Ternary, ...]:
    from aiida_limap.engines.errors import LimapError

    node = next((node for kind, node in models_of(table).items() if kind != 'atom2vec'), None)
    if node is None:
        missing['ternary'] = 'The model that scored the compositions is not in this profile.'
        return ()
    options = screen.get('options') or {}
    names = table.column('system').tolist() if 'system' in table.column_names else []
    elements = ((screen.get('tallies') or {}).get('elements') or {}).get('symbols') or ()
    systems = wanted or chosen_systems(names, elements, options.get('base', 'Li'))
    try:
        return ternaries(load_screening_model(node), options, systems, dict(zip(table.ids, names, strict=False)))
    except (FormatError, LimapError) as error:
        if wanted:
            raise
        missing['ternary'] = f'The model cannot be asked about ternary systems: {error}.'
        return ()


def _nodes(table: TableData, chain: orm.Node | None) -> tuple[NodeReference, ...]:
    entries: list[tuple[str, Any]] = []
    if chain is not None:
        entries += [(name, input_of(chain, name)) for name in ('labels', 'dataset', 'map')]
        entries += [('training' if 'Train' in str(node.process_label) else 'features of structures', node)
                    for node in chain.called if str(node.process_label) in _STEPS]  # fmt: skip
    entries += [(f'model {MODEL_WORDS.get(kind, kind)}', node) for kind, node in models_of(table).items()]
    jobs = _jobs(chain)
    entries += [('screening', node) for node in jobs[:_MOST_JOBS]]
    if len(jobs) > _MOST_JOBS:
        entries[-1] = (f'screening, the last of {_MOST_JOBS} of {len(jobs)} jobs', jobs[_MOST_JOBS - 1])
    entries += [('hits', table), ('work chain', chain)]
    return tuple(_reference(role, node) for role, node in entries if node is not None)


_STEPS = ('ScreenTrainCalculation', 'DescribeWorkChain', 'FeaturizeWorkChain')


def _reference(role: str, node: Any) -> NodeReference:
    label = getattr(node, 'process_label', None)
    command = f'verdi process show {node.uuid}' if label else f'verdi data limap show {node.uuid}'
    return NodeReference(role, str(label or type(node).__name__), node.uuid, command)


def _bibtex(chain: orm.Node | None) -> tuple[str, ...]:
    from aiida_limap.engines.descriptors.references import BIBTEX as KNOWN

    labels = None if chain is None else input_of(chain, 'labels')
    cited: list[str] = []
    if labels is not None and 'citation' in labels.column_names:
        cited = sorted({str(text) for text in labels.column('citation').tolist() if text})
    programs = [entry for entry in citations.program_citations() if entry != KNOWN['yamaguchi2023']]
    return tuple(citations.unique_entries([*BIBTEX, *programs, *citations.data_citations(cited)]))
