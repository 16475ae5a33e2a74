"""``aiida-limap``: the command line for people."""

from __future__ import annotations

import importlib

import click

from aiida_limap import __version__

__all__ = ['main']

#: Module and attribute of each command; imported only when it is asked for, so that ``--help`` is quick.
_COMMANDS = {
    'demo': ('demo', 'demo', 'Draw a map of the embedded structures, end to end.'),
    'import': ('importing', 'import_group', 'Bring structures into the profile.'),
    'install': ('install', 'install', 'Install sets of bond-valence parameters.'),
    'launch': ('launch', 'launch', 'Submit work to the daemon.'),
    'layouts': ('layouts', 'layouts', 'Print descriptor layouts and their columns, check your own.'),
    'map': ('maps', 'map_group', 'List, show and draw maps.'),
    'phonons': ('phonons', 'phonons_group', 'List, show and draw clusters of compounds by their phonons.'),
    'point': ('points', 'point_group', 'Show points of a map and the way back to their structures.'),
    'report': ('report', 'report', 'Say in words what failed, why, and what to do.'),
    'screen': ('screen', 'screen_group', 'List, show, report and draw screenings, and their hits.'),
    'setup': ('setup', 'setup', 'Prepare a computer for the engines.'),
    'status': ('status', 'status', 'Show the progress of what runs.'),
}


class LazyGroup(click.Group):
    """A group that knows the names of its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _summary = _COMMANDS[cmd_name]
        return getattr(importlib.import_module(f'aiida_limap.cli.{module}'), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the summaries above, without importing any of them."""
        with formatter.section('Commands'):
            formatter.write_dl([(name, summary) for name, (_module, _attribute, summary) in _COMMANDS.items()])


@click.group('aiida-limap', cls=LazyGroup, context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(__version__, prog_name='aiida-limap')
@click.option('-p', '--profile', metavar='NAME', help='AiiDA profile; by default the default profile.')
@click.pass_context
def main(ctx: click.Context, profile: str | None) -> None:
    """Draw materials maps of lithium-ion conductors and keep the provenance of every point.

    \b
    Examples:
      aiida-limap demo
      aiida-limap import files my-cifs/ --name oxides
      aiida-limap launch map --group oxides --wait
      aiida-limap map page
      aiida-limap launch bvff mp-10499 --wait
      aiida-limap point show mp-10499
    """
    ctx.obj = {'profile': profile}
