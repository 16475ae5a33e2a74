"""The engine task ``bvff``: migration energies of a batch of structures."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_limap.common.status import Status
from aiida_limap.engines.bvff.migration import summarise
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.outputs import extra_values, write_files
from aiida_limap.engines.bvff.parameters import load_parameters
from aiida_limap.engines.bvff.profiles import limiting_profile
from aiida_limap.engines.bvff.solve import solve
from aiida_limap.engines.chemistry.structures import structure_from_record
from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.engines.threads import available_threads
from aiida_limap.formats.job import Job
from aiida_limap.formats.parameters import PARAMETERS_ROLE
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.structures import read_structures

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['compute_item', 'compute_items', 'run']

LOGGER = logging.getLogger(__name__)


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Compute the migration energy of every structure; a structure without an answer costs its own row only.

    :param job: its ``inputs['structures']`` names a structures file, and ``inputs['bond_valence']``, where it is given,
        a file of bond-valence parameters in place of those of the package; its parameters are those of
        :class:`~aiida_limap.engines.bvff.options.BvffOptions`.
    :param directory: folder of the input files; landscapes and networks are written into folders below it.
    :param writer: takes one item per structure and the summary.
    :raises InputError: if a parameter is unknown or unusable, or the job names no structures.
    :raises FormatError: if the structures file is unusable.
    """
    if 'structures' not in job.inputs or not set(job.inputs) <= {'structures', PARAMETERS_ROLE}:
        raise InputError(
            f"a bvff job reads the input 'structures' and on request {PARAMETERS_ROLE!r}, not {sorted(job.inputs)}"
        )
    given = job.inputs.get(PARAMETERS_ROLE)
    parameters = load_parameters(None if given is None else Path(directory) / given)
    options = BvffOptions.from_mapping(job.parameters, parameters)
    records = read_structures(Path(directory) / job.inputs['structures'])
    writer.summary(options=options.settings(), **parameters.facts())
    counts: Counter[str] = Counter()
    loaders = [(record.id, lambda record=record: structure_from_record(record)) for record in records]
    for number, item in enumerate(compute_items(loaders, options, folder=Path(directory)), start=1):
        writer.add(item)
        counts[str(item.status)] += 1
        LOGGER.info('%d/%d %s %s %s', number, len(records), item.id, item.status, item.message)
    writer.summary(counts=dict(counts))


def compute_items(
    loaders: Sequence[tuple[str, Callable[[], Structure]]],
    options: BvffOptions,
    *,
    folder: Path | None = None,
    threads: int | None = None,
) -> Iterator[ItemResult]:
    """Compute many structures, several at a time; the result does not depend on how many.

    :param loaders: for each structure the id of its row and what gives it, see :func:`compute_item`.
    :param options: all options.
    :param folder: where landscapes and networks are written, if the options ask for them.
    :param threads: how many structures at a time; None for :func:`available_threads`.
    :returns: the rows, in the order of the structures, each as soon as it and those before it are finished.
    """
    available = threads or available_threads()
    workers = max(1, min(available, len(loaders)))

    def compute(entry: tuple[str, Callable[[], Structure]]) -> ItemResult:
        return compute_item(*entry, options, folder=folder, threads=available // workers)

    executor = ThreadPoolExecutor(workers, thread_name_prefix='bvff')
    try:
        yield from executor.map(compute, loaders)
    finally:
        # Whoever stops listening, also because the scheduler ends the job, does not wait for what has not begun.
        executor.shutdown(cancel_futures=True)


def compute_item(
    identifier: str,
    load: Callable[[], Structure],
    options: BvffOptions,
    *,
    folder: Path | None = None,
    threads: int = 1,
) -> ItemResult:
    """Compute one structure and turn whatever happens to it into a result row.

    :param identifier: id of the row.
    :param load: called without arguments, gives the pymatgen structure; oxidation states that decorate it count as
        given.
    :param options: all options.
    :param folder: where its landscape and network are written, if the options ask for them.
    :param threads: number of threads for this structure.
    :returns: the row; its status word is never an exception.
    """
    started = time.monotonic()
    try:
        solution = solve(load(), options, threads=threads, everything=options.networks)
        result = summarise(solution)
        values = {**result.values(), **extra_values(solution)}
        message = result.message
        rows = limiting_profile(solution) if options.profiles else {}
        if folder is not None:
            try:
                values.update(write_files(solution, identifier, folder, threads=threads))
            except LimapError as error:
                # The barriers stand without the files.
                message = '; '.join(filter(None, (message, f'landscape and network were not written: {error}')))
    except LimapError as error:
        return ItemResult(identifier, error.status, str(error), {'wall_s': time.monotonic() - started})
    except Exception as error:
        # One structure that no check foresaw must not cost the batch; the message keeps what is needed to look into it.
        LOGGER.exception('unexpected error at %s', identifier)
        return ItemResult(
            identifier, Status.FAILED, f'{type(error).__name__}: {error}', {'wall_s': time.monotonic() - started}
        )
    return ItemResult(identifier, result.status, message, {**values, 'wall_s': time.monotonic() - started}, rows)
