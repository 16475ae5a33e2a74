"""What a command works on: structures of a group, of a dataset or single ones, and the layout of their descriptors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aiida_limap.cli.base import DEFAULT_CODE
from aiida_limap.cli.number_types import Fraction
from aiida_limap.common.training import TRAIN

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.data.table import TableData

__all__ = [
    'chosen_structures',
    'code_and_protocol_options',
    'dataset_of_group',
    'layout_options',
    'layout_overrides',
    'load_dataset',
    'load_named',
    'load_phonons',
    'load_usable',
    'parameters_option',
    'phonons_option',
    'source_and_protocol_options',
    'tolerance_option',
]

Command = TypeVar('Command', bound=Callable[..., Any])

_SOURCE = (
    click.option('-G', '--group', metavar='LABEL', help='Group of structures, as `aiida-limap import` names it.'),
    click.option('-D', '--dataset', metavar='DATASET', help='Dataset node, by pk or UUID, instead of a group.'),
)

_LAYOUT = (
    click.option(
        '--preset',
        type=click.Choice(TRAIN['preset'].choices),
        help='Named training options, under those that the protocol sets itself. With modern the layout is modern too, '
        'unless --layout or --overrides is given.',
    ),
    click.option(
        '--layout',
        metavar='LAYOUT',
        help='Descriptor layout: a name (`aiida-limap layouts list`) or a YAML file; by default that of the protocol.',
    ),
    click.option(
        '--landscape',
        is_flag=True,
        help='Also learn from the landscape part of the layout: numbers of the same landscape as the migration energy.',
    ),
)


def layout_options(command: Command) -> Command:
    """Give a command the options that choose descriptors and model of a map.

    :param command: the function.
    :returns: the function with its options.
    """
    for option in reversed(_LAYOUT):
        command = option(command)
    return command


def layout_overrides(
    layout: str | None, landscape: bool, preset: str | None = None, has_overrides: bool = False
) -> dict[str, Any]:
    """Return what the options of layout and model change in the inputs of a map.

    :param layout: name of a layout, or path of a YAML file, whose content becomes the input; None for no change.
    :param landscape: whether the map is drawn from the landscape part too.
    :param preset: named set of training options; None for no change.
    :param has_overrides: whether a file of overrides is given, which may name a layout.
    :returns: overrides of the protocol of a map.
    :raises LimapError: if there is no such layout, it is wrong, or it has no landscape part.
    """
    from aiida_limap.engines.descriptors import layout_names, load_layout
    from aiida_limap.engines.descriptors.task import parts_of

    described: dict[str, Any] = {}
    trained: dict[str, Any] = {} if preset is None else {'preset': preset}
    if layout is None and preset == 'modern' and not has_overrides:
        layout = 'modern'
    if layout is not None:
        known = load_layout(layout)
        parts_of(known, landscape)
        described['layout'] = layout if layout in layout_names() else known.as_dict()
    if landscape:
        described['landscape'] = trained['landscape'] = True
    overrides: dict[str, Any] = {}
    if described:
        overrides['featurize'] = {'descriptors': {'parameters': described}}
    if trained:
        overrides['train'] = {'parameters': trained}
    return overrides


def parameters_option(command: Command) -> Command:
    """Give a command the option that names a set of bond-valence parameters.

    :param command: the function.
    :returns: the function with its option.
    """
    text = (
        'Set of bond-valence parameters, by pk, UUID or name (`aiida-limap install parameters FILE`); else that of '
        'the package.'
    )
    return click.option('--parameters', metavar='SET', help=text)(command)


def phonons_option(command: Command) -> Command:
    """Give a command the option that names a table of phonon quantities.

    :param command: the function.
    :returns: the function with its option.
    """
    text = (
        'Also read phonons: pk, UUID or label of a table of them, or of a work chain of `aiida-limap launch phonons`.'
    )
    return click.option('--phonons', metavar='TABLE', help=text)(command)


def tolerance_option(command: Command) -> Command:
    """Give a command the option that says how many structures may fail: the input ``max_failed_fraction``.

    :param command: the function.
    :returns: the function with its option.
    """
    text = (
        'Largest part of the structures, 0 to 1, that may have no answer: with more, the work chain submits no further '
        'jobs, keeps its rows so far and ends with exit status 413. By default that of the protocol: 1, which lets it '
        'go on whatever happens.'
    )
    return click.option('--max-failed-fraction', type=Fraction(), metavar='FRACTION', help=text)(command)


def source_and_protocol_options(otherwise: str = 'balanced unless told otherwise') -> Callable[[Command], Command]:
    """Return a decorator that adds what is submitted, and how: the options of most of ``launch``.

    :param otherwise: what holds without ``--protocol``.
    """

    def decorate(command: Command) -> Command:
        command = code_and_protocol_options(otherwise)(command)
        for option in reversed(_SOURCE):
            command = option(command)
        return command

    return decorate


def code_and_protocol_options(otherwise: str = 'balanced unless told otherwise') -> Callable[[Command], Command]:
    """Return a decorator that adds which engines compute, and with which inputs: the options of every ``launch``.

    :param otherwise: what holds without ``--protocol``.
    """
    options = (
        click.option(
            '-X',
            '--code',
            metavar='CODE',
            default=DEFAULT_CODE,
            show_default=True,
            help='Code of the engines: its label with that of its computer, pk or UUID.',
        ),
        click.option('--protocol', metavar='NAME', help=f'fast, balanced or stringent; {otherwise}.'),
        click.option(
            '--overrides',
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help='YAML file with changes of the protocol.',
        ),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def chosen_structures(
    identifiers: Sequence[str], group: str | None, dataset: str | None
) -> tuple[list[str], DatasetData | None]:
    """Return the structures that a person names in one of three ways.

    :param identifiers: structures by pk, UUID or id of their source.
    :param group: label of a group.
    :param dataset: pk or UUID of a dataset.
    :returns: UUIDs without repetitions, and the dataset if they come from one.
    :raises click.ClickException: if they are named in none or more than one of the ways, or there are none.
    :raises QueryError: if a structure is not found.
    """
    from aiida_limap.tools.structures import find_structure

    if sum((bool(identifiers), group is not None, dataset is not None)) != 1:
        raise click.UsageError('name structures, or --group, or --dataset')
    if identifiers:
        return list(dict.fromkeys(find_structure(identifier).uuid for identifier in identifiers)), None
    node = dataset_of_group(group) if group is not None else load_dataset(str(dataset))
    if not len(node):
        raise click.ClickException(f'the dataset {node.name!r} holds no structures')
    return node.structure_uuids, node


def load_usable(uuids: Sequence[str]) -> list[orm.StructureData]:
    """Load the structures that a job can take, and name the others on standard error.

    :param uuids: UUIDs of at most a few hundred structures.
    :raises click.ClickException: if one is no longer in the database, or none can be used.
    """
    from aiida_limap.workflows._structures import load_structures, missing_structures

    missing = missing_structures(uuids)
    if missing:
        raise click.ClickException(
            f'{len(missing)} structures are no longer in the database, the first is {missing[0]}; import them again'
        )
    usable, unusable = load_structures(uuids)
    for uuid, reason in unusable.items():
        click.echo(f'structure {uuid} is left out: {reason}', err=True)
    if not usable:
        raise click.ClickException('none of the structures can be computed')
    return list(usable.values())


def dataset_of_group(label: str) -> DatasetData:
    """Return the dataset of a group of imported structures.

    :param label: label of the group, with or without the prefix ``limap/``.
    :raises click.ClickException: if there is no such group, or it has lost its dataset.
    """
    from aiida.common.exceptions import NotExistent

    from aiida_limap.groups.dataset import DatasetGroup

    group = None
    for candidate in (label, f'limap/{label}'):
        try:
            group = DatasetGroup.collection.get(label=candidate)
            break
        except NotExistent:
            continue
    if group is None:
        known = ', '.join(entry.label for entry in DatasetGroup.collection.all()) or 'none yet'
        raise click.ClickException(
            f'no group {label!r} of imported structures; there are: {known}. `aiida-limap import files DIR` makes one'
        )
    dataset = group.dataset
    if dataset is None:
        raise click.ClickException(f'group {label!r} has no dataset node; import its structures again')
    return dataset


def load_named(identifier: str, what: str, advice: str = '') -> orm.Node:
    """Return a node.

    :param identifier: its pk or UUID.
    :param what: what it should be.
    :param advice: how to get one, as the end of a sentence.
    :raises click.ClickException: if there is none.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        return orm.load_node(int(identifier) if identifier.isdecimal() else identifier)
    except (NotExistent, MultipleObjectsError, ValueError, OverflowError) as error:
        raise click.ClickException(f'no {what} {identifier}: {error}{advice}') from error


def load_dataset(identifier: str) -> DatasetData:
    """Return a dataset node.

    :param identifier: its pk or UUID.
    :raises click.ClickException: if there is none.
    """
    from aiida_limap.data.dataset import DatasetData as Dataset

    node = load_named(identifier, 'dataset')
    if not isinstance(node, Dataset):
        raise click.ClickException(f'node {identifier} is a {type(node).__name__}, not a dataset')
    return node


def load_phonons(identifier: str) -> TableData:
    """Return a table of phonon quantities.

    :param identifier: pk or UUID of the table, or what
        :func:`~aiida_limap.tools.phonons.load_phonon_clusters` takes.
    :raises click.ClickException: if the node is a table of something else.
    :raises QueryError: if there is neither.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    from aiida_limap.data.table import TableData as Table
    from aiida_limap.tools.phonons import load_phonon_clusters

    try:
        node = orm.load_node(int(identifier) if identifier.isdecimal() else identifier)
    except (NotExistent, MultipleObjectsError, ValueError, OverflowError):
        node = None
    if not isinstance(node, Table):
        return load_phonon_clusters(identifier).phonons
    if 'mobile_band_centre_THz' not in node.column_names:
        raise click.ClickException(
            f'table {node.pk} holds no phonon quantities; `aiida-limap phonons list` shows work chains that have them'
        )
    return node
