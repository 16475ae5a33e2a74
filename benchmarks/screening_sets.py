"""Labelled sets and features that the benchmarks of the screening models share."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import LimapError
from aiida_limap.engines.screening.labels import LabelledSet, embedded_conductivities, read_obelix
from aiida_limap.engines.screening.reductions import composition_features
from aiida_limap.engines.screening.sendek import FIVE_FEATURES, PUBLISHED_FIVE, sendek_feature_matrix

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

__all__ = ['EMBEDDED', 'OBELIX', 'SENDEK', 'Materials', 'MeasuredSet', 'dynamics_set', 'materials', 'measured_sets']

EMBEDDED, OBELIX, SENDEK = 'embedded', 'OBELiX', 'Sendek 40, unverified'
_NAMES = (*FIVE_FEATURES, 'SBIL')
_FILES = ('mp_li_oxides.jsonl.gz', 'mp_li_other.jsonl.gz')


@dataclass(frozen=True, eq=False)
class Materials:
    """Structures of a database by their features.

    :param ids: (n,) names.
    :param formulas: (n,) reduced formulas.
    :param structure: (n, 6) the five features and ``SBIL``.
    :param elements: (n, 36) reductions of element properties.
    :param lost: reasons why structures have no features, with their number.
    """

    ids: list[str]
    formulas: list[str]
    structure: NDArray[np.float64]
    elements: NDArray[np.float64]
    lost: dict[str, int]

    @property
    def five(self) -> NDArray[np.float64]:
        """The five features."""
        return columns(self.structure, FIVE_FEATURES)

    @property
    def published(self) -> NDArray[np.float64]:
        """The five features as the published preset reads them."""
        return columns(self.structure, PUBLISHED_FIVE)


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """Rows with a label.

    :param name: what the set is called.
    :param formulas: (n,) reduced formulas, which are the groups of all splits.
    :param labels: (n,) 1 for fast.
    :param elements: (n, 36) reductions of element properties.
    :param structure: (n, 6) the five features and ``SBIL``, NaN for rows without a crystal.
    """

    name: str
    formulas: list[str]
    labels: NDArray[np.int64]
    elements: NDArray[np.float64]
    structure: NDArray[np.float64]

    @property
    def with_structure(self) -> MeasuredSet:
        """The rows that have a crystal with all features."""
        kept = np.asarray(np.isfinite(self.structure).all(axis=1))
        formulas = [formula for formula, used in zip(self.formulas, kept.tolist(), strict=True) if used]
        return MeasuredSet(self.name, formulas, self.labels[kept], self.elements[kept], self.structure[kept])

    @property
    def five(self) -> NDArray[np.float64]:
        """The five features."""
        return columns(self.structure, FIVE_FEATURES)

    @property
    def published(self) -> NDArray[np.float64]:
        """The five features as the published preset reads them."""
        return columns(self.structure, PUBLISHED_FIVE)


def columns(structure: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Return some of the six columns.

    :param structure: (n, 6) rows.
    :param names: which.
    """
    return structure[:, [_NAMES.index(name) for name in names]]


def materials(data: Path, count: int | None = None) -> Materials:
    """Describe the structures of a data folder.

    :param data: the folder.
    :param count: at most so many, evenly by place in the files.
    """
    ids, formulas, rows, compositions = [], [], [], []
    lost: dict[str, int] = {}
    found = list(_structures(data, count))
    with click.progressbar(found, label='features') as bar:
        for name, text in bar:
            structure = _structure(text)
            try:
                rows.append(sendek_feature_matrix([structure], _NAMES)[0])
            except LimapError as error:
                word = type(error).__name__
                lost[word] = lost.get(word, 0) + 1
                continue
            ids.append(name)
            formulas.append(structure.composition.reduced_formula)
            compositions.append(structure.composition)
    return Materials(ids, formulas, np.array(rows), composition_features(compositions), lost)


def measured_sets(data: Path | None, known: Materials | None) -> list[MeasuredSet]:
    """Return the labelled sets: the embedded one, and those of a data folder.

    :param data: the folder, or None.
    :param known: its structures, among which those of the unverified list are looked up.
    """
    sets = [_from_labels(EMBEDDED, embedded_conductivities())]
    if data is None:
        return sets
    sets.append(_from_labels(OBELIX, read_obelix(data / 'obelix_train.csv', data / 'obelix_train_cifs.tar.gz')))
    if known is not None:
        sets.append(_sendek_list(data, known))
    return sets


def dynamics_set(data: Path, known: Materials) -> MeasuredSet:
    """Return the compounds that were judged by molecular dynamics; the two marginal ones are left out.

    :param data: the folder.
    :param known: its structures.
    """
    place = {name: row for row, name in enumerate(known.ids)}
    lines = [line for line in _read(data / 'cubuk21.csv') if line['dftmd_fast'] in {'Yes', 'No'}]
    compositions = [_composition(line['formula_mp']) for line in lines]
    structure = np.full((len(lines), len(_NAMES)), np.nan)
    for row, line in enumerate(lines):
        if line['mp_id'] in place:
            structure[row] = known.structure[place[line['mp_id']]]
    return MeasuredSet(
        'molecular dynamics',
        [composition.reduced_formula for composition in compositions],
        np.array([line['dftmd_fast'] == 'Yes' for line in lines], dtype=np.int64),
        composition_features(compositions),
        structure,
    )


def _from_labels(name: str, labelled: LabelledSet) -> MeasuredSet:
    structure = np.full((len(labelled), len(_NAMES)), np.nan)
    for row, entry in enumerate(labelled):
        if entry.structure is None:
            continue
        try:
            structure[row] = sendek_feature_matrix([entry.structure], _NAMES)[0]
        except LimapError as error:
            click.echo(f'{name}: {entry.id} has no features: {error}')
    compositions = labelled.compositions
    return MeasuredSet(
        name,
        [composition.reduced_formula for composition in compositions],
        labelled.labels,
        composition_features(compositions),
        structure,
    )


def _sendek_list(data: Path, known: Materials) -> MeasuredSet:
    """Return the recalled list, with labels of other collections and the most stable crystal of each formula."""
    hull = {line['mp_id']: _number(line) for line in _read(data / 'mp_li_properties.csv')}
    order = sorted(range(len(known.ids)), key=lambda row: (hull.get(known.ids[row], math.inf), known.ids[row]))
    first: dict[str, int] = {}
    for row in order:
        first.setdefault(known.formulas[row], row)
    lines = [line for line in _read(data / 'sendek40.csv') if line['label_1e-4_other_sources']]
    compositions = [_composition(line['formula']) for line in lines]
    formulas = [composition.reduced_formula for composition in compositions]
    structure = np.full((len(lines), len(_NAMES)), np.nan)
    for row, formula in enumerate(formulas):
        if formula in first:
            structure[row] = known.structure[first[formula]]
    labels = np.array([int(line['label_1e-4_other_sources']) for line in lines])
    return MeasuredSet(SENDEK, formulas, labels, composition_features(compositions), structure)


def _number(line: dict[str, str]) -> float:
    text = next(value for key, value in line.items() if 'hull' in key)
    return float(text) if text else math.inf


def _composition(formula: str) -> Composition:
    from pymatgen.core import Composition

    return Composition(formula)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding='utf-8', newline='') as lines:
        return list(csv.DictReader(lines))


def _structures(data: Path, count: int | None) -> Iterator[tuple[str, Any]]:
    rows: list[str] = []
    for file in _FILES:
        if (data / file).is_file():
            with gzip.open(data / file, 'rt', encoding='utf-8') as lines:
                rows.extend(lines)
    wanted = len(rows) if count is None else min(count, len(rows))
    for place in np.linspace(0, len(rows) - 1, wanted):
        row = json.loads(rows[round(place)])
        yield row['id'], row['structure']


def _structure(content: Any) -> Structure:
    from pymatgen.core import Structure

    return Structure.from_dict(json.loads(content) if isinstance(content, str) else content)
