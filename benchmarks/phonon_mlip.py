"""Phonons of a calculator beside those of PhononDB: the error of band centres, and the time."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from aiida_limap.common.calculators import RELAXATIONS
from aiida_limap.engines.errors import LimapError
from aiida_limap.engines.phonons import PhononInput, PhononOptions, phonon_quantities, read_phonons
from aiida_limap.engines.phonons.calculators import CalculatorOptions, load_calculator, phonons_from_calculator
from aiida_limap.engines.phonons.modes import element_of
from benchmarks.common import print_table, shared_options, spearman, spread, write_markdown, write_result
from benchmarks.plots import scatter

__all__ = ['phonon_mlip']

FOLDER = 'phonon'
INDEX_FILE = 'phonondb_li_index.csv'
ROWS_FILE = 'phonon_mlip_rows.jsonl'
COLUMNS = {
    'mobile_band_centre_THz': 'Li',
    'total_band_centre_THz': 'all atoms',
    'mobile_band_centre_298K_THz': 'Li, 298 K',
    'total_band_centre_298K_THz': 'all atoms, 298 K',
}
#: Compounds of which more is imaginary in the reference, or by the calculator, are told apart.
IMAGINARY = 0.01
Row = dict[str, Any]
#: Displacement in Å, and what is relaxed.
Variant = tuple[float, str]


@click.command('phonon_mlip')
@shared_options
@click.option('--calculator', default='chgnet', show_default=True, help='Name of the entry point of the calculator.')
@click.option('--limit', default=15, show_default=True, help='Take so many archives, those of least work first.')
@click.option(
    '--displacement',
    'displacements',
    multiple=True,
    type=float,
    default=(0.01, 0.03, 0.05),
    show_default=True,
    help='Displacement, Å; may be given several times.',
)
@click.option(
    '--relax',
    'relaxations',
    multiple=True,
    type=click.Choice(RELAXATIONS),
    default=('cell', 'none'),
    show_default=True,
    help='What the calculator relaxes first; may be given several times.',
)
@click.option('--afresh', is_flag=True, help='Compute again what an earlier run left in the output folder.')
def phonon_mlip(
    data: Path | None,
    output: Path,
    calculator: str,
    limit: int,
    displacements: tuple[float, ...],
    relaxations: tuple[str, ...],
    afresh: bool,
) -> None:
    """Compare band centres of a calculator with those of density functional theory (PBEsol, PhononDB).

    The supercells are those of the archives; the crystals are relaxed by the calculator, or taken as they are, so that
    the softness of the forces and that of a larger cell are told apart. Neither side has the non-analytical correction.
    What is finished is kept in the output folder, so that a run which was stopped goes on.

    \b
    Example:
      python -m benchmarks phonon_mlip --data my-data-folder --limit 3
    """
    if data is None or not (data / FOLDER / 'phonondb_li').is_dir():
        raise click.ClickException(
            'the archives of PhononDB are not among the embedded data; name a folder that holds phonon/phonondb_li '
            'with --data'
        )
    try:
        made = load_calculator(calculator)
    except LimapError as error:
        raise click.ClickException(str(error)) from error
    output.mkdir(parents=True, exist_ok=True)
    variants = [(displacement, relax) for relax in relaxations for displacement in displacements]
    rows = _rows(output / ROWS_FILE, afresh, _smallest(data / FOLDER, limit), made, variants)
    result = _summary(rows, {'name': calculator, **getattr(made, 'limap_info', {})}, variants)
    tables = _tables(result)
    for title, headings, cells in tables:
        print_table(title, headings, cells)
    write_markdown(output / 'phonon_mlip.md', tables)
    groups = [(_title(variant), _pairs(rows, variant, 'mobile_band_centre_THz', stable=False)) for variant in variants]
    scatter(
        output / 'phonon_mlip.png',
        [(title, [pair[0] for pair in pairs], [pair[1] for pair in pairs]) for title, pairs in groups],
        labels=('band centre of Li, PhononDB (THz)', f'band centre of Li, {calculator} (THz)'),
    )
    write_result(output, 'phonon_mlip', result)


def _smallest(folder: Path, limit: int) -> list[Path]:
    """Return the archives of least work, which is the number of atoms of the supercell times the displacements."""
    with (folder / INDEX_FILE).open(encoding='utf-8') as stream:
        work = {
            row['material_id']: int(row['nsites_supercell']) * int(row['n_displacements'])
            for row in csv.DictReader(stream)
            if row['nsites_supercell'] and row['n_displacements']
        }
    known = [path for path in (folder / 'phonondb_li').iterdir() if path.name.partition('.')[0] in work]
    return sorted(known, key=lambda path: (work[path.name.partition('.')[0]], path.name))[:limit]


def _rows(
    file: Path, afresh: bool, archives: Sequence[Path], calculator: Any, variants: Sequence[Variant]
) -> list[Row]:
    """Return a row per archive and variant, computing those that are not in the file of rows yet."""
    if afresh:
        file.unlink(missing_ok=True)
    lines = file.read_text(encoding='utf-8').splitlines() if file.is_file() else []
    known = {(row['id'], row['displacement'], row['relax']): row for row in map(json.loads, lines)}
    wanted = [(path, variant) for path in archives for variant in variants]
    chosen = []
    with file.open('a', encoding='utf-8') as stream:
        for number, (path, variant) in enumerate(wanted, start=1):
            key = (path.name.partition('.')[0], *variant)
            if key not in known:
                known[key] = _row(path, variant, calculator)
                stream.write(json.dumps(known[key]) + '\n')
                stream.flush()
                click.echo(f'{number}/{len(wanted)} {key[0]}, {_title(variant)}: {known[key]["message"]}')
            chosen.append(known[key])
    return chosen


def _row(path: Path, variant: Variant, calculator: Any) -> Row:
    from pymatgen.core import Lattice, Structure

    source = read_phonons(path, nac=False)
    if not isinstance(source, PhononInput):
        raise click.ClickException(f'{path} holds no forces')
    options = PhononOptions(nac=False, max_imaginary_share=1.0)
    reference = phonon_quantities(source, options)[1].values()
    cell = source.phonopy.unitcell
    structure = Structure(Lattice(cell.cell), [element_of(word) for word in cell.symbols], cell.scaled_positions)
    row: Row = {
        'id': path.name.partition('.')[0],
        'formula': structure.composition.reduced_formula,
        'displacement': variant[0],
        'relax': variant[1],
        'supercell_atoms': len(source.phonopy.supercell),
        'reference': reference,
    }
    started, used = time.monotonic(), time.process_time()
    try:
        found = phonons_from_calculator(
            structure,
            calculator,
            options=CalculatorOptions(displacement_angstrom=variant[0], relax=variant[1]),
            supercell_matrix=source.phonopy.supercell_matrix,
        )
        values = phonon_quantities(found, options)[1].values()
    except LimapError as error:
        return row | {'message': str(error), 'seconds': time.monotonic() - started}
    return row | {
        'message': 'ok',
        'values': values,
        'asymmetry': found.asymmetry,
        'volume_change': float(found.phonopy.unitcell.volume / cell.volume - 1),
        'displacements': len(found.phonopy.dataset['first_atoms']),
        'seconds': time.monotonic() - started,
        'cpu_seconds': time.process_time() - used,
    }


def _stable(row: Row) -> bool:
    return all(row[part]['total_imaginary_share'] < IMAGINARY for part in ('reference', 'values'))


def _title(variant: Variant) -> str:
    return f'{variant[0]:g} Å, {"as given" if variant[1] == "none" else f"{variant[1]} relaxed"}'


def _pairs(rows: Sequence[Row], variant: Variant, name: str, *, stable: bool) -> list[tuple[float, float]]:
    """Return numbers of the reference and of the calculator."""
    return [
        (row['reference'][name], row['values'][name])
        for row in rows
        if (row['displacement'], row['relax']) == variant and 'values' in row and (_stable(row) or not stable)
    ]


def _errors(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return per cent of deviation: spread of its size, its median with sign, and the rank correlation."""
    theirs, ours = np.array(pairs).reshape(-1, 2).T
    percent = 100 * (ours / theirs - 1)
    return {
        **spread(np.abs(percent).tolist()),
        'bias': float(np.median(percent)) if len(percent) else None,
        'spearman': spearman(theirs.tolist(), ours.tolist()) if len(percent) > 2 else None,
    }


def _summary(rows: list[Row], calculator: Mapping[str, Any], variants: Sequence[Variant]) -> dict[str, Any]:
    done = [row for row in rows if 'values' in row]
    return {
        'calculator': dict(calculator),
        'rows': rows,
        'failed': [
            (row['id'], row['displacement'], row['relax'], row['message']) for row in rows if 'values' not in row
        ],
        'errors_percent': {
            f'{_title(variant)}, {kind}': {
                name: _errors(_pairs(rows, variant, name, stable=kind == 'stable')) for name in COLUMNS
            }
            for variant in variants
            for kind in ('all', 'stable')
        },
        'seconds': spread([row['seconds'] for row in done]),
        'cpu_seconds': spread([row['cpu_seconds'] for row in done]),
        'volume_change_percent': spread([100 * row['volume_change'] for row in done if row['relax'] == 'cell']),
    }


def _tables(result: dict[str, Any]) -> list[tuple[str, list[str], list[list[Any]]]]:
    headings = ['set', 'band centre', 'count', 'median', 'mean', '90th percentile', 'largest', 'bias', 'rank corr.']
    cells = [
        [
            kind,
            COLUMNS[name],
            *(errors[key] for key in ('count', 'median', 'mean', 'p90', 'max', 'bias', 'spearman')),
        ]
        for kind, found in result['errors_percent'].items()
        for name, errors in found.items()
    ]
    compounds = [
        [
            row['id'],
            row['formula'],
            row['displacement'],
            row['relax'],
            row['supercell_atoms'],
            row['displacements'],
            row['reference']['mobile_band_centre_THz'],
            row['values']['mobile_band_centre_THz'],
            100 * row['reference']['total_imaginary_share'],
            100 * row['values']['total_imaginary_share'],
            row['seconds'],
            row['cpu_seconds'],
        ]
        for row in result['rows']
        if 'values' in row
    ]
    names = ['id', 'formula', 'displacement, Å', 'relax', 'atoms', 'displacements', 'reference, THz', 'calculator, THz']
    names += ['imaginary, %', 'imaginary by calculator, %', 'seconds', 'CPU seconds']
    return [('Deviations from PhononDB, %', headings, cells), ('Compounds', names, compounds)]
