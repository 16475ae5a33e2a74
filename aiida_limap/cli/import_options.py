"""Options that several importers have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ['max_unpacked_option', 'order_option', 'report_options']

F = TypeVar('F', bound=Callable[..., Any])


def report_options(function: F) -> F:
    """Add ``--report`` (``report``) and ``--json`` (``as_json``)."""
    function = click.option('--json', 'as_json', is_flag=True, help='Print the report as JSON.')(function)
    return click.option(
        '--report', type=click.Path(path_type=Path), help='Write the report to this file (.md or .json).'
    )(function)


def order_option(function: F) -> F:
    """Add ``--order``."""
    return click.option('--order', is_flag=True, help='Put ordered structures in the place of disordered ones.')(
        function
    )


def max_unpacked_option(default: int, source: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--max-unpacked``.

    :param default: what may come out without the option, MiB.
    :param source: out of what it comes, as the help calls it.
    """
    return click.option(
        '--max-unpacked',
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        help=f'What may come out of {source}, MiB.',
    )
