"""What a work chain remembers of a large dataset between its steps, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiida import orm
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager
from aiida.orm.utils.serialize import serialize
from plumpy.persistence import Bundle

from aiida_limap.data.dataset import DatasetData
from aiida_limap.workflows import _batch_chain, featurize
from aiida_limap.workflows.featurize import FeaturizeWorkChain

BATCH, CONCURRENT = 100, 4


class Outputs(dict):
    table: SimpleNamespace


class Simulation:
    """Jobs that finish their structures, or all but every tenth job, which is killed without a row."""

    def __init__(self) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.in_flight = self.most_in_flight = 0

    def submit(self, _process: Any, **inputs: Any) -> Any:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        ids = list(inputs['structures'].values())
        self.submitted.append({'label': inputs['metadata']['call_link_label'], 'count': len(ids)})
        outputs = Outputs()
        is_killed = len(self.submitted) % 10 == 0
        pk = len(self.submitted)
        if not is_killed:
            outputs['table'] = outputs.table = SimpleNamespace(ids=ids, pk=pk, counts_by_status={'ok': len(ids)})
        return SimpleNamespace(
            pk=pk,
            outputs=outputs,
            exit_status=None if is_killed else 0,
            is_killed=is_killed,
            is_excepted=False,
            is_finished_ok=not is_killed,
        )


@pytest.fixture
def walk(aiida_code_installed, monkeypatch):
    """Return a function that walks through a featurization without running it and gives the sizes of checkpoints."""
    code = aiida_code_installed(label=f'memory-{uuid4().hex}', filepath_executable='/bin/true')
    monkeypatch.setattr(featurize, 'missing_structures', lambda uuids: [])
    monkeypatch.setattr(featurize, 'load_structures', lambda uuids: ({uuid: uuid for uuid in uuids}, {}))

    def run(n_structures: int) -> tuple[list[int], Simulation, Any]:
        entries = [(str(uuid4()), '') for _ in range(n_structures)]
        builder = FeaturizeWorkChain.get_builder_from_protocol(code, DatasetData(name='large', structures=entries))
        builder.batch_size, builder.max_concurrent = BATCH, CONCURRENT
        process = instantiate_process(get_manager().get_runner(), builder)
        simulation = Simulation()
        jobs: list[Any] = []

        def keep(**awaited: Any) -> None:
            jobs.append(next(iter(awaited.values())).__dict__)

        monkeypatch.setattr(process, 'submit', simulation.submit)
        monkeypatch.setattr(process, 'report', lambda *_words: None)
        monkeypatch.setattr(_batch_chain, 'append_', lambda node: SimpleNamespace(node=node))
        monkeypatch.setattr(process, 'to_context', keep)
        assert process.check_dataset() is None
        sizes = []
        while process.has_batches():
            assert process.submit_batches() is None
            # As it is while the jobs run.
            sizes.append(len(serialize(Bundle(process))))
            process.ctx.jobs = [job['node'] for job in jobs]
            jobs.clear()
            process.collect_batches()
            simulation.in_flight = 0
            assert not list(nodes_in(process.ctx))
            sizes.append(len(serialize(Bundle(process))))
        return sizes, simulation, process

    return run


def nodes_in(value: Any) -> Iterator[orm.Node]:
    if isinstance(value, orm.Node):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from nodes_in(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from nodes_in(entry)


def test_the_checkpoint_of_ten_thousand_structures_is_small(walk):
    small, _simulation, _process = walk(1_000)
    large, simulation, process = walk(10_000)
    # Ten times the structures add the number of one table for each job, and nothing else.
    n_tables = sum(len(pks) for pks in process.ctx.tables.values())
    assert n_tables > 200
    assert max(large) - max(small) < 20 * n_tables
    # While they run, the places of the structures in flight are kept, a line each. The documentation says 15 kB.
    assert max(large) < 15_000
    # No more than the batches that may run at a time, of two jobs each.
    assert simulation.most_in_flight == 2 * CONCURRENT
    assert max(job['count'] for job in simulation.submitted) == BATCH
    # Killed jobs were divided, and every structure was computed.
    assert sum(job['count'] for job in simulation.submitted) > 20_000
    assert process.ctx.failed == {'bvff': {}, 'descriptors': {}}
