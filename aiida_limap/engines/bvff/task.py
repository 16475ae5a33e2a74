"""The engine task ``bvff``: migration energies of a batch of structures."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.common.status import Status
from aiida_limap.engines.bvff.migration import compute
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.parameters import default_parameters
from aiida_limap.engines.chemistry.structures import structure_from_record
from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.structures import read_structures

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['compute_item', 'run']

LOGGER = logging.getLogger(__name__)


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Compute the migration energy of every structure; a structure without an answer costs its own row only.

    :param job: its ``inputs['structures']`` names a structures file; its parameters are those of
        :class:`~aiida_limap.engines.bvff.options.BvffOptions`.
    :param directory: folder of the input files.
    :param writer: takes one item per structure and the summary.
    :raises InputError: if a parameter is unknown or unusable, or the job names no structures.
    :raises FormatError: if the structures file is unusable.
    """
    options = BvffOptions.from_mapping(job.parameters)
    if set(job.inputs) != {'structures'}:
        raise InputError(f"a bvff job reads one input, 'structures', not {sorted(job.inputs)}")
    records = read_structures(Path(directory) / job.inputs['structures'])
    parameters = default_parameters()
    settings = {name: value for name, value in asdict(options).items() if value != float('inf')}
    writer.summary(options=settings, parameters_citation=parameters.citation, parameters_checksum=parameters.checksum)
    counts: Counter[str] = Counter()
    for number, record in enumerate(records, start=1):
        item = compute_item(record.id, lambda record=record: structure_from_record(record), options)
        writer.add(item)
        counts[str(item.status)] += 1
        LOGGER.info('%d/%d %s %s %s', number, len(records), record.id, item.status, item.message)
    writer.summary(counts=dict(counts))


def compute_item(identifier: str, load: Any, options: BvffOptions) -> ItemResult:
    """Compute one structure and turn whatever happens to it into a result row.

    :param identifier: id of the row.
    :param load: called without arguments, gives the pymatgen structure; oxidation states that decorate it count as
        given.
    :param options: all options.
    :returns: the row; its status word is never an exception.
    """
    started = time.monotonic()
    try:
        structure: Structure = load()
        result = compute(structure, options)
    except LimapError as error:
        return ItemResult(identifier, error.status, str(error), {'wall_s': time.monotonic() - started})
    except Exception as error:
        # One structure that no check foresaw must not cost the batch; the message keeps what is needed to look into it.
        LOGGER.exception('unexpected error at %s', identifier)
        return ItemResult(
            identifier, Status.FAILED, f'{type(error).__name__}: {error}', {'wall_s': time.monotonic() - started}
        )
    return ItemResult(identifier, result.status, result.message, result.values())
