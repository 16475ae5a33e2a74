"""Progress bars of a running work chain, one per stage."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida import orm

__all__ = ['watch', 'watch_map']

_INTERVAL_S = 2.0


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

    :param chain: the process node, of a map or of migration energies.
    :raises click.ClickException: if the daemon stops while the work chain is unfinished.
    """
    from aiida.engine.daemon.client import get_daemon_client
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from aiida_limap.tools.progress import stages_of

    columns = (
        TextColumn('{task.description:<20}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('{task.fields[detail]}'),
    )
    client = get_daemon_client()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars: dict[str, Any] = {}
        while True:
            ended = chain.is_terminated
            for stage in stages_of(chain):
                if stage.name not in bars:
                    bars[stage.name] = progress.add_task(stage.name, total=stage.total, start=False, detail='')
                bar = bars[stage.name]
                if stage.done or stage.detail:
                    progress.start_task(bar)
                failed = f'{stage.failed} failed ' if stage.failed else ''
                progress.update(bar, completed=stage.done, total=stage.total, detail=failed + stage.detail)
                if stage.done == stage.total:
                    progress.stop_task(bar)
            if ended:
                break
            if not client.is_daemon_running:
                raise click.ClickException(
                    f'the daemon stopped; nothing is lost: start it with `verdi daemon start`, then watch on with '
                    f'`aiida-limap status {chain.pk} --watch`'
                )
            time.sleep(_INTERVAL_S)
