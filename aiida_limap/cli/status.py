"""``aiida-limap status`` and ``aiida-limap report``: what runs, and what became of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from aiida_limap.cli.barriers import table_of
from aiida_limap.cli.base import with_profile

__all__ = ['report', 'status']

#: A primary key that fits into the database.
PK = click.IntRange(1, 2**63 - 1)


@click.command('status')
@click.argument('pk', type=PK, required=False)
@click.option('--watch', is_flag=True, help='Stay and update until it is finished.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_profile
def status(pk: int | None, watch: bool, as_json: bool) -> None:
    """Show the progress of what runs: stages, batches, epochs and losses, failures.

    PK is the work chain of a map, of a training or of migration energies; without it all that run are shown.

    \b
    Examples:
      aiida-limap status
      aiida-limap status 1234 --watch
    """
    from aiida_limap.cli.watching import watch as watch_chain
    from aiida_limap.tools.progress import running_chains, stages_of

    chains = running_chains() if pk is None else [_load_chain(pk)]
    if as_json:
        rows = [{'pk': chain.pk, 'stages': [asdict(stage) for stage in stages_of(chain)]} for chain in chains]
        click.echo(json.dumps(rows, indent=1))
        return
    if not chains:
        click.echo(
            'no map is running, no training and no migration energies; `aiida-limap map list` shows the finished maps'
        )
    for chain in chains:
        if watch:
            watch_chain(chain)
            continue
        click.echo(f'{_kind(chain)} {chain.pk}, {chain.process_state.value}, started {chain.ctime:%Y-%m-%d %H:%M}')
        for stage in stages_of(chain):
            failed = f', {stage.failed} failed' if stage.failed else ''
            detail = f', {stage.detail}' if stage.detail else ''
            click.echo(f'  {stage.name:<20} {stage.done} of {stage.total} {stage.unit}{failed}{detail}')


@click.command('report')
@click.argument('pk', type=PK)
@with_profile
def report(pk: int) -> None:
    """Say in words what became of a map, a training or migration energies, and of the structures.

    PK is the work chain of a map, of a training or of migration energies.

    \b
    Example:
      aiida-limap report 1234
    """
    chain = _load_chain(pk)
    click.echo(f'{_kind(chain)} {chain.pk}: {_outcome(chain)}')
    for node in sorted(chain.called_descendants, key=lambda entry: entry.pk):
        if not node.is_finished_ok:
            click.echo(f'  {node.process_label} {node.pk}: {_outcome(node)}')
    energies = table_of(chain) or _output(chain, 'migration_energies')
    for title, table in (('migration energies', energies), ('descriptors', _output(chain, 'descriptors'))):
        if table is not None:
            _print_rows(title, table)


def _kind(chain: Any) -> str:
    from aiida_limap.tools.progress import CHAINS

    return CHAINS[chain.process_label]


def _load_chain(pk: int) -> Any:
    from aiida import orm
    from aiida.common.exceptions import NotExistent

    from aiida_limap.tools.progress import CHAINS

    try:
        node = orm.load_node(pk)
    except NotExistent as error:
        raise click.ClickException(f'there is no node {pk}; `verdi process list -a` shows the work chains') from error
    if not isinstance(node, orm.WorkChainNode) or node.process_label not in CHAINS:
        kind = getattr(node, 'process_label', None) or type(node).__name__
        raise click.ClickException(
            f'node {pk} is a {kind}, not the work chain of a map, of a training or of migration energies'
        )
    return node


def _outcome(node: Any) -> str:
    if not node.is_terminated:
        return str(node.process_state.value)
    if node.is_finished_ok:
        return 'finished'
    if node.is_excepted:
        return f'excepted: {node.exception}'
    if node.is_killed:
        return 'killed'
    return f'ended with exit code {node.exit_status}: {node.exit_message}'


def _output(chain: Any, label: str) -> Any:
    link = chain.base.links.get_outgoing(link_label_filter=label).first()
    if link is not None:
        return link.node
    for node in chain.called_descendants:
        link = node.base.links.get_outgoing(link_label_filter=label).first()
        if link is not None:
            return link.node
    return None


def _print_rows(title: str, table: Any) -> None:
    from aiida_limap.common.status import ANSWERS, STATUS_MEANINGS, Status
    from aiida_limap.tools.provenance import structure_facts

    words = [str(word) for word in table.column('status')]
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    click.echo(f'\n{title}: ' + ', '.join(f'{count} {word}' for word, count in counts.items()))
    bad = [(uuid, word) for uuid, word in zip(table.ids, words, strict=True) if Status(word) not in ANSWERS]
    facts = structure_facts([uuid for uuid, _word in bad])
    messages = dict(zip(table.ids, (str(text) for text in table.column('message')), strict=True))
    for uuid, word in bad:
        name = facts.get(uuid, {}).get('label') or uuid
        click.echo(f'  {name}: {word} ({messages[uuid] or STATUS_MEANINGS[Status(word)]})')
