"""What can be wrong with a profile, each in one sentence that says what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

__all__ = ['check_storage', 'database_sentence', 'profile_errors']

_DATABASE = 'database.sqlite'
_MAKE_ONE = 'make one with `verdi presto --use-zeromq`, or try `aiida-limap demo`, which makes its own'


@contextmanager
def profile_errors(name: str | None) -> Iterator[None]:
    """Turn what goes wrong when a profile and its database are opened, or used, into one sentence.

    :param name: name of the profile; None for the default profile.
    :raises click.ClickException: in place of such an error.
    """
    from aiida.common import exceptions

    called = f'the AiiDA profile {name}' if name else 'the AiiDA profile'
    try:
        yield
    except exceptions.IncompatibleStorageSchema as error:
        raise click.ClickException(
            f'the database of {called} was made by another version of AiiDA: bring it up to date with '
            f'`verdi{f" -p {name}" if name else ""} storage migrate` (with the daemon stopped), or, if it is newer '
            'than this installation, upgrade aiida-core'
        ) from error
    except exceptions.MissingConfigurationError as error:
        raise click.ClickException(f'no AiiDA profile is set up: {_MAKE_ONE}') from error
    except exceptions.ProfileConfigurationError as error:
        raise click.ClickException(_no_profile(name)) from error
    except exceptions.CorruptStorage as error:
        raise click.ClickException(f'database and files of {called} do not belong together: {_first(error)}') from error
    except exceptions.UnreachableStorage as error:
        raise click.ClickException(_unreachable(called, error)) from error
    except exceptions.LockedProfileError as error:
        raise click.ClickException(
            f'{called} is locked by another process, such as `verdi storage maintain`: wait until it ends'
        ) from error
    except (exceptions.ConfigurationError, OSError) as error:
        raise click.ClickException(f'{called} cannot be opened: {_first(error)}') from error
    except Exception as error:
        sentence = database_sentence(error)
        if sentence is None:
            raise
        raise click.ClickException(sentence) from error


def check_storage(profile: Any) -> None:
    """Refuse a profile whose files are gone: AiiDA would make an empty database in their place.

    :param profile: the profile, loaded.
    :raises click.ClickException: if folder or database are missing.
    """
    folder = profile.storage_config.get('filepath')
    if folder is None:
        return
    path = Path(str(folder))
    database = path / _DATABASE if profile.storage_backend == 'core.sqlite_dos' else path
    if not database.exists() or (database.is_file() and database.stat().st_size == 0):
        raise click.ClickException(
            f'the database of the AiiDA profile {profile.name} is missing: there is no {database}, or it is empty; '
            'bring it back from a backup, or choose another profile with -p (`verdi profile list` shows them)'
        )


def database_sentence(error: Exception) -> str | None:
    """Return what is wrong with the database in one sentence, or None if the error is another one.

    :param error: any error.
    """
    # No database was asked for where this has not been imported.
    known = sys.modules.get('sqlalchemy.exc')
    if known is None or not isinstance(error, known.DBAPIError):
        return None
    return _unreachable('the AiiDA profile', error)


def _no_profile(name: str | None) -> str:
    from aiida.manage.configuration import get_config

    known = get_config().profile_names
    if not known or name is None:
        return f'no AiiDA profile is set up: {_MAKE_ONE}'
    return f'there is no AiiDA profile {name!r}; there are: {", ".join(known)}'


def _unreachable(called: str, error: Exception) -> str:
    words = _first(error)
    if 'locked' in words:
        return f'the database of {called} is locked by another process: try again when that has ended'
    if 'readonly' in words or 'read-only' in words:
        return f'the database of {called} cannot be written: check the permissions of its folder'
    return (
        f'the database of {called} cannot be reached ({words}): check with `verdi status` whether its file is there '
        'or its server runs'
    )


def _first(error: BaseException) -> str:
    """Return the first line of the message that the driver of the database gave, or of the error itself."""
    origin = getattr(error, 'orig', None) or error
    lines = [line.strip() for line in str(origin).splitlines() if line.strip()]
    return lines[0].rstrip('.') if lines else type(error).__name__
