"""Progress in words: lines of text for people, and the same as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_limap.tools.processes import ProcessFacts
    from aiida_limap.tools.progress import Progress, Stage

__all__ = ['as_document', 'duration_words', 'heading', 'notes', 'progress_lines', 'rows_words', 'stage_words']

_NAME_WIDTH = 20


def duration_words(seconds: float) -> str:
    """Return a duration in the two units that matter.

    :param seconds: the duration, s.
    """
    seconds = max(0, round(seconds))
    for unit, size, smaller, part in (('d', 86400, 'h', 3600), ('h', 3600, 'min', 60), ('min', 60, 's', 1)):
        if seconds >= size:
            rest = seconds % size // part
            # Seconds matter in the first minutes only.
            return f'{seconds // size} {unit}' + (f' {rest} {smaller}' if rest and seconds < 10 * size else '')
    return f'{seconds} s'


def rows_words(rows: Mapping[str, int]) -> str:
    """Return counts of structures by status word, or no words if there are none.

    :param rows: number of structures by status word.
    """
    if not rows:
        return ''
    n_rows = sum(rows.values())
    return f'{n_rows} structure{"" if n_rows == 1 else "s"}: ' + ', '.join(f'{n} {word}' for word, n in rows.items())


def stage_words(stage: Stage) -> str:
    """Return how far a stage is, in one line.

    :param stage: the stage.
    """
    if not stage.done and not stage.running and not stage.failed and not stage.detail:
        return f'waits ({stage.total} {stage.unit})' if stage.total > 1 else 'waits'
    unit = (
        stage.unit
        if stage.total > 1
        else {'batches': 'batch', 'jobs': 'job', 'models': 'model'}.get(stage.unit, stage.unit)
    )
    words = [f'{stage.done} of {stage.total} {unit}']
    words += [f'{stage.failed} failed'] if stage.failed else []
    words += [f'{stage.running} running'] if stage.running and not stage.detail else []
    words += [stage.detail] if stage.detail else []
    words += [f'about {duration_words(stage.seconds_left)} left'] if stage.seconds_left else []
    return ', '.join(words)


def heading(progress: Progress) -> str:
    """Return the line that names a work chain, and says what state it is in and since when.

    :param progress: how far it is.
    """
    chain = progress.chain
    started = f'started {chain.ctime.astimezone():%Y-%m-%d %H:%M}'
    if chain.has_ended:
        code = f' with exit status {chain.exit_status}' if chain.exit_status else ''
        return f'{progress.kind} {chain.pk}, {chain.state}{code}, {started}, took {duration_words(chain.seconds)}'
    elapsed = (datetime.now(timezone.utc) - chain.ctime).total_seconds()
    # A work chain waits for its jobs most of the time, which means to a person that it runs.
    state = 'running' if chain.state == 'waiting' else chain.state
    return f'{progress.kind} {chain.pk}, {state}, {started}, {duration_words(elapsed)} ago'


def progress_lines(progress: Progress) -> list[str]:
    """Return the lines that tell how far a work chain is.

    :param progress: how far it is.
    """
    lines = [heading(progress)]
    for stage in progress.stages:
        lines.append(f'  {stage.name:<{_NAME_WIDTH}} {stage_words(stage)}')
        if stage.rows and stage.unit != 'structures':
            lines.append(f'  {"":<{_NAME_WIDTH}} {rows_words(stage.rows)}')
    return lines + [f'  {note}' for note in notes(progress)]


def notes(progress: Progress) -> list[str]:
    """Return what a person has to do for a work chain to go on.

    :param progress: how far it is.
    """
    return [paused_words(facts) for facts in progress.paused]


def paused_words(facts: ProcessFacts) -> str:
    """Return why a process is paused, and how it goes on.

    :param facts: the process.
    """
    why = f' ({facts.process_status})' if facts.process_status else ''
    return f'{facts.label} {facts.pk} is paused{why}: let it go on with `verdi process play {facts.pk}`'


def as_document(progress: Progress) -> dict[str, Any]:
    """Return how far a work chain is, as plain values.

    :param progress: how far it is.
    """
    chain = progress.chain
    return {
        'pk': chain.pk,
        'uuid': chain.uuid,
        'kind': progress.kind,
        'state': chain.state,
        'exit_status': chain.exit_status,
        'started': chain.ctime.isoformat(),
        'stages': [asdict(stage) for stage in progress.stages],
        'paused': [{'pk': facts.pk, 'label': facts.label, 'why': facts.process_status} for facts in progress.paused],
    }
