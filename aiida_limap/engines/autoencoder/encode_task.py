"""The task ``encode``: put structures on the map of a trained model, and colour the plane of its codes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.layouts import PHONONS_PART
from aiida_limap.common.status import Status
from aiida_limap.engines.autoencoder.conformal import KINDS, LEVELS
from aiida_limap.engines.autoencoder.ensemble import combine
from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError, read_json
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder.model import TrainedModel

__all__ = ['Parameters', 'grid_axis', 'run']

logger = logging.getLogger(__name__)
_ROLE = 'ensemble_'
_SPREADS = ('x_comp_spread', 'x_struc_spread', 'migration_energy_spread_eV')


@dataclass(frozen=True)
class Parameters:
    """Options of the task.

    :param grid_size: points of the heat map along each axis.
    :param grid_margin: margin around the points, as a fraction of their range.
    :param device: ``cpu``, or a name of torch such as ``cuda``.
    :param level: share of the materials whose migration energy the intervals are to hold.
    :param interval: ``constant`` intervals are equally wide for all rows on the scale that the heads learn, ``local``
        ones wider where the model was wrong about the nearest training rows.
    """

    grid_size: int = 101
    grid_margin: float = 0.1
    device: str = 'cpu'
    level: float = 0.9
    interval: str = 'constant'

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
        if parameters.level not in LEVELS:
            known_levels = ', '.join(f'{level:g}' for level in LEVELS)
            raise InputError(f'encode: level is one of {known_levels}, not {parameters.level!r}')
        if parameters.interval not in KINDS:
            raise InputError(f'encode: interval is one of {", ".join(KINDS)}, not {parameters.interval!r}')
        return parameters


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Encode every row of the input file.

    Each item holds codes, predicted migration energies and reconstruction errors; of a model that knows its domain also
    how far the row is from it, and of one with calibrated intervals their ends. With an ensemble there are spreads over
    its members. A number that is not known, such as an end of an interval that few rows cannot tell, is None.

    :param job: the job; its inputs are ``model``, ``descriptors``, to check that the columns are those of the model,
        ``columns``, and models of other seeds as ``ensemble_0``, ``ensemble_1``, ….
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
        columns = read_json(directory / job.inputs['columns'])
        _check_layout(model, columns.get('layout_checksum'))
        _check_phonons(model, columns.get(PHONONS_PART))
    ids, *rows = _rows(directory / job.inputs['descriptors'])
    members = [load_model(directory / job.inputs[role]).to(parameters.device) for role in _ensemble_roles(job)]

    columns = _point_columns(model, rows)
    summary: dict[str, Any] = {}
    if model.domain is not None:
        scores = model.domain.scores(model, *rows)
        columns |= {**scores.ratios, 'in_domain': scores.inside.astype(np.float64), 'domain_reason': scores.reasons}
        summary['n_in_domain'] = int(scores.inside.sum())
    if model.calibration is not None:
        columns |= _interval(model, rows, parameters)
        summary |= {'level': parameters.level, 'interval': parameters.interval}
    if members:
        found = combine([model, *members], *rows)
        columns |= {name: getattr(found, name) for name in _SPREADS}
        summary |= {'n_members': len(members) + 1, 'rank_correlations': found.rank_correlations}
    for index, identifier in enumerate(ids):
        values = {name: _plain(column[index]) for name, column in columns.items()}
        writer.add(ItemResult(identifier, Status.OK, '', values))
    _write_heat_map(model, columns, parameters, writer)
    writer.summary(
        metrics=model.metrics,
        data_hash=model.data_hash,
        layout_checksum=model.columns.get('layout_checksum'),
        grid_size=parameters.grid_size,
        grid_margin=parameters.grid_margin,
        **summary,
    )
    logger.info('encoded %d rows', len(ids))


def _rows(path: Path) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    arrays = read_arrays(path)
    for name in ('ids', 'composition', 'structure'):
        if name not in arrays:
            raise FormatError(f'{path.name}: the array {name!r} is missing')
    ids = arrays['ids'].tolist()
    if not ids or len(ids) != len(arrays['composition']):
        raise InputError(f'encode: {len(ids)} ids for {len(arrays["composition"])} rows; at least one row is needed')
    return ids, arrays['composition'], arrays['structure']


def _ensemble_roles(job: Job) -> list[str]:
    """Return the roles of the other members in the order of their numbers."""
    numbers = [role.removeprefix(_ROLE) for role in job.inputs if role.startswith(_ROLE)]
    for number in numbers:
        if not number.isdecimal():
            raise InputError(
                f'encode: unknown input {_ROLE + number!r}; members of an ensemble are {_ROLE}0, {_ROLE}1, …'
            )
    return [_ROLE + number for number in sorted(numbers, key=int)]


def _point_columns(model: TrainedModel, rows: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    composition, structure = rows
    x_comp, x_struc = model.encode(composition, structure)
    columns = {
        'x_comp': x_comp,
        'x_struc': x_struc,
        'migration_energy_predicted_eV': model.predict(x_comp, x_struc),
    }
    if model.config.wide_head_widths:
        columns['migration_energy_wide_eV'] = model.predict_rows(composition, structure)
    errors = model.reconstruction_errors(composition, structure)
    columns['reconstruction_mse_composition'], columns['reconstruction_mse_structure'] = errors
    return columns


def _interval(
    model: TrainedModel, rows: Sequence[NDArray[np.float64]], parameters: Parameters
) -> dict[str, NDArray[np.float64]]:
    """Return the ends of the interval about what :meth:`TrainedModel.predict_rows` gives, eV."""
    assert model.calibration is not None
    difficulty = None
    if parameters.interval == 'local':
        if model.domain is None:
            raise InputError("encode: the model does not hold its training rows; use interval 'constant'")
        difficulty = model.domain.local_error(model, *rows)
    low, high = model.calibration.interval(
        model.predict_rows(*rows), parameters.level, scale=model.scaling.energy, difficulty=difficulty
    )
    return {'migration_energy_low_eV': low, 'migration_energy_high_eV': high}


def _plain(value: Any) -> float | str | None:
    if isinstance(value, str):
        return value
    return float(value) if np.isfinite(value) else None


def _write_heat_map(
    model: TrainedModel, columns: Mapping[str, Any], parameters: Parameters, writer: ResultsWriter
) -> None:
    axes = [grid_axis(columns[name], parameters.grid_size, parameters.grid_margin) for name in ('x_comp', 'x_struc')]
    writer.array('grid_x_comp', axes[0])
    writer.array('grid_x_struc', axes[1])
    writer.array('grid_migration_energy_eV', _heat_map(model.predict, axes[0], axes[1]))
    if model.domain is not None:
        writer.array('grid_support', _heat_map(model.domain.support, axes[0], axes[1]))


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


def _heat_map(
    function: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    x_comp: NDArray[np.float64],
    x_struc: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return (len(x_struc), len(x_comp)) values of a function of the two codes."""
    plane = np.meshgrid(x_comp, x_struc)
    return function(plane[0].ravel(), plane[1].ravel()).reshape(len(x_struc), len(x_comp))


def _check_layout(model: TrainedModel, found: str | None) -> None:
    expected = model.columns.get('layout_checksum')
    if expected is not None and found is not None and expected != found:
        layout = model.columns.get('layout')
        name = layout.get('name') if isinstance(layout, dict) else layout
        raise InputError(
            f'encode: the descriptors follow another layout than the model, which was trained with {name!r} '
            f'(checksum {expected[:8]}, found {found[:8]}); describe the structures with the layout of the model'
        )


def _check_phonons(model: TrainedModel, found: Mapping[str, Any] | None) -> None:
    expected = model.columns.get(PHONONS_PART)
    if (expected or {}).get('checksum') == (found or {}).get('checksum'):
        return
    if not expected or not found:
        who = 'the model reads phonon quantities, but the descriptors have none'
        if found:
            who = 'the descriptors have phonon quantities, which the model does not read'
        raise InputError(f'encode: {who}; describe the structures as those of the training')
    raise InputError(
        f'encode: the phonon quantities are other numbers than those of the model, which reads '
        f'{", ".join(expected["columns"])} (checksum {expected["checksum"][:8]}, found {found["checksum"][:8]}); '
        'compute them with the options of the model'
    )
