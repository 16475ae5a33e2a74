"""How far a running work chain is: stages, batches, rows by status word, and the time left.

Everything is read by projection, and from the results files of the few jobs that run at the moment.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiida_limap.common.training import GRID, number_of_models
from aiida_limap.tools.processes import CHAINS, ProcessFacts, called_by, facts_of, running_chains
from aiida_limap.tools.running import RunningResults
from aiida_limap.tools.time_left import seconds_left

if TYPE_CHECKING:
    from aiida import orm

__all__ = ['CHAINS', 'JOB_LABELS', 'Progress', 'Stage', 'progress_of', 'running_chains', 'stages_of']

#: Stages in words, by the class of their jobs.
JOB_LABELS = {
    'BvffCalculation': 'migration energies',
    'DescriptorsCalculation': 'descriptors',
    'TrainCalculation': 'training',
    'EncodeCalculation': 'encoding',
    'ScreenTrainCalculation': 'training of models',
    'ScreenCalculation': 'screening',
    'PlaceCompositionsCalculation': 'placing on the map',
    'PhononsCalculation': 'phonons',
    'ClusterPhononsCalculation': 'clustering',
}
_OF_A_MAP = ('BvffCalculation', 'DescriptorsCalculation', 'TrainCalculation', 'EncodeCalculation')
_FEATURES = ('BvffCalculation', 'DescriptorsCalculation')
_BATCHED = (*_FEATURES, 'PhononsCalculation')
_FEATURIZING = ('FeaturizeWorkChain', 'DescribeWorkChain')
#: Inputs of a work chain that say how much there is to do, by the name that they have there or in a namespace.
_SIZES = {
    'n_structures': ('attributes.number_of_structures', ('dataset',)),
    'batch_size': ('attributes.value', ('featurize__batch_size', 'batch_size')),
    'at_once': ('attributes.value', ('featurize__max_concurrent', 'max_concurrent')),
    'with_descriptors': ('attributes.value', ('with_descriptors',)),
    'grid': (f'attributes.{GRID}', ('train__parameters',)),
    'n_jobs': ('attributes.value', ('jobs',)),
}


@dataclass(frozen=True)
class Stage:
    """One stage of a work chain.

    :param name: the stage in words.
    :param done: finished batches, jobs, structures or models.
    :param total: how many there are in all, as far as it is known.
    :param failed: finished jobs that did not end well.
    :param detail: what a person may want to know, e.g. the epoch of a training.
    :param unit: what is counted.
    :param running: jobs that were submitted and have not ended.
    :param rows: number of structures by status word, of the jobs that ended and of those that run on this machine.
    :param seconds_left: estimate of the time until the stage ends, s; None where there is none.
    """

    name: str
    done: int
    total: int
    failed: int = 0
    detail: str = ''
    unit: str = 'jobs'
    running: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    seconds_left: float | None = None


@dataclass(frozen=True)
class Progress:
    """How far a work chain is.

    :param chain: the work chain.
    :param stages: its stages in order.
    :param paused: its processes that wait for a person, itself included.
    """

    chain: ProcessFacts
    stages: tuple[Stage, ...]
    paused: tuple[ProcessFacts, ...] = ()

    @property
    def kind(self) -> str:
        """What kind of work chain it is, in words."""
        return CHAINS[self.chain.label]


def stages_of(chain: orm.WorkChainNode) -> list[Stage]:
    """Return the stages of a work chain.

    :param chain: the process node, running or finished: one of :data:`CHAINS`.
    """
    return list(progress_of(int(chain.pk or 0)).stages)


def progress_of(pk: int, running: RunningResults | None = None) -> Progress:
    """Return how far a work chain is.

    :param pk: the work chain: one of :data:`CHAINS`.
    :param running: what reads the files of running jobs; one that is kept from call to call spares connections.
    :returns: the four stages of a map in order, the one of a training, which counts models, those of migration
        energies, or those of a screening.
    :raises KeyError: if there is no such process.
    """
    chain = facts_of([pk])[pk]
    called = called_by(pk)
    jobs = {label: [facts for facts in called if facts.label == label] for label in JOB_LABELS}
    active = [facts for facts in called if facts.label in JOB_LABELS and not facts.has_ended]
    files = (running or RunningResults()).of(active, remote=any(facts.label == 'TrainCalculation' for facts in active))
    sizes = _sizes(pk)
    for inner in (facts for facts in called if facts.label in _FEATURIZING):
        # What is on a map already is not computed again: the chain inside knows how much is left.
        sizes.update(_sizes(inner.pk))
    stages = [
        _batched(chain, label, jobs[label], files, sizes)
        if label in _BATCHED
        else _single(chain, label, jobs[label], files, sizes)
        for label in _stages(chain.label, jobs, sizes)
    ]
    paused = tuple(facts for facts in (chain, *called) if facts.paused and not facts.has_ended)
    return Progress(chain, tuple(stages), paused)


def _stages(label: str, jobs: Mapping[str, Sequence[ProcessFacts]], sizes: Mapping[str, Any]) -> list[str]:
    """Return which stages a work chain has."""
    if label == 'BvffBaseWorkChain':
        return ['BvffCalculation']
    if label == 'TrainBaseWorkChain':
        return ['TrainCalculation']
    if label == 'FeaturizeWorkChain':
        return list(_FEATURES) if sizes.get('with_descriptors', True) else ['BvffCalculation']
    if label == 'EncodeWorkChain':
        return [name for name in _OF_A_MAP if jobs[name] or name == 'EncodeCalculation']
    if label == 'PhononClustersWorkChain':
        return ['PhononsCalculation', 'ClusterPhononsCalculation']
    if label == 'ScreenWorkChain':
        # Models that were given spare what comes before them.
        first = [name for name in ('DescriptorsCalculation', 'ScreenTrainCalculation') if jobs[name]]
        if not jobs['ScreenCalculation']:
            first = ['DescriptorsCalculation', 'ScreenTrainCalculation']
        return [*first, 'ScreenCalculation', *(name for name in ('PlaceCompositionsCalculation',) if jobs[name])]
    return list(_OF_A_MAP)


def _sizes(pk: int) -> dict[str, Any]:
    """Return what the inputs of a work chain say about how much there is to do."""
    from aiida import orm

    labels = {label: name for name, (_key, labels) in _SIZES.items() for label in labels}
    keys = sorted({key for key, _labels in _SIZES.values()})
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={'id': pk}, tag='chain')
    query.append(
        orm.Data,
        with_outgoing='chain',
        edge_filters={'label': {'in': list(labels)}},
        edge_project='label',
        project=keys,
        tag='input',
    )
    found = {}
    for row in query.dict():
        (edge,) = (entry for tag, entry in row.items() if tag.startswith('chain--'))
        name = labels[edge['label']]
        found[name] = row['input'][_SIZES[name][0]]
    if 'n_structures' not in found:
        query = orm.QueryBuilder().append(orm.WorkChainNode, filters={'id': pk}, tag='chain')
        query.append(orm.Data, with_outgoing='chain', edge_filters={'label': {'like': 'bvff\\_\\_structures\\_\\_%'}})
        found['n_structures'] = query.count()
    return found


def _batched(
    chain: ProcessFacts,
    label: str,
    jobs: Sequence[ProcessFacts],
    files: Mapping[int, Mapping[str, Any]],
    sizes: Mapping[str, Any],
) -> Stage:
    """Return a stage of batches of structures; a restarted batch of structures counts these."""
    ended = [job for job in jobs if job.has_ended]
    n_running, failed = len(jobs) - len(ended), sum(not job.is_ok for job in ended)
    n_structures, size = sizes['n_structures'], sizes.get('batch_size') or sizes['n_structures'] or 1
    # Batches that were submitted again come on top of those that were planned.
    n_batches = max(math.ceil(n_structures / size), len(jobs), 1)
    rows = _rows(jobs, files) if jobs else {}
    if chain.has_ended:
        left, n_batches = None, max(len(jobs), 1)
    else:
        running = [job.seconds for job in jobs if not job.has_ended]
        durations = [job.seconds for job in ended if job.is_ok]
        # As a round of jobs ends, fewer of them run than the next round will have.
        at_once = max(n_running, int(sizes.get('at_once') or 1))
        left = seconds_left(durations, running, n_batches - len(jobs), at_once) if n_batches > len(ended) else None
    if chain.label == 'BvffBaseWorkChain':
        done, total, unit = sum(rows.values()), n_structures, 'structures'
    else:
        done, total, unit = len(ended), n_batches, 'batches'
    return Stage(JOB_LABELS[label], done, total, failed, '', unit, n_running, rows, left)


def _rows(jobs: Sequence[ProcessFacts], files: Mapping[int, Mapping[str, Any]]) -> dict[str, int]:
    """Return the number of structures by status word: of tables from their attributes, of running jobs from files."""
    from aiida import orm

    from aiida_limap.data.table import TableData

    counts: Counter[str] = Counter()
    pks = [job.pk for job in jobs if job.has_ended]
    for start in range(0, len(pks), 500):
        query = orm.QueryBuilder().append(orm.CalcJobNode, filters={'id': {'in': pks[start : start + 500]}}, tag='job')
        query.append(
            TableData,
            with_incoming='job',
            edge_filters={'label': 'table'},
            project='attributes.counts_by_status',
        )
        for (found,) in query.iterall():
            counts.update(found or {})
    for job in jobs:
        items = files.get(job.pk, {}).get('items') or []
        counts.update(str(item['status']) for item in items if isinstance(item, Mapping) and 'status' in item)
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def _single(
    chain: ProcessFacts,
    label: str,
    jobs: Sequence[ProcessFacts],
    files: Mapping[int, Mapping[str, Any]],
    sizes: Mapping[str, Any],
) -> Stage:
    """Return a stage that is one job, or several if it is stopped and goes on."""
    ended = [job for job in jobs if job.has_ended]
    n_running, failed = len(jobs) - len(ended), sum(not job.is_ok for job in ended)
    if label == 'ScreenCalculation':
        planned = 0 if chain.has_ended else int(sizes.get('n_jobs') or 1)
        detail = _systems_words([files[job.pk] for job in jobs if job.pk in files])
        return Stage(JOB_LABELS[label], len(ended), max(planned, len(jobs), 1), failed, detail, 'jobs', n_running)
    summary = next((files[job.pk].get('summary') or {} for job in jobs if job.pk in files), {})
    if chain.label == 'TrainBaseWorkChain':
        total = number_of_models(sizes.get('grid'))
        done = total if chain.is_ok else int(summary.get('models_ended') or 0)
        return Stage(JOB_LABELS[label], done, total, failed, _training_words(summary), 'models', n_running)
    detail = _grid_words(summary) + _training_words(summary)
    return Stage(JOB_LABELS[label], len(ended), max(1, len(jobs)), failed, detail, 'jobs', n_running)


def _systems_words(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return how many chemical systems running jobs have screened; a job that has just begun does not say how many."""
    done = total = 0
    for document in documents:
        summary = document.get('summary') or {}
        if {'first', 'last'} <= set(summary):
            total += int(summary['last']) - int(summary['first'])
            values = [item['values'] for item in document.get('items') or []]
            done += sum(int(entry['last']) - int(entry['first']) for entry in values)
    return f'{done} of {total} systems' if total else ''


def _grid_words(summary: Mapping[str, Any]) -> str:
    total = int(summary.get('n_models') or 1)
    return f'{summary.get("models_ended", 0)} of {total} models, ' if total > 1 else ''


def _training_words(summary: Mapping[str, Any]) -> str:
    """Return epoch and losses; a loss that is not finite has no value in the file."""
    if summary.get('epoch') is None:
        return ''
    losses = [
        f'{words} {value:.4g}' if (value := summary[name]) is not None else f'{words} not finite'
        for name, words in (('loss_train', 'loss'), ('loss_validation', 'validation loss'))
        if name in summary
    ]
    return ', '.join([f'epoch {summary["epoch"]}', *losses])
