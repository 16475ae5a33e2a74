"""Many structures through a real featurization: time, memory of the workers, size of the profile."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common import load_entries, print_table, shared_options, write_markdown, write_result
from benchmarks.scratch import folder_bytes, scratch_profile, stored_dataset, wait_for

__all__ = ['scale']

_HEADINGS = (
    'structures',
    'wall s',
    'engine s per structure',
    'AiiDA processor ms per structure',
    'joining s',
    'largest worker MB',
    'database kB per structure',
    'files kB per structure',
    'answers',
)
_REPORT_S = 60.0


@click.command('scale')
@shared_options
@click.option('--structures', default=10000, show_default=True)
@click.option('--protocol', default='fast', show_default=True, help='Protocol of the featurization.')
@click.option('--layout', default='yamaguchi2023', show_default=True, help='Layout of the descriptors.')
@click.option('--batch', 'size', default=None, type=int, help='Structures per job  [default: that of the protocol]')
@click.option('--workers', default=2, show_default=True, help='Daemon workers.')
def scale(
    data: Path | None, output: Path, structures: int, protocol: str, layout: str, size: int | None, workers: int
) -> None:
    """Send many structures through limap.featurize with the real engines, in a profile of its own.

    The structures are repeated with tiny strains, so that no two are equal. The profile is removed afterwards. Run it
    with several numbers of structures to see what grows.

    \b
    Example:
      python -m benchmarks scale --structures 1000
    """
    entries = load_entries(data)
    overrides: dict[str, Any] = {'descriptors': {'parameters': {'layout': layout}}}
    if size is not None:
        overrides['batch_size'] = size
    with scratch_profile(workers) as (daemon, folder):
        started = time.perf_counter()
        dataset = stored_dataset(entries, structures)
        storing_s = time.perf_counter() - started
        click.echo(f'stored {structures} structures in {storing_s:.0f} s')
        result = {'storing_s': storing_s, **_run(dataset, protocol, overrides)}
        result['worker_cpu_s'] = daemon.cpu_s()
        result['worker_peak_bytes'] = daemon.peak_bytes()
        result.update(_sizes(folder))
    row = (
        structures,
        result['wall_s'],
        result['engine_s'] / structures,
        1000 * result['worker_cpu_s'] / structures,
        result['joining_s'],
        max(result['worker_peak_bytes']) / 1e6,
        result['database_bytes'] / structures / 1e3,
        result['repository_bytes'] / structures / 1e3,
        result['answers'],
    )
    tables = [(f'{structures} structures, protocol {protocol}, layout {layout}, {workers} workers', _HEADINGS, [row])]
    print_table(*tables[0])
    write_markdown(output / f'scale-{structures}.md', tables)
    settings = {'protocol': protocol, 'layout': layout, 'batch_size': size, 'workers': workers}
    write_result(output, f'scale-{structures}', {'structures': structures, 'settings': settings, **result})


def _run(dataset: Any, protocol: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """Run the featurization and return its times (s) and what came of the structures."""
    from aiida import orm
    from aiida.engine import submit

    from aiida_limap.workflows.featurize import FeaturizeWorkChain

    code = orm.load_code('limap@localhost')
    builder = FeaturizeWorkChain.get_builder_from_protocol(code, dataset, protocol, overrides)
    # One thread per job: both workers have jobs at all times.
    builder.options = {**builder.options, 'prepend_text': 'export OMP_NUM_THREADS=1'}
    chain = submit(builder)
    told = 0.0

    def tell(elapsed_s: float) -> None:
        nonlocal told
        if elapsed_s - told >= _REPORT_S:
            told = elapsed_s
            click.echo(f'{elapsed_s:.0f} s: {_finished_jobs()} jobs finished')

    wall_s = wait_for(chain, tell)
    if not chain.is_finished_ok:
        raise click.ClickException(f'the featurization ended with {chain.exit_status}: {chain.exit_message}')
    energies, descriptors = chain.outputs.migration_energies, chain.outputs.descriptors
    if energies.ids != dataset.structure_uuids or descriptors.ids != dataset.structure_uuids:
        raise click.ClickException('the tables do not have one row per structure')
    engine_s = sum(float(np.nansum(table.column('wall_s'))) for table in (energies, descriptors))
    answers = energies.counts_by_status
    return {
        'wall_s': wall_s,
        'engine_s': engine_s,
        'joining_s': _joining_s(chain),
        'counts': {'migration_energies': answers, 'descriptors': descriptors.counts_by_status},
        'answers': answers.get('ok', 0) + answers.get('not_percolating', 0),
    }


def _finished_jobs() -> int:
    from aiida import orm

    query = orm.QueryBuilder().append(orm.CalcJobNode, filters={'attributes.process_state': 'finished'})
    return query.count()


def _joining_s(chain: Any) -> float:
    """Return the seconds in which the tables of the batches were joined, and stored."""
    from aiida import orm

    joins = [node for node in chain.called if isinstance(node, orm.CalcFunctionNode)]
    return sum((node.mtime - node.ctime).total_seconds() for node in joins)


def _sizes(folder: Path) -> dict[str, int]:
    """Return the size of the database and of the repository of the profile."""
    from aiida.manage import get_manager

    storage = Path(get_manager().get_profile().storage_config['filepath'])
    total, files = folder_bytes(storage), folder_bytes(storage / 'container')
    return {'database_bytes': total - files, 'repository_bytes': files, 'job_folders_bytes': folder_bytes(folder)}
