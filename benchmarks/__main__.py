"""``python -m benchmarks``: run one benchmark, or all of them."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from benchmarks.common import shared_options

#: The benchmarks in order; what is not said otherwise stands under its own name in a module of that name.
PARTS = (
    'published',
    'literature',
    'refinement',
    'agreement',
    'batch',
    'peer',
    'descriptors',
    'worth',
    'map',
    'training',
    'grid',
    'phonons',
    'phonon_mlip',
    'phonon_embedded',
    'phonon_clusters',
    'screening_features',
    'screening_models',
    'screening_atom2vec',
    'screening_enumeration',
)
#: They make a profile of AiiDA, which a process can do once.
ALONE = ('overhead', 'scale')
_PLACES = {'map': ('map', 'map_'), 'grid': ('training', 'grid')}


class LazyGroup(click.Group):
    """A group that imports a benchmark only when it is asked for: together they load all libraries there are."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*PARTS, *ALONE, *self.commands])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in (*PARTS, *ALONE):
            return super().get_command(ctx, cmd_name)
        module, attribute = _PLACES.get(cmd_name, (cmd_name, cmd_name))
        return getattr(importlib.import_module(f'benchmarks.{module}'), attribute)


@click.group(cls=LazyGroup, context_settings={'help_option_names': ['-h', '--help']})
def main() -> None:
    """Measure the force field (accuracy, agreement with bvlain, time, memory), descriptors (time, worth) and maps.

    \b
    Examples:
      python -m benchmarks all
      python -m benchmarks refinement --structures 5
      python -m benchmarks peer --help
    """


@main.command('all')
@shared_options
@click.pass_context
def run_all(context: click.Context, data: Path | None, output: Path) -> None:
    """Run all benchmarks with their defaults, but for overhead and scale, which need a process of their own.

    \b
    Example:
      python -m benchmarks all --output bench-output
    """
    for name in PARTS:
        click.echo(f'\n{name}')
        part = main.get_command(context, name)
        assert part is not None
        try:
            context.invoke(part, data=data, output=output)
        except click.ClickException as error:
            click.echo(f'{name} was left out: {error.message}')


if __name__ == '__main__':
    main(prog_name='python -m benchmarks')
