"""How far a running work chain is: stages, batches and rows, read from the states of its processes."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida import orm

__all__ = ['CHAINS', 'Stage', 'running_chains', 'stages_of']

#: Work chains whose progress is known, with the words for them.
CHAINS = {
    'MapWorkChain': 'map work chain',
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
    :param done: finished jobs or structures.
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
    :returns: the four stages of a map in order, or the single one of migration energies, which counts structures.
    """
    return _stages_of_map(chain) if chain.process_label == 'MapWorkChain' else [_migration_energies(chain)]


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


def _training_detail(node: orm.CalcJobNode) -> str:
    """Return epoch and loss of a running training from the results file that it keeps up to date."""
    summary = (_running_results(node) or {}).get('summary') or {}
    epoch, loss = summary.get('epoch'), summary.get('loss_validation')
    if epoch is None:
        return ''
    return f'epoch {epoch}' if loss is None else f'epoch {epoch}, validation loss {loss:.4g}'


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
