"""``limap-engine descriptors``: descriptors of structure files for people, and job files."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.engines.layouts_command import sentences

if TYPE_CHECKING:
    from aiida_limap.engines.descriptors.files import DescribedFiles

__all__ = ['descriptors']


@click.command('descriptors', short_help='Describe structure files, or run a job file.')
@click.argument('files', metavar='FILE...', nargs=-1, required=True, type=click.Path())
@click.option(
    '--layout', default='yamaguchi2023', show_default=True, help='Name of a layout, or a YAML file of your own.'
)
@click.option(
    '--landscape', is_flag=True, help='Also compute the landscape part, from site energies of the mobile ion.'
)
@click.option(
    '--part',
    'parts',
    type=click.Choice(['composition', 'structure', 'landscape']),
    multiple=True,
    help='Print or write only this part; may be given several times.',
)
@click.option(
    '-o',
    '--output',
    type=click.Path(dir_okay=False, path_type=Path),
    help='File for the numbers; its ending, csv or npz, is the format.',
)
@click.option('--json', 'as_json', is_flag=True, help='Print all numbers as JSON.')
@sentences
def descriptors(files: tuple[str, ...], as_json: bool, output: Path | None, **chosen: Any) -> None:
    """Describe structure files by the numbers of a layout, or run a job file.

    FILE is a CIF, POSCAR or any other file that pymatgen reads; a single job.json is run as a job. A file that cannot
    be described costs its own row only. Several structures are described at a time: OMP_NUM_THREADS says how many.
    `limap-engine layouts columns LAYOUT` prints what the numbers are.

    \b
    Examples:
      limap-engine descriptors LiFePO4.cif Li3PO4.cif --output table.csv
      limap-engine descriptors Li3PO4.cif --layout compact --part structure --output structure.npz
      limap-engine descriptors Li3PO4.cif --layout mine.yaml --json
      limap-engine descriptors job.json
    """
    if len(files) == 1 and Path(files[0]).name == 'job.json':
        if not Path(files[0]).is_file():
            raise click.UsageError(f'there is no file {files[0]}')
        from aiida_limap.engines.run import run_job

        raise SystemExit(run_job('descriptors', Path(files[0])))
    _check_output(output)
    logging.getLogger().setLevel(logging.WARNING)
    # Readers of structure files warn of every rounded coordinate.
    warnings.filterwarnings('ignore', module='pymatgen')
    described = _describe(files, chosen)
    if output is not None:
        from aiida_limap.engines.descriptors.files import write_described

        write_described(output, described)
    if as_json:
        click.echo(json.dumps(described.as_dict()))
    else:
        _print_table(described, output)
    if not any(str(item.status) == 'ok' for item in described.items):
        raise SystemExit(1)


def _check_output(output: Path | None) -> None:
    """Refuse what cannot be written before anything is computed."""
    from aiida_limap.engines.descriptors.files import ENDINGS

    if output is None:
        return
    if output.suffix not in ENDINGS:
        raise click.UsageError(f'--output {output}: the ending must be {" or ".join(ENDINGS)}')
    if not output.resolve().parent.is_dir():
        raise click.UsageError(f'--output {output}: there is no folder {output.parent}')


def _describe(files: tuple[str, ...], chosen: dict[str, Any]) -> DescribedFiles:
    from rich.console import Console
    from rich.progress import Progress

    from aiida_limap.engines.descriptors import load_layout
    from aiida_limap.engines.descriptors.files import describe_files
    from aiida_limap.engines.descriptors.task import parts_of

    layout, wanted = load_layout(chosen['layout']), chosen['parts']
    parts = parts_of(layout, chosen['landscape'] or 'landscape' in wanted)
    parts = tuple(part for part in parts if not wanted or part in wanted)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task('descriptors', total=len(files))
        return describe_files(files, layout, parts, on_result=lambda _item: progress.advance(bar))


def _print_table(described: DescribedFiles, output: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f'Descriptors of the layout {described.layout.name}', title_justify='left')
    table.add_column('file', overflow='fold')
    table.add_column('formula')
    table.add_column('time / ms', justify='right')
    table.add_column('status')
    table.add_column('why', overflow='fold')
    for item in described.items:
        time_ms = f'{1000 * item.values["wall_s"]:.1f}'
        table.add_row(Path(item.id).name, item.values.get('formula') or '', time_ms, str(item.status), item.message)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    counts = ', '.join(f'{part} {block.shape[1]}' for part, block in described.blocks.items())
    written = f'written to {output}' if output is not None else 'not kept: --output table.csv writes them'
    click.echo(f'columns: {counts}; {written}')
