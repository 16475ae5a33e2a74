"""What the commands share that list what a profile holds, newest first."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import click

__all__ = ['list_options', 'refuse_both', 'tell_listed']

F = TypeVar('F', bound=Callable[..., Any])


def list_options(pks: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--raw`` and ``--json`` (``as_json``).

    :param pks: whose pks ``--raw`` prints.
    """

    def decorate(function: F) -> F:
        function = click.option('--json', 'as_json', is_flag=True, help='Print JSON.')(function)
        return click.option('--raw', is_flag=True, help=f'Only the pks of {pks}, one a line.')(function)

    return decorate


def refuse_both(raw: bool, as_json: bool) -> None:
    """Refuse ``--raw`` together with ``--json``.

    :param raw: whether the one was given.
    :param as_json: whether the other was given.
    :raises click.UsageError: if both were.
    """
    if raw and as_json:
        raise click.UsageError('choose --raw or --json')


def tell_listed(found: Sequence[Any], words: Callable[[Any], str], none: str, *, raw: bool, as_json: bool) -> None:
    """Print entries, one a line: pk, start of the UUID, time, what is said of it, label.

    :param found: dataclasses with at least ``pk``, ``uuid``, ``created`` and ``label``.
    :param words: what is said of an entry.
    :param none: what is said on standard error where there is none: that, and which command makes one.
    :param raw: print the pks only.
    :param as_json: print all fields as JSON.
    """
    if not found:
        click.echo(none, err=True)
    if as_json:
        click.echo(json.dumps([{**asdict(facts), 'created': facts.created.isoformat()} for facts in found], indent=1))
        return
    for facts in found:
        text = f'{facts.pk:>7}  {facts.uuid[:8]}  {facts.created:%Y-%m-%d %H:%M}  {words(facts)}  {facts.label}'
        click.echo(str(facts.pk) if raw else text.rstrip())
