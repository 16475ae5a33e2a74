"""The task ``descriptors``: the rows of all parts of a layout for every structure of a file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.engines.threads import available_threads
from aiida_limap.formats.job import Job
from aiida_limap.formats.parameters import PARAMETERS_ROLE
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.structures import read_structures

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from aiida_limap.engines.descriptors.layout import Layout

__all__ = ['Parameters', 'describe_item', 'describe_items', 'meaning', 'parts_of', 'run']

LOGGER = logging.getLogger(__name__)

Rows = dict[str, NDArray]


@dataclass(frozen=True)
class Parameters:
    """Options of the task.

    :param layout: name of a shipped layout, or the whole layout as a mapping.
    :param landscape: whether the landscape part is computed too.
    """

    layout: Any = 'yamaguchi2023'
    landscape: bool = False

    @classmethod
    def from_job(cls, job: Job) -> Parameters:
        """Read the options of a job.

        :param job: the job.
        :raises InputError: if an option is unknown or has a wrong type.
        """
        known = [field.name for field in fields(cls)]
        for name in job.parameters:
            if name not in known:
                raise InputError(f'descriptors: unknown parameter {name!r}; known are {", ".join(known)}')
        parameters = cls(**job.parameters)
        if not isinstance(parameters.landscape, bool):
            raise InputError(f'descriptors: landscape is true or false, not {parameters.landscape!r}')
        return parameters


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Describe every structure of the input file; one that fails gets its reason, the others go on.

    :param job: the job; its input ``structures`` names the file, its input ``bond_valence``, where given, a file of
        bond-valence parameters for the landscape part.
    :param directory: folder of the files.
    :param writer: takes the rows.
    :raises InputError: if a parameter or the inputs are wrong.
    :raises FormatError: if the structures cannot be read.
    """
    from aiida_limap.engines.chemistry.structures import structure_from_record
    from aiida_limap.engines.descriptors.layout import load_layout

    parameters = Parameters.from_job(job)
    layout = load_layout(parameters.layout)
    if 'structures' not in job.inputs:
        raise InputError('descriptors: the job names no input file for the role structures')
    records = read_structures(directory / job.inputs['structures'])
    parts = parts_of(layout, parameters.landscape)
    if PARAMETERS_ROLE in job.inputs:
        layout = layout.reading(directory / job.inputs[PARAMETERS_ROLE])
        if not layout.facts(parts):
            raise InputError(
                f'descriptors: the layout {layout.name} reads no bond-valence parameters without its landscape part; '
                f'leave out {PARAMETERS_ROLE}, or ask for the landscape'
            )
    writer.summary(**meaning(layout, parts), **layout.facts(parts))
    loaders = [(record.id, lambda record=record: structure_from_record(record)) for record in records]
    for number, (item, rows) in enumerate(describe_items(loaders, layout, parts), start=1):
        writer.add(item, rows)
        LOGGER.info('%d/%d %s %s %s', number, len(records), item.id, item.status, item.message)


def parts_of(layout: Layout, landscape: bool) -> tuple[str, ...]:
    """Return the parts of a layout that are computed.

    :param layout: the layout.
    :param landscape: whether the landscape part is wanted.
    :raises InputError: if it is wanted, but the layout has none.
    """
    if landscape and not layout.parts['landscape']:
        raise InputError(f'descriptors: the layout {layout.name} has no landscape part; leave out landscape')
    return ('composition', 'structure', 'landscape') if landscape else ('composition', 'structure')


def meaning(layout: Layout, parts: Sequence[str]) -> dict[str, Any]:
    """Return what the numbers mean: the layout, and for each part labels, units, meanings, blocks and scales.

    :param layout: the layout.
    :param parts: parts that are computed.
    """
    columns = {part: layout.columns(part) for part in parts}
    return {
        'layout': layout.as_dict(),
        'layout_checksum': layout.checksum,
        **{f'{part}_labels': [column.name for column in columns[part]] for part in parts},
        **{f'{part}_units': [column.unit for column in columns[part]] for part in parts},
        **{f'{part}_meanings': [column.meaning for column in columns[part]] for part in parts},
        'blocks': {part: layout.blocks(part) for part in parts},
        'scales': {part: layout.scales(part) for part in parts},
    }


def describe_items(
    loaders: Sequence[tuple[str, Callable[[], Structure]]],
    layout: Layout,
    parts: Sequence[str],
    *,
    threads: int | None = None,
) -> Iterator[tuple[ItemResult, Rows | None]]:
    """Describe many structures, several at a time; the result does not depend on how many.

    :param loaders: for each structure the id of its row and what gives it.
    :param layout: the layout.
    :param parts: parts that are computed.
    :param threads: how many structures at a time; None for :func:`available_threads`.
    :returns: items and rows by part, in the order of the structures, each as soon as it and those before it are
        finished.
    """

    def describe(entry: tuple[str, Callable[[], Structure]]) -> tuple[ItemResult, Rows | None]:
        identifier, load = entry
        return describe_item(identifier, load, layout, parts)

    if loaders:
        _warm_up(layout, parts)
    executor = ThreadPoolExecutor(max(1, min(threads or available_threads(), len(loaders))), 'descriptors')
    try:
        yield from executor.map(describe, loaders)
    finally:
        # Whoever stops listening, also because the scheduler ends the job, does not wait for what has not begun.
        executor.shutdown(cancel_futures=True)


def _warm_up(layout: Layout, parts: Sequence[str]) -> None:
    """Describe lithium oxide, so that compiling the kernels, or loading them, is charged to no structure."""
    from pymatgen.core import Lattice, Structure

    cell = Lattice([[0, 2.3, 2.3], [2.3, 0, 2.3], [2.3, 2.3, 0]])
    oxide = Structure(cell, ['Li', 'Li', 'O'], [[0.25, 0.25, 0.25], [0.75, 0.75, 0.75], [0, 0, 0]])
    describe_item('warm-up', lambda: oxide, layout, parts)


def describe_item(
    identifier: str, load: Callable[[], Structure], layout: Layout, parts: Sequence[str]
) -> tuple[ItemResult, Rows | None]:
    """Describe one structure and turn whatever happens to it into a result row.

    :param identifier: id of the row.
    :param load: called without arguments, gives the pymatgen structure.
    :param layout: the layout.
    :param parts: parts that are computed.
    :returns: the item and its rows by part, None where the structure cannot be described.
    """
    from aiida_limap.engines.descriptors.composition import composition_row
    from aiida_limap.engines.descriptors.geometry import Geometry
    from aiida_limap.engines.descriptors.neighbours import check_crystal
    from aiida_limap.engines.descriptors.structure import structure_row

    started = time.perf_counter()
    rows: Rows | None = None
    status, message, values = Status.OK, '', dict[str, Any](formula=None)
    try:
        structure = load()
        check_crystal(structure)
        values['formula'] = structure.composition.reduced_formula
        geometry = Geometry(structure, layout.classes, layout.reach, disordered=layout.takes_disorder(parts))
        found: Rows = {'composition': composition_row(structure.composition, layout)}
        found |= {part: structure_row(geometry, layout, part) for part in parts if part != 'composition'}
        rows = found
    except LimapError as error:
        status, message = error.status, str(error)
    except Exception as error:
        # One structure that a library cannot take must not end the batch; the trace goes to the log.
        LOGGER.exception('structure %s failed', identifier)
        status, message = Status.FAILED, f'{type(error).__name__}: {error}'
    values['wall_s'] = round(time.perf_counter() - started, 6)
    return ItemResult(identifier, status, message, values), rows
