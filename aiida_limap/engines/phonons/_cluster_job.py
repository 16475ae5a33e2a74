"""The job of clustering: its options, and its input files as arrays with one row per compound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.options import check_whole
from aiida_limap.engines.phonons._cluster_meaning import BACKGROUNDS
from aiida_limap.engines.phonons._cluster_options import METHODS, ClusterOptions
from aiida_limap.engines.phonons._cluster_rows import join_features
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import Job

__all__ = ['CONDUCTIVITY', 'DIFFUSIVITY', 'ClusterTask', 'JobInputs', 'options_of', 'read_inputs']

#: What the summary calls the two kinds of labels.
CONDUCTIVITY, DIFFUSIVITY = 'conductors', 'diffusivities'


@dataclass(frozen=True)
class ClusterTask:
    """Options of the task beside those of :class:`~.clustering.ClusterOptions`, which are parameters, too.

    :param methods: the methods to run.
    :param order_by: name of an array by whose mean clusters are numbered; None for the first feature.
    :param resamples: bootstrap resamples for the stability of each method; 0 leaves it out.
    :param candidates_by: the method whose clusters name candidates.
    :param alpha: level below which a cluster counts as enriched.
    :param background: ``all`` or ``labelled``; see :func:`~.clustering.enrichment`.
    :param diffusivity_temperature_K: temperature at which diffusivities become labels, K.
    :param diffusivity_threshold_cm2_per_s: compounds above count as conductors, cm²/s.
    :raises InputError: if a value is unusable.
    """

    methods: tuple[str, ...] = METHODS
    order_by: str | None = None
    resamples: int = 100
    candidates_by: str = 'ward'
    alpha: float = 0.05
    background: str = 'all'
    diffusivity_temperature_K: float = 800.0  # noqa: N815
    diffusivity_threshold_cm2_per_s: float = 0.0

    def __post_init__(self) -> None:
        given: Any = self.methods
        if not isinstance(given, list | tuple) or not given or any(name not in METHODS for name in given):
            raise InputError(f'option methods is a list of some of {", ".join(METHODS)}, not {self.methods!r}')
        object.__setattr__(self, 'methods', tuple(dict.fromkeys(self.methods)))
        if self.candidates_by not in self.methods:
            raise InputError(f'option candidates_by is one of {", ".join(self.methods)}, not {self.candidates_by!r}')
        if self.background not in BACKGROUNDS:
            raise InputError(f'option background is one of {", ".join(BACKGROUNDS)}, not {self.background!r}')
        check_whole('resamples', self.resamples, 0, 10_000)
        for name, least, most in (
            ('alpha', 0.0, 1.0),
            ('diffusivity_temperature_K', 0.0, 1e5),
            ('diffusivity_threshold_cm2_per_s', 0.0, 1e6),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise InputError(f'option {name} must be a number from {least:g} to {most:g}, not {value!r}')

    def settings(self) -> dict[str, Any]:
        """Return the options as plain values, for results to record."""
        return {**asdict(self), 'methods': list(self.methods)}


@dataclass(frozen=True, eq=False)
class JobInputs:
    """Arrays of a job, with one row per compound.

    :param ids: (n,) ids.
    :param table: (n, k) features side by side.
    :param names: (k,) the feature of each column.
    :param order: (n,) numbers by which clusters are numbered, if any.
    :param conductor: (n,) 1, 0 or NaN, if any.
    :param temperatures: (t,) temperatures of the diffusivities, K.
    :param diffusivity: (n, t) diffusivities, cm²/s, if any.
    :param unmatched: number of labels that belong to none of the compounds, by kind.
    """

    ids: list[str]
    table: NDArray[np.float64]
    names: list[str]
    order: NDArray[np.float64] | None
    conductor: NDArray[np.float64] | None
    temperatures: NDArray[np.float64]
    diffusivity: NDArray[np.float64] | None
    unmatched: dict[str, int]


def options_of(job: Job) -> tuple[ClusterTask, ClusterOptions]:
    """Read the parameters of a job.

    :param job: the job.
    :returns: options of the task and of clustering; the method of the latter means nothing.
    :raises InputError: if a name is unknown or a value unusable.
    """
    own = [field.name for field in fields(ClusterTask)]
    shared = [field.name for field in fields(ClusterOptions) if field.name != 'method']
    for name in job.parameters:
        if name not in own and name not in shared:
            raise InputError(
                f'cluster_phonons: unknown parameter {name!r}; known are {", ".join(sorted([*own, *shared]))}'
            )
    given = {name: value for name, value in job.parameters.items() if value is not None}
    methods = given.get('methods', METHODS)
    if 'methods' in given and 'candidates_by' not in given and not isinstance(methods, str) and methods:
        given['candidates_by'] = methods[0]
    task = ClusterTask(**{name: value for name, value in given.items() if name in own})
    return task, ClusterOptions.from_mapping({name: value for name, value in given.items() if name in shared})


def read_inputs(job: Job, directory: Path, task: ClusterTask, options: ClusterOptions) -> JobInputs:
    """Read the files of a job; labels are put in the order of the compounds.

    :param job: the job.
    :param directory: folder of the files.
    :param task: options of the task.
    :param options: options of clustering.
    :raises InputError: if a feature is missing or is none, or an id stands twice.
    :raises FormatError: if a file cannot be read or lacks an array.
    """
    if 'features' not in job.inputs:
        raise InputError('cluster_phonons: the job names no input file for the role features')
    arrays, ids = _with_ids(directory, job.inputs['features'])
    for name in (*(options.features or ()), *([task.order_by] if task.order_by else [])):
        if name not in arrays:
            raise InputError(f'{job.inputs["features"]}: there is no array {name!r}; there are {", ".join(arrays)}')
    wanted = options.features or tuple(name for name in arrays if name != task.order_by)
    table, names = join_features({name: arrays[name] for name in wanted})
    if len(table) != len(ids):
        raise InputError(f'{job.inputs["features"]}: {len(ids)} ids, but features have {len(table)} rows')
    place = {name: row for row, name in enumerate(ids)}
    unmatched: dict[str, int] = {}
    conductor, diffusivity, temperatures = None, None, np.array([])
    if 'labels' in job.inputs:
        found, keys = _with_ids(directory, job.inputs['labels'])
        values = _array(found, 'conductor', job.inputs['labels'], len(keys))
        conductor, unmatched[CONDUCTIVITY] = _joined(values, keys, place)
        conductor = conductor[:, 0]
    if 'diffusivities' in job.inputs:
        found, keys = _with_ids(directory, job.inputs['diffusivities'])
        values = _array(found, 'diffusivity_cm2_per_s', job.inputs['diffusivities'], len(keys))
        temperatures = _array(found, 'temperatures_K', job.inputs['diffusivities'], values.shape[1])[:, 0]
        diffusivity, unmatched[DIFFUSIVITY] = _joined(values, keys, place)
    order = None if task.order_by is None else _array(arrays, task.order_by, job.inputs['features'], len(ids))[:, 0]
    return JobInputs(ids, table, names, order, conductor, temperatures, diffusivity, unmatched)


def _with_ids(directory: Path, name: str) -> tuple[dict[str, NDArray], list[str]]:
    arrays = read_arrays(directory / name)
    if 'ids' not in arrays:
        raise FormatError(f"{name}: the array 'ids' is missing")
    ids = [str(entry) for entry in arrays.pop('ids').ravel().tolist()]
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f'{name}: the id {twice!r} stands there twice')
    return arrays, ids


def _array(arrays: Mapping[str, NDArray], name: str, file: str, rows: int) -> NDArray[np.float64]:
    """Return an array of numbers as (rows, columns)."""
    if name not in arrays:
        raise FormatError(f'{file}: the array {name!r} is missing')
    array = arrays[name]
    if array.dtype.kind not in 'biuf' or array.ndim not in {1, 2} or len(array) != rows:
        raise FormatError(f'{file}: the array {name!r} must hold numbers, {rows} rows of them')
    return array.astype(float).reshape(rows, -1)


def _joined(values: NDArray[np.float64], keys: list[str], place: Mapping[str, int]) -> tuple[NDArray[np.float64], int]:
    """Return values in the order of the compounds, and the number of those that belong to none."""
    found = np.full((len(place), values.shape[1]), np.nan)
    known = [row for row, key in enumerate(keys) if key in place]
    found[[place[keys[row]] for row in known]] = values[known]
    return found, len(keys) - len(known)
