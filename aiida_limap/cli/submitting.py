"""What commands share that submit a work chain, say how to follow it, and may wait for its results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder

__all__ = ['submit_and_tell', 'submit_checked', 'submit_options', 'watch_for']

#: What AiiDA writes before the sentence of a validator.
_PORT = re.compile(r"^Error occurred validating port '[^']*': ")
F = TypeVar('F', bound=Callable[..., Any])


def submit_options(shown: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--wait``, ``--raw`` and ``--json`` (``as_json``).

    :param shown: what is printed after waiting.
    """

    def decorate(function: F) -> F:
        function = click.option('--json', 'as_json', is_flag=True, help='Print JSON.')(function)
        function = click.option('--raw', is_flag=True, help='Print only the pk of the work chain.')(function)
        return click.option('--wait', is_flag=True, help=f'Stay, show the progress and print {shown}.')(function)

    return decorate


def submit_checked(builder: ProcessBuilder) -> Any:
    """Submit a work chain; what its validators say of the inputs is an error of the user.

    :param builder: the inputs.
    :returns: the process node.
    :raises click.ClickException: if a validator refuses them, e.g. a code that runs no engine; nothing is submitted
        then.
    """
    from aiida.common.exceptions import ValidationError
    from aiida.engine import submit

    try:
        return submit(builder)
    except ValueError as error:
        raise click.ClickException(_PORT.sub('', ' '.join(str(error).split()))) from error
    except ValidationError as error:
        # Such as an infinite number, which the database does not hold.
        raise click.ClickException(f'an input cannot be stored: {error}') from error


def submit_and_tell(
    builder: ProcessBuilder,
    what: str,
    results: str,
    *,
    raw: bool,
    as_json: bool,
    wait: bool,
    subject: str = '',
) -> Any:
    """Submit a work chain and print its pk, and unless the command waits how to follow it.

    :param builder: the inputs.
    :param what: what the work chain is called.
    :param results: what it gives, and the command that shows that but for the pk, divided by a colon.
    :param raw: print nothing but the pk.
    :param as_json: print pk and UUID as JSON.
    :param wait: whether the command stays.
    :param subject: what it is submitted for, for people.
    :returns: the work chain.
    """
    chain = submit_checked(builder)
    if raw:
        click.echo(chain.pk)
    elif as_json:
        click.echo(json.dumps({'pk': chain.pk, 'uuid': chain.uuid}))
    else:
        click.echo(f'submitted {what} {chain.pk} {subject}'.rstrip())
        if not wait:
            name, _, command = results.partition(': ')
            click.echo(f'progress: aiida-limap status {chain.pk} --watch')
            click.echo(f'{name}, when it is finished: {command} {chain.pk}')
    return chain


def watch_for(chain: Any, output: str) -> None:
    """Show the progress of a work chain until it has ended.

    :param chain: the work chain.
    :param output: label of its output that the command shows then.
    :raises click.ClickException: if it has no rows.
    """
    from aiida_limap.cli.launch import why_unfinished
    from aiida_limap.cli.watching import watch

    watch(chain)
    if output not in chain.outputs or not len(chain.outputs[output]):
        raise click.ClickException(
            f'there are no {output}: {why_unfinished(chain)}; `aiida-limap report {chain.pk}` says more'
        )
    if not chain.is_finished_ok:
        click.echo(f'Warning: {why_unfinished(chain)}', err=True)
