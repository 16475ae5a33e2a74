"""What failed in a piece of work and why: processes by how they ended, structures by status word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiida_limap.common.status import ANSWERS, STATUS_MEANINGS, Status
from aiida_limap.tools.advice import STATUS_ADVICE, advice_for, paused_advice
from aiida_limap.tools.processes import ProcessFacts, called_by

if TYPE_CHECKING:
    from aiida_limap.data.table import TableData

__all__ = ['Diagnosis', 'FailedProcesses', 'FailedStructures', 'Rows', 'diagnose', 'outcome_of', 'rows_of']

_TABLES = {'table': '', 'migration_energies': 'migration energies', 'descriptors': 'descriptors'}
_TASKS = {'BvffCalculation': 'migration energies', 'DescriptorsCalculation': 'descriptors'}
#: Tables of single batches that are read for the reasons, where the work chain has not joined them.
_MOST_TABLES = 50
#: The formula that a message begins with, e.g. ``Li7La3(ZrO6)2:``.
_FORMULA = re.compile(r'^(?:[A-Z][a-z]?|[\d.()]+)+: ')


@dataclass(frozen=True)
class FailedProcesses:
    """Processes of one kind that ended in the same way.

    :param label: name of their class.
    :param outcome: how they ended.
    :param next_step: what to do.
    :param pks: primary keys.
    """

    label: str
    outcome: str
    next_step: str
    pks: tuple[int, ...]


@dataclass(frozen=True)
class FailedStructures:
    """Structures of one status word.

    :param status: the word.
    :param reason: the most common message; of several structures without the formula that it begins with.
    :param reason_count: how many have it.
    :param next_step: what to do.
    :param messages: message by UUID of the structure.
    """

    status: str
    reason: str
    reason_count: int
    next_step: str
    messages: Mapping[str, str]


@dataclass(frozen=True)
class Rows:
    """The structures of a table.

    :param counts: number by status word.
    :param failed: those without an answer, the most frequent word first.
    """

    counts: Mapping[str, int]
    failed: tuple[FailedStructures, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What became of a process.

    :param process: the process.
    :param outcome: how it ended, in words.
    :param next_step: what to do about itself; empty where nothing is to be done.
    :param failed: the processes inside that did not end well.
    :param paused: what to do about each process that waits for a person, by primary key.
    :param tables: the structures, by what was computed for them.
    :param unfinished: UUIDs of structures that no job finished.
    """

    process: ProcessFacts
    outcome: str
    next_step: str
    failed: tuple[FailedProcesses, ...] = ()
    paused: Mapping[int, str] = field(default_factory=dict)
    tables: Mapping[str, Rows] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()


def diagnose(process: ProcessFacts) -> Diagnosis:
    """Find out what became of a process and of its structures.

    :param process: a work chain, or a single job.
    """
    called = called_by(process.pk) if process.is_chain else []
    return Diagnosis(
        process,
        outcome_of(process),
        advice_for(process),
        _failed_processes(called),
        _paused([process, *called]),
        _tables(process, called),
        _unfinished(process),
    )


def outcome_of(facts: ProcessFacts) -> str:
    """Return how a process ended, or its state.

    :param facts: the process.
    """
    if facts.state == 'finished':
        return 'finished' if facts.is_ok else f'ended with exit status {facts.exit_status}: {facts.exit_message}'
    if facts.state == 'excepted':
        return f'excepted: {_last_line_of_exception(facts.pk)}'
    if not facts.has_ended:
        return f'{facts.state}, paused' if facts.paused else facts.state
    return facts.state


def rows_of(tables: Iterable[TableData]) -> Rows:
    """Count the structures of tables by status word, and find the reasons of those without an answer.

    :param tables: tables with the column ``status``.
    """
    counts: Counter[str] = Counter()
    messages: dict[str, dict[str, str]] = {}
    for table in tables:
        words = [str(word) for word in table.column('status')]
        counts.update(words)
        texts = table.column('message') if 'message' in table.column_names else [''] * len(words)
        for uuid, word, text in zip(table.ids, words, texts, strict=True):
            if word not in {str(answer) for answer in ANSWERS}:
                # A column in which no row has a word holds numbers that are none.
                messages.setdefault(word, {})[uuid] = text if isinstance(text, str) else ''
    ordered = dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
    return Rows(ordered, tuple(_failed_structures(word, messages[word]) for word in ordered if word in messages))


def _failed_structures(word: str, messages: Mapping[str, str]) -> FailedStructures:
    status = Status(word)
    texts = [text or STATUS_MEANINGS[status] for text in messages.values()]
    if len(texts) > 1:
        # What is said of several structures does not hang on the formula of one of them.
        texts = [_FORMULA.sub('', text) for text in texts]
    ((reason, count),) = Counter(texts).most_common(1)
    return FailedStructures(word, reason, count, STATUS_ADVICE.get(status, ''), dict(messages))


def _failed_processes(called: Sequence[ProcessFacts]) -> tuple[FailedProcesses, ...]:
    groups: dict[tuple[str, str], list[ProcessFacts]] = {}
    for facts in called:
        if facts.has_ended and not facts.is_ok:
            groups.setdefault((facts.label, outcome_of(facts)), []).append(facts)
    return tuple(
        FailedProcesses(label, outcome, advice_for(members[0]), tuple(facts.pk for facts in members))
        for (label, outcome), members in groups.items()
    )


def _paused(processes: Sequence[ProcessFacts]) -> dict[int, str]:
    paused = [facts for facts in processes if facts.paused and not facts.has_ended]
    labels = _computers([facts.pk for facts in paused])
    return {facts.pk: paused_advice(facts, labels.get(facts.pk)) for facts in paused}


def _computers(pks: Sequence[int]) -> dict[int, str]:
    from aiida import orm

    if not pks:
        return {}
    query = orm.QueryBuilder().append(orm.CalcJobNode, filters={'id': {'in': list(pks)}}, project='id', tag='job')
    query.append(orm.Computer, with_node='job', project='label')
    return dict(query.all())


def _last_line_of_exception(pk: int) -> str:
    from aiida import orm

    query = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': pk}, project='attributes.exception')
    text = query.all(flat=True)[0] or ''
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else 'no reason was kept'


def _tables(process: ProcessFacts, called: Sequence[ProcessFacts]) -> dict[str, Rows]:
    """Return the rows of the tables that a process gave; of one that has not got so far those of its jobs."""
    outputs = _outputs([process.pk], list(_TABLES))
    found = {_TABLES[label] or _TASKS.get(process.label, 'migration energies'): [node] for label, node in outputs}
    for task, title in _TASKS.items():
        jobs = [facts.pk for facts in called if facts.label == task and facts.has_ended]
        if title not in found and jobs:
            tables = [node for _label, node in _outputs(jobs, ['table'])]
            if tables:
                found[title] = tables
    return {title: rows_of(tables[:_MOST_TABLES]) for title, tables in found.items() if _have_status(tables)}


def _have_status(tables: Sequence[TableData]) -> bool:
    return all('status' in table.column_names for table in tables[:1])


def _outputs(pks: Sequence[int], labels: Sequence[str]) -> list[tuple[str, TableData]]:
    from aiida import orm

    from aiida_limap.data.table import TableData as Table

    query = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': {'in': list(pks)[:_MOST_TABLES]}}, tag='process')
    query.append(
        Table,
        with_incoming='process',
        edge_filters={'label': {'in': list(labels)}},
        edge_project='label',
        project='*',
        tag='table',
    )
    rows = []
    for entry in query.iterdict():
        (edge,) = (values for tag, values in entry.items() if tag != 'table')
        rows.append((edge['label'], entry['table']['*']))
    return rows


def _unfinished(process: ProcessFacts) -> tuple[str, ...]:
    """Return the structures that the output parameters call unfinished, whatever part they stand in."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': process.pk}, tag='process')
    query.append(orm.Dict, with_incoming='process', edge_filters={'label': 'output_parameters'}, project='attributes')
    found: dict[str, None] = {}
    for (document,) in query.iterall():
        _collect_unfinished(document, found)
    return tuple(found)


def _collect_unfinished(document: Any, found: dict[str, None]) -> None:
    if not isinstance(document, Mapping):
        return
    for key, value in document.items():
        if key == 'unfinished' and isinstance(value, list):
            found.update(dict.fromkeys(str(uuid) for uuid in value))
        else:
            _collect_unfinished(value, found)
