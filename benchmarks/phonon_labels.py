"""What is known of the conduction of compounds with phonons: conductivities by formula, diffusivities by id."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aiida_limap.engines.screening.labels import LabelledRow, embedded_conductivities, read_obelix

__all__ = ['Measured', 'diffusivities', 'measured', 'space_groups']

OBELIX_FILE = 'obelix_train.csv'
INDEX_FILE = 'phonon/phonondb_li_index.csv'
DIFFUSIVITIES_FILE = 'phonon/data_kasper_full.csv'


@dataclass(frozen=True)
class Measured:
    """The conductivity of a compound.

    :param formula: reduced formula.
    :param conductivity_S_per_cm: at room temperature.
    :param same_space_group: whether the measured crystal has the space group of this one; None where it is not told.
    """

    formula: str
    conductivity_S_per_cm: float  # noqa: N815
    same_space_group: bool | None


def measured(data: Path, formulas: Mapping[str, str]) -> dict[str, Measured]:
    """Return conductivities of compounds by id: those embedded and, where they are at hand, those of OBELiX.

    Compounds are matched by reduced formula. Of several measurements of one formula those of the same space group count
    before those whose group is not told, these before others; of equals the highest.

    :param data: folder of the files.
    :param formulas: reduced formula by id.
    """
    groups = space_groups(data)
    rows: dict[str, list[LabelledRow]] = defaultdict(list)
    sets = [embedded_conductivities()]
    if (data / OBELIX_FILE).is_file():
        sets.append(read_obelix(data / OBELIX_FILE))
    for row in (row for labelled in sets for row in labelled):
        if np.isfinite(row.conductivity_S_per_cm):
            rows[row.formula].append(row)
    return {key: _best(formula, rows[formula], groups.get(key)) for key, formula in formulas.items() if rows[formula]}


def _best(formula: str, rows: Sequence[LabelledRow], group: int | None) -> Measured:
    def same(row: LabelledRow) -> bool | None:
        return None if row.space_group is None or group is None else row.space_group == group

    rank = {True: 2, None: 1, False: 0}
    row = max(rows, key=lambda row: (rank[same(row)], row.conductivity_S_per_cm))
    return Measured(formula, row.conductivity_S_per_cm, same(row))


def space_groups(data: Path) -> dict[str, int]:
    """Return the number of the space group of each compound, with which names of archives of PhononDB end."""
    with (data / INDEX_FILE).open(encoding='utf-8') as stream:
        found = {row['material_id']: row['path'].split('.')[0].rpartition('-')[2] for row in csv.DictReader(stream)}
    return {key: int(number) for key, number in found.items() if number.isdigit()}


def diffusivities(data: Path, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return temperatures (t,) in K, and diffusivities (n, t) of Li by molecular dynamics; NaN where there is no run.

    :param data: folder of the files.
    :param ids: the compounds.
    """
    with (data / DIFFUSIVITIES_FILE).open(encoding='utf-8') as stream:
        headings, *lines = csv.reader(stream)
    known = {line[0]: [float(value) if value else np.nan for value in line[1:]] for line in lines}
    nothing = [np.nan] * (len(headings) - 1)
    return np.array(headings[1:], dtype=float), np.array([known.get(key, nothing) for key in ids])
