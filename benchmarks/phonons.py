"""Archives of PhononDB through the phonon engine: what is read, how long it takes, and band centres beside others."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from aiida_limap.engines.phonons import PhononInput, PhononOptions, compute_item, read_phonons
from aiida_limap.engines.phonons.dos import trapezoid_weights
from aiida_limap.engines.phonons.quantities import KELVIN_PER_THZ
from benchmarks.common import print_table, shared_options, spread, write_markdown, write_result
from benchmarks.plots import scatter

__all__ = ['phonons']

FOLDER = 'phonon'
ROWS_FILE = 'phonons_rows.jsonl'
#: Density of the mesh of the densities of states that the other values come from, Å.
TETRAHEDRON_LENGTH_ANGSTROM = 30.0
#: Names of our values, and of the column of the recomputed table and of the published one beside them. The published
#: table has the columns of 298 K swapped: that of lithium is named as that of all atoms.
COLUMNS = (
    ('mobile_band_centre_THz', 'li_band_centre', 'fav'),
    ('total_band_centre_THz', 'total_band_centre', 'fav_tot'),
    ('mobile_band_centre_298K_THz', 'li_band_centre_298K', '298_tot'),
    ('total_band_centre_298K_THz', 'total_band_centre_298K', '298'),
)
#: What the columns are, in words.
MEANINGS = {
    'mobile_band_centre_THz': 'Li',
    'total_band_centre_THz': 'all atoms',
    'mobile_band_centre_298K_THz': 'Li, 298 K',
    'total_band_centre_298K_THz': 'all atoms, 298 K',
}
Row = dict[str, Any]


@click.command('phonons')
@shared_options
@click.option('--limit', default=None, type=int, help='Take only so many archives, evenly by rank of size.')
@click.option('--tetrahedron', default=30, show_default=True, help='Compare with densities of states for so many.')
@click.option('--afresh', is_flag=True, help='Compute again what an earlier run left in the output folder.')
def phonons(data: Path | None, output: Path, limit: int | None, tetrahedron: int, afresh: bool) -> None:
    """Compute band centres of PhononDB archives, and compare them with those of densities of states.

    The archives are in the folder phonon/phonondb_li of the data. What is finished is kept in the output folder, so
    that a run which was stopped goes on.

    \b
    Example:
      python -m benchmarks phonons --data my-data-folder --limit 20
    """
    if data is None or not (data / FOLDER / 'phonondb_li').is_dir():
        raise click.ClickException(
            'the archives of PhononDB are not among the embedded data; name a folder that holds phonon/phonondb_li '
            'with --data'
        )
    archives = sorted((data / FOLDER / 'phonondb_li').iterdir(), key=lambda path: (path.stat().st_size, path.name))
    rows = _finished(output, afresh, _chosen(archives, limit), _row)
    references = {
        'recomputed': _table(data / FOLDER / 'recomputed_index.csv'),
        'published': _table(data / FOLDER / 'data_labelled_kasper.csv'),
        'mismatched': _table(data / FOLDER / 'li_index_mismatch.csv'),
    }
    readable = [path for path in archives if _id(path) in _ok(rows)]
    compared = {
        name: _finished(output / 'tetrahedron' / name.replace(' ', '_'), afresh, chosen, _dos)
        for name, chosen in (
            ('evenly chosen', _chosen(readable, tetrahedron)),
            ('largest deviations', _worst(readable, _ok(rows), references['recomputed'])[:tetrahedron]),
        )
    }
    result = _summary(rows, compared, references)
    tables = _tables(result)
    for title, headings, cells in tables:
        print_table(title, headings, cells)
    write_markdown(output / 'phonons.md', tables)
    ok = _ok(rows)
    scatter(
        output / 'phonons.png',
        [
            (
                name,
                [reference.get(key) for key in ok],
                [values['mobile_band_centre_THz'] for values in ok.values()],
            )
            for name, reference in (
                ('recomputed', _column(references['recomputed'], 'li_band_centre')),
                ('published', _column(references['published'], 'fav')),
            )
        ],
        labels=('band centre of Li, others (THz)', 'band centre of Li, ours (THz)'),
    )
    write_result(output, 'phonons', result)


def _id(path: Path) -> str:
    return path.name.partition('.')[0]


def _chosen(archives: Sequence[Path], limit: int | None) -> list[Path]:
    if limit is None or len(archives) <= limit:
        return list(archives)
    return [archives[round(place)] for place in np.linspace(0, len(archives) - 1, limit)] if limit else []


def _finished(folder: Path, afresh: bool, archives: Sequence[Path], compute: Callable[[Path], Row]) -> list[Row]:
    """Return one row per archive, computing those that are not in the file of rows yet."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ROWS_FILE
    if afresh:
        file.unlink(missing_ok=True)
    lines = file.read_text(encoding='utf-8').splitlines() if file.is_file() else []
    known = {row['id']: row for row in map(json.loads, lines)}
    with file.open('a', encoding='utf-8') as stream:
        for number, path in enumerate(archives, start=1):
            if _id(path) in known:
                continue
            known[_id(path)] = compute(path)
            stream.write(json.dumps(known[_id(path)]) + '\n')
            stream.flush()
            click.echo(f'{number}/{len(archives)} {_id(path)} {known[_id(path)].get("status", "")}')
    return [known[_id(path)] for path in archives]


def _row(path: Path) -> Row:
    """Return the results of one archive, without and with the non-analytical correction."""
    plain = compute_item(_id(path), path, PhononOptions(nac=False))
    row: Row = {
        'id': plain.id,
        'status': str(plain.status),
        'message': plain.message,
        'values': dict(plain.values),
        'rows': {name: np.round(values, 6).tolist() for name, values in plain.rows.items()},
    }
    corrected = compute_item(_id(path), path, PhononOptions())
    # Without Born charges the second result is the first one again.
    if corrected.values.get('nac') or str(corrected.status) != row['status']:
        row['nac'] = {
            'status': str(corrected.status),
            'message': corrected.message,
            'values': dict(corrected.values),
            'rows': {name: np.round(values, 6).tolist() for name, values in corrected.rows.items()},
        }
    return row


def _dos(path: Path) -> Row:
    """Return band centres of lithium by way of phonopy's density of states, tetrahedron method, default grid."""
    source = read_phonons(path, nac=False)
    if not isinstance(source, PhononInput):
        raise click.ClickException(f'{path} holds no forces')
    phonopy = source.phonopy
    lithium = [place for place, symbol in enumerate(phonopy.primitive.symbols) if symbol == 'Li']
    phonopy.run_mesh(TETRAHEDRON_LENGTH_ANGSTROM, with_eigenvectors=True, is_mesh_symmetry=False)
    phonopy.run_projected_dos()
    found = phonopy.projected_dos
    frequencies, density = np.array(found.frequency_points), np.array(found.projected_dos)[lithium].sum(axis=0)
    real = frequencies > 0
    occupied = np.zeros_like(density)
    occupied[real] = density[real] / np.expm1(KELVIN_PER_THZ * frequencies[real] / 298.0)
    return {
        'id': _id(path),
        'band_centre_THz': float(frequencies @ density / density.sum()),
        'band_centre_298K_THz': float(frequencies @ occupied / occupied.sum()),
        'norm_deviation': float(trapezoid_weights(frequencies) @ density / (3 * len(lithium)) - 1),
    }


def _table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding='utf-8') as stream:
        return {row['material_id']: row for row in csv.DictReader(stream)}


def _column(table: dict[str, dict[str, str]], name: str) -> dict[str, float]:
    return {key: float(row[name]) for key, row in table.items() if row.get(name)}


def _ok(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    return {row['id']: row['values'] for row in rows if row['status'] == 'ok'}


def _worst(
    archives: Sequence[Path], ours: dict[str, dict[str, Any]], recomputed: dict[str, dict[str, str]]
) -> list[Path]:
    """Return the archives whose band centre of lithium is farthest from the recomputed one, twenty at most."""
    theirs = _column(recomputed, 'li_band_centre')
    deviations = _deviations(ours, 'mobile_band_centre_THz', theirs)
    known = [path for path in archives if _id(path) in deviations]
    return sorted(known, key=lambda path: -abs(deviations[_id(path)]))[:20]


def _deviations(ours: dict[str, dict[str, Any]], name: str, theirs: dict[str, float]) -> dict[str, float]:
    """Return relative deviations of ours from theirs, in per cent."""
    return {
        key: 100 * (values[name] / theirs[key] - 1)
        for key, values in ours.items()
        if values.get(name) is not None and theirs.get(key)
    }


def _spread(values: dict[str, float]) -> dict[str, Any]:
    found = list(values.values())
    absolute = spread([abs(value) for value in found])
    return {
        **absolute,
        'bias': float(np.median(found)) if found else None,
        'within_1_percent': sum(abs(value) <= 1 for value in found),
        'within_5_percent': sum(abs(value) <= 5 for value in found),
        'worst': sorted(values.items(), key=lambda item: -abs(item[1]))[:10],
    }


def _summary(
    rows: list[Row], compared: dict[str, list[Row]], references: dict[str, dict[str, dict[str, str]]]
) -> dict[str, Any]:
    ours = _ok(rows)
    recomputed, published = references['recomputed'], references['published']
    stable = {key: values for key, values in ours.items() if values['total_imaginary_share'] < 0.001}
    wrong = {key: values for key, values in ours.items() if key in references['mismatched']}
    right = {key: values for key, values in ours.items() if key in published and key not in wrong}
    corrected = {row['id']: row['nac'] for row in rows if 'nac' in row}
    with_charges = {key: item['values'] for key, item in corrected.items() if item['status'] == 'ok'}
    plain = {key: ours[key] for key in with_charges if key in ours}
    deviations = {}
    for name, column, other in COLUMNS:
        theirs, printed = _column(recomputed, column), _column(published, other)
        deviations[name] = {
            'all, from recomputed': _spread(_deviations(ours, name, theirs)),
            'stable, from recomputed': _spread(_deviations(stable, name, theirs)),
            'mis-assigned, from recomputed': _spread(_deviations(wrong, name, theirs)),
            'mis-assigned, from published': _spread(_deviations(wrong, name, printed)),
            'others, from published': _spread(_deviations(right, name, printed)),
            'with Born charges, from without': _spread(
                _deviations(with_charges, name, {key: values[name] for key, values in plain.items() if values[name]})
            ),
        }
    return {
        'rows': [{key: value for key, value in row.items() if key not in {'rows', 'nac'}} for row in rows],
        'statuses': dict(Counter(row['status'] for row in rows)),
        'statuses_with_charges': dict(Counter(item['status'] for item in corrected.values())),
        'refused': [(row['id'], row['status'], row['message']) for row in rows if row['status'] != 'ok']
        + [(key, item['status'], item['message']) for key, item in corrected.items() if item['status'] != 'ok'],
        'seconds': {
            'read': spread([values['read_s'] for values in ours.values()]),
            'all': spread([values['wall_s'] for values in ours.values()]),
            'with charges, read': spread([values['read_s'] for values in with_charges.values()]),
            'with charges, all': spread([values['wall_s'] for values in with_charges.values()]),
        },
        'total_seconds': sum(row['values'].get('wall_s', 0.0) for row in rows),
        'asymmetry': spread([values['asymmetry'] for values in ours.values()]),
        'largest_norm_deviation': max((abs(values['mobile_norm_deviation']) for values in ours.values()), default=None),
        'imaginary_over_1_percent': sum(values['total_imaginary_share'] > 0.01 for values in ours.values()),
        'deviations_percent': deviations,
        'tetrahedron': {
            name: {
                'rows': chosen,
                'norm_deviation_percent': _spread({row['id']: 100 * row['norm_deviation'] for row in chosen}),
                'centres': {
                    own: _through_densities(ours, own, chosen, _column(recomputed, column))
                    for own, column, _ in COLUMNS
                    if own.startswith('mobile')
                },
            }
            for name, chosen in compared.items()
        },
    }


def _through_densities(
    ours: dict[str, dict[str, Any]], name: str, compared: list[Row], theirs: dict[str, float]
) -> dict[str, Any]:
    """Return how far densities of states, of the same force constants, are from the recomputed values and from ours."""
    found = {row['id']: row[name.removeprefix('mobile_')] for row in compared}
    from_theirs = {key: 100 * (value / theirs[key] - 1) for key, value in found.items() if key in theirs}
    return {'from_recomputed': _spread(from_theirs), 'modes_from_tetrahedron': _spread(_deviations(ours, name, found))}


def _tables(result: dict[str, Any]) -> list[tuple[str, list[str], list[list[Any]]]]:
    headings = ['set', 'band centre', 'count', 'median', 'mean', '90th percentile', 'largest', 'bias', 'within 5 %']
    names = list(next(iter(result['deviations_percent'].values())))
    cells = [
        [name, MEANINGS[column], *_cells(result['deviations_percent'][column][name])]
        for name in names
        for column in MEANINGS
    ]
    for chosen, other in result['tetrahedron'].items():
        for name, centres in other['centres'].items():
            cells += [
                [f'densities from recomputed, {chosen}', MEANINGS[name], *_cells(centres['from_recomputed'])],
                [f'modes from densities, {chosen}', MEANINGS[name], *_cells(centres['modes_from_tetrahedron'])],
            ]
        cells += [[f'norm of densities, {chosen}', 'Li', *_cells(other['norm_deviation_percent'])]]
    seconds = [
        [name, value['count'], value['median'], value['mean'], value['p90'], value['max']]
        for name, value in result['seconds'].items()
    ]
    return [
        ('Deviations, %', headings, cells),
        ('Seconds per compound', ['part', 'count', 'median', 'mean', '90th percentile', 'largest'], seconds),
        ('Archives', ['status', 'count'], [[word, count] for word, count in result['statuses'].items()]),
    ]


def _cells(values: dict[str, Any]) -> list[Any]:
    return [*(values[name] for name in ('count', 'median', 'mean', 'p90', 'max', 'bias')), values['within_5_percent']]
