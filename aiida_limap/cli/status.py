"""``aiida-limap status``: how far it is what runs."""

from __future__ import annotations

import json
from typing import Any

import click

from aiida_limap.cli.base import with_profile
from aiida_limap.cli.progress_lines import as_document, progress_lines

__all__ = ['PK', 'load_chain', 'status']

#: A primary key that fits into the database.
PK = click.IntRange(1, 2**63 - 1)


@click.command('status')
@click.argument('pks', metavar='[PK]...', type=PK, nargs=-1)
@click.option('--watch', is_flag=True, help='Stay, draw each change, and stop when all have ended.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_profile
def status(pks: tuple[int, ...], watch: bool, as_json: bool) -> None:
    """Show the progress of what runs: stages, batches, structures by status, losses, time left.

    PK is the work chain of a map, of a training, of an encoding, of a screening, of phonons or of migration energies;
    without it all that run are shown.

    \b
    Examples:
      aiida-limap status
      aiida-limap status 1234 --watch
      aiida-limap status 1234 --json
    """
    from aiida_limap.cli.watching import watch_chains
    from aiida_limap.tools.progress import progress_of, running_chains

    if watch and as_json:
        raise click.UsageError('choose --watch or --json')
    chosen = [load_chain(pk).pk for pk in pks] or [chain.pk for chain in running_chains()]
    if as_json:
        click.echo(json.dumps([as_document(progress_of(pk)) for pk in chosen], indent=1))
        return
    if not chosen:
        click.echo(
            'nothing is running; `aiida-limap launch` submits work, `aiida-limap map list` shows the finished maps',
            err=True,
        )
        return
    if watch:
        try:
            watch_chains(chosen)
        except KeyboardInterrupt:
            click.echo('\nno longer watching; the work goes on in the daemon', err=True)
        return
    all_progress = [progress_of(pk) for pk in chosen]
    for progress in all_progress:
        click.echo('\n'.join(progress_lines(progress)))
    if any(not progress.chain.has_ended for progress in all_progress):
        warn_without_daemon()


def warn_without_daemon() -> None:
    """Say on standard error that nothing goes on, where no daemon runs."""
    from aiida.engine.daemon.client import get_daemon_client

    if not get_daemon_client().is_daemon_running:
        click.echo(
            'the daemon is not running, so nothing goes on; nothing is lost: start it with `verdi daemon start 2`',
            err=True,
        )


def load_chain(pk: int) -> Any:
    """Return the facts of a work chain of this plugin.

    :param pk: its primary key.
    :raises click.ClickException: if there is none of this number, or the node is something else.
    """
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    from aiida_limap.tools.processes import CHAINS, facts_of

    facts = facts_of([pk]).get(pk)
    if facts is not None and facts.label in CHAINS:
        return facts
    try:
        node = orm.load_node(pk)
    except NotExistent as error:
        raise click.ClickException(f'there is no node {pk}; `verdi process list -a` shows the work chains') from error
    kind = getattr(node, 'process_label', None) or type(node).__name__
    raise click.ClickException(
        f'node {pk} is a {kind}, not the work chain of a map, of a training, of an encoding, of a screening, of '
        'phonons or of migration energies'
    )
