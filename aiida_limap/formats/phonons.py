"""``phonons.json``: clusters of compounds by their phonons, with all that figures and page need, and no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.phononparts import Correlation, Densities, Grouping, Plane, Tree
from aiida_limap.formats.report_file import NodeReference, plain, read_report, write_report

__all__ = ['COMPOUND_COLUMNS', 'CONDUCTION', 'PhononReport', 'read_phonon_report', 'write_phonon_report']

SCHEMA = 'limap.phonon_report'
SCHEMA_VERSION = 1
#: Columns that every table of compounds has.
COMPOUND_COLUMNS = ('id', 'formula')
#: Columns that say how well a compound conducts, the first one that is there counts.
CONDUCTION = ('diffusivity_cm2_per_s', 'conductivity_S_per_cm')


@dataclass(frozen=True, eq=False)
class PhononReport:
    """Compounds with the numbers of their phonons, their clusters, and where they come from.

    :param title: heading.
    :param mobile: the mobile element, such as ``Li``.
    :param compounds: by column one value per compound; holds at least ``id`` (each once) and ``formula``. Columns whose
        names end with ``_uuid`` name nodes; ``conductor`` is 1, 0 or None.
    :param groupings: clusters, one entry per method; the first is the one that pictures start with.
    :param tree: the merges of the hierarchical method, None where it was not used.
    :param plane: principal components of what was clustered.
    :param densities: densities of states on one grid of frequencies, None where they are not known.
    :param correlations: rank correlations of quantities with conduction.
    :param agreement: adjusted Rand index of each pair of methods.
    :param facts: what the work is, as names and values.
    :param settings: options by title of their group, as names and values.
    :param nodes: what stands behind it.
    :param bibtex: what to cite, one entry each.
    :param sources: whose data the compounds are, and their licence; one sentence each.
    :param missing: for parts that are not known why, by the name of the part or of the figure.
    """

    title: str
    mobile: str
    compounds: Mapping[str, MapProperty]
    groupings: tuple[Grouping, ...] = ()
    tree: Tree | None = None
    plane: Plane | None = None
    densities: Densities | None = None
    correlations: tuple[Correlation, ...] = ()
    agreement: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    nodes: tuple[NodeReference, ...] = ()
    bibtex: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_compounds()
        for grouping in self.groupings:
            _check_length(f'method {grouping.method!r}', len(grouping.labels), self.n_compounds)
        if len({grouping.method for grouping in self.groupings}) < len(self.groupings):
            raise FormatError('phonons: two groupings have the same method')
        if self.densities is not None:
            _check_length('densities', len(self.densities.total), self.n_compounds)
        for name, part in (('tree', self.tree), ('plane', self.plane)):
            if part is not None and any(row >= self.n_compounds for row in part.rows):
                raise FormatError(f'phonons: the {name} names rows beyond the {self.n_compounds} compounds')

    def _check_compounds(self) -> None:
        for name in COMPOUND_COLUMNS:
            if name not in self.compounds:
                raise FormatError(f'phonons: the compounds have no column {name!r}')
        for name, column in self.compounds.items():
            _check_length(f'column {name!r}', len(column.values), self.n_compounds)
            if name not in COMPOUND_COLUMNS and column.is_numeric:
                known = column.numbers()
                if np.isinf(known).any():
                    raise FormatError(f'phonons: the column {name!r} holds infinite numbers')
        ids = self.compounds['id'].values
        if not all(isinstance(entry, str) for entry in ids) or len(set(ids)) < len(ids):
            raise FormatError('phonons: the ids of the compounds must be words, each of them once')
        for name in ('conductor', *CONDUCTION):
            if name in self.compounds and not self.compounds[name].is_numeric:
                raise FormatError(f'phonons: the column {name!r} holds words')

    @property
    def n_compounds(self) -> int:
        """How many compounds there are."""
        return len(self.compounds['id'].values)

    @property
    def conduction(self) -> str | None:
        """Name of the column that says how well compounds conduct, None where there is none."""
        return next((name for name in CONDUCTION if name in self.compounds), None)

    def words(self, column: str) -> list[str]:
        """Return a column of the compounds as words, empty where there is no value.

        :param column: its name.
        """
        return self.compounds[column].words()

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column of the compounds as (n,) numbers, NaN where there is none.

        :param column: its name.
        :raises FormatError: if it holds words.
        """
        return self.compounds[column].numbers()


def _check_length(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise FormatError(f'phonons: {what} has {found} values for {wanted} compounds')


def write_phonon_report(path: Path, report: PhononReport) -> None:
    """Write a report atomically as JSON; equal reports give equal files.

    :param path: the file to write, usually ``phonons.json``.
    :param report: the report.
    :raises FormatError: if a value cannot be written as JSON.
    """
    write_report(path, report, SCHEMA, SCHEMA_VERSION)


def read_phonon_report(path: Path) -> PhononReport:
    """Read a report.

    :param path: the file to read.
    :returns: the report.
    :raises FormatError: if the file is missing, damaged, of another schema, or its parts disagree.
    """
    return read_report(path, PhononReport, SCHEMA, SCHEMA_VERSION, _build)


def _build(found: dict[str, Any]) -> None:
    found['compounds'] = {name: _column(name, entry) for name, entry in found['compounds'].items()}
    found['groupings'] = tuple(Grouping.from_dict(entry) for entry in found['groupings'])
    for name, kind in (('tree', Tree), ('plane', Plane), ('densities', Densities)):
        if found[name] is not None:
            found[name] = kind(**plain(kind, name, found[name]))
    found['correlations'] = tuple(
        Correlation(**plain(Correlation, 'correlations', entry)) for entry in found['correlations']
    )
    found['nodes'] = tuple(NodeReference(**plain(NodeReference, 'nodes', entry)) for entry in found['nodes'])
    for name in ('bibtex', 'sources'):
        found[name] = tuple(found[name])


def _column(name: str, document: Any) -> MapProperty:
    entries = plain(MapProperty, f'column {name!r}', document)
    return MapProperty(**{**entries, 'values': tuple(entries['values'])})
