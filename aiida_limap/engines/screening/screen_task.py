"""The task ``screen``: block by block of chemical systems, with a second opinion on every hit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.screening import RANGE
from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.enumeration import make_plan
from aiida_limap.engines.screening.funnel import ScreenOptions
from aiida_limap.engines.screening.models import load_model
from aiida_limap.engines.screening.screen import ScreenResult, screen
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.screen_job import HIT, HIT_BLOCK, block_name, part_of

__all__ = ['load_check', 'range_of', 'run', 'second_opinion']

logger = logging.getLogger(__name__)

#: Columns that only merging results of one run needs.
_INTERNAL = ('code', 'system_number')


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Screen a range of systems; after each block the results hold its counts and all hits so far.

    :param job: the job; its inputs are ``model``, linear in reductions of element properties, and ``check``, a second
        model of compositions, if there is one. Parameters are those of
        :class:`~aiida_limap.engines.screening.funnel.ScreenOptions`, and ``first`` and ``last`` or ``part``.
    :param directory: folder of the files.
    :param writer: takes one item per block, and the hits as arrays.
    :raises InputError: if a parameter is wrong, or the model cannot be asked about compositions.
    :raises FormatError: if a file cannot be read.
    """
    if 'model' not in job.inputs:
        raise InputError('screen: the job names no input file for the role model')
    options = ScreenOptions.from_dict({name: value for name, value in job.parameters.items() if name not in RANGE})
    model = load_model(directory / job.inputs['model'])
    check = load_check(directory / job.inputs['check']) if 'check' in job.inputs else None
    plan = make_plan(model, options)
    n_systems = len(plan.systems)
    first, last = range_of(job.parameters, n_systems)
    writer.summary(first=first, last=last, n_systems_in_all=n_systems, options=options.as_dict())
    if plan.note:
        logger.warning('%s', plan.note)
        writer.summary(notes=[plan.note])
    writer.flush()
    hits = _Hits(writer, lambda formulas: {} if check is None else second_opinion(check, formulas))
    size = options.block_systems
    for start in (first, *range((first // size + 1) * size, last, size)):
        stop = min((start // size + 1) * size, last)
        began = time.perf_counter()
        found = screen(model, options, first=start, last=stop)
        hits.add(start, found.hits)
        writer.add(ItemResult(block_name(start, stop), Status.OK, '', _values(found, start, stop, began)))
        writer.flush()
        logger.info('%d of %d systems', stop - first, last - first)


def range_of(parameters: Mapping[str, Any], n_systems: int) -> tuple[int, int]:
    """Return the systems that a job is to screen.

    :param parameters: ``first`` and ``last``, or ``part``, or none of them for all.
    :param n_systems: number of systems.
    :returns: first system, and the one after the last.
    :raises InputError: if there are no such systems.
    """
    if parameters.get('part') is not None:
        if parameters.get('first') is not None or parameters.get('last') is not None:
            raise InputError('screen: name the systems by part, or by first and last, not by both')
        try:
            return part_of(n_systems, parameters['part'])
        except (TypeError, ValueError) as error:
            raise InputError(f'screen: part: {error}') from error
    first, last = parameters.get('first') or 0, parameters.get('last')
    last = n_systems if last is None else last
    if not 0 <= first < last <= n_systems:
        raise InputError(f'screen: there are no systems from {first} to {last}; there are {n_systems} in all')
    return int(first), int(last)


def load_check(path: Path) -> Any:
    """Read a model that gives a second opinion on hits.

    :param path: a model file of atom2vec.
    :raises InputError: if it is a model of another kind.
    :raises FormatError: if it is no model file.
    """
    model = load_model(path)
    if not hasattr(model, 'elements'):
        raise InputError(f'screen: hits are checked by a model of atom2vec, but {path.name} is of kind {model.kind}')
    return model


def second_opinion(model: Any, formulas: list[str]) -> dict[str, NDArray]:
    """Return what a second model says of hits.

    :param model: a classifier of compositions.
    :param formulas: formulas that the first model calls fast.
    :returns: ``probability_atom2vec`` and ``agrees`` (1 or 0), (n,) each; no value where the model does not know an
        element.
    """
    from pymatgen.core import Composition

    known = set(model.elements)
    wanted = [set(Composition(formula).get_el_amt_dict()) <= known for formula in formulas]
    probability, agrees = np.full(len(formulas), np.nan), np.full(len(formulas), np.nan)
    chosen = np.flatnonzero(wanted)
    if chosen.size:
        rows = [formulas[index] for index in chosen]
        probability[chosen] = model.predict_proba(rows)[:, 1]
        agrees[chosen] = model.predict(rows)
    return {'probability_atom2vec': probability, 'agrees': agrees}


class _Hits:
    """The hits so far, as arrays of the results."""

    def __init__(self, writer: ResultsWriter, ask: Callable[[list[str]], dict[str, NDArray]]) -> None:
        self._writer, self._ask = writer, ask
        self._columns: dict[str, list[NDArray]] = {}

    def add(self, block: int, found: Mapping[str, Any]) -> None:
        """Take the hits of a block.

        :param block: number of its first system.
        :param found: value by column.
        """
        formulas = [str(formula) for formula in found['formula']]
        columns = {name: np.asarray(values) for name, values in found.items() if name not in _INTERNAL}
        if formulas:
            columns |= self._ask(formulas)
        columns[HIT_BLOCK.removeprefix(HIT)] = np.full(len(formulas), block)
        if not formulas:
            return
        for name, values in columns.items():
            self._columns.setdefault(name, []).append(values)
            self._writer.array(HIT + name, np.concatenate(self._columns[name]))


def _values(found: ScreenResult, start: int, stop: int, began: float) -> dict[str, Any]:
    return {
        'first': start,
        'last': stop,
        'n_compositions': int(found.n_compositions),
        'counts': [[stage, count] for stage, count in found.counts.items()],
        'integer_counts': [[stage, count] for stage, count in found.integer_counts.items()],
        'tallies': {**found.histograms, 'elements': found.elements},
        'wall_s': round(time.perf_counter() - began, 3),
    }
