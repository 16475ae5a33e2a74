"""What AiiDA costs per structure: featurizations with an engine that answers at once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from benchmarks.common import load_entries, print_table, shared_options, write_markdown, write_result
from benchmarks.scratch import Daemon, scratch_profile, stand_in_code, stored_dataset, wait_for

__all__ = ['overhead']

_HEADINGS = ('batch', 'structures', 'wall s', 'wall ms per structure', 'processor ms per structure', 'of one by one')
_SHARES = ('linking', 'storing', 'checkpoints', 'writing the job', 'parsing', 'rest')
#: Structures that are computed one per job, for comparison: most of their time is waiting, and none depends on another.
_ALONE = 20


@click.command('overhead')
@shared_options
@click.option('--batch', 'sizes', multiple=True, type=int, default=(25, 50, 100, 250), show_default=True)
@click.option('--structures', default=500, show_default=True, help='Structures per featurization.')
@click.option('--workers', default=2, show_default=True, help='Daemon workers.')
def overhead(data: Path | None, output: Path, sizes: tuple[int, ...], structures: int, workers: int) -> None:
    """Time featurizations without physics (barriers and descriptors, two jobs per batch) by batch size.

    A profile of its own is made and removed: SQLite, ZeroMQ, a daemon. The comparison is one job per structure.

    \b
    Example:
      python -m benchmarks overhead --batch 100 --structures 200
    """
    entries = load_entries(data)
    with scratch_profile(workers) as (daemon, folder):
        code = stand_in_code(folder)
        dataset, few = stored_dataset(entries, structures), stored_dataset(entries, min(_ALONE, structures))
        rows = [_featurize(code, few, 1, daemon), *(_featurize(code, dataset, size, daemon) for size in sizes)]
        # The first job of a process pays for what it imports.
        _shares(code, few, 1)
        shares = [(size, _shares(code, dataset, size)) for size in sizes]
        with _one_by_one():
            plain = {size: _shares(code, dataset, size) for size in sizes}
    for row in rows:
        row['ratio'] = row['wall_ms'] / rows[0]['wall_ms']
    tables = [
        ('Cost of a featurization without physics, by batch size', _HEADINGS, [tuple(row.values()) for row in rows]),
        (
            'One job of migration energies in one process: processor ms per structure',
            ('batch', *_SHARES, 'all', 'linked one by one: linking', 'checkpoints', 'all'),
            [
                (size, *(share[name] for name in _SHARES), sum(share.values()), *_plain(plain[size]))
                for size, share in shares
            ],
        ),
    ]
    for table in tables:
        print_table(*table)
    write_markdown(output / 'overhead.md', tables)
    document = {'workers': workers, 'featurizations': rows, 'shares_ms': dict(shares), 'one_by_one_ms': plain}
    write_result(output, 'overhead', document)


def _plain(share: dict[str, float]) -> tuple[float, float, float]:
    return share['linking'], share['checkpoints'], sum(share.values())


@contextmanager
def _one_by_one() -> Iterator[None]:
    """Let aiida-core link and keep each structure by itself, as it does for the jobs of other plugins."""
    from aiida_limap.calculations._many_structures import ManyStructures

    names = ('_setup_inputs', '_flat_inputs', 'encode_input_args', 'decode_input_args')
    kept = {name: getattr(ManyStructures, name) for name in names}
    for name in names:
        delattr(ManyStructures, name)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(ManyStructures, name, method)


def _featurize(code: Any, dataset: Any, size: int, daemon: Daemon) -> dict[str, Any]:
    from aiida.engine import submit

    from aiida_limap.workflows.featurize import FeaturizeWorkChain

    # Jobs of one structure are all submitted at once, as people do who submit them by themselves.
    limits = {'batch_size': size, **({'max_concurrent': len(dataset)} if size == 1 else {})}
    builder = FeaturizeWorkChain.get_builder_from_protocol(code, dataset, overrides=limits)
    before = daemon.cpu_s()
    chain = submit(builder)
    wall_s = wait_for(chain)
    if not chain.is_finished_ok:
        raise click.ClickException(f'the featurization ended with {chain.exit_status}: {chain.exit_message}')
    count = len(dataset)
    click.echo(f'batches of {size}: {count} structures in {wall_s:.0f} s')
    cpu_ms = 1000 * (daemon.cpu_s() - before) / count
    return {'batch': size, 'structures': count, 'wall_s': wall_s, 'wall_ms': 1000 * wall_s / count, 'cpu_ms': cpu_ms}


def _shares(code: Any, dataset: Any, size: int) -> dict[str, float]:
    """Run one job in this process and return where its processor time goes, in ms per structure."""
    from aiida.engine import CalcJob, run_get_node
    from aiida.orm import CalcJobNode

    from aiida_limap.calculations.bvff import BvffCalculation
    from aiida_limap.common.keys import structures_by_key
    from aiida_limap.workflows._structures import load_structures

    nodes, _unusable = load_structures(dataset.structure_uuids[:size])
    timed = {
        'linking': (BvffCalculation, '_setup_inputs'),
        'storing': (CalcJobNode, 'store_all'),
        'checkpoints': (BvffCalculation, '_save_checkpoint'),
        'writing the job': (BvffCalculation, 'presubmit'),
        'parsing': (CalcJob, 'parse'),
    }
    spent: dict[str, float] = defaultdict(float)
    with _timed(timed, spent):
        started = time.process_time()
        _results, node = run_get_node(BvffCalculation, code=code, structures=structures_by_key(nodes.values()))
        total = time.process_time() - started
    if not node.is_finished_ok:
        raise click.ClickException(f'the job ended with {node.exit_status}: {node.exit_message}')
    spent['rest'] = total - sum(spent.values())
    click.echo(f'one job of {len(nodes)} structures: {total:.1f} s of processor time')
    return {name: 1000 * spent[name] / len(nodes) for name in _SHARES}


@contextmanager
def _timed(methods: dict[str, tuple[type, str]], spent: dict[str, float]) -> Iterator[None]:
    """Add up the processor seconds in methods, none of which calls another."""
    before = {}
    for label, (owner, name) in methods.items():
        before[label] = owner.__dict__.get(name)
        setattr(owner, name, _clocked(getattr(owner, name), label, spent))
    try:
        yield
    finally:
        for label, (owner, name) in methods.items():
            if before[label] is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before[label])


def _clocked(method: Callable[..., Any], label: str, spent: dict[str, float]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        started = time.process_time()
        try:
            return method(*arguments, **keywords)
        finally:
            spent[label] += time.process_time() - started

    return call
