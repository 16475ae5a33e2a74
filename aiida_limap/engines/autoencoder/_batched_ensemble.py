"""Models of one shape in training, side by side on a device."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aiida_limap.engines.autoencoder._batched_network import Errors, Layout, Passes, Stacks
from aiida_limap.engines.autoencoder._batched_rows import DeviceRows, Orders
from aiida_limap.engines.autoencoder.plan import LOSSES, Program, State

__all__ = ['ARRAYS', 'WATCH_ROWS', 'Ensemble', 'is_out_of_memory']

logger = logging.getLogger(__name__)
#: The arrays of a state, each of which is a row of a buffer while its model is in training.
ARRAYS = ('parameters', 'first_moment', 'second_moment', 'best_parameters')
#: Watched rows that go through the networks at once.
WATCH_ROWS = 128
#: The fused optimiser counts the numbers of one tensor in 32 bits.
_LARGEST_TENSOR = 2**30


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether an error of torch says that the memory of a device is used up.

    :param error: the error.
    """
    said = str(error)
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(
        words in said for words in ('out of memory', 'CUBLAS_STATUS_ALLOC_FAILED', "can't allocate memory")
    )


class Ensemble:
    """Networks, optimiser and rows of K models of one shape.

    :param programs: what is to be trained; models with equal rate, decay and number of steps stand together.
    :param states: where each model goes on from; they are only read.
    :param device: where to train.
    """

    def __init__(self, programs: Sequence[Program], states: Sequence[State], device: torch.device) -> None:
        self._programs = list(programs)
        self._device = device
        self._layout = Layout(programs[0].architecture)
        self._learn = DeviceRows([program.learn for program in programs], device)
        self._watch = DeviceRows([program.watch for program in programs], device)
        self._orders = Orders(programs, device)
        self._epochs = [state.epoch for state in states]
        self._steps = [state.step for state in states]
        self._buffers = {name: self._buffer(states, name) for name in ARRAYS}
        self._gradients = torch.zeros_like(self._buffers['parameters'])
        #: (1,) place of the next batch in the order of an epoch; on the device, so that a recorded step can move it.
        self._cursor = torch.zeros(1, dtype=torch.int64, device=device)
        #: Whether steps are recorded as CUDA graphs, which spares the host from starting some hundred kernels each.
        self._record = device.type == 'cuda'
        self._arrange()

    def __len__(self) -> int:
        return len(self._programs)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of an epoch, the last of which may be smaller."""
        return -(-self._learn.length // self._programs[0].batch_size)

    def prepare(self) -> list[tuple[np.ndarray, ...]]:
        """Draw the orders of the next epoch on the host, while the device may still be busy."""
        return self._orders.prepare([epoch + 1 for epoch in self._epochs])

    def epoch(self, prepared: list[tuple[np.ndarray, ...]]) -> Tensor:
        """Train all models for an epoch; on a GPU this returns before the work is done.

        :param prepared: what :meth:`prepare` gave for this epoch.
        :returns: (K, 2, 5) losses of the rows learnt from and of the watched rows, in the order of ``LOSSES``.
        """
        self._orders.load(prepared)
        self._cursor.zero_()
        self._train.zero_()
        size = self._programs[0].batch_size
        for start in range(0, self._learn.length, size):
            self._advance(min(size, self._learn.length - start))
        self._epochs = [epoch + 1 for epoch in self._epochs]
        self._steps = [step + self.steps_per_epoch for step in self._steps]
        return torch.stack([self._train, self._validation()], dim=1)

    def keep_best(self, improved: Sequence[bool]) -> None:
        """Take the weights of now as the best ones of some models.

        :param improved: for each model, whether to.
        """
        chosen = torch.tensor(improved, device=self._device).unsqueeze(1)
        now, best = self._buffers['parameters'], self._buffers['best_parameters']
        # In place: a copy of all weights may not fit any more.
        torch.where(chosen, now, best, out=best)

    def fetch(self, model: int, name: str) -> NDArray[np.float32]:
        """Return an array of a state.

        :param model: number of the model.
        :param name: one of :data:`ARRAYS`.
        """
        return self._layout.unpack(self._buffers[name][model].cpu().numpy())

    def keep(self, models: Sequence[int]) -> None:
        """Let all other models leave.

        :param models: numbers of models, rising.
        """
        # Recorded steps hold on to the memory that they were recorded with.
        self._graphs.clear()
        for buffer in self._buffers.values():
            # Row by row into the same memory: a copy of all may not fit, and rows only move towards the front.
            for new, old in enumerate(models):
                if new != old:
                    buffer[new].copy_(buffer[old])
        self._buffers = {name: buffer[: len(models)] for name, buffer in self._buffers.items()}
        self._gradients = self._gradients[: len(models)]
        kept = torch.tensor(models, device=self._device)
        self._learn.keep(kept)
        self._watch.keep(kept)
        self._orders.keep(models)
        self._programs = [self._programs[number] for number in models]
        self._epochs = [self._epochs[number] for number in models]
        self._steps = [self._steps[number] for number in models]
        self._arrange()

    def _buffer(self, states: Sequence[State], name: str) -> Tensor:
        buffer = torch.empty(len(states), self._layout.width, device=self._device)
        for row, state in zip(buffer, states, strict=True):
            row.copy_(torch.from_numpy(self._layout.pack(getattr(state, name))))
        return buffer

    def _arrange(self) -> None:
        """Set up what depends on which models there are."""
        programs = self._programs
        stacks = Stacks(self._layout, self._buffers['parameters'], self._gradients)
        self._passes = Passes(stacks, bool(programs[0].architecture.wide))
        #: (K, 4) factors of the four losses in Loss_all.
        self._factors = self._numbers([[1, 1, p.me_weight, p.me_weight * p.wide_weight] for p in programs])
        #: (K, 2) factors between squared errors of coordinates and reconstruction losses.
        self._scales = self._numbers([p.scales for p in programs])
        self._train = torch.zeros(len(programs), len(LOSSES), device=self._device)
        self._optimiser = self._new_optimiser()
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def _numbers(self, rows: Sequence[Sequence[float]]) -> Tensor:
        return torch.tensor(rows, dtype=torch.float32, device=self._device)

    def _new_optimiser(self) -> torch.optim.Optimizer:
        """Return an optimiser to which neighbours with equal rate, decay and number of steps are one tensor."""
        largest = max(1, _LARGEST_TENSOR // self._layout.width)
        runs: list[tuple[tuple[float, float, int], int, int]] = []
        for number, (program, step) in enumerate(zip(self._programs, self._steps, strict=True)):
            key = (program.learning_rate, program.weight_decay, step)
            if runs and runs[-1][0] == key and number - runs[-1][1] < largest:
                runs[-1] = (key, runs[-1][1], number + 1)
            else:
                runs.append((key, number, number + 1))
        parameters, first, second = (self._buffers[name] for name in ARRAYS[:3])
        groups, moments = [], {}
        for (rate, decay, step), start, stop in runs:
            part = parameters[start:stop]
            part.grad = self._gradients[start:stop]
            groups.append({'params': [part], 'lr': rate, 'weight_decay': decay})
            moments[part] = {
                'step': torch.tensor(float(step), device=self._device),
                'exp_avg': first[start:stop],
                'exp_avg_sq': second[start:stop],
            }
        kind = torch.optim.AdamW if self._programs[0].decoupled else torch.optim.Adam
        cuda = self._device.type == 'cuda'
        optimiser = kind(groups, fused=cuda or self._device.type == 'cpu', capturable=cuda)
        optimiser.state.update(moments)
        return optimiser

    def _advance(self, size: int) -> None:
        """Train on the next batch; on a GPU the second time by a recording of the step."""
        if size in self._graphs:
            self._graphs[size].replay()
            return
        self._step(size)
        if self._record:
            self._record_step(size)

    def _record_step(self, size: int) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            # Nothing is computed while a step is recorded. It must be the stream that the first step ran on, whose
            # libraries have their memory by now.
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream(self._device)):
                self._step(size)
        except RuntimeError as error:
            self._record = False
            logger.warning('training goes on without CUDA graphs: %s', str(error).splitlines()[0])
            return
        self._graphs[size] = graph

    def _step(self, size: int) -> None:
        batch = self._orders.take(self._learn, (self._cursor + self._columns(size)).unsqueeze(0))
        errors, read = self._passes.forward(batch.inputs, batch.targets, batch.energy, batch.known)
        count = batch.known.sum(1).clamp(min=1)
        self._train += self._losses(errors.sums(), batch.outside.sum(1), size, count) * (size / self._learn.length)
        factors = 2 * self._factors
        reconstruction = (factors[:, :2] * self._scales / size)[:, :, None, None]
        energy = (factors[:, 2:] / count.unsqueeze(1)).unsqueeze(2)
        slopes = Errors(
            errors.composition * reconstruction[:, 0],
            errors.structure * reconstruction[:, 1],
            errors.me * energy[:, 0],
            None if errors.wide is None else errors.wide * energy[:, 1],
        )
        self._passes.backward(slopes, read)
        self._optimiser.step()
        self._cursor += size

    def _columns(self, size: int) -> Tensor:
        return torch.arange(size, device=self._device)

    def _losses(self, sums: Tensor, outside: Tensor, rows: int, count: Tensor) -> Tensor:
        """Return (K, 5) losses.

        :param sums: (K, 4) sums of squared errors.
        :param outside: (K, 2) sums over the rows of what lies outside of the bases.
        :param rows: number of rows.
        :param count: (K,) number of known energies, at least 1.
        """
        parts = torch.cat([(sums[:, :2] * self._scales + outside) / rows, sums[:, 2:] / count.unsqueeze(1)], dim=1)
        return torch.cat([parts, (parts * self._factors).sum(1, keepdim=True)], dim=1)

    def _validation(self) -> Tensor:
        """Return (K, 5) losses of all watched rows."""
        length = self._watch.length
        sums = torch.zeros(len(self), len(LOSSES) - 1, device=self._device)
        outside = torch.zeros(len(self), 2, device=self._device)
        count = torch.zeros(len(self), device=self._device)
        for start in range(0, length, WATCH_ROWS):
            columns = start + self._columns(min(WATCH_ROWS, length - start)).unsqueeze(0)
            batch = self._watch.take(columns)
            errors, _ = self._passes.forward(batch.inputs, batch.targets, batch.energy, batch.known)
            sums += errors.sums()
            outside += batch.outside.sum(1)
            count += batch.known.sum(1)
        return self._losses(sums, outside, length, count.clamp(min=1))
