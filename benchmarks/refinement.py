"""How far barriers of coarse grids are from those of a fine one, with and without refinement."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import numpy as np

from aiida_limap.engines.bvff.migration import MigrationEnergy, migration_energy
from aiida_limap.engines.errors import LimapError
from benchmarks.common import Entry, choose, load_entries, print_table, shared_options, spread, write_result
from benchmarks.plots import curves
from benchmarks.selection import decorated
from benchmarks.worker import measure

__all__ = ['refinement']

SPACINGS = (0.4, 0.3, 0.2, 0.15, 0.1, 0.075)
FINE_ANGSTROM = 0.05
#: The other reference is refined from this spacing, Å.
REFERENCE_ANGSTROM = 0.1
#: Smaller deviations are drawn as this one, meV.
LEAST_SHOWN_MEV = 0.01
#: Memory is measured for the cell whose volume is nearest to this one, Å^3.
LARGE_VOLUME_ANGSTROM3 = 2000.0


@click.command('refinement')
@shared_options
@click.option('--structures', default=20, show_default=True, help='Number of structures.')
@click.option('--spacing', 'spacings', multiple=True, type=float, default=SPACINGS, show_default=True, help='Å.')
@click.option('--fine', default=FINE_ANGSTROM, show_default=True, help='Spacing of the reference grid, Å.')
@click.option('--memory/--no-memory', 'measuring', default=True, show_default=True, help='Measure memory.')
@click.option(
    '--max-voxels', default=30_000_000, show_default=True, help='Structures with a larger fine grid are left out.'
)
def refinement(
    data: Path | None,
    output: Path,
    structures: int,
    spacings: tuple[float, ...],
    fine: float,
    measuring: bool,
    max_voxels: int,
) -> None:
    """Compare barriers at several spacings with those of a fine grid and with refined ones from 0.1 Å.

    \b
    Example:
      python -m benchmarks refinement --structures 3 --spacing 0.4 --spacing 0.2 --fine 0.1
    """
    entries = load_entries(data)
    rows = []
    for entry in choose(entries, structures):
        try:
            rows.append(_measured(entry, spacings, fine, max_voxels))
        except LimapError as error:
            click.echo(f'{entry.id} {entry.formula}: left out, {error}')
            continue
        click.echo(f'{entry.id} {entry.formula}: fine grid {_text(rows[-1]["fine_grid_eV"])} eV')
    summary = _summary(rows, spacings)
    memory = _memory(entries) if measuring else None
    _show(summary, memory)
    curves(
        output / 'refinement.png',
        [
            (name, [item['spacing_angstrom'] for item in members], [_meV_shown(item) for item in members])
            for name, members in _lines(summary)
        ],
        labels=('grid spacing (Å)', 'deviation of barriers,\n90th percentile (meV)'),
    )
    write_result(
        output,
        'refinement',
        {'fine_spacing_angstrom': fine, 'rows': rows, 'summary': summary, 'memory': memory},
    )


def _text(barriers: tuple[float | None, ...]) -> str:
    return ' '.join('-' if value is None else f'{value:.4f}' for value in barriers)


def _measured(entry: Entry, spacings: tuple[float, ...], fine: float, max_voxels: int) -> dict[str, Any]:
    def result(spacing: float, *, refine: bool) -> MigrationEnergy:
        return migration_energy(entry.structure, preset='bvff', spacing=spacing, refine=refine, max_voxels=max_voxels)

    by_spacing = []
    for spacing in spacings:
        found = result(spacing, refine=True)
        by_spacing.append(
            {
                'spacing_angstrom': spacing,
                # Without refinement the grid is that of this spacing, also where refinement took a finer one.
                'grid_eV': result(spacing, refine=False).grid_barriers,
                'refined_eV': (found.barrier_1d, found.barrier_2d, found.barrier_3d),
                'unresolved_saddles': found.unresolved_saddles,
            }
        )
    reference = result(REFERENCE_ANGSTROM, refine=True)
    return {
        'id': entry.id,
        'formula': entry.formula,
        'sites': len(entry.structure),
        'fine_grid_eV': result(fine, refine=False).grid_barriers,
        'refined_from_0.1_eV': (reference.barrier_1d, reference.barrier_2d, reference.barrier_3d),
        'spacings': by_spacing,
    }


def _summary(rows: list[dict[str, Any]], spacings: tuple[float, ...]) -> list[dict[str, Any]]:
    """Return absolute deviations by kind of value, reference and spacing."""
    found = []
    for kind in ('grid_eV', 'refined_eV'):
        for reference in ('fine_grid_eV', 'refined_from_0.1_eV'):
            for place, spacing in enumerate(spacings):
                pairs = [
                    (row['spacings'][place][kind][dimension], row[reference][dimension])
                    for row in rows
                    for dimension in range(3)
                ]
                both = [abs(one - two) for one, two in pairs if one is not None and two is not None]
                found.append(
                    {
                        'values': kind,
                        'reference': reference,
                        'spacing_angstrom': spacing,
                        'eV': spread(both),
                        'only_one_percolates': sum((one is None) != (two is None) for one, two in pairs),
                    }
                )
    return found


def _meV_shown(item: dict[str, Any]) -> float:  # noqa: N802
    return max(LEAST_SHOWN_MEV, 1000 * item['eV']['p90'])


def _lines(summary: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    names = {
        ('grid_eV', 'fine_grid_eV'): 'grid, against fine grid',
        ('grid_eV', 'refined_from_0.1_eV'): 'grid, against refined',
        ('refined_eV', 'fine_grid_eV'): 'refined, against fine grid',
        ('refined_eV', 'refined_from_0.1_eV'): 'refined, against refined',
    }
    lines = []
    for key, name in names.items():
        members = [
            item
            for item in summary
            if (item['values'], item['reference']) == key
            and item['eV']['p90'] is not None
            and (name != 'refined, against refined' or item['spacing_angstrom'] != REFERENCE_ANGSTROM)
        ]
        lines.append((name, members))
    return lines


def _memory(entries: list[Entry]) -> dict[str, Any]:
    """Measure the peak memory at 0.1 Å for a cell of some 2000 Å^3, or a repeated one where all are small."""
    ranked = sorted(entries, key=lambda entry: abs(entry.structure.volume - LARGE_VOLUME_ANGSTROM3))
    entry, structure = next((entry, found) for entry in ranked if (found := decorated(entry)) is not None)
    times = max(1, round(LARGE_VOLUME_ANGSTROM3 / structure.volume))
    structure = structure.make_supercell([times, 1, 1], in_place=False)
    task = {'action': 'memory', 'structure': structure.as_dict(), 'spacing': 0.1}
    return {
        'id': entry.id,
        'formula': entry.formula,
        'repeated': times,
        'volume_angstrom3': float(structure.volume),
        'voxels': math.prod(int(np.ceil(length / 0.1)) for length in structure.lattice.abc),
        # The plain grid of the whole cell, and all stages with symmetry and refinement.
        'plain_grid_MB': measure({**task, 'code': 'own'})['bytes'] / 1e6,
        'default_MB': measure({**task, 'code': 'whole'})['bytes'] / 1e6,
    }


def _show(summary: list[dict[str, Any]], memory: dict[str, Any] | None) -> None:
    print_table(
        'Absolute deviations of barriers (1D, 2D and 3D together), meV',
        ['values', 'reference', 'spacing, Å', 'barriers', 'mean', 'p90', 'max', 'one of two does not percolate'],
        [
            [item['values'].removesuffix('_eV'), item['reference'].removesuffix('_eV'), f'{item["spacing_angstrom"]:g}']
            + [item['eV']['count']]
            + [None if item['eV'][key] is None else f'{1000 * item["eV"][key]:.2f}' for key in ('mean', 'p90', 'max')]
            + [item['only_one_percolates']]
            for item in summary
        ],
    )
    if memory is None:
        return
    click.echo(
        f'memory at 0.1 Å, {memory["formula"]} of {memory["volume_angstrom3"]:.0f} Å^3 ({memory["voxels"]} points): '
        f'{memory["plain_grid_MB"]:.0f} MB for the plain grid, {memory["default_MB"]:.0f} MB by default'
    )
