"""``aiida-limap demo``: a map of the embedded structures, from nothing to the page, through AiiDA."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from aiida_limap.cli.base import counting_bar, friendly, load_profile, writable_folder
from aiida_limap.cli.choosing import layout_options, layout_overrides

__all__ = ['demo']

PROFILE = 'limap-demo'
#: The same losses in a basis of principal directions: the map of the demo is there in a fraction of the time.
_OVERRIDES = {'train': {'parameters': {'basis': 'compact'}}}
#: How long a daemon may take to start or to stop, s. AiiDA would wait for two seconds, too few for a busy machine.
_DAEMON_S = 120


@click.command('demo')
@click.option(
    '-f',
    '--folder',
    type=click.Path(file_okay=False, path_type=Path),
    default=Path('limap-demo'),
    show_default=True,
    help='Where profile, page and figures go.',
)
@click.option('--limit', type=click.IntRange(min=20), help='Map only this many structures, spread over the library.')
@click.option('--protocol', default='balanced', show_default=True, help='fast, balanced or stringent.')
@layout_options
@click.option('--workers', type=click.IntRange(1, 64), default=2, show_default=True, help='Workers of the daemon.')
@click.option('--keep-daemon', is_flag=True, help='Leave the daemon running at the end.')
@friendly
def demo(folder: Path, workers: int, keep_daemon: bool, **chosen: Any) -> None:
    """Draw a map of the embedded lithium oxides, end to end, in a profile of its own.

    Makes a profile (SQLite and the ZeroMQ broker, no service needed) below FOLDER, starts its daemon, imports the
    prototype library, submits the map work chain, and writes the page and the figures. A second run uses the same
    profile, and cached calculations make it quick.

    \b
    Examples:
      aiida-limap demo
      aiida-limap demo --folder my-demo --limit 100 --protocol fast
      aiida-limap demo --folder my-demo --preset modern
    """
    started = time.monotonic()
    # Before the profile is made, since a wrong layout is the mistake of a moment.
    chosen['last'] = layout_overrides(chosen.pop('layout'), chosen.pop('landscape'), chosen.pop('preset'))
    folder = writable_folder(folder.resolve())
    _own_profile(folder)
    chain, report = _run(workers, keep_daemon, **chosen)
    _deliver(chain, folder)
    click.echo(f'\n{len(report.dataset)} structures in {time.monotonic() - started:.0f} s')
    _say_how_to_go_on(folder, chain)


def _own_profile(folder: Path) -> None:
    """Make or load the profile of the demo; ``AIIDA_PATH`` must be set before aiida is imported."""
    os.environ['AIIDA_PATH'] = str(folder)
    # The daemon looks for `verdi` on the path, where it is not if the environment was not activated.
    os.environ['PATH'] = f'{Path(sys.executable).parent}{os.pathsep}{os.environ.get("PATH", "")}'
    if 'aiida.manage.configuration.settings' in sys.modules:
        from aiida.manage.configuration import get_config

        if Path(get_config().dirpath).parent != folder:
            raise click.ClickException('the demo needs a process of its own: run it from the command line')
    if f'"{PROFILE}"' not in _config_text(folder):
        verdi = Path(sys.executable).parent / 'verdi'
        command = [str(verdi), 'presto', '--use-zeromq', '--non-interactive', '--profile-name', PROFILE]
        click.echo(f'setting up the AiiDA profile {PROFILE} in {folder}')
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            detail = (done.stderr or done.stdout).strip().splitlines()
            raise click.ClickException(
                f'verdi presto could not make the profile: {detail[-1] if detail else "no reason given"}'
            )
    load_profile(PROFILE)
    from aiida.manage.configuration import get_config

    config = get_config()
    config.set_option('caching.default_enabled', True, scope=PROFILE)
    config.store()


def _config_text(folder: Path) -> str:
    config = folder / '.aiida' / 'config.json'
    return config.read_text() if config.is_file() else ''


def _run(workers: int, keep_daemon: bool, *, protocol: str, limit: int | None, last: dict[str, Any]) -> tuple[Any, Any]:
    """Import, submit and watch; the daemon is stopped at the end if this command started it."""
    from aiida.engine.daemon.client import get_daemon_client

    from aiida_limap.cli.importing import print_report
    from aiida_limap.cli.launch import submit_map, why_unfinished
    from aiida_limap.cli.setup import setup_localhost
    from aiida_limap.cli.watching import watch_map
    from aiida_limap.importers.prototypes import import_prototypes

    code = setup_localhost()
    client = get_daemon_client()
    ours = not client.is_daemon_running
    if ours:
        click.echo(f'starting the daemon with {workers} workers')
        _start(client, workers)
    try:
        with counting_bar('importing') as (on_start, on_progress):
            report = import_prototypes(limit=limit, on_start=on_start, on_progress=on_progress)
        print_report(report)
        chain = submit_map(report.dataset, code, protocol, _OVERRIDES, last)
        click.echo(f'submitted map work chain {chain.pk}')
        finished = watch_map(chain)
    finally:
        if ours and not keep_daemon:
            _stop(client)
    if not finished:
        prefix = _prefix(Path(os.environ['AIIDA_PATH']))
        raise click.ClickException(
            f'the map was not finished: {why_unfinished(chain)}; `{prefix} report {chain.pk}` says more'
        )
    return chain, report


def _start(client: Any, workers: int) -> None:
    from aiida.common.exceptions import ConfigurationError
    from aiida.engine.daemon.client import DaemonException

    try:
        client.start_daemon(number_workers=workers, timeout=_DAEMON_S)
    except (DaemonException, ConfigurationError) as error:
        raise click.ClickException(f'the daemon could not be started: {error}') from error


def _stop(client: Any) -> None:
    """Stop the daemon; one that does not answer is no reason to lose the map."""
    from aiida.engine.daemon.client import DaemonException

    try:
        client.stop_daemon(wait=True, timeout=_DAEMON_S)
    except DaemonException as error:
        command = f'AIIDA_PATH={os.environ["AIIDA_PATH"]} {Path(sys.executable).parent / "verdi"} daemon stop'
        click.echo(f'the daemon could not be stopped: {error} `{command}` stops it', err=True)


def _deliver(chain: Any, folder: Path) -> None:
    from aiida_limap.cli.maps import draw_figures, draw_page
    from aiida_limap.tools.bundle import map_bundle

    node = chain.outputs.map
    title = f'Materials map of {len(node.ids)} lithium oxides'
    bundle = map_bundle(node, title=title)
    page = draw_page(bundle, folder / 'map.html')
    figures = draw_figures(bundle, folder / 'figures')
    counts = ', '.join(f'{count} {word}' for word, count in node.counts_by_status.items())
    click.echo(f'\npage     {page}')
    for figure in figures:
        click.echo(f'figure   {figure}')
    click.echo(f'points   {len(node.ids)} ({counts})')


def _say_how_to_go_on(folder: Path, chain: Any) -> None:
    from aiida_limap.tools.provenance import structure_facts

    node = chain.outputs.map
    facts = structure_facts(node.ids)
    linked = [facts[uuid]['source'] for uuid in node.ids if facts[uuid]['source'].get('extras', {}).get('counterpart')]
    example = linked[0]['extras']['counterpart'] if linked else node.ids[0]
    click.echo('\nask for a point, its structure and every calculation behind it:')
    click.echo(f'  {_prefix(folder)} point show {example}')
    click.echo('see the graph of the whole map:')
    click.echo(f'  AIIDA_PATH={folder} {Path(sys.executable).parent / "verdi"} process status {chain.pk}')


def _prefix(folder: Path) -> str:
    return f'AIIDA_PATH={folder} {Path(sys.executable).parent / "aiida-limap"}'
