"""A whole library of structures by the engine's command, as a job runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

from aiida_limap.engines.chemistry.structures import record_from_structure
from aiida_limap.formats.job import JOB_FILE, Job, write_job
from aiida_limap.formats.results import ItemResult, read_results
from aiida_limap.formats.structures import write_structures
from benchmarks.common import choose, load_entries, print_table, shared_options, spread, write_result

__all__ = ['batch']


@click.command('batch')
@shared_options
@click.option('--structures', default=None, type=int, help='Number of structures  [default: all]')
@click.option('--spacing', default=0.2, show_default=True, help='Grid spacing, Å.')
@click.option('--preset', default='bvff', show_default=True)
@click.option('--threads', default=2, show_default=True, help='Structures at a time.')
def batch(data: Path | None, output: Path, structures: int | None, spacing: float, preset: str, threads: int) -> None:
    """Time a job of all structures, oxidation states and refinement included, and count what is lost.

    \b
    Example:
      python -m benchmarks batch --structures 50
    """
    entries = load_entries(data)
    if structures is not None:
        entries = choose(entries, structures)
    folder = output / 'batch'
    folder.mkdir(parents=True, exist_ok=True)
    write_structures(
        folder / 'structures.json', [record_from_structure(entry.structure, entry.id) for entry in entries]
    )
    parameters = {'preset': preset, 'spacing_angstrom': spacing}
    write_job(folder / JOB_FILE, Job('bvff', parameters, {'structures': 'structures.json'}))
    wall_s = _run(folder, threads)
    items = read_results(folder).items
    formulas = {entry.id: entry.formula for entry in entries}
    result = _result(items, formulas)
    _show(result, wall_s)
    write_result(output, 'batch', {'parameters': parameters, 'threads': threads, 'wall_s': wall_s, **result})


def _run(folder: Path, threads: int) -> float:
    """Run the job and return the wall seconds, start of the program and reading of the files included."""
    command = [sys.executable, '-m', 'aiida_limap.engines.command_line', 'bvff', JOB_FILE]
    environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
    started = time.perf_counter()
    with (folder / 'log.txt').open('w', encoding='utf-8') as log:
        done = subprocess.run(command, cwd=folder, stderr=log, stdout=log, check=False, env=environment)
    if done.returncode != 0:
        raise click.ClickException(f'the job ended with {done.returncode}; see {folder / "log.txt"}')
    return time.perf_counter() - started


def _result(items: list[ItemResult], formulas: dict[str, str]) -> dict[str, Any]:
    values = [item.values for item in items if str(item.status) in {'ok', 'not_percolating'}]
    lost = [item for item in items if str(item.status) not in {'ok', 'not_percolating'}]
    return {
        'structures': len(items),
        'status': dict(Counter(str(item.status) for item in items).most_common()),
        'oxidation_methods': dict(Counter(item['oxidation_method'] for item in values).most_common()),
        'not_refined': sum(not item['refined'] for item in values),
        'seconds_of_structures': spread([item['wall_s'] for item in values]),
        'lost': [
            {'id': item.id, 'formula': formulas[item.id], 'status': str(item.status), 'message': item.message}
            for item in lost
        ],
    }


def _show(result: dict[str, Any], wall_s: float) -> None:
    print_table(
        f'{result["structures"]} structures in {wall_s:.1f} s',
        ['status', 'structures'],
        list(result['status'].items()),
    )
    print_table('Oxidation states', ['found by', 'structures'], list(result['oxidation_methods'].items()))
    print_table(
        'Lost', ['structure', 'status', 'why'],
        [[f'{item["id"]} {item["formula"]}', item['status'], item['message']] for item in result['lost']],
    )  # fmt: skip
    seconds = result['seconds_of_structures']
    click.echo(
        f'seconds of one structure: median {seconds["median"]:.3f}, 90th percentile {seconds["p90"]:.3f}, largest '
        f'{seconds["max"]:.3f}; not refined: {result["not_refined"]}'
    )
