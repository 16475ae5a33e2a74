"""Training of many models side by side on a GPU: one batched matrix product per layer for all of them.

Models of one shape share their steps. A model reads the rows in the order, and with the noise, that its program
gives, so that its numbers are those of :mod:`~aiida_limap.engines.autoencoder.cpu` and of its training alone up to
rounding in single precision. On one device the same models in one call give the same numbers again. Matrix products
are full single precision unless the process allows TensorFloat-32 (``TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1`` in the
environment, or ``torch.set_float32_matmul_precision('high')``).
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder._batched_ensemble import ARRAYS, WATCH_ROWS, Ensemble, is_out_of_memory
from aiida_limap.engines.autoencoder._batched_network import Layout
from aiida_limap.engines.autoencoder.config import check_device
from aiida_limap.engines.autoencoder.plan import Program, State, Watcher
from aiida_limap.engines.errors import InputError, LimapError

__all__ = ['bytes_per_model', 'fit_batched']

logger = logging.getLogger(__name__)
#: Share of the free memory of a device that is planned with; the rest is for its libraries and for gaps.
_USABLE = 0.85
#: Ended models are taken out as soon as they are this share of those side by side.
_LEAVING = 1 / 8


def fit_batched(
    programs: Sequence[Program], states: Sequence[State], *, device: str, watcher: Watcher | None = None
) -> int:
    """Train models until each has ended; as many side by side as fit on the device.

    A state is brought up to date when its model ends. Before that the watcher is shown states of their own, whose
    arrays come from the device when they are read.

    When the device runs out of memory, the models that have not ended begin again from their states in two halves.

    :param programs: what is to be trained, in any mix.
    :param states: where each goes on from; brought up to date in place. Models that have ended stay as they are.
    :param device: a name of torch, such as ``cuda`` or ``cpu``.
    :param watcher: called after each epoch of each model.
    :returns: how many models were side by side at most.
    :raises InputError: if the device is not available.
    :raises LimapError: if the device runs out of memory with one model alone.
    """
    check_device(device)
    target = torch.device(device)
    waiting = _groups(programs, states)
    largest = 0
    with _ready(target):
        while waiting:
            group = waiting.pop(0)
            if target.type == 'cuda':
                # What torch keeps of the group before would count as used.
                gc.collect()
                torch.cuda.empty_cache()
            fitting = _fitting(programs, group, target)
            if fitting < len(group):
                logger.info('%d models of %d fit on %s side by side', fitting, len(group), device)
                group, rest = group[:fitting], group[fitting:]
                waiting.insert(0, rest)
            try:
                _fit_group(programs, states, group, target, watcher)
                largest = max(largest, len(group))
                continue
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            # Only after the error, and all that it held on to, is gone can the memory be free again.
            gc.collect()
            left = [index for index in group if not states[index].ended]
            if len(group) == 1:
                raise LimapError(
                    f'the device {device} is out of memory with one model alone, which needs about '
                    f'{bytes_per_model(programs[group[0]]) / 1e9:.2g} GB beside its rows; choose smaller '
                    'hidden_widths, a smaller batch_size or the compact basis, or device cpu'
                )
            half = -(-len(group) // 2)
            logger.warning(
                '%s is out of memory with %d models side by side; going on with %d', device, len(group), half
            )
            waiting[:0] = [part for part in (left[:half], left[half:]) if part]
    return largest


def bytes_per_model(program: Program) -> int:
    """Return about how much memory of a device a model in training needs, besides rows that models share.

    Weights, gradient, two moments and the best weights; the activations of a batch, thrice since two recorded steps
    keep theirs, and those of some watched rows; order and noise of an epoch.

    :param program: the model.
    """
    architecture, learn = program.architecture, program.learn
    columns = architecture.n_composition + architecture.n_structure
    hidden = (
        4 * sum(architecture.hidden) + sum(architecture.head) + sum(architecture.wide) + 2 * architecture.hidden[-1]
    )
    watched = min(WATCH_ROWS, len(program.watch))
    # Inputs, targets, rebuilt rows, errors, their squares and slopes; of a hidden layer value and slope, each twice.
    activations = (3 * program.batch_size + watched) * (6 * columns + 4 * hidden)
    noise = len(learn) * columns if program.noise else 0
    return 4 * (5 * Layout(architecture).width + activations + noise) + 8 * len(learn)


def _groups(programs: Sequence[Program], states: Sequence[State]) -> list[list[int]]:
    """Return the numbers of the models that can go side by side; neighbours have the optimiser in common."""
    if len(programs) != len(states):
        raise InputError(f'{len(programs)} programs, but {len(states)} states')
    groups: dict[Any, list[int]] = {}
    for index, (program, state) in enumerate(zip(programs, states, strict=True)):
        if not state.ended:
            key = (
                *(program.architecture, program.batch_size, len(program.learn), len(program.watch)),
                *(program.decoupled, program.noise != 0),
            )
            groups.setdefault(key, []).append(index)

    def neighbours(index: int) -> tuple[float, ...]:
        return programs[index].learning_rate, programs[index].weight_decay, states[index].step, index

    return [sorted(group, key=neighbours) for group in groups.values()]


def _fitting(programs: Sequence[Program], group: Sequence[int], device: torch.device) -> int:
    """Return how many models of a group fit; at least one, which is then tried."""
    if device.type != 'cuda':
        return len(group)
    free, _ = torch.cuda.mem_get_info(device)
    rows = {id(rows): rows for index in group for rows in (programs[index].learn, programs[index].watch)}
    shared = sum(array.nbytes for entry in rows.values() for array in vars(entry).values())
    room = max(1, int(_USABLE * (free - shared) / bytes_per_model(programs[group[0]])))
    # Parts of equal size end at about the same time as a large one and a small one, and leave more room.
    return -(-len(group) // -(-len(group) // room))


@contextlib.contextmanager
def _ready(device: torch.device) -> Iterator[None]:
    """Work on a stream of its own, as recordings need it, with libraries told to give equal sums each time."""
    if device.type != 'cuda':
        yield
        return
    os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream(device)):
        yield


def _fit_group(
    programs: Sequence[Program],
    states: Sequence[State],
    group: Sequence[int],
    device: torch.device,
    watcher: Watcher | None,
) -> None:
    """Train models of one shape until all have ended."""
    running = list(group)
    # Those that advance have no arrays; the states themselves stay what they were, in case memory runs out.
    progress = [_without_arrays(states[index]) for index in running]
    with torch.no_grad():
        ensemble = Ensemble([programs[i] for i in running], [states[i] for i in running], device)
        prepared = ensemble.prepare()
        while True:
            losses = ensemble.epoch(prepared)
            prepared = ensemble.prepare()
            _record(ensemble, [programs[i] for i in running], progress, losses.cpu().numpy())
            for place, (index, own) in enumerate(zip(running, progress, strict=True)):
                _report(states[index], _Fetched(own, _row(ensemble, place)), index, watcher)
            staying = [place for place, own in enumerate(progress) if not own.ended]
            if not staying:
                return
            if len(running) - len(staying) >= _LEAVING * len(running):
                ensemble.keep(staying)
                running, progress = [running[i] for i in staying], [progress[i] for i in staying]
                prepared = ensemble.prepare()


def _record(
    ensemble: Ensemble, programs: Sequence[Program], progress: Sequence[State], losses: NDArray[np.float32]
) -> None:
    """Take the losses of an epoch."""
    improved = []
    for program, own, (train, validation) in zip(programs, progress, losses.tolist(), strict=True):
        if own.ended:
            improved.append(False)
            continue
        own.step += ensemble.steps_per_epoch
        own.record(program, train, validation)
        improved.append(own.best_epoch == own.epoch)
    if any(improved):
        ensemble.keep_best(improved)


def _report(state: State, now: State, index: int, watcher: Watcher | None) -> None:
    """Show a model to the watcher, and bring its state up to date if it has just ended."""
    if state.ended:
        return
    if now.ended:
        vars(state).update({name: getattr(now, name) for name in (*ARRAYS, *vars(now)) if not name.startswith('_')})
    if watcher is not None:
        watcher(index, state if state.ended else now)


def _row(ensemble: Ensemble, place: int) -> Callable[[str], NDArray[np.float32]]:
    return lambda name: ensemble.fetch(place, name)


def _without_arrays(state: State) -> State:
    nothing = np.zeros(0, dtype=np.float32)
    copy = State(nothing, nothing, nothing, nothing)
    vars(copy).update({name: value for name, value in vars(state).items() if name not in ARRAYS})
    copy.history = {name: list(values) for name, values in state.history.items()}
    return copy


class _Fetched(State):
    """A state whose arrays come from the device when they are first read."""

    def __init__(self, progress: State, fetch: Callable[[str], NDArray[np.float32]]) -> None:
        vars(self).update({name: value for name, value in vars(progress).items() if name not in ARRAYS})
        self._fetch = fetch

    def __getattr__(self, name: str) -> NDArray[np.float32]:
        # Called for what is not there yet.
        if name not in ARRAYS:
            raise AttributeError(name)
        array = self._fetch(name)
        setattr(self, name, array)
        return array
