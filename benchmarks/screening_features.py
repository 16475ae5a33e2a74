"""The features of Sendek et al. beside another author's, beside the published statistics, and how long they take."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from aiida_limap.engines.errors import LimapError
from aiida_limap.engines.screening.sendek import (
    ALL_FEATURES,
    FIVE_FEATURES,
    PUBLISHED_FIVE,
    SENDEK_FEATURES,
    sendek_features,
)
from benchmarks.common import Entry, load_entries, print_table, shared_options, write_markdown, write_result
from benchmarks.sendek_readings import (
    PUBLISHED_MEANS,
    PUBLISHED_PROBABILITIES,
    all_images,
    nearest_images,
    probability,
)

__all__ = ['screening_features']

FILES = ('mp_li_oxides.jsonl.gz', 'mp_li_other.jsonl.gz')
REFERENCE = 'sendek_features_mp.csv'
FORMULAS = 'sendek40.csv'
#: Numbers agree if they differ by less than this, absolute below one and relative above.
NEAR = 1e-3
Table = tuple[str, Sequence[str], Sequence[Sequence[Any]]]


@click.command('screening_features')
@shared_options
@click.option('--structures', default=0, help='Only so many structures of the data; 0 for all.', show_default=True)
def screening_features(data: Path | None, output: Path, structures: int) -> None:
    """Compare the features of Sendek et al. with another author's, with published statistics, and time them.

    \b
    Example:
      python -m benchmarks screening_features --data my-data-folder
    """
    entries = load_entries(None) if data is None else [entry for file in FILES for entry in load_entries(data, file)]
    entries = entries[:: max(1, len(entries) // structures)] if structures else entries
    _features_of(entries[0])
    timed, lost = _timed(entries)
    tables: list[Table] = [_speed_table(timed, len(entries), len(lost))]
    result: dict[str, Any] = {'structures': len(entries), 'seconds': timed, 'lost': lost}
    own = {entry.id: _features_of(entry) for entry in entries if entry.id not in lost}
    by_id = {entry.id: entry for entry in entries}
    if data is not None and (data / REFERENCE).is_file():
        theirs = _reference(data / REFERENCE)
        rows, kept = _compared(own, by_id, theirs)
        tables += [_agreement_table(rows, kept), _fault_table(rows)]
        result |= {'compared': len(rows), 'same_structure': len(kept)}
        tables.append(_probability_table(own, by_id))
    if data is not None and (data / FORMULAS).is_file():
        tables.append(_means_table(own, by_id, _formulas(data / FORMULAS)))
    for title, headings, cells in tables:
        print_table(title, headings, cells)
    write_markdown(output / 'screening_features.md', tables)
    result['tables'] = [{'title': title, 'headings': headings, 'rows': cells} for title, headings, cells in tables]
    write_result(output, 'screening_features', result)


def _features_of(entry: Entry, names: Sequence[str] = ALL_FEATURES) -> dict[str, float]:
    return sendek_features(entry.structure, names=names)


def _timed(entries: Sequence[Entry]) -> tuple[dict[str, float], dict[str, str]]:
    """Return processor seconds for all structures by set of features, and why some have none."""
    seconds, lost = {}, {}
    for label, names in (('five', FIVE_FEATURES), ('twenty', SENDEK_FEATURES)):
        started = time.process_time()
        for entry in entries:
            try:
                _features_of(entry, names)
            except LimapError as error:
                lost[entry.id] = str(error)
        seconds[label] = time.process_time() - started
    return seconds, lost


def _speed_table(seconds: Mapping[str, float], count: int, lost: int) -> Table:
    rows = [[label, count, lost, 1000 * used / count] for label, used in seconds.items()]
    return ('Time', ('features', 'structures', 'without features', 'processor seconds per 1000 structures'), rows)


def _reference(path: Path) -> dict[str, dict[str, float]]:
    with path.open(newline='', encoding='utf-8') as lines:
        rows = list(csv.DictReader(lines))
    return {
        row['mp_id']: {name: float(row[name]) for name in FIVE_FEATURES}
        for row in rows
        if all(row[name] for name in FIVE_FEATURES)
    }


def _formulas(path: Path) -> list[str]:
    with path.open(newline='', encoding='utf-8') as lines:
        return [row['formula'] for row in csv.DictReader(lines)]


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= NEAR * max(1.0, abs(one)) or (math.isinf(one) and math.isinf(other))


def _compared(
    own: Mapping[str, Mapping[str, float]], entries: Mapping[str, Entry], theirs: Mapping[str, Mapping[str, float]]
) -> tuple[dict[str, dict[str, Mapping[str, float]]], list[str]]:
    """Return all readings by structure, and the ids of those whose shortest distances are the same in both sources."""
    rows: dict[str, dict[str, Mapping[str, float]]] = {}
    for name in own:
        if name in theirs:
            structure = entries[name].structure
            rows[name] = {
                'own': own[name],
                'theirs': theirs[name],
                'brute': all_images(structure),
                'nearest': nearest_images(structure),
            }
    for readings in rows.values():
        # The distances tell whether both sources have the structure of one and the same relaxation.
        pairs = ((readings['own'][key], readings['theirs'][key]) for key in ('LASD', 'LLSD'))
        readings['same'] = {'structure': float(all(_near(*pair) for pair in pairs))}
    return rows, [name for name, readings in rows.items() if readings['same']['structure']]


def _part(rows: Mapping[str, Any], ids: Sequence[str], agree: Callable[[Any], bool]) -> float:
    return 100 * sum(agree(rows[name]) for name in ids) / max(1, len(ids))


def _found_by_other(source: str, key: str, other: str, row: Any) -> bool:
    return _near(row[source][key], row['theirs'][other])


def _readings_agree(source: str, key: str, other: str, row: Any) -> bool:
    return _near(row['own'][key], row[source][other])


def _agreement_table(rows: Mapping[str, Any], kept: Sequence[str]) -> Table:
    """Return in how many structures each reading of each feature is that of the file."""
    everything = list(rows)
    readings = [
        *((f'{key}, all images', 'own', key, key) for key in FIVE_FEATURES),
        ('SBI with bonds to Li, all images (SBIL)', 'own', 'SBIL', 'SBI'),
        *((f'{key}, one image per pair', 'nearest', key, key) for key in FIVE_FEATURES),
    ]
    cells = []
    for label, source, key, other in readings:
        agree = partial(_found_by_other, source, key, other)
        cells.append([label, _part(rows, everything, agree), _part(rows, kept, agree)])

    def five(row: Any) -> bool:
        pairs = zip(PUBLISHED_FIVE, FIVE_FEATURES, strict=True)
        return all(_near(row['own'][key], row['theirs'][other]) for key, other in pairs)

    cells.append(['all five, SBI with bonds to Li', _part(rows, everything, five), _part(rows, kept, five)])
    heading = f'of {len(kept)} with the same shortest distances, %'
    return ('Agreement with another author', ('reading', f'of {len(rows)} structures, %', heading), cells)


def _fault_table(rows: Mapping[str, Any]) -> Table:
    """Return what the faults of public programs change, and that a second program agrees with ours."""
    ids = list(rows)
    cells = []
    for key in ALL_FEATURES:
        if key not in {*FIVE_FEATURES, 'SBIL'}:
            continue
        other = 'SBI' if key == 'SBIL' else key
        second = _part(rows, ids, partial(_readings_agree, 'brute', key, key))
        changed = 100 - _part(rows, ids, partial(_readings_agree, 'nearest', key, other))
        finite = [row for row in rows.values() if math.isfinite(row['nearest'][other])]
        shifts = [abs(row['nearest'][other] - row['own'][key]) for row in finite]
        cells.append([key, second, changed, 100 - 100 * len(finite) / len(rows), float(np.mean(shifts))])
    headings = (
        'feature',
        'second program agrees, %',
        'one image per pair changes it, %',
        'and makes it undefined, %',
        'mean change elsewhere',
    )
    return ('What counting one image per pair does', headings, cells)


def _probability_table(own: Mapping[str, Mapping[str, float]], entries: Mapping[str, Entry]) -> Table:
    cells = []
    for name, published in PUBLISHED_PROBABILITIES.items():
        if name in own:
            found = own[name]
            with_li = probability({**found, 'SBI': found['SBIL']})
            cells.append([f'{entries[name].formula} ({name})', published, with_li, probability(found)])
    headings = ('candidate', 'published', 'SBI with bonds to Li (SBIL)', 'SBI without')
    return ('Probability of fast conduction by the model of 2017', headings, cells)


def _means_table(
    own: Mapping[str, Mapping[str, float]], entries: Mapping[str, Entry], formulas: Sequence[str]
) -> Table:
    """Return means over the structures with the formulas of the list, each formula counting once."""
    from pymatgen.core import Composition

    wanted = {Composition(formula).reduced_formula for formula in formulas}
    groups: dict[str, list[Mapping[str, float]]] = {}
    for name, found in own.items():
        formula = entries[name].structure.composition.reduced_formula
        if formula in wanted:
            groups.setdefault(formula, []).append(found)
    cells = []
    for key in ALL_FEATURES:
        means = [float(np.mean([found[key] for found in group])) for group in groups.values()]
        defined = [value for value in means if math.isfinite(value)]
        published = PUBLISHED_MEANS['SBI' if key == 'SBIL' else key]
        cells.append([key, len(defined), float(np.mean(defined)), float(np.std(defined)), *published])
    headings = ('feature', 'formulas', 'mean', 'standard deviation', 'published mean', 'published standard deviation')
    return ('Features of compounds that the model of 2017 may have been trained on', headings, cells)
