"""Training on processors: one model per thread, each at the pace of compiled kernels."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder._cpu_network import Plan, judge, train_epoch
from aiida_limap.engines.autoencoder.plan import Program, Rows, State, Watcher

__all__ = ['fit_cpu']


def fit_cpu(
    programs: Sequence[Program], states: Sequence[State], *, threads: int = 1, watcher: Watcher | None = None
) -> None:
    """Train models until each has ended.

    Each thread takes one model after the other; what a model becomes depends neither on their number nor on the other
    models.

    :param programs: what is to be trained.
    :param states: from where each goes on; changed in place.
    :param threads: models in training at the same time.
    :param watcher: called after each epoch of each model; what it raises stops all models after their epoch.
    """
    lock, stop = threading.Lock(), threading.Event()

    def train(index: int) -> None:
        if stop.is_set():
            return
        try:
            for state in _epochs(programs[index], states[index]):
                if watcher is not None:
                    with lock:
                        if not stop.is_set():
                            watcher(index, state)
                if stop.is_set():
                    return
        except BaseException:
            stop.set()
            raise

    if threads == 1 or len(programs) == 1:
        # In the thread of the caller an interrupt arrives where the epoch ends.
        for index in range(len(programs)):
            train(index)
        return
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(train, index) for index in range(len(programs))]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _epochs(program: Program, state: State) -> Iterator[State]:
    """Train a model epoch by epoch."""
    plan = Plan(program.architecture, program.batch_size)
    work, net = plan.workspace(), (plan.table, plan.bounds)
    weights = np.array([*program.scales, program.me_weight, program.me_weight * program.wide_weight])
    watch = _arrays(program.watch)
    while not state.ended:
        rows = program.epoch_rows(state.epoch + 1)
        options = (
            *(plan.rows, program.batch_size, state.step),
            *(float(program.learning_rate), float(program.weight_decay), bool(program.decoupled)),
        )
        model = (state.parameters, state.first_moment, state.second_moment)
        learnt = train_epoch(model, net, work, _arrays(rows), weights, options)
        state.step += -(-len(rows) // program.batch_size)
        watched = judge(state.parameters, net, work, watch, weights, plan.rows)
        state.record(program, learnt.tolist(), watched.tolist())
        yield state


def _arrays(rows: Rows) -> tuple[NDArray[np.float32], ...]:
    return tuple(getattr(rows, entry.name) for entry in fields(rows))
