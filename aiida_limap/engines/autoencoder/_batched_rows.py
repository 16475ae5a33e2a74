"""Rows of many models on a device: one copy of what they share, and the order in which each model sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from aiida_limap.engines.autoencoder.plan import Program, Rows

__all__ = ['Batch', 'DeviceRows', 'Orders']


class Batch(NamedTuple):
    """Rows of K models, B each: see :class:`~aiida_limap.engines.autoencoder.plan.Rows`."""

    inputs: tuple[Tensor, Tensor]
    targets: tuple[Tensor, Tensor]
    outside: Tensor
    energy: Tensor
    known: Tensor


class DeviceRows:
    """Rows of one split for a group of models; rows that several models share are there once.

    :param rows: rows of each model, all of one shape.
    :param device: where they go.
    """

    def __init__(self, rows: Sequence[Rows], device: torch.device) -> None:
        distinct = list({id(entry): entry for entry in rows}.values())
        place = {id(entry): number * len(entry) for number, entry in enumerate(distinct)}
        #: (K, 1) number of the first row of each model.
        self.start = torch.tensor([[place[id(entry)]] for entry in rows], device=device)
        self.length = len(rows[0])

        def stacked(name: str) -> Tensor:
            return torch.from_numpy(np.concatenate([getattr(entry, name) for entry in distinct])).to(device)

        self._targets = (stacked('composition'), stacked('structure'))
        # In the full basis the encoders read what the decoders are to give: one copy is enough then.
        alike = all(
            np.array_equal(entry.composition_in, entry.composition)
            and np.array_equal(entry.structure_in, entry.structure)
            for entry in distinct
        )
        self._inputs = self._targets if alike else (stacked('composition_in'), stacked('structure_in'))
        self._outside, self._energy, self._known = stacked('outside'), stacked('energy'), stacked('known')

    def take(self, index: Tensor) -> Batch:
        """Return rows of each model.

        :param index: (K, B) row numbers, counted from the first row of the model.
        """
        index = index + self.start
        targets = (self._targets[0][index], self._targets[1][index])
        inputs = targets if self._inputs is self._targets else (self._inputs[0][index], self._inputs[1][index])
        return Batch(inputs, targets, self._outside[index], self._energy[index], self._known[index])

    def keep(self, models: Tensor) -> None:
        """Forget the models that are not named; the rows stay.

        :param models: (K',) numbers of models.
        """
        self.start = self.start[models]


class Orders:
    """The order in which each model sees its rows in an epoch, and the noise on them.

    Both follow from seed and number of the epoch, so that models with the same seed share one copy.

    :param programs: the models, with rows of one shape, and noise either in all or in none.
    :param device: where orders and noise go.
    """

    def __init__(self, programs: Sequence[Program], device: torch.device) -> None:
        self._programs = list(programs)
        self._device = device
        self._place = torch.empty(0)
        self._order = torch.empty(0)
        self._noise: tuple[Tensor, Tensor] | None = None

    def prepare(self, epochs: Sequence[int]) -> list[tuple[np.ndarray, ...]]:
        """Draw the orders of an epoch, on the host.

        :param epochs: the epoch that each model is about to begin.
        :returns: what :meth:`load` takes.
        """
        known: dict[tuple[int, int, float], int] = {}
        drawn: list[tuple[np.ndarray, ...]] = []
        place = []
        for program, epoch in zip(self._programs, epochs, strict=True):
            key = (program.seed, epoch, program.noise)
            if key not in known:
                known[key] = len(drawn)
                drawn.append(_draw(program, epoch))
            place.append(known[key])
        return [(np.array(place),), *drawn]

    def load(self, prepared: list[tuple[np.ndarray, ...]]) -> None:
        """Send orders and noise to the device, into the same memory as before where they fit there.

        :param prepared: what :meth:`prepare` gave.
        """
        (place,), *drawn = prepared
        order, *noise = (np.stack(arrays) for arrays in zip(*drawn, strict=True))
        self._place = self._sent(place[:, None], self._place)
        self._order = self._sent(order, self._order)
        if noise:
            before = self._noise or (torch.empty(0), torch.empty(0))
            self._noise = (self._sent(noise[0], before[0]), self._sent(noise[1], before[1]))

    def take(self, rows: DeviceRows, columns: Tensor) -> Batch:
        """Return the rows of a batch.

        :param rows: the rows to learn from.
        :param columns: (1, B) places in the order.
        """
        batch = rows.take(self._order[self._place, columns])
        if self._noise is None:
            return batch
        composition, structure = (
            given + noise[self._place, columns] for given, noise in zip(batch.inputs, self._noise, strict=True)
        )
        return batch._replace(inputs=(composition, structure))

    def keep(self, models: Sequence[int]) -> None:
        """Forget the models that are not named.

        :param models: numbers of models.
        """
        self._programs = [self._programs[number] for number in models]

    def _sent(self, array: np.ndarray, before: Tensor) -> Tensor:
        given = torch.from_numpy(array)
        if before.shape == given.shape and before.dtype == given.dtype:
            return before.copy_(given)
        return given.to(self._device)


def _draw(program: Program, epoch: int) -> tuple[np.ndarray, ...]:
    """Return the order of an epoch, and its noise if there is any, in that order."""
    learn = program.learn
    count = len(learn)
    nothing = np.zeros((count, 0), dtype=np.float32)
    noisy = program.noise != 0
    # The program alone knows how an epoch is drawn: it is given row numbers (exact in single precision up to 16
    # million) for the energies and zeros for the rows, and gives back their order and the bare noise.
    numbers = Rows(
        composition_in=np.zeros_like(learn.composition_in) if noisy else nothing,
        structure_in=np.zeros_like(learn.structure_in) if noisy else nothing,
        composition=nothing,
        structure=nothing,
        outside=nothing,
        energy=np.arange(count, dtype=np.float32),
        known=learn.known,
    )
    drawn = replace(program, learn=numbers).epoch_rows(epoch)
    order = drawn.energy.astype(np.int64)
    return (order, drawn.composition_in, drawn.structure_in) if noisy else (order,)
