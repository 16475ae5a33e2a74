"""The task ``encode``: put structures on the map of a trained model, and colour the plane of its codes."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError, read_json
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder.model import TrainedModel

__all__ = ['Parameters', 'grid_axis', 'run']

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parameters:
    """Options of the task.

    :param grid_size: points of the heat map along each axis.
    :param grid_margin: margin around the points, as a fraction of their range.
    :param device: ``cpu``, or a name of torch such as ``cuda``.
    """

    grid_size: int = 101
    grid_margin: float = 0.1
    device: str = 'cpu'

    @classmethod
    def from_job(cls, job: Job) -> Parameters:
        """Read the options of a job.

        :param job: the job.
        :raises InputError: if an option is unknown or its value is wrong.
        """
        known = [field.name for field in fields(cls)]
        for name in job.parameters:
            if name not in known:
                raise InputError(f'encode: unknown parameter {name!r}; known are {", ".join(known)}')
        parameters = cls(**job.parameters)
        size, margin = parameters.grid_size, parameters.grid_margin
        if isinstance(size, bool) or not isinstance(size, int) or not 2 <= size <= 2001:
            raise InputError(f'encode: grid_size must be a whole number between 2 and 2001, not {size!r}')
        if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not 0 <= margin <= 10:
            raise InputError(f'encode: grid_margin must be a number between 0 and 10, not {margin!r}')
        return parameters


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Encode every row of the input file.

    :param job: the job; its inputs are ``model``, ``descriptors`` and, to check that the columns are those of the
        model, ``columns``.
    :param directory: folder of the files.
    :param writer: takes one item per row, and the heat map as arrays.
    :raises InputError: if a parameter is wrong or the descriptors are not those that the model was trained with.
    :raises FormatError: if a file cannot be read.
    """
    from aiida_limap.engines.autoencoder.model import load_model

    parameters = Parameters.from_job(job)
    for role in ('model', 'descriptors'):
        if role not in job.inputs:
            raise InputError(f'encode: the job names no input file for the role {role}')
    model = load_model(directory / job.inputs['model']).to(parameters.device)
    if 'columns' in job.inputs:
        _check_layout(model, read_json(directory / job.inputs['columns']).get('layout_checksum'))
    arrays = read_arrays(directory / job.inputs['descriptors'])
    for name in ('ids', 'composition', 'structure'):
        if name not in arrays:
            raise FormatError(f'{job.inputs["descriptors"]}: the array {name!r} is missing')
    ids = arrays['ids'].tolist()
    if not ids or len(ids) != len(arrays['composition']):
        raise InputError(f'encode: {len(ids)} ids for {len(arrays["composition"])} rows; at least one row is needed')

    x_comp, x_struc = model.encode(arrays['composition'], arrays['structure'])
    columns = {
        'x_comp': x_comp,
        'x_struc': x_struc,
        'migration_energy_predicted_eV': model.predict(x_comp, x_struc),
    }
    errors = model.reconstruction_errors(arrays['composition'], arrays['structure'])
    columns['reconstruction_mse_composition'], columns['reconstruction_mse_structure'] = errors
    for index, identifier in enumerate(ids):
        values = {name: float(column[index]) for name, column in columns.items()}
        writer.add(ItemResult(identifier, Status.OK, '', values))
    axes = [grid_axis(codes, parameters.grid_size, parameters.grid_margin) for codes in (x_comp, x_struc)]
    writer.array('grid_x_comp', axes[0])
    writer.array('grid_x_struc', axes[1])
    writer.array('grid_migration_energy_eV', _heat_map(model, axes[0], axes[1]))
    writer.summary(
        metrics=model.metrics,
        data_hash=model.data_hash,
        layout_checksum=model.columns.get('layout_checksum'),
        grid_size=parameters.grid_size,
        grid_margin=parameters.grid_margin,
    )
    logger.info('encoded %d rows', len(ids))


def grid_axis(codes: NDArray[np.float64], size: int, margin: float) -> NDArray[np.float64]:
    """Return evenly spaced codes around given ones.

    :param codes: (n,) codes.
    :param size: number of grid points.
    :param margin: margin on both sides, as a fraction of the range of the codes.
    :returns: (size,) ascending; one unit wide where all codes are equal.
    """
    low, high = float(codes.min()), float(codes.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    extra = margin * (high - low)
    return np.linspace(low - extra, high + extra, size)


def _heat_map(model: TrainedModel, x_comp: NDArray[np.float64], x_struc: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (len(x_struc), len(x_comp)) predicted migration energies, eV."""
    plane = np.meshgrid(x_comp, x_struc)
    return model.predict(plane[0].ravel(), plane[1].ravel()).reshape(len(x_struc), len(x_comp))


def _check_layout(model: TrainedModel, found: str | None) -> None:
    expected = model.columns.get('layout_checksum')
    if expected is not None and found is not None and expected != found:
        layout = model.columns.get('layout')
        name = layout.get('name') if isinstance(layout, dict) else layout
        raise InputError(
            f'encode: the descriptors follow another layout than the model, which was trained with {name!r} '
            f'(checksum {expected[:8]}, found {found[:8]}); describe the structures with the layout of the model'
        )
