"""Time and memory of bvlain and of this package on the same structures, in one run."""

from __future__ import annotations

import math
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.bvlain_adapter import available_bytes, peer_shape, predicted_bytes, require_peer
from benchmarks.common import Entry, load_entries, print_table, shared_options, spread, write_result
from benchmarks.selection import LARGE_SITES, sizes
from benchmarks.worker import measure

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['peer']

#: Seconds after which one side of a measurement is not repeated any more.
BUDGET_S = 20.0
MEGABYTE = 1e6
#: Ratios by the heading of their column.
RATIOS = {
    'energies': 'energies',
    'percolation': 'percolation',
    'both': 'total',
    'both, with symmetry': 'total_with_symmetry',
    'and oxidation states': 'total_with_oxidation_states',
    'all, refined': 'whole',
}


@click.command('peer')
@shared_options
@click.option('--structures', default=20, show_default=True, help='Number of structures.')
@click.option(
    '--resolution', 'resolutions', multiple=True, type=float, default=(0.2, 0.1), show_default=True, help='Å.'
)
@click.option('--threads', 'threads', multiple=True, type=int, default=(1, 2), show_default=True)
@click.option('--repeats', default=5, show_default=True, help='Medians are of so many; of fewer where one takes long.')
@click.option('--compile/--no-compile', 'compiling', default=True, show_default=True, help='Measure compile times.')
@click.option(
    '--memory-limit', default=None, type=float, help='Largest predicted memory of bvlain, GB [half of the free]'
)
def peer(data: Path | None, output: Path, **settings: Any) -> None:
    """Compare time and memory with bvlain: same parameters (preset bvse), cut-off and number of grid points.

    \b
    Example:
      python -m benchmarks peer --structures 20 --resolution 0.2 --threads 1
    """
    version = require_peer()
    limit = settings['memory_limit'] * 1e9 if settings['memory_limit'] else 0.5 * available_bytes()
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    chosen = sizes(load_entries(data), settings['structures'])
    for resolution in settings['resolutions']:
        for entry, structure in chosen:
            needed = predicted_bytes(structure, resolution)
            facts = _facts(entry, structure, resolution)
            if needed > limit:
                skipped.append({**facts, 'predicted_GB': needed / 1e9})
                click.echo(f'{entry.id} at {resolution} Å: skipped, bvlain would need {needed / 1e9:.1f} GB')
                continue
            rows.extend(_measured(structure, resolution, settings['threads'], settings['repeats'], facts))
            click.echo(f'{entry.id} {entry.formula} ({len(structure)} sites) at {resolution} Å: {_short(rows[-1])}')
    summary = _summaries(rows)
    compile_times = _compile_times(chosen[0][1]) if settings['compiling'] else []
    _show(rows, summary, compile_times)
    write_result(
        output,
        'peer',
        {
            'bvlain': version,
            'neighbours': 26,
            'cutoff_angstrom': 10.0,
            'rows': rows,
            'skipped': skipped,
            'memory_limit_GB': limit / 1e9,
            'summary': summary,
            'compile': compile_times,
        },
    )


def _facts(entry: Entry, structure: Structure, resolution: float) -> dict[str, Any]:
    return {
        'id': entry.id,
        'formula': entry.formula,
        'sites': len(structure),
        'volume_angstrom3': float(structure.volume),
        'resolution_angstrom': resolution,
        'voxels': math.prod(peer_shape(structure, resolution)),
    }


def _measured(
    structure: Structure, resolution: float, threads: tuple[int, ...], repeats: int, facts: dict[str, Any]
) -> list[dict[str, Any]]:
    """Measure times with each number of threads, and memory once."""
    task = {'structure': structure.as_dict(), 'spacing': resolution, 'repeats': repeats, 'budget_s': BUDGET_S}
    peaks = {
        code: measure({**task, 'action': 'memory', 'code': code})['bytes'] / MEGABYTE
        for code in ('own', 'symmetric', 'peer')
    }
    rows = []
    for number in threads:
        found = measure({**task, 'action': 'time'}, threads=number)
        seconds = {name: statistics.median(values) for name, values in found['seconds'].items()}
        own = seconds['own_energies'] + seconds['own_percolation']
        symmetric = seconds['symmetric_energies'] + seconds['symmetric_percolation']
        other = seconds['peer_energies'] + seconds['peer_percolation']
        rows.append(
            {
                **facts,
                'threads': number,
                'symmetric_voxels': found['symmetric_voxels'],
                'peer_refuses_oxidation_states': found['peer_refuses_oxidation_states'],
                'seconds': seconds,
                'repeats': {name: len(values) for name, values in found['seconds'].items()},
                'peak_MB': peaks,
                'ratio': {
                    'energies': seconds['peer_energies'] / seconds['own_energies'],
                    'percolation': seconds['peer_percolation'] / seconds['own_percolation'],
                    'total': other / own,
                    'total_with_symmetry': other / symmetric,
                    'total_with_oxidation_states': (other + seconds['peer_oxidation_states'])
                    / (symmetric + seconds['own_oxidation_states']),
                    'whole': (other + seconds['peer_oxidation_states']) / seconds['whole'],
                    'memory': peaks['peer'] / max(peaks['own'], 1e-3),
                },
            }
        )
    return rows


def _short(row: dict[str, Any]) -> str:
    ratio = row['ratio']
    return f'{ratio["total"]:.0f} times as fast, {ratio["total_with_symmetry"]:.0f} times with symmetry'


def _summaries(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ratios by resolution, threads and size of the cell."""
    found = []
    for resolution, threads in sorted({(row['resolution_angstrom'], row['threads']) for row in rows}, reverse=True):
        of_these = [row for row in rows if (row['resolution_angstrom'], row['threads']) == (resolution, threads)]
        large = [row for row in of_these if row['sites'] >= LARGE_SITES]
        for cells, members in (('all', of_these), (f'>= {LARGE_SITES} sites', large)):
            if members:
                ratios = {name: spread([row['ratio'][name] for row in members]) for name in members[0]['ratio']}
                sums = {name: math.fsum(row['seconds'][name] for row in members) for name in members[0]['seconds']}
                own = sums['own_energies'] + sums['own_percolation']
                found.append(
                    {
                        'resolution_angstrom': resolution,
                        'threads': threads,
                        'cells': cells,
                        'structures': len(members),
                        'ratio': ratios,
                        'sum_seconds': sums,
                        'ratio_of_sums': (sums['peer_energies'] + sums['peer_percolation']) / own,
                    }
                )
    return found


def _compile_times(structure: Structure) -> list[dict[str, Any]]:
    """Time the first computation with an empty folder of compiled code, and again with a filled one."""
    task = {'action': 'compile', 'structure': structure.as_dict(), 'spacing': 0.2}
    with tempfile.TemporaryDirectory() as folder:
        return [
            {'compiled_before': before, **measure(task, environment={'NUMBA_CACHE_DIR': folder})}
            for before in (False, True)
        ]


def _show(rows: list[dict[str, Any]], summary: list[dict[str, Any]], compile_times: list[dict[str, Any]]) -> None:
    parts = [f'{code}_{part}' for code in ('peer', 'own', 'symmetric') for part in ('energies', 'percolation')]
    print_table(
        'Seconds of bvlain, of this package, and of it with symmetry (energies, percolation; medians)',
        ['structure', 'sites', 'Å', 'threads', 'voxels', *(part.replace('_', ' ') for part in parts)],
        [
            [f'{row["id"]} {row["formula"]}', row['sites'], row['resolution_angstrom'], row['threads'], row['voxels']]
            + [f'{row["seconds"][part]:.4f}' for part in parts]
            for row in rows
        ],
    )
    print_table(
        'Peak memory, MB, and how many times as fast as bvlain',
        ['structure', 'Å', 'threads', 'MB bvlain', 'MB', 'MB with symmetry', *RATIOS],
        [
            [f'{row["id"]} {row["formula"]}', row['resolution_angstrom'], row['threads']]
            + [row['peak_MB'][code] for code in ('peer', 'own', 'symmetric')]
            + [row['ratio'][name] for name in RATIOS.values()]
            for row in rows
        ],
    )
    print_table(
        'How many times as fast as bvlain (median over structures; least value in brackets)',
        ['Å', 'threads', 'cells', 'number', *RATIOS, 'both, of sums'],
        [
            [item['resolution_angstrom'], item['threads'], item['cells'], item['structures']]
            + [f'{item["ratio"][name]["median"]:.0f} ({item["ratio"][name]["min"]:.0f})' for name in RATIOS.values()]
            + [item['ratio_of_sums']]
            for item in summary
        ],
    )
    print_table(
        'Seconds of a first structure',
        ['code compiled before', 'import', 'first structure', 'again'],
        [[str(item['compiled_before']), item['import_s'], item['first_s'], item['second_s']] for item in compile_times],
    )
