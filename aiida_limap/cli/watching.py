"""The progress of work chains on the screen, drawn anew at each change until all have ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.progress_lines import heading, notes, rows_words, stage_words

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.tools.progress import Progress

__all__ = ['watch', 'watch_chains', 'watch_map']

#: Longest time between two looks; a change of state is shown at once where the broker tells it.
_INTERVAL_S = 2.0
#: Many jobs that change at once are one picture.
_SHORTEST_S = 0.3
#: A daemon that is restarted is away for some seconds.
_GRACE_S = 20.0
_BAR_WIDTH = 16


def watch_map(chain: orm.WorkChainNode) -> bool:
    """Show the stages of a map until its work chain has ended.

    :param chain: the process node.
    :returns: whether there is a map at the end; also one that lacks structures which no job finished.
    :raises click.ClickException: if the daemon stops while the map is unfinished.
    """
    watch(chain)
    return 'map' in chain.outputs


def watch(chain: orm.WorkChainNode) -> None:
    """Show the stages of a work chain until it has ended.

    :param chain: the process node: one of those of :data:`aiida_limap.tools.processes.CHAINS`.
    :raises click.ClickException: if the daemon stops while the work chain is unfinished.
    """
    watch_chains([int(chain.pk or 0)])


def watch_chains(pks: Sequence[int]) -> None:
    """Show the stages of work chains until all have ended.

    :param pks: the work chains.
    :raises click.ClickException: if the daemon stops while one is unfinished, and is not back in some seconds.
    """
    from rich.console import Console

    from aiida_limap.tools.events import StateChanges
    from aiida_limap.tools.progress import progress_of
    from aiida_limap.tools.running import RunningResults

    console = Console(stderr=True)
    running = RunningResults()
    with StateChanges() as changes, _screen(console) as show:
        daemon = _DaemonWatch(pks)
        while True:
            all_progress = [progress_of(pk, running) for pk in pks]
            show(all_progress)
            if all(progress.chain.has_ended for progress in all_progress):
                return
            if daemon.came_back():
                changes.connect()
            if changes.wait(_INTERVAL_S):
                time.sleep(_SHORTEST_S)


class _DaemonWatch:
    """Notice that the daemon stopped, and that it came back."""

    def __init__(self, pks: Sequence[int]) -> None:
        from aiida.engine.daemon.client import get_daemon_client

        self._client = get_daemon_client()
        self._pks = pks
        self._gone_at: float | None = None
        self._pid = self._client.get_daemon_pid()

    def came_back(self) -> bool:
        """Return whether the daemon is another one than at the last call.

        :raises click.ClickException: if there has been none for some time.
        """
        pid = self._client.get_daemon_pid()
        if pid is None:
            now = time.monotonic()
            self._gone_at = self._gone_at or now
            # One that was not there from the beginning is not being restarted.
            if self._pid is None or now - self._gone_at > _GRACE_S:
                numbers = ' '.join(str(pk) for pk in self._pks)
                raise click.ClickException(
                    'the daemon is not running, so nothing goes on; nothing is lost: start it with '
                    f'`verdi daemon start 2`, then watch on with `aiida-limap status {numbers} --watch`'
                )
            return False
        self._gone_at = None
        is_another, self._pid = pid != self._pid, pid
        return is_another


class _screen:  # noqa: N801
    """Draw in place on a terminal; elsewhere, as in a log file, write a line for each stage that got further."""

    def __init__(self, console: Any) -> None:
        from rich.live import Live

        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._written: dict[tuple[int, str], tuple[int, int, bool]] = {}

    def __enter__(self) -> _screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, all_progress: Sequence[Progress]) -> None:
        if self._live is not None:
            self._live.update(_picture(all_progress), refresh=True)
            return
        for progress in all_progress:
            for stage in progress.stages:
                key = (progress.chain.pk, stage.name)
                state = (stage.done, stage.failed, bool(stage.running))
                if (stage.done or stage.running) and self._written.get(key) != state:
                    self._written[key] = state
                    name = stage.name if len(all_progress) == 1 else f'{progress.chain.pk} {stage.name}'
                    click.echo(f'{name:<20} {stage_words(stage)}', err=True)


def _picture(all_progress: Sequence[Progress]) -> Any:
    """Return what is drawn: for each work chain a heading, and a bar for each stage."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    parts: list[Any] = []
    for progress in all_progress:
        parts.append(Text(heading(progress), style='bold'))
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(width=_BAR_WIDTH)
        table.add_column()
        for stage in progress.stages:
            bar = ProgressBar(total=max(1, stage.total), completed=stage.done, width=_BAR_WIDTH)
            rows = rows_words(stage.rows) if stage.unit != 'structures' else ''
            table.add_row(f'  {stage.name}', bar, Text('\n'.join(filter(None, [stage_words(stage), rows]))))
        parts.append(table)
        parts += [Text(f'  {note}', style='yellow') for note in notes(progress)]
    return Group(*parts)
