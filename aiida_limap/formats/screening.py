"""``screening.json``: everything that figures and report of a screening need, in one file without a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.report_file import NodeReference, check_counts, plain, read_report, write_report
from aiida_limap.formats.screenparts import (
    CurveSet,
    ElementValues,
    Histogram,
    ModelScore,
    Stage,
    Ternary,
)

__all__ = ['HIT_COLUMNS', 'ScreeningReport', 'read_screening', 'write_screening']

SCHEMA = 'limap.screening'
SCHEMA_VERSION = 1
#: Columns that every table of hits has.
HIT_COLUMNS = ('formula', 'system', 'score')
#: The sets of curves that a report may hold.
CURVES = ('learning', 'subsets', 'plateau')
#: The numbers per element that a report may hold.
ELEMENTS = ('contribution', 'occurrence', 'price')


@dataclass(frozen=True, eq=False)
class ScreeningReport:
    """A screening of compositions: its models, its funnel, its hits, and where they come from.

    :param title: heading.
    :param models: scores of the models, the published ones beside them.
    :param curves: by name: ``learning`` (score against number of labels), ``subsets`` (score of the best subset of
        features against its size), ``plateau`` (score against the dimension of the element vectors).
    :param funnel: what was left after each stage.
    :param elements: numbers per element by name: ``contribution``, ``occurrence``, ``price``.
    :param ternaries: what the model says of the compositions of three elements.
    :param histograms: how often scores occur.
    :param hits: by column one value per hit, best first; holds at least ``formula``, ``system`` (elements joined by
        hyphens) and ``score``. Columns whose names end with ``_uuid`` name nodes.
    :param n_hits: how many compositions passed all stages; ``hits`` may hold fewer, the best ones.
    :param facts: what the screening is, as names and values.
    :param settings: options by title of their group, as names and values.
    :param nodes: what stands behind it.
    :param bibtex: what to cite, one entry each.
    :param missing: for parts that are not known why, by the name of the parameter or of the figure.
    """

    title: str
    models: tuple[ModelScore, ...] = ()
    curves: Mapping[str, CurveSet] = field(default_factory=dict)
    funnel: tuple[Stage, ...] = ()
    elements: Mapping[str, ElementValues] = field(default_factory=dict)
    ternaries: tuple[Ternary, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    hits: Mapping[str, MapProperty] = field(default_factory=dict)
    n_hits: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    nodes: tuple[NodeReference, ...] = ()
    bibtex: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known, given in (('curves', CURVES, self.curves), ('element values', ELEMENTS, self.elements)):
            unknown = sorted(set(given) - set(known))
            if unknown:
                raise FormatError(f'screening: unknown {name} {unknown[0]!r}; known are {", ".join(known)}')
        check_counts('screening: n_hits', [self.n_hits])
        self._check_hits()

    def _check_hits(self) -> None:
        if self.hits:
            missing = [name for name in HIT_COLUMNS if name not in self.hits]
            if missing:
                raise FormatError(f'screening: the hits have no column {missing[0]!r}')
            if not self.hits['score'].is_numeric:
                raise FormatError("screening: the column 'score' of the hits holds words")
        for name, column in self.hits.items():
            if len(column.values) != self.n_listed:
                raise FormatError(
                    f'screening: the column {name!r} has {len(column.values)} values for {self.n_listed} hits'
                )
        if self.n_hits < self.n_listed:
            raise FormatError(f'screening: {self.n_listed} hits are listed, but there are {self.n_hits} only')

    @property
    def n_listed(self) -> int:
        """How many hits are listed."""
        return len(self.hits['formula'].values) if 'formula' in self.hits else 0

    def words(self, column: str) -> list[str]:
        """Return a column of the hits as words, empty where there is no value.

        :param column: its name.
        """
        return self.hits[column].words()


def write_screening(path: Path, report: ScreeningReport) -> None:
    """Write a report atomically as JSON; equal reports give equal files.

    :param path: the file to write, usually ``screening.json``.
    :param report: the report.
    :raises FormatError: if a value cannot be written as JSON.
    """
    write_report(path, report, SCHEMA, SCHEMA_VERSION)


def read_screening(path: Path) -> ScreeningReport:
    """Read a report.

    :param path: the file to read.
    :returns: the report.
    :raises FormatError: if the file is missing, damaged, of another schema, or its parts disagree.
    """
    return read_report(path, ScreeningReport, SCHEMA, SCHEMA_VERSION, _build)


def _build(found: dict[str, Any]) -> None:
    builders: dict[str, Callable[[str, Any], Any]] = {
        'models': ModelScore.from_dict,
        'curves': CurveSet.from_dict,
        **{
            name: _builder(kind)
            for name, kind in (
                ('funnel', Stage), ('elements', ElementValues), ('ternaries', Ternary), ('histograms', Histogram),
                ('hits', MapProperty), ('nodes', NodeReference),
            )
        },
    }  # fmt: skip
    for name, build in builders.items():
        entries = found[name]
        if isinstance(entries, Mapping):
            found[name] = {key: build(f'{name}: {key!r}', entry) for key, entry in entries.items()}
        else:
            found[name] = tuple(build(f'{name}: entry {i}', entry) for i, entry in enumerate(entries))
    found['bibtex'] = tuple(found['bibtex'])


def _builder(kind: type[Any]) -> Callable[[str, Any], Any]:
    def build(name: str, document: Any) -> Any:
        found = plain(kind, name, document)
        if kind is MapProperty:
            found['values'] = tuple(found['values'])
        return kind(**found)

    return build
