"""How far a running map is: stages, batches and rows, read from the states of its processes."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida import orm

__all__ = ['Stage', 'running_maps', 'stages_of']

_LABELS = {
    'BvffCalculation': 'migration energies',
    'DescriptorsCalculation': 'descriptors',
    'TrainCalculation': 'training',
    'EncodeCalculation': 'encoding',
}


@dataclass(frozen=True)
class Stage:
    """One stage of a map.

    :param name: the stage in words.
    :param done: finished jobs.
    :param total: jobs in all; at least one more than ``done`` while it is unknown.
    :param failed: finished jobs that did not end well.
    :param detail: what a person may want to know, e.g. the epoch of a training.
    """

    name: str
    done: int
    total: int
    failed: int = 0
    detail: str = ''


def stages_of(chain: orm.WorkChainNode) -> list[Stage]:
    """Return the stages of a map work chain.

    :param chain: the process node, running or finished.
    :returns: the four stages in order.
    """
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


def running_maps() -> list[orm.WorkChainNode]:
    """Return the map work chains that have not ended, newest first."""
    from aiida import orm

    query = orm.QueryBuilder().append(
        orm.WorkChainNode,
        filters={
            'attributes.process_label': 'MapWorkChain',
            'attributes.process_state': {'in': ['created', 'running', 'waiting']},
        },
    )
    query.order_by({orm.WorkChainNode: {'ctime': 'desc'}})
    return query.all(flat=True)


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
    try:
        remote = node.outputs.remote_folder
    except AttributeError:
        return ''
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / 'results.json'
        try:
            remote.getfile('results.json', str(target))
            summary = json.loads(target.read_text())['summary']
        except (OSError, ValueError, KeyError):
            # The job has not started, or has not written its first epochs yet.
            return ''
    epoch, loss = summary.get('epoch'), summary.get('loss_validation')
    if epoch is None:
        return ''
    return f'epoch {epoch}' if loss is None else f'epoch {epoch}, validation loss {loss:.4g}'
