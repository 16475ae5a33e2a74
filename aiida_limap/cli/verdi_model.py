"""``verdi data limap model``: trained models, what they are and how good they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from aiida.cmdline.utils.decorators import with_dbenv

from aiida_limap.cli.base import friendly, writable_folder
from aiida_limap.cli.listing import refuse_both

if TYPE_CHECKING:
    from aiida_limap.data.autoencoder import AutoencoderData

__all__ = ['model', 'print_model']

_NODE = click.argument('node')
#: Options in the order in which a person wants to know them; the others follow.
_FIRST = ('preset', 'basis', 'me_weight', 'learning_rate', 'weight_decay', 'batch_size', 'seed', 'split')


@click.group('model')
def model() -> None:
    """Trained models: what they were trained on, with which options, and how good they are.

    NODE is the pk or UUID of a model, of a map, or of the process that made or used one.

    \b
    Examples:
      verdi data limap model list
      verdi data limap model show 1234
    """


@model.command('list')
@click.option('--raw', is_flag=True, help='Without a heading, separated by tabs.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@with_dbenv()
@friendly
def list_command(raw: bool, as_json: bool) -> None:
    """List the models of the profile, newest first.

    \b
    Example:
      verdi data limap model list
    """
    from aiida_limap.cli.verdi_list import print_list
    from aiida_limap.tools.data_nodes import list_nodes

    refuse_both(raw, as_json)
    print_list('autoencoder', list_nodes('autoencoder'), raw=raw, as_json=as_json)


@model.command('show')
@_NODE
@click.option('--json', 'as_json', is_flag=True, help='Print the whole header of the file as JSON.')
@with_dbenv()
@friendly
def show(node: str, as_json: bool) -> None:
    """Show layout, options and quality of a model.

    \b
    Examples:
      verdi data limap model show 1234
      verdi data limap model show 1234 --json
    """
    found = _load(node)
    if as_json:
        click.echo(json.dumps(found.header, indent=1))
        return
    click.echo(f'model {found.pk} ({found.uuid}) {found.label}'.rstrip())
    print_model(found)


def print_model(found: AutoencoderData) -> None:
    """Print layout, options and quality of a model.

    :param found: the model.
    """
    from aiida_limap.cli.quality import print_quality

    training = found.header['training']
    reads = ' and its landscape part' if found.reads_landscape else ''
    if found.reads_phonons:
        reads += f', phonons ({", ".join(found.header["columns"]["phonons"]["columns"])})'
    click.echo(f'reads the layout {found.layout}{reads}, trained by aiida-limap {found.engine_version}')
    if 'epochs' in training:
        ended = f', ended by {training["ended"]}' if training.get('ended') else ''
        click.echo(f'epoch {training["best_epoch"]} of {training["epochs"]}{ended}')
    _print_options(training)
    print_quality(found.metrics, training.get('map_quality'))


@model.command('export')
@_NODE
@click.option(
    '-o',
    '--output',
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help='The file to write, in the safetensors format.',
)
@with_dbenv()
@friendly
def export(node: str, output: Path) -> None:
    """Write a model to a file, which `limap-engine` and `aiida_limap.engines.autoencoder.load_model` read.

    \b
    Example:
      verdi data limap model export 1234 --output model.safetensors
    """
    found = _load(node)
    writable_folder(output.resolve().parent)
    try:
        output.write_bytes(found.get_content(mode='rb'))
    except OSError as error:
        raise click.ClickException(f'the file {output} cannot be written: {error.strerror}') from error
    click.echo(output)


def _load(identifier: str) -> AutoencoderData:
    from aiida_limap.tools.models import find_model

    return find_model(int(identifier) if identifier.isdigit() else identifier)


def _print_options(training: dict[str, Any]) -> None:
    from aiida_limap.common.training import TRAIN

    names = [*_FIRST, *(name for name in TRAIN if name not in _FIRST)]
    for name in names:
        if name in training:
            value = training[name]
            shown = ', '.join(f'{key} {part}' for key, part in value.items()) if isinstance(value, dict) else value
            click.echo(f'  {name:<18} {shown}')
