"""What the report of a map is made of, beside the map itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.visualisation.report_document import Picture

__all__ = ['MapReport', 'ReportDataset', 'ReportJobs', 'ReportLoss', 'ReportNode', 'ReportQuality', 'ReportRows']


@dataclass(frozen=True)
class ReportDataset:
    """The structures that a map was made from.

    :param name: name of the dataset.
    :param identifier: its UUID.
    :param number: how many structures it holds.
    :param chosen_by: what chose them, as names and values.
    :param became: lines on what became of their import.
    """

    name: str
    identifier: str
    number: int
    chosen_by: Mapping[str, str]
    became: Sequence[str]


@dataclass(frozen=True)
class ReportLoss:
    """Structures without an answer, of one status word.

    :param status: the word.
    :param number: how many.
    :param reason: the most common message.
    :param reason_number: how many have it.
    :param next_step: what to do.
    """

    status: str
    number: int
    reason: str
    reason_number: int
    next_step: str


@dataclass(frozen=True)
class ReportRows:
    """The structures of a table.

    :param title: what was computed for them.
    :param counts: number by status word.
    :param meanings: what each word means.
    :param losses: those without an answer.
    """

    title: str
    counts: Mapping[str, int]
    meanings: Mapping[str, str]
    losses: Sequence[ReportLoss] = ()


@dataclass(frozen=True)
class ReportJobs:
    """Jobs of one kind with the same parameters.

    :param title: what they did.
    :param identifiers: their UUIDs.
    :param facts: code, release of the engine and the like, as names and values.
    :param parameters: the parameters that they were given, as names and values.
    """

    title: str
    identifiers: Sequence[str]
    facts: Mapping[str, str]
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class ReportQuality:
    """How good a model and its map are.

    :param title: what the numbers are.
    :param columns: headings, the first one that of the names of the numbers.
    :param rows: a name and its cells.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class ReportNode:
    """A node behind a map.

    :param role: what it did for the map.
    :param kind: class of the node or label of the process.
    :param identifier: its UUID.
    :param command: what shows it.
    """

    role: str
    kind: str
    identifier: str
    command: str


@dataclass(frozen=True, eq=False)
class MapReport:
    """Everything that the report of a map says.

    :param bundle: the map.
    :param facts: what the map is, as names and values.
    :param dataset: the structures; None where the dataset is not known.
    :param rows: the tables of its structures.
    :param jobs: the jobs behind it.
    :param protocol: a sentence on the protocol of the work chain; empty where there is none.
    :param force_field: the set of bond-valence parameters, as names and values.
    :param layout: the descriptors, as names and values.
    :param training: the options of the training, as names and values.
    :param quality: scores with what they are compared with.
    :param meaning: what the codes follow, as records of ``aiida_limap.engines.autoencoder.axis_meaning``.
    :param pictures: the figures.
    :param not_drawn: for the other figures why, by name.
    :param nodes: what stands behind the map.
    :param bibtex: what to cite, one entry each.
    :param missing: for what is not known why, by the names of these parameters.
    """

    bundle: MapBundle
    facts: Mapping[str, str] = field(default_factory=dict)
    dataset: ReportDataset | None = None
    rows: Sequence[ReportRows] = ()
    jobs: Sequence[ReportJobs] = ()
    protocol: str = ''
    force_field: Mapping[str, str] = field(default_factory=dict)
    layout: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, str] = field(default_factory=dict)
    quality: Sequence[ReportQuality] = ()
    meaning: Sequence[Mapping[str, Any]] = ()
    pictures: Sequence[Picture] = ()
    not_drawn: Mapping[str, str] = field(default_factory=dict)
    nodes: Sequence[ReportNode] = ()
    bibtex: Sequence[str] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
