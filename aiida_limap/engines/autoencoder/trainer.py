"""The training loop: batches, losses, early stop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aiida_limap.engines.autoencoder.basis import Basis
from aiida_limap.engines.autoencoder.config import TrainConfig
from aiida_limap.engines.autoencoder.network import LimapNetwork
from aiida_limap.engines.errors import LimapError

__all__ = ['LOSSES', 'Fit', 'OnEpoch', 'Rows', 'fit', 'repeatable']

logger = logging.getLogger(__name__)

#: Names of the losses: the two reconstructions, the migration energy (of the scaled value), and their weighted sum.
LOSSES = ('composition', 'structure', 'me', 'all')
#: Called after each epoch with its number and the losses of training and validation by name.
OnEpoch = Callable[[int, dict[str, float]], None]
_LOG_EVERY = 10


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one split as tensors on the device.

    :param composition: (n, k) coordinates.
    :param structure: (n, l) coordinates.
    :param outside: (n, 2) squared lengths outside of the two bases.
    :param target: (n,) scaled migration energy, 0 where missing.
    :param known: (n,) 1 where there is a migration energy, else 0.
    """

    composition: Tensor
    structure: Tensor
    outside: Tensor
    target: Tensor
    known: Tensor

    def take(self, index: Tensor | slice) -> Rows:
        """Return some of the rows.

        :param index: (m,) row numbers, or a range of them.
        """
        return Rows(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, eq=False)
class Fit:
    """A finished training.

    :param network: the network of the best epoch, on coordinates.
    :param history: losses by name, (epochs,) each.
    :param best_epoch: the epoch that the network is from, counted from 1.
    """

    network: LimapNetwork
    history: dict[str, NDArray[np.float64]]
    best_epoch: int


@contextmanager
def repeatable(config: TrainConfig) -> Iterator[None]:
    """Make torch repeat itself exactly inside the block, and leave its global state as it was.

    :param config: gives seed, threads and device.
    """
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    devices = [] if config.device == 'cpu' else [config.device]
    kind = 'cuda' if config.device.startswith('cuda') else config.device.split(':')[0]
    with torch.random.fork_rng(devices, device_type=kind if devices else 'cuda'):
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        torch.use_deterministic_algorithms(True, warn_only=bool(devices))
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
            torch.set_num_threads(threads)


class _Losses:
    """The losses of a batch, of the full columns whatever the basis."""

    def __init__(self, bases: tuple[Basis, Basis], config: TrainConfig) -> None:
        self._units = tuple(basis.unit**2 for basis in bases)
        per_column = config.reduction == 'mean'
        self._columns = tuple(len(basis.origin) if per_column else 1 for basis in bases)
        self._weight = config.me_weight

    def __call__(self, network: LimapNetwork, rows: Rows) -> tuple[Tensor, Tensor]:
        """Return Loss_all and (4,) the losses in the order of :data:`LOSSES`."""
        composition, structure, energy = network(rows.composition, rows.structure)
        parts = []
        for index, (out, given) in enumerate(((composition, rows.composition), (structure, rows.structure))):
            squares = self._units[index] * (out - given).square().sum() + rows.outside[:, index].sum()
            parts.append(squares / (len(rows) * self._columns[index]))
        # Rows without a migration energy count in the reconstruction only.
        me = (rows.known * (energy - rows.target).square()).sum() / rows.known.sum().clamp(min=1)
        total = parts[0] + parts[1] + self._weight * me
        return total, torch.stack([*parts, me, total]).detach()


def fit(
    network: LimapNetwork,
    rows: tuple[Rows, Rows],
    bases: tuple[Basis, Basis],
    config: TrainConfig,
    on_epoch: OnEpoch | None = None,
) -> Fit:
    """Train until Loss_all of the second set of rows has not improved for ``config.patience`` epochs.

    The losses of the training rows are those met during the epoch, before each step, as a mean over its batches.

    :param network: the network on coordinates; changed in place.
    :param rows: rows to learn from, and rows to stop on.
    :param bases: bases of composition and structure.
    :param config: the options.
    :param on_epoch: called after each epoch.
    :returns: the network of the best epoch.
    :raises LimapError: if a loss is not finite.
    """
    learn, watch = rows
    losses = _Losses(bases, config)
    optimiser = torch.optim.Adam(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    order = np.random.default_rng(config.seed)
    history: dict[str, list[float]] = {f'{part}_{name}': [] for part in ('train', 'validation') for name in LOSSES}
    best, best_epoch, state = np.inf, 0, _copy(network)
    for epoch in range(1, config.max_epochs + 1):
        seen = _epoch(network, learn, losses, optimiser, (order, config.batch_size))
        with torch.no_grad():
            watched = losses(network, watch)[1].tolist()
        values = dict(zip(history, [*seen, *watched], strict=True))
        for name, value in values.items():
            history[name].append(value)
        if not np.isfinite(values['train_all'] + values['validation_all']):
            raise LimapError(
                f'the loss is not finite in epoch {epoch}; lower the learning rate {config.learning_rate:g}'
            )
        if values['validation_all'] < best:
            best, best_epoch, state = values['validation_all'], epoch, _copy(network)
        if epoch == 1 or epoch % _LOG_EVERY == 0:
            logger.info('epoch %d: loss %.4g, validation %.4g', epoch, values['train_all'], values['validation_all'])
        if on_epoch is not None:
            on_epoch(epoch, values)
        if epoch - best_epoch >= config.patience:
            break
    network.load_state_dict(state)
    logger.info('stopped after %d epochs, the best was %d', len(history['train_all']), best_epoch)
    return Fit(network, {name: np.array(values) for name, values in history.items()}, best_epoch)


def _epoch(
    network: LimapNetwork,
    rows: Rows,
    losses: _Losses,
    optimiser: torch.optim.Optimizer,
    batches: tuple[np.random.Generator, int],
) -> list[float]:
    order, size = batches
    # One shuffled copy per epoch: batches are then views.
    shuffled = rows.take(torch.from_numpy(order.permutation(len(rows))).to(rows.target.device))
    total = torch.zeros(len(LOSSES), device=rows.target.device)
    for start in range(0, len(rows), size):
        batch = shuffled.take(slice(start, start + size))
        optimiser.zero_grad(set_to_none=True)
        loss, parts = losses(network, batch)
        loss.backward()
        optimiser.step()
        total += parts * len(batch)
    return (total / len(rows)).tolist()


def _copy(network: LimapNetwork) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
