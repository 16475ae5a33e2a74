"""``aiida-limap setup``: a computer that can run the engines."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import click

from aiida_limap.cli.base import with_profile

__all__ = ['engine_executable', 'setup', 'setup_localhost']


@click.group('setup')
def setup() -> None:
    """Prepare a computer for the engines.

    \b
    Example:
      aiida-limap setup computer
    """


@setup.command('computer')
@click.option('--label', default='localhost', show_default=True, help='Label of the computer.')
@click.option('--work-folder', type=click.Path(path_type=Path), help='Where jobs run; by default below the profile.')
@with_profile
def computer(label: str, work_folder: Path | None) -> None:
    """Set up this machine as a computer, and the engines that are installed here as its code.

    For a remote computer use `verdi computer setup`, install aiida-limap there, and register the code with
    `verdi code create core.code.installed --label limap --filepath-executable /path/to/limap-engine`.

    \b
    Example:
      aiida-limap setup computer --label localhost
    """
    if not label.strip():
        raise click.UsageError('--label is empty; give the computer a name, such as localhost')
    code = setup_localhost(label, work_folder)
    click.echo(f'code {code.full_label} (pk {code.pk}) runs {code.filepath_executable}')


def engine_executable() -> Path:
    """Return the engine command of this installation.

    :raises click.ClickException: if it is not installed.
    """
    beside = Path(sys.executable).parent / 'limap-engine'
    found = str(beside) if beside.is_file() else shutil.which('limap-engine')
    if found is None:
        raise click.ClickException('the command limap-engine is not installed: run `pip install aiida-limap`')
    return Path(found)


def setup_localhost(label: str = 'localhost', work_folder: Path | None = None) -> Any:
    """Return the code of the engines on this machine; computer and code are made where they are missing.

    :param label: label of the computer.
    :param work_folder: where jobs run; None for a folder below that of the profile.
    :returns: the code node.
    :raises click.ClickException: if the computer of this label is another machine.
    """
    from aiida import orm
    from aiida.common.exceptions import NotExistent
    from aiida.manage.configuration import get_config

    try:
        node = orm.load_computer(label)
    except NotExistent:
        folder = work_folder or Path(get_config().dirpath) / 'scratch'
        node = orm.Computer(
            label=label,
            hostname='localhost',
            description='This machine.',
            transport_type='core.local',
            scheduler_type='core.direct',
            workdir=str(folder),
        ).store()
        node.set_default_mpiprocs_per_machine(1)
    if node.transport_type != 'core.local':
        raise click.ClickException(
            f'the computer {label!r} is not this machine, but {node.hostname} by {node.transport_type}; choose another '
            '--label, or register the engines there with `verdi code create core.code.installed`'
        )
    if not node.is_configured:
        # The time between two connections is the costly setting: jobs on the own machine need none.
        node.configure(safe_interval=0, use_login_shell=False)
        node.set_minimum_job_poll_interval(1)
    executable = engine_executable()
    query = orm.QueryBuilder().append(orm.Computer, filters={'uuid': node.uuid}, tag='computer')
    query.append(orm.InstalledCode, with_computer='computer', filters={'label': {'like': 'limap%'}})
    existing = [code for (code,) in query.iterall() if Path(code.filepath_executable) == executable]
    if existing:
        return existing[0]
    taken = {code for (code,) in query.iterall()}
    code = orm.InstalledCode(
        label='limap' if not taken else f'limap-{len(taken) + 1}',
        description='Engines of aiida-limap.',
        computer=node,
        filepath_executable=str(executable),
    )
    return code.store()
