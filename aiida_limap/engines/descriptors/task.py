"""The task ``descriptors``: one composition row and one structure row per structure of a file."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.structures import StructureRecord, read_structures

__all__ = ['Parameters', 'run']

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parameters:
    """Options of the task.

    :param layout: name of a shipped layout, or the whole layout as a mapping.
    """

    layout: Any = 'yamaguchi2023'

    @classmethod
    def from_job(cls, job: Job) -> Parameters:
        """Read the options of a job.

        :param job: the job.
        :raises InputError: if an option is unknown.
        """
        known = [field.name for field in fields(cls)]
        for name in job.parameters:
            if name not in known:
                raise InputError(f'descriptors: unknown parameter {name!r}; known are {", ".join(known)}')
        return cls(**job.parameters)


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Describe every structure of the input file; one that fails gets its reason, the others go on.

    :param job: the job; its input ``structures`` names the file.
    :param directory: folder of the files.
    :param writer: takes the rows.
    :raises InputError: if a parameter or the inputs are wrong.
    :raises FormatError: if the structures cannot be read.
    """
    from aiida_limap.engines.chemistry.structures import structure_from_record
    from aiida_limap.engines.descriptors import kernels
    from aiida_limap.engines.descriptors.composition import composition_row
    from aiida_limap.engines.descriptors.layout import load_layout
    from aiida_limap.engines.descriptors.structure import structure_row

    layout = load_layout(Parameters.from_job(job).layout)
    if 'structures' not in job.inputs:
        raise InputError('descriptors: the job names no input file for the role structures')
    records = read_structures(directory / job.inputs['structures'])
    writer.summary(
        layout=layout.as_dict(),
        layout_checksum=layout.checksum,
        composition_labels=layout.labels('composition'),
        structure_labels=layout.labels('structure'),
        blocks=layout.blocks,
    )
    kernels.warm_up()

    def describe(record: StructureRecord, values: dict[str, Any]) -> dict[str, Any]:
        structure = structure_from_record(record)
        values['formula'] = structure.composition.reduced_formula
        return {
            'composition': composition_row(structure.composition, layout),
            'structure': structure_row(structure, layout),
        }

    for record in records:
        started = time.perf_counter()
        rows, status, message = None, Status.OK, ''
        values: dict[str, Any] = {'formula': None}
        try:
            rows = describe(record, values)
        except LimapError as error:
            status, message = error.status, str(error)
        except Exception as error:
            # One structure that a library cannot take must not end the batch; the trace goes to the log.
            logger.exception('structure %s failed', record.id)
            status, message = Status.FAILED, f'{type(error).__name__}: {error}'
        values['wall_s'] = round(time.perf_counter() - started, 6)
        writer.add(ItemResult(record.id, status, message, values), rows)
    logger.info('described %d structures', len(records))
