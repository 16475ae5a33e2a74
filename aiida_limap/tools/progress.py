"""How far a running work chain is: stages, batches and rows, read from the states of its processes."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.common.training import GRID, number_of_models

if TYPE_CHECKING:
    from aiida import orm

__all__ = ['CHAINS', 'Stage', 'running_chains', 'stages_of']

#: Work chains whose progress is known, with the words for them.
CHAINS = {
    'MapWorkChain': 'map work chain',
    'TrainBaseWorkChain': 'work chain of a training',
    'BvffBaseWorkChain': 'work chain of migration energies',
    'FeaturizeWorkChain': 'work chain of migration energies',
}
_LABELS = {
    'BvffCalculation': 'migration energies',
    'DescriptorsCalculation': 'descriptors',
    'TrainCalculation': 'training',
    'EncodeCalculation': 'encoding',
}


@dataclass(frozen=True)
class Stage:
    """One stage of a work chain.

    :param name: the stage in words.
    :param done: finished jobs, structures or models.
    :param total: how many there are in all; of jobs at least one more than ``done`` while it is unknown.
    :param failed: finished jobs that did not end well.
    :param detail: what a person may want to know, e.g. the epoch of a training.
    :param unit: what is counted.
    """

    name: str
    done: int
    total: int
    failed: int = 0
    detail: str = ''
    unit: str = 'jobs'


def stages_of(chain: orm.WorkChainNode) -> list[Stage]:
    """Return the stages of a work chain.

    :param chain: the process node, running or finished: one of :data:`CHAINS`.
    :returns: the four stages of a map in order, the one of a training, which counts models, or the one of migration
        energies, which counts structures.
    """
    if chain.process_label == 'MapWorkChain':
        return _stages_of_map(chain)
    return [_training(chain) if chain.process_label == 'TrainBaseWorkChain' else _migration_energies(chain)]


def _stages_of_map(chain: orm.WorkChainNode) -> list[Stage]:
    jobs: dict[str, list[Any]] = {name: [] for name in _LABELS}
    for node in chain.called_descendants:
        if node.process_label in jobs:
            jobs[node.process_label].append(node)
    n_batches = _number_of_batches(chain)
    stages = []
    for name, label in _LABELS.items():
        nodes = jobs[name]
        done = [node for node in nodes if node.is_terminated]
        failed = sum(not node.is_finished_ok for node in done)
        total = max(n_batches if name in {'BvffCalculation', 'DescriptorsCalculation'} else 1, len(nodes))
        running = [node for node in nodes if not node.is_terminated]
        detail = _training_detail(running[-1]) if name == 'TrainCalculation' and running else ''
        stages.append(Stage(label, len(done), total, failed, detail))
    return stages


def _migration_energies(chain: orm.WorkChainNode) -> Stage:
    inputs = [(link.link_label, link.node) for link in chain.base.links.get_incoming().all()]
    total = sum(label.startswith('bvff__structures__') for label, _node in inputs)
    total += sum(len(node) for label, node in inputs if label == 'dataset')
    done = failed = running = 0
    for node in chain.called:
        if node.process_label != 'BvffCalculation':
            continue
        if node.is_terminated:
            done += len(node.outputs.table) if 'table' in node.outputs else 0
            failed += not node.is_finished_ok
        else:
            running += 1
            done += _running_rows(node)
    return Stage(_LABELS['BvffCalculation'], done, total, failed, f'{running} running' if running else '', 'structures')


def _running_rows(node: orm.CalcJobNode) -> int:
    """Return how many structures a running job has finished, where looking costs no connection to a cluster."""
    if node.computer.transport_type != 'core.local':
        return 0
    document = _running_results(node)
    return len(document.get('items', ())) if document else 0


def running_chains() -> list[orm.WorkChainNode]:
    """Return the work chains that a person started and that have not ended, newest first."""
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.WorkChainNode,
        filters={
            'attributes.process_label': {'in': list(CHAINS)},
            'attributes.process_state': {'in': ['created', 'running', 'waiting']},
        },
    )
    query.order_by({orm.WorkChainNode: {'ctime': 'desc'}})
    return [chain for chain in query.all(flat=True) if chain.caller is None]


def _number_of_batches(chain: orm.WorkChainNode) -> int:
    """Return the number of batches from the dataset and the batch size among the inputs."""
    inputs = {link.link_label: link.node for link in chain.base.links.get_incoming().all()}
    dataset = inputs.get('dataset')
    size = inputs.get('featurize__batch_size') or inputs.get('batch_size')
    if dataset is None or size is None:
        return 1
    return math.ceil(len(dataset) / size.value)


def _training(chain: orm.WorkChainNode) -> Stage:
    jobs = [node for node in chain.called if node.process_label == 'TrainCalculation']
    parameters = chain.base.links.get_incoming(link_label_filter='train__parameters').first()
    total = number_of_models(parameters.node.get_dict().get(GRID)) if parameters is not None else 1
    failed = sum(node.is_terminated and not node.is_finished_ok for node in jobs)
    running = [node for node in jobs if not node.is_terminated]
    if chain.is_finished_ok:
        return Stage('training', total, total, failed, unit='models')
    summary = _summary(running[-1]) if running else {}
    return Stage('training', summary.get('models_ended', 0), total, failed, _training_words(summary), 'models')


def _training_detail(node: orm.CalcJobNode) -> str:
    """Return how far a running training is, from the results file that it keeps up to date."""
    summary = _summary(node)
    total = summary.get('n_models', 1)
    ended = f'{summary.get("models_ended", 0)} of {total} models, ' if total > 1 else ''
    return ended + _training_words(summary) if summary else ''


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


def _summary(node: orm.CalcJobNode) -> dict[str, Any]:
    return (_running_results(node) or {}).get('summary') or {}


def _running_results(node: orm.CalcJobNode) -> dict[str, Any] | None:
    """Return the results file of a running job, or None if there is none yet."""
    try:
        remote = node.outputs.remote_folder
    except AttributeError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / 'results.json'
        try:
            remote.getfile('results.json', str(target))
            return json.loads(target.read_text())
        except (OSError, ValueError):
            # The job has not started, or has not written its first results yet.
            return None
