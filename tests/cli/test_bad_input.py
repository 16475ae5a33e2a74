"""What is wrong with a profile, a daemon or a name is said in one sentence, and the command fails."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from plugins_shell import Shell

from aiida_limap.cli.profile_errors import database_sentence, profile_errors


def sentence_of(shell: Shell, *command: str) -> str:
    """Return the one sentence with which a command fails."""
    done = shell(*command, fails=True)
    assert done.returncode in {1, 2}
    (line,) = (line for line in done.stderr.splitlines() if line.startswith('Error: '))
    return line


@pytest.fixture(scope='module')
def shell(tmp_path_factory) -> Shell:
    """Return the commands in a profile that a newcomer has made, with the daemon stopped."""
    shell = Shell(tmp_path_factory.mktemp('profile'))
    shell('verdi', 'presto', '--use-zeromq', '--non-interactive', '--profile-name', 'mine')
    return shell


@pytest.fixture
def database(shell) -> Iterator[Path]:
    """Return the database of the profile, which is as before afterwards."""
    (path,) = (shell.folder / '.aiida').rglob('database.sqlite')
    shutil.copy(path, path.with_suffix('.copy'))
    yield path
    shutil.copy(path.with_suffix('.copy'), path)


def test_without_a_profile_it_is_told_how_to_make_one(tmp_path):
    line = sentence_of(Shell(tmp_path), 'aiida-limap', 'status')
    assert line.startswith('Error: no AiiDA profile is set up: make one with `verdi presto --use-zeromq`')


def test_an_unknown_profile_is_named_beside_those_that_exist(shell):
    line = sentence_of(shell, 'aiida-limap', '--profile', 'yours', 'status')
    assert line == "Error: there is no AiiDA profile 'yours'; there are: mine"


def test_an_outdated_database_is_to_be_migrated(shell, database):
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'main_0000'")
    line = sentence_of(shell, 'aiida-limap', 'status')
    assert 'made by another version of AiiDA: bring it up to date with `verdi storage migrate`' in line
    assert 'verdi -p mine storage migrate' in sentence_of(shell, 'aiida-limap', '-p', 'mine', 'map', 'list')


def test_a_database_that_is_gone_is_not_replaced_by_an_empty_one(shell, database):
    database.unlink()
    for _ in range(2):
        line = sentence_of(shell, 'aiida-limap', 'status')
        assert f'there is no {database}' in line
        assert not database.exists()


def test_a_file_that_is_no_database_is_no_traceback(shell, database):
    database.write_bytes(b'this is not a database' * 100)
    assert 'file is not a database' in sentence_of(shell, 'aiida-limap', 'status')


def test_a_stopped_daemon_and_unknown_names(shell):
    for command, words in (
        (('launch', 'map', '--group', 'nothing'), "no group 'nothing' of imported structures; there are: none yet"),
        (('launch', 'map', '--dataset', '999999'), 'no dataset 999999'),
        (('report', '999999'), 'there is no node 999999'),
    ):
        assert words in sentence_of(shell, 'aiida-limap', *command)
    assert 'there is no node 999999' in shell('verdi', 'data', 'limap', 'show', '999999', fails=True).stderr


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        ('database is locked', 'is locked by another process'),
        ('attempt to write a readonly database', 'cannot be written: check the permissions'),
        ('connection to server at "localhost" failed: Connection refused\n\tIs it running?', 'Connection refused'),
    ],
)
def test_a_database_that_fails_while_a_command_runs(message, words):
    from sqlalchemy.exc import OperationalError

    error = OperationalError('SELECT 1', {}, Exception(message))
    sentence = database_sentence(error)
    assert sentence is not None
    assert words in sentence
    assert '\n' not in sentence
    with pytest.raises(click.ClickException, match=re.escape(sentence)), profile_errors(None):
        raise error
    assert database_sentence(ValueError(message)) is None


def test_a_profile_in_maintenance_and_a_server_that_is_down():
    from aiida.common import exceptions

    for error, words in (
        (exceptions.LockedProfileError('locked'), 'the AiiDA profile mine is locked by another process'),
        (exceptions.UnreachableStorage('could not connect'), r'cannot be reached \(could not connect\)'),
        (exceptions.CorruptStorage('other uuid'), 'do not belong together: other uuid'),
        (exceptions.ConfigurationError('broken'), 'the AiiDA profile mine cannot be opened: broken'),
    ):
        with pytest.raises(click.ClickException, match=words), profile_errors('mine'):
            raise error
    with pytest.raises(ValueError, match='mine'), profile_errors(None):
        raise ValueError('a mistake of mine stays a traceback')


def test_a_group_without_structures_is_no_map(graph, fails):
    from plugins_aiida import make_dataset

    from aiida_limap.groups.dataset import DatasetGroup

    group = DatasetGroup(label='limap/nobody').store()
    group.dataset = make_dataset([], name='nobody')
    assert 'holds 0 structures; a map needs 10 or more' in fails('launch', 'map', '--group', 'nobody')
    assert "'nobody' holds no structures" in fails('launch', 'bvff', '--group', 'nobody')
