"""``limap-engine``: the engines on the command line, for calculation jobs and for people."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from aiida_limap import __version__
from aiida_limap.engines.descriptors_command import descriptors
from aiida_limap.engines.layouts_command import layouts
from aiida_limap.engines.screen_command import screen_command
from aiida_limap.formats.job import TASKS

__all__ = ['main']


@click.group(context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(__version__, prog_name='limap-engine')
def main() -> None:
    """Run the engines of aiida-limap without AiiDA.

    \b
    Examples:
      limap-engine bvff LiFePO4.cif --spacing 0.1
      limap-engine descriptors LiFePO4.cif --output table.csv
      limap-engine layouts list
      limap-engine screen esml.safetensors --elements "Li,P,S,Cl" --step 5
      limap-engine train job.json
    """
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(levelname)s %(message)s', stream=sys.stderr)


def _run_task(task: str, job_file: str) -> None:
    from aiida_limap.engines.run import run_job

    raise SystemExit(run_job(task, Path(job_file)))


def _add_job_command(task: str) -> None:
    @main.command(task, short_help=f'Run the job file of the task {task}.')
    @click.argument('job_file', metavar='JOB.JSON', type=click.Path(exists=True, dir_okay=False))
    def command(job_file: str) -> None:
        _run_task(task, job_file)

    command.help = (
        f'Run the {task} job that JOB.JSON describes; results are written beside it.\n\n'
        f'\b\nExample:\n  limap-engine {task} job.json'
    )


for _task in TASKS:
    if _task not in {'bvff', 'descriptors', 'screen'}:
        _add_job_command(_task)
main.add_command(descriptors)
main.add_command(layouts)
main.add_command(screen_command)


@main.command('bvff')
@click.argument('files', metavar='FILE...', nargs=-1, required=True, type=click.Path())
@click.option('--preset', type=click.Choice(['bvff', 'bvse']), default='bvff', show_default=True, help='Force field.')
@click.option(
    '--spacing', type=click.FloatRange(min=0.03, max=1.0), default=0.2, show_default=True, help='Grid spacing, Å.'
)
@click.option('--mobile-ion', default='Li+', show_default=True, help='The ion that moves.')
@click.option(
    '--parameters', type=click.Path(path_type=Path), help='YAML file of bond-valence parameters in place of our own.'
)
@click.option('--grid-only', is_flag=True, help='Do not refine minima and saddles off the grid.')
@click.option('--occupancies', is_flag=True, help='Weight shared and partially occupied sites by their occupancy.')
@click.option('--device', default='cpu', show_default=True, help='Where the grid is computed: cpu, or cuda with torch.')
@click.option(
    '--save',
    type=click.Path(file_okay=False, path_type=Path),
    help='Folder for the landscapes (npz) and migration networks (JSON).',
)
@click.option('--json', 'as_json', is_flag=True, help='Print JSON instead of a table.')
def bvff(files: tuple[str, ...], as_json: bool, save: Path | None, **choices: Any) -> None:
    """Print migration barriers (eV) of structure files, or run a job file.

    FILE is a CIF, POSCAR or any other file that pymatgen reads; a single job.json is run as a job. Several structures
    are computed at a time: OMP_NUM_THREADS says how many.

    \b
    Examples:
      limap-engine bvff LiFePO4.cif Li3PO4.cif --spacing 0.1
      limap-engine bvff Li3PO4.cif LiFePO4.cif --json > barriers.json
      limap-engine bvff Li3PO4.cif --save results
      limap-engine bvff Li3PO4.cif --parameters my_parameters.yaml
      limap-engine bvff job.json
    """
    if len(files) == 1 and Path(files[0]).name == 'job.json':
        if not Path(files[0]).is_file():
            raise click.UsageError(f'there is no file {files[0]}')
        _run_task('bvff', files[0])
    logging.getLogger().setLevel(logging.WARNING)
    # Readers of structure files warn of every rounded coordinate.
    warnings.filterwarnings('ignore', module='pymatgen')
    items = _barriers_of_files(files, _options(choices, save), save, choices['parameters'])
    if as_json:
        rows = [{'file': item.id, 'status': str(item.status), 'message': item.message, **item.values} for item in items]
        click.echo(json.dumps(rows, indent=1))
    else:
        _print_table(items)
    if not any(str(item.status) in {'ok', 'not_percolating'} for item in items):
        raise SystemExit(1)


def _options(choices: dict[str, Any], save: Path | None) -> dict[str, Any]:
    return {
        'preset': choices['preset'],
        'spacing_angstrom': choices['spacing'],
        'mobile_ion': choices['mobile_ion'],
        'refine': not choices['grid_only'],
        'disorder': 'occupancy' if choices['occupancies'] else 'refuse',
        'device': choices['device'],
        'landscapes': save is not None,
        'networks': save is not None and not choices['grid_only'],
    }


def _barriers_of_files(
    files: tuple[str, ...], options: dict[str, Any], folder: Path | None, parameters: Path | None
) -> list[Any]:
    from rich.console import Console
    from rich.progress import Progress

    from aiida_limap.engines.bvff.files import run_files
    from aiida_limap.engines.errors import InputError

    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f'the folder {folder} cannot be made: {error.strerror}') from error
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task('migration energies', total=len(files))
        try:
            return run_files(
                [Path(name) for name in files],
                options,
                on_result=lambda _item: progress.advance(bar),
                folder=folder,
                parameters=parameters,
            )
        except InputError as error:
            raise click.UsageError(str(error)) from error


def _print_table(items: list[Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title='Migration barriers of the bond-valence force field, eV', title_justify='left')
    table.add_column('file', overflow='fold')
    for heading in ('1D', '2D', '3D', 'grid error'):
        table.add_column(heading, justify='right')
    table.add_column('status')
    table.add_column('why', overflow='fold')
    for item in items:
        values = [item.values.get(key) for key in ('barrier_1d_eV', 'barrier_2d_eV', 'barrier_3d_eV', 'grid_error_eV')]
        cells = ['' if value is None else f'{value:.3f}' for value in values]
        table.add_row(Path(item.id).name, *cells, str(item.status), item.message)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == '__main__':
    main()
