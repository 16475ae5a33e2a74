"""The migration energies of Table 1 of Yamaguchi et al., Sci. Rep. 13, 16799 (2023), recomputed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from aiida_limap.engines.bvff.migration import migration_energy
from benchmarks.common import filled, load_entries, print_table, shared_options, spearman, write_result
from benchmarks.plots import scatter

__all__ = ['PUBLISHED_EV', 'published']

#: Published migration energies by Materials Project id, eV (DOI 10.1038/s41598-023-43921-1).
PUBLISHED_EV = {
    'mp-761986': 0.983,
    'mp-775628': 0.827,
    'mp-1200057': 0.923,
    'mp-554747': 0.543,
    'mp-774721': 1.018,
    'mp-559776': 0.529,
    'mp-774437': 0.842,
    'mp-942733': 0.861,
    'mp-779434': 0.837,
    'mp-10499': 0.850,
    'mp-759280': 1.016,
    'mp-773074': 1.261,
    'mp-681439': 0.385,
    'mp-541661': 0.865,
    'mp-1222522': 2.964,
    'mp-768320': 0.760,
}
#: Spacings of grids in the cell as given, without symmetry or refinement, Å: published values may be of such grids.
PLAIN_SPACINGS = (0.4, 0.3, 0.25, 0.2, 0.15, 0.1)
#: A value within this of the published one counts as reproduced.
NEAR_EV = 0.1


@click.command('published')
@shared_options
@click.option('--spacing', default=0.2, show_default=True, help='Grid spacing, Å.')
def published(data: Path | None, output: Path, spacing: float) -> None:
    """Recompute the published migration energies: of the grid, and of the continuum.

    \b
    Example:
      python -m benchmarks published --data my-data-folder
    """
    if data is None:
        raise click.ClickException(
            'the published structures are not among the embedded ones; name a folder with --data'
        )
    rows: list[dict[str, Any]] = []
    for entry in load_entries(data, ids=PUBLISHED_EV):
        result = migration_energy(entry.structure, preset='bvff', spacing=spacing)
        plain = {
            f'plain_grid_{width:g}_eV': migration_energy(
                entry.structure, preset='bvff', spacing=width, symmetry=False, refine=False
            ).grid_barriers
            for width in PLAIN_SPACINGS
        }
        rows.append(
            {
                'id': entry.id,
                'formula': entry.formula,
                'published_eV': PUBLISHED_EV[entry.id],
                **plain,
                'grid_eV': result.grid_barriers,
                'refined_eV': (result.barrier_1d, result.barrier_2d, result.barrier_3d),
                'network_eV': (result.network_barrier_1d, result.network_barrier_2d, result.network_barrier_3d),
                'grid_error_eV': result.grid_error,
                'unresolved_saddles': result.unresolved_saddles,
                'oxidation_method': result.oxidation_method,
            }
        )
    missing = sorted(set(PUBLISHED_EV) - {row['id'] for row in rows})
    statistics = [
        {'values': kind, 'dimension': dimension, **_statistics(rows, kind, dimension)}
        for kind in (*(f'plain_grid_{width:g}_eV' for width in PLAIN_SPACINGS), 'grid_eV', 'refined_eV', 'network_eV')
        for dimension in (1, 2, 3)
    ]
    _show(rows, statistics)
    scatter(
        output / 'published.png',
        [('2D, continuum', [row['published_eV'] for row in rows], [row['refined_eV'][1] for row in rows])],
        labels=('published migration energy (eV)', '2D barrier, preset bvff (eV)'),
    )
    write_result(
        output, 'published', {'spacing_angstrom': spacing, 'rows': rows, 'missing': missing, 'statistics': statistics}
    )


def _statistics(rows: list[dict[str, Any]], kind: str, dimension: int) -> dict[str, Any]:
    values = [row[kind][dimension - 1] for row in rows]
    paper, own = filled([row['published_eV'] for row in rows], values)
    deviations = np.abs(own - paper)
    return {
        'count': len(own),
        'spearman': spearman(paper, own),
        'median_absolute_deviation_eV': float(np.median(deviations)) if len(own) else None,
        'within_0.1_eV': int((deviations <= NEAR_EV).sum()),
    }


def _show(rows: list[dict[str, Any]], statistics: list[dict[str, Any]]) -> None:
    print_table(
        'Migration energies of Table 1, eV (preset bvff)',
        ['structure', 'published', *(f'{kind} {d}D' for kind in ('grid', 'refined') for d in (1, 2, 3)), 'grid error'],
        [
            [
                f'{row["id"]} {row["formula"]}',
                row['published_eV'],
                *row['grid_eV'],
                *row['refined_eV'],
                row['grid_error_eV'],
            ]
            for row in rows
        ],
    )
    print_table(
        'Against the published values',
        ['values', 'dimension', 'Spearman', 'median absolute deviation, eV', f'within {NEAR_EV} eV'],
        [
            [
                item['values'].removesuffix('_eV'),
                f'{item["dimension"]}D',
                item['spearman'],
                item['median_absolute_deviation_eV'],
                f'{item["within_0.1_eV"]} of {item["count"]}',
            ]
            for item in statistics
        ],
    )
