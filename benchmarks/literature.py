"""Barriers of the literature beside those of both presets."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import click
import numpy as np

from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.migration import MigrationEnergy, migration_energy
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.errors import LimapError
from benchmarks.common import (
    OXIDES_FILE,
    Entry,
    filled,
    load_entries,
    print_table,
    shared_options,
    spearman,
    write_result,
)
from benchmarks.neb import Hop, hop_barrier, read_hops
from benchmarks.plots import scatter

__all__ = ['literature']

PRESETS = ('bvff', 'bvse')
SOFTBV_FILE = 'softbv_barriers_honrao2021.csv'
OTHERS_FILE = 'mp_li_other.jsonl.gz'
MAX_SITES = 2000


@click.command('literature')
@shared_options
@click.option('--spacing', default=0.2, show_default=True, help='Grid spacing, Å.')
@click.option('--limit', default=None, type=int, help='Take only so many rows of each table.')
def literature(data: Path | None, output: Path, spacing: float, limit: int | None) -> None:
    """Compare with barriers of density functional theory and with published ones of softBV.

    Structures come with the barriers of density functional theory (nudged elastic bands). Rows of softBV are matched by
    their Materials Project id to the structures of today.

    \b
    Example:
      python -m benchmarks literature --data my-data-folder --limit 10
    """
    if data is None:
        raise click.ClickException('the literature barriers are not among the embedded data; name a folder with --data')
    hops, lost = read_hops(data)
    hop_rows = [_hop_row(hop, spacing) for hop in hops[:limit]]
    softbv_rows, softbv_lost = _softbv_rows(data, spacing, limit)
    result = {
        'spacing_angstrom': spacing,
        'neb': {'rows': hop_rows, 'without_structure': lost, 'statistics': _hop_statistics(hop_rows)},
        'softbv': {'rows': softbv_rows, 'left_out': softbv_lost, 'statistics': _softbv_statistics(softbv_rows)},
    }
    _show(result)
    _draw(output, hop_rows, softbv_rows)
    write_result(output, 'literature', result)


def _barriers(structure: Any, preset: str, spacing: float) -> MigrationEnergy:
    return migration_energy(structure, preset=preset, spacing=spacing, max_sites=MAX_SITES)


def _values(result: MigrationEnergy) -> dict[str, Any]:
    return {
        'barriers_eV': (result.barrier_1d, result.barrier_2d, result.barrier_3d),
        'network_barriers_eV': (result.network_barrier_1d, result.network_barrier_2d, result.network_barrier_3d),
        'oxidation_method': result.oxidation_method,
    }


def _hop_row(hop: Hop, spacing: float) -> dict[str, Any]:
    row: dict[str, Any] = {
        'id': hop.id,
        'compound': hop.compound,
        'class': hop.crystal_class,
        'sites': len(hop.structure),
        'literature_eV': hop.barrier,
        'dilute': hop.dilute,
        'machine_learned_eV': hop.machine_learned,
        'machine_learned_relaxed_eV': hop.machine_learned_relaxed,
    }
    for preset in PRESETS:
        try:
            result = _barriers(hop.structure, preset, spacing)
        except LimapError as error:
            row[preset] = {'status': str(error.status), 'message': str(error)}
            continue
        framework = build_framework(hop.structure, result.oxidation_states, BvffOptions(preset=preset))
        row[preset] = {'status': 'ok', **_values(result), 'hop_eV': hop_barrier(framework, hop.images)}
    click.echo(f'{hop.id}: {hop.barrier} eV; ' + ', '.join(f'{p} {row[p].get("hop_eV")}' for p in PRESETS))
    return row


def _softbv_rows(data: Path, spacing: float, limit: int | None) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    with (data / SOFTBV_FILE).open(encoding='utf-8', newline='') as file:
        table = list(csv.DictReader(file))[:limit]
    ids = [row['mp_id'] for row in table]
    entries: dict[str, Entry] = {}
    for name in (OXIDES_FILE, OTHERS_FILE):
        entries |= {entry.id: entry for entry in load_entries(data, name, ids)}
    rows, lost = [], []
    for line in table:
        facts = {'id': line['mp_id'], 'formula': line['formula_in_source']}
        if line['kind'] != 'softBV':
            lost.append({**facts, 'why': 'a prediction of machine learning, not a barrier of softBV'})
            continue
        if line['mp_id'] not in entries:
            lost.append({**facts, 'why': 'no structure of that id'})
            continue
        row: dict[str, Any] = {**facts, 'literature_eV': float(line['softbv_3d_barrier_eV']), 'table': line['table']}
        row['formula_of_structure'] = entries[line['mp_id']].formula
        for preset in PRESETS:
            try:
                row[preset] = {'status': 'ok', **_values(_barriers(entries[line['mp_id']].structure, preset, spacing))}
            except LimapError as error:
                row[preset] = {'status': str(error.status), 'message': str(error)}
        rows.append(row)
    return rows, lost


def _column(rows: list[dict[str, Any]], preset: str, name: str, dimension: int | None = None) -> list[float | None]:
    values = [row[preset].get(name) for row in rows]
    return values if dimension is None else [None if value is None else value[dimension - 1] for value in values]


def _compared(name: str, own: list[float | None], rows: list[dict[str, Any]]) -> dict[str, Any]:
    literature = [row['literature_eV'] for row in rows]
    one, two = filled(literature, own)
    return {
        'values': name,
        'rows': len(rows),
        'compared': len(one),
        'spearman': spearman(literature, own),
        'median_absolute_deviation_eV': float(np.median(np.abs(one - two))) if len(one) else None,
        'median_ratio': float(np.median(two / one)) if len(one) else None,
    }


def _hop_statistics(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lowest = _lowest_of_compounds(rows)
    found = []
    for preset in PRESETS:
        for name, members in (
            ('', rows),
            (' of a vacancy', [row for row in rows if not row['dilute']]),
            (' of a single Li in its host', [row for row in rows if row['dilute']]),
        ):
            found.append(_compared(f'{preset}, the same hop{name}', _column(members, preset, 'hop_eV'), members))
        for dimension in (1, 2, 3):
            name = f'{preset}, percolation {dimension}D, lowest row of each compound'
            found.append(_compared(name, _column(lowest, preset, 'barriers_eV', dimension), lowest))
    for name, key in (('not relaxed', 'machine_learned_eV'), ('relaxed', 'machine_learned_relaxed_eV')):
        found.append(_compared(f'MACE potential, {name}', [row[key] for row in rows], rows))
    return found


def _lowest_of_compounds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the row with the lowest literature barrier of each compound: the one that transport will take."""
    best: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row['compound'] not in best or row['literature_eV'] < best[row['compound']]['literature_eV']:
            best[row['compound']] = row
    return list(best.values())


def _softbv_statistics(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        _compared(f'{preset}, {dimension}D{", of the network" if kind == "network_barriers_eV" else ""}',
                  _column(rows, preset, kind, dimension), rows)
        for preset in PRESETS
        for kind in ('barriers_eV', 'network_barriers_eV')
        for dimension in (1, 2, 3)
    ]  # fmt: skip


def _show(result: dict[str, Any]) -> None:
    for key, title in (
        ('neb', 'Against density functional theory (nudged elastic bands), Li'),
        ('softbv', 'Against 3D barriers of softBV (Honrao et al. 2021)'),
    ):
        part = result[key]
        print_table(
            title,
            ['values', 'rows', 'compared', 'Spearman', 'median absolute deviation, eV', 'median of own / literature'],
            [
                [
                    item[key]
                    for key in (
                        'values',
                        'rows',
                        'compared',
                        'spearman',
                        'median_absolute_deviation_eV',
                        'median_ratio',
                    )
                ]
                for item in part['statistics']
            ],
        )
        print_table(
            'Rows without a barrier',
            ['row', 'preset', 'status', 'why'],
            [
                [f'{row["id"]} {row.get("formula", row.get("compound"))}', preset, *row[preset].values()]
                for row in part['rows']
                for preset in PRESETS
                if row[preset]['status'] != 'ok'
            ],
        )


def _draw(output: Path, hop_rows: list[dict[str, Any]], softbv_rows: list[dict[str, Any]]) -> None:
    for name, rows, column, dimension, label in (
        ('literature_neb.png', hop_rows, 'hop_eV', None, 'literature barrier, NEB (eV)'),
        ('literature_softbv.png', softbv_rows, 'barriers_eV', 3, 'published 3D barrier, softBV (eV)'),
    ):
        scatter(
            output / name,
            [
                (preset, [row['literature_eV'] for row in rows], _column(rows, preset, column, dimension))
                for preset in PRESETS
            ],
            labels=(label, 'bond-valence barrier (eV)'),
            logarithmic=True,
        )
