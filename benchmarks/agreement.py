"""Barriers of bvlain beside the exact ones, with the reason of every difference."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.landscape import site_energy_landscape
from aiida_limap.engines.bvff.migration import migration_energy
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.percolation.thresholds import Percolation, percolate
from benchmarks.bvlain_adapter import BRACKET_EV, ENERGY_CAP_EV, Peer, available_bytes, predicted_bytes, require_peer
from benchmarks.common import Entry, load_entries, print_table, shared_options, spread, write_result
from benchmarks.selection import comparable

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['agreement']

#: Barriers that differ by no more are called equal: the bracket of bvlain is half of it.
TOLERANCE_EV = 0.02
#: More neighbours than any oxide has within 10 Å.
ALL_NEIGHBOURS = 700


@click.command('agreement')
@shared_options
@click.option('--structures', default=40, show_default=True, help='Number of structures.')
@click.option('--resolution', default=0.2, show_default=True, help='Resolution of bvlain, Å.')
@click.option(
    '--memory-limit', default=None, type=float, help='Largest predicted memory of bvlain, GB [half of the free]'
)
def agreement(data: Path | None, output: Path, structures: int, resolution: float, memory_limit: float | None) -> None:
    """Compare barriers with bvlain on the very same grid points, preset bvse, and explain what differs.

    \b
    Example:
      python -m benchmarks agreement --structures 10 --resolution 0.3
    """
    version = require_peer()
    limit = memory_limit * 1e9 if memory_limit else 0.5 * available_bytes()
    rows = []
    for entry, structure in comparable(load_entries(data), structures):
        if predicted_bytes(structure, resolution) > limit:
            click.echo(f'{entry.id}: skipped, bvlain would need more memory than the limit')
            continue
        rows.append(_compared(entry, structure, resolution, limit))
        click.echo(f'{entry.id} {entry.formula}: {", ".join(rows[-1]["verdict"])}')
    summary = _summary(rows)
    _show(rows, summary)
    write_result(
        output,
        'agreement',
        {
            'bvlain': version,
            'resolution_angstrom': resolution,
            'tolerance_eV': TOLERANCE_EV,
            'rows': rows,
            'summary': summary,
        },
    )


def _compared(entry: Entry, structure: Structure, resolution: float, limit: float) -> dict[str, Any]:
    peer = Peer(structure)
    theirs = peer.energies(resolution)[:-1, :-1, :-1]
    barriers = peer.barriers()
    options = BvffOptions(preset='bvse', energy_cap_eV=ENERGY_CAP_EV)
    framework = build_framework(structure, [site.specie.oxi_state for site in structure], options)
    ours = site_energy_landscape(framework, theirs.shape)
    exact, own = _percolated(theirs), _percolated(ours)
    whole = None
    verdicts = []
    for place in range(3):
        verdict = _verdict(barriers[place], exact, own, place)
        if verdict == 'energies differ' and whole is None:
            whole = _whole_sphere(peer, structure, resolution, limit)
        if verdict == 'energies differ' and whole is not None:
            verdict = _sphere_verdict(_finite(whole.barriers[place]), _finite(own.barriers[place]))
        verdicts.append(verdict)
    refined = migration_energy(structure, preset='bvse', spacing=resolution)
    below = theirs < theirs.min() + 3.0
    return {
        'id': entry.id,
        'formula': entry.formula,
        'sites': len(structure),
        'grid': list(theirs.shape),
        'bvlain_eV': barriers,
        'exact_on_its_grid_eV': exact.barriers,
        'own_on_its_grid_eV': own.barriers,
        'refined_eV': (refined.barrier_1d, refined.barrier_2d, refined.barrier_3d),
        'index_odd': [_odd(exact, place) for place in range(3)],
        'verdict': verdicts,
        'largest_energy_difference_eV': _energy_difference(theirs, ours, below),
        'largest_energy_difference_whole_sphere_eV': None
        if whole is None
        else _energy_difference(whole.energies, ours, below),
    }


class _Percolated:
    """A grid and what percolates in it."""

    def __init__(self, energies: NDArray) -> None:
        self.energies = energies
        self.result: Percolation = percolate(energies, maximum=float(energies.min()) + ENERGY_CAP_EV)
        self.barriers = self.result.barriers


def _percolated(energies: NDArray) -> _Percolated:
    return _Percolated(energies)


def _whole_sphere(peer: Peer, structure: Structure, resolution: float, limit: float) -> _Percolated | None:
    """Repeat bvlain with all neighbours within its cut-off, where memory allows."""
    if predicted_bytes(structure, resolution) * ALL_NEIGHBOURS / 100 > limit:
        return None
    return _Percolated(peer.energies(resolution, neighbours=ALL_NEIGHBOURS)[:-1, :-1, :-1])


def _energy_difference(first: NDArray, second: NDArray, where: NDArray) -> float:
    """Return the largest difference of energies above the lowest one."""
    return float(np.abs((first - first.min()) - (second - second.min()))[where].max())


def _finite(value: float | None) -> float:
    return math.inf if value is None else value


def _odd(exact: _Percolated, place: int) -> bool | None:
    """Tell whether images counted in a doubled cell give the dimension; None where nothing percolates.

    The translations of the network at its threshold must keep their rank modulo two.
    """
    if exact.barriers[place] is None:
        return None
    return _rank_modulo_two(exact.result.translations[place]) >= place + 1


def _rank_modulo_two(vectors: NDArray[np.int64]) -> int:
    rows = [int(sum((abs(int(entry)) % 2) << axis for axis, entry in enumerate(vector))) for vector in vectors]
    rank = 0
    for bit in range(3):
        pivot = next((row for row in rows if row >> bit & 1), None)
        if pivot is not None:
            rows.remove(pivot)
            rows = [row ^ pivot if row >> bit & 1 else row for row in rows]
            rank += 1
    return rank


def _verdict(barrier: float, exact: _Percolated, own: _Percolated, place: int) -> str:
    """Say whether a barrier of bvlain agrees with ours, else why not."""
    ours, theirs_exact = _finite(own.barriers[place]), _finite(exact.barriers[place])
    if barrier == ours or abs(barrier - ours) <= TOLERANCE_EV:
        return 'equal'
    if _odd(exact, place) is False:
        return 'counted modulo two'
    if barrier - theirs_exact > BRACKET_EV + 1e-4 or barrier < theirs_exact - 1e-4:
        return 'components of its grid not joined'
    if abs(theirs_exact - ours) > BRACKET_EV:
        return 'energies differ'
    return 'bracket and energies together'


def _sphere_verdict(whole: float, own: float) -> str:
    return 'sphere cut at 100 neighbours' if abs(whole - own) < 2e-3 else 'energies differ'


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    verdicts = Counter(verdict for row in rows for verdict in row['verdict'])
    right = [(row, place) for row in rows for place in range(3) if row['index_odd'][place] is not False]
    equal = sum(row['verdict'][place] == 'equal' for row, place in right)
    differences = [
        row['bvlain_eV'][place] - row['own_on_its_grid_eV'][place]
        for row, place in right
        if row['own_on_its_grid_eV'][place] is not None and math.isfinite(row['bvlain_eV'][place])
    ]
    refined = [
        row['bvlain_eV'][place] - row['refined_eV'][place]
        for row in rows
        for place in range(3)
        if row['refined_eV'][place] is not None and math.isfinite(row['bvlain_eV'][place])
    ]
    return {
        'structures': len(rows),
        'barriers': 3 * len(rows),
        'barriers_with_odd_index': len(right),
        'of_them_equal': equal,
        'structures_wholly_equal': sum(set(row['verdict']) == {'equal'} for row in rows),
        'verdicts': dict(verdicts.most_common()),
        'bvlain_less_own_on_its_grid_eV': spread(differences),
        'bvlain_less_refined_eV': spread(refined),
    }


def _show(rows: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    print_table(
        'Barriers that differ from those of bvlain on the same grid points, eV',
        ['structure', 'dimension', 'bvlain', 'its grid, exact', 'ours, its grid', 'ours, refined', 'reason'],
        [
            [f'{row["id"]} {row["formula"]}', f'{place + 1}D', row['bvlain_eV'][place]]
            + [row[key][place] for key in ('exact_on_its_grid_eV', 'own_on_its_grid_eV', 'refined_eV')]
            + [row['verdict'][place]]
            for row in rows
            for place in range(3)
            if row['verdict'][place] != 'equal'
        ],
    )
    click.echo(
        f'{summary["of_them_equal"]} of {summary["barriers_with_odd_index"]} barriers whose index is odd agree within '
        f'{TOLERANCE_EV} eV; verdicts: {summary["verdicts"]}'
    )
