"""What the commands share: profile and daemon, errors as sentences, progress bars."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from aiida_limap.cli.profile_errors import check_storage, database_sentence, profile_errors

__all__ = [
    'OUTPUT_FORMATS',
    'counting_bar',
    'friendly',
    'load_chosen_profile',
    'load_code',
    'load_profile',
    'require_daemon',
    'with_profile',
]

P = ParamSpec('P')
R = TypeVar('R')

OUTPUT_FORMATS = ('png', 'svg', 'pdf')
#: Where the engines are looked for unless a code is named.
DEFAULT_CODE = 'limap@localhost'


def friendly(function: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors that a user can cause into one sentence and exit status 1, without a traceback."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from aiida_limap.engines.errors import LimapError
        from aiida_limap.formats._files import FormatError
        from aiida_limap.importers.base import ImporterError
        from aiida_limap.tools.query import QueryError
        from aiida_limap.visualisation.errors import VisualisationError

        try:
            return function(*args, **kwargs)
        except (FormatError, ImporterError, LimapError, QueryError, VisualisationError) as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            # A database that goes away, or is locked, while the command runs.
            sentence = database_sentence(error)
            if sentence is None:
                raise
            raise click.ClickException(sentence) from error

    return wrapper


def with_profile(function: Callable[P, R]) -> Callable[P, R]:
    """Load the AiiDA profile of ``--profile`` before the command runs, and keep its errors friendly."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        load_chosen_profile()
        return friendly(function)(*args, **kwargs)

    return wrapper


def load_chosen_profile() -> None:
    """Load the AiiDA profile of ``--profile``, or the default one.

    :raises click.ClickException: if there is none, or it cannot be opened.
    """
    obj = click.get_current_context().find_root().obj or {}
    load_profile(obj.get('profile'))


def load_profile(name: str | None) -> None:
    """Load an AiiDA profile.

    :param name: its name; None for the default profile.
    :raises click.ClickException: if there is none, or it cannot be opened.
    """
    from aiida.manage import get_manager

    # A profile that is loaded already (in a test or a notebook) is the one that is meant.
    loaded = get_manager().get_profile()
    if loaded is not None and name in {None, loaded.name}:
        return
    with profile_errors(name):
        from aiida.manage.configuration import load_profile as load

        check_storage(load(name))
        get_manager().get_profile_storage()


def require_daemon() -> None:
    """Refuse to submit where no daemon runs, since nothing would ever happen.

    :raises click.ClickException: if the profile has no broker, or its daemon does not run.
    """
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage import get_manager

    profile = get_manager().get_profile()
    if profile is None or profile.process_control_backend is None:
        raise click.ClickException(
            'this profile has no message broker, so nothing can be submitted: give it one with '
            '`verdi profile configure-broker core.zeromq`, then start the daemon with `verdi daemon start 2`'
        )
    if not get_daemon_client().is_daemon_running:
        raise click.ClickException(
            'the daemon is not running, so nothing would be computed: start it with `verdi daemon start 2`'
        )


def load_code(label: str) -> Any:
    """Return the code of the engines.

    :param label: its full label.
    :raises click.ClickException: if there is none.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        return orm.load_code(label)
    except (NotExistent, MultipleObjectsError, ValueError) as error:
        raise click.ClickException(
            f'no code {label!r}: `aiida-limap setup computer` sets up the engines on this machine, and '
            '`verdi code list` shows the codes there are'
        ) from error


@contextmanager
def counting_bar(label: str) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Show a progress bar on standard error.

    :param label: what is counted.
    :returns: two functions: one takes the total, the other the number of steps since its last call.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn('{task.description:<20}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(label, total=None)
        yield (lambda total: progress.update(bar, total=total)), (lambda steps: progress.advance(bar, steps))


def writable_folder(folder: Path) -> Path:
    """Return the folder, made where it is missing.

    :param folder: the folder.
    :raises click.ClickException: if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f'the folder {folder} cannot be made: {error.strerror}') from error
    return folder
