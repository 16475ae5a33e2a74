"""The task ``place_compositions``: the composition code that the model of a map gives to formulas."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder.model import TrainedModel
    from aiida_limap.engines.descriptors.layout import Layout

__all__ = ['Parameters', 'composition_codes', 'run']

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parameters:
    """Options of the task.

    :param device: where torch computes, e.g. ``cpu`` or ``cuda``.
    """

    device: str = 'cpu'

    @classmethod
    def from_job(cls, job: Job) -> Parameters:
        """Read the options of a job.

        :param job: the job.
        :raises InputError: if an option is unknown.
        """
        known = [field.name for field in fields(cls)]
        for name in job.parameters:
            if name not in known:
                raise InputError(f'place_compositions: unknown parameter {name!r}; known are {", ".join(known)}')
        return cls(**job.parameters)


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Give each formula of the input file its composition code; one that cannot be described gets its reason.

    :param job: the job; its inputs are ``model`` and ``formulas``, an array file with the array ``formula``.
    :param directory: folder of the files.
    :param writer: takes one item per formula, with the value ``x_comp``.
    :raises InputError: if a parameter is wrong, or the model does not say which descriptors it reads.
    :raises FormatError: if a file cannot be read.
    """
    from aiida_limap.engines.autoencoder.model import load_model

    parameters = Parameters.from_job(job)
    for role in ('model', 'formulas'):
        if role not in job.inputs:
            raise InputError(f'place_compositions: the job names no input file for the role {role}')
    model = load_model(directory / job.inputs['model']).to(parameters.device)
    arrays = read_arrays(directory / job.inputs['formulas'])
    if 'formula' not in arrays:
        raise FormatError(f"{job.inputs['formulas']}: the array 'formula' is missing")
    formulas = [str(formula) for formula in arrays['formula'].tolist()]
    layout = _layout_of(model)
    rows, reasons = _describe(formulas, layout)
    described = [index for index, row in enumerate(rows) if row is not None]
    codes = dict(zip(described, _codes(model, [rows[index] for index in described]), strict=True))
    for index, formula in enumerate(formulas):
        if index in codes:
            writer.add(ItemResult(formula, Status.OK, '', {'x_comp': float(codes[index])}))
        else:
            reason = reasons[index]
            writer.add(ItemResult(formula, reason.status, str(reason), {'x_comp': None}))
    writer.summary(layout=layout.name, layout_checksum=layout.checksum, data_hash=model.data_hash)
    logger.info('placed %d of %d compositions', len(codes), len(formulas))


def composition_codes(model: TrainedModel, formulas: list[str]) -> NDArray[np.float64]:
    """Return the composition codes of formulas.

    :param model: the model of a map.
    :param formulas: chemical formulas.
    :returns: (n,) codes, NaN where a formula cannot be described.
    :raises InputError: if the model does not say which descriptors it reads.
    """
    rows, _reasons = _describe(formulas, _layout_of(model))
    codes = np.full(len(formulas), np.nan)
    described = [index for index, row in enumerate(rows) if row is not None]
    codes[described] = _codes(model, [rows[index] for index in described])
    return codes


def _layout_of(model: TrainedModel) -> Layout:
    from aiida_limap.engines.descriptors.layout import load_layout

    given = model.columns.get('layout')
    if given is None:
        raise InputError('place_compositions: the model does not say which descriptor layout it was trained with')
    layout = load_layout(given)
    expected = model.columns.get('layout_checksum')
    if expected is not None and layout.checksum != expected:
        raise InputError(
            f'place_compositions: the layout {layout.name!r} of this release has other columns than the model reads '
            f'(checksum {layout.checksum[:8]}, expected {expected[:8]}); use the release that trained the model'
        )
    return layout


def _describe(formulas: list[str], layout: Layout) -> tuple[list[NDArray | None], dict[int, LimapError]]:
    from aiida_limap.engines.descriptors.composition import composition_row

    rows: list[Any] = []
    reasons: dict[int, LimapError] = {}
    for index, formula in enumerate(formulas):
        try:
            rows.append(composition_row(formula, layout))
        except LimapError as error:
            rows.append(None)
            reasons[index] = error
    return rows, reasons


def _codes(model: TrainedModel, rows: list[Any]) -> NDArray[np.float64]:
    """Return the codes of composition rows; the branch of the structure is given zeros, and what it says is dropped."""
    if not rows:
        return np.zeros(0)
    n_columns = len(model.scaling.divisors('structure'))
    x_comp, _x_struc = model.encode(np.array(rows), np.zeros((len(rows), n_columns)))
    return x_comp
