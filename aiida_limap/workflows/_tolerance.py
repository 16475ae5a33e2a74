"""How many structures may fail before a work chain ends early, and what it says then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ExitCodesNamespace
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.common.status import ANSWERS
from aiida_limap.data.table import TableData
from aiida_limap.workflows._batches import words_of

__all__ = [
    'GOOD_WORDS',
    'UNFINISHED',
    'add_failures',
    'define_tolerance',
    'exceeds',
    'exit_code_of',
    'most_common_reason',
    'too_many_failed',
]

#: Status words of rows that did not fail, by task.
GOOD_WORDS: dict[str, frozenset[str]] = {
    'bvff': frozenset(str(word) for word in ANSWERS),
    'descriptors': frozenset({'ok'}),
    'phonons': frozenset({'ok'}),
}
#: Counts structures that were given up beside the status words of rows.
UNFINISHED = 'unfinished'
_STATUS = 413
_NAME = 'ERROR_TOO_MANY_STRUCTURES_FAILED'


def define_tolerance(spec: WorkChainSpec) -> None:
    """Define the input ``max_failed_fraction`` and the exit code that belongs to it.

    :param spec: the specification to fill.
    """
    spec.input(
        'max_failed_fraction',
        valid_type=orm.Float,
        default=partial(orm.Float, 1.0),
        serializer=_to_float,
        validator=_fraction,
        help='Largest part of the structures, 0 to 1, that may have no answer (a row with a status word that is no '
        'answer, or no row at all) in any task; more than that end the work chain before further jobs are submitted. 1 '
        'lets it go on whatever happens.',
    )
    spec.exit_code(
        _STATUS,
        _NAME,
        '{failed} of {total} structures have no answer in {task} ({counts}), more than max_failed_fraction '
        '{fraction:g} allows; mend this, or allow more. The most common reason is {reason}',
    )


def add_failures(counts: dict[str, int], words: Mapping[str, int], task: str) -> None:
    """Count the rows of a table that have no answer.

    :param counts: number of failed structures by status word so far; changed.
    :param words: number of rows of the table by status word.
    :param task: what was computed.
    """
    for word, count in words.items():
        if word not in GOOD_WORDS[task]:
            counts[word] = counts.get(word, 0) + count


def exceeds(counts: Mapping[str, int], total: int, fraction: float) -> bool:
    """Return whether more structures failed than are allowed, whatever becomes of the others.

    :param counts: number of failed structures by status word.
    :param total: number of all structures.
    :param fraction: the largest part that may fail.
    """
    # A fraction of 0.29 times 100 is a little less than 29.
    return sum(counts.values()) > fraction * total + 1e-9 * total


def too_many_failed(counts: Mapping[str, int], total: int, fraction: float, task: str, reason: str) -> list[Any]:
    """Return the label of the exit code and what stands in its message, as plain values.

    :param counts: number of failed structures by status word.
    :param total: number of all structures.
    :param fraction: the largest part that may fail.
    :param task: what was computed.
    :param reason: the most common reason, as the end of a sentence.
    """
    words = words_of(dict(sorted(counts.items(), key=lambda entry: -entry[1])))
    fields = {'failed': sum(counts.values()), 'total': total, 'fraction': fraction, 'task': task, 'counts': words}
    return [_NAME, {**fields, 'reason': reason}]


def exit_code_of(exit_codes: ExitCodesNamespace, verdict: Sequence[Any] | None) -> ExitCode | None:
    """Return the exit code that was noted as plain values, as the context of a work chain keeps them.

    :param exit_codes: those of the work chain.
    :param verdict: the label of the exit code and what stands in its message; None where nothing was noted.
    """
    if verdict is None:
        return None
    name, fields = verdict
    return getattr(exit_codes, name).format(**fields)


def most_common_reason(pks: Iterable[int], task: str, counts: Mapping[str, int], last_reason: str) -> str:
    """Return why most of the failed structures have no answer, as the end of a sentence.

    :param pks: the tables; loaded one by one.
    :param task: what was computed.
    :param counts: number of failed structures by status word.
    :param last_reason: why the last job that left structures unfinished did so.
    """
    word = max(counts, key=lambda name: counts[name])
    if word == UNFINISHED:
        return f'that jobs did not finish them, the last one with {last_reason}'
    messages = Counter(message for pk in pks for message in _messages(pk, word))
    # Most messages name an ion or a number; the most common one is an example at least.
    (message, _count), *_others = messages.most_common(1) or [('', 0)]
    return f'{word}: {message}' if message else f'{word}.'


def _messages(pk: int, word: str) -> Collection[str]:
    table = orm.load_node(pk, sub_classes=(TableData,))
    if 'message' not in table.column_names:
        return []
    rows = table.column('status') == word
    return [str(message) for message in table.column('message')[rows]]


def _to_float(value: Any) -> orm.Data:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return orm.Float(float(value)) if is_number else orm.to_aiida_type(value)


def _fraction(value: orm.Float, port: Any) -> str | None:
    return None if 0 <= value.value <= 1 else f'{port.name} must be from 0 to 1, not {value.value:g}'
