"""What an engine of training works from: the shape of a network, the rows of a model, and the state of its training.

Two engines train models, :mod:`~aiida_limap.engines.autoencoder.cpu` and
:mod:`~aiida_limap.engines.autoencoder.batched`. They share the order of rows, the record of losses and the rule when to
stop, all of which are here.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ['LOSSES', 'Architecture', 'Layer', 'Program', 'Rows', 'State', 'Watcher']

#: Names of the losses: the two reconstructions, the migration energy (of the scaled value) from the codes and from the
#: wide head, and their weighted sum.
LOSSES = ('composition', 'structure', 'me', 'wide', 'all')
Floats = NDArray[np.float32]


class Layer(NamedTuple):
    """A linear layer.

    :param name: its name in a state of torch, such as ``composition.encoder.0``.
    :param n_out: number of outputs; the weight is (n_out, n_in), the bias (n_out,).
    :param n_in: number of inputs.
    """

    name: str
    n_out: int
    n_in: int

    @property
    def size(self) -> int:
        """Number of weights and biases."""
        return self.n_out * (self.n_in + 1)


@dataclass(frozen=True)
class Architecture:
    """Layer sizes of a network: two autoencoders with one code each, a head on the codes, and maybe a wide head.

    :param n_composition: coordinates of a composition row.
    :param n_structure: coordinates of a structure row.
    :param hidden: widths between coordinates and code; the decoders mirror them.
    :param head: hidden widths between the two codes and the migration energy.
    :param wide: hidden widths between the last hidden layers of both encoders and the migration energy; empty for none.
    """

    n_composition: int
    n_structure: int
    hidden: tuple[int, ...]
    head: tuple[int, ...]
    wide: tuple[int, ...] = ()

    @cached_property
    def stacks(self) -> dict[str, tuple[Layer, ...]]:
        """Layers by stack, from input to output; LeakyReLU stands between two layers of a stack."""
        widths: dict[str, Sequence[int]] = {}
        for part, width in (('composition', self.n_composition), ('structure', self.n_structure)):
            widths[f'{part}.encoder'] = [width, *self.hidden, 1]
            widths[f'{part}.decoder'] = [1, *reversed(self.hidden), width]
        widths['head'] = [2, *self.head, 1]
        if self.wide:
            widths['wide'] = [2 * self.hidden[-1], *self.wide, 1]
        # Activations are modules of their own in torch, hence every other number.
        return {
            name: tuple(Layer(f'{name}.{2 * i}', b, a) for i, (a, b) in enumerate(itertools.pairwise(sizes)))
            for name, sizes in widths.items()
        }

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers in the order of the flat parameters."""
        return tuple(itertools.chain.from_iterable(self.stacks.values()))

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        return sum(layer.size for layer in self.layers)

    def flatten(self, state: Mapping[str, NDArray]) -> Floats:
        """Return all weights and biases in one row: per layer the weight, row by row, then the bias.

        :param state: arrays by the names of torch.
        :returns: (P,) single precision.
        """
        parts = []
        for layer in self.layers:
            parts += [np.asarray(state[f'{layer.name}.weight']).ravel(), np.asarray(state[f'{layer.name}.bias'])]
        return np.concatenate(parts).astype(np.float32)

    def unflatten(self, parameters: Floats) -> dict[str, Floats]:
        """Return views into a row of weights and biases, by the names of torch.

        :param parameters: (P,) what :meth:`flatten` gives.
        """
        state, start = {}, 0
        for layer in self.layers:
            middle, stop = start + layer.n_out * layer.n_in, start + layer.size
            state[f'{layer.name}.weight'] = parameters[start:middle].reshape(layer.n_out, layer.n_in)
            state[f'{layer.name}.bias'] = parameters[middle:stop]
            start = stop
        return state


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one split, in single precision.

    :param composition_in: (n, k) what the encoder of the composition reads.
    :param structure_in: (n, l) what the encoder of the structure reads.
    :param composition: (n, k) coordinates that its decoder is to give.
    :param structure: (n, l) the same for the structure.
    :param outside: (n, 2) what the parts of a row outside of the two bases add to its two losses.
    :param energy: (n,) scaled migration energy, 0 where missing.
    :param known: (n,) 1 where there is a migration energy, else 0.
    """

    composition_in: Floats
    structure_in: Floats
    composition: Floats
    structure: Floats
    outside: Floats
    energy: Floats
    known: Floats

    def take(self, index: NDArray[np.int64]) -> Rows:
        """Return some of the rows, as copies.

        :param index: (m,) row numbers.
        """
        return Rows(*(np.ascontiguousarray(getattr(self, entry.name)[index]) for entry in fields(self)))

    def __len__(self) -> int:
        return len(self.energy)


@dataclass(frozen=True, eq=False)
class Program:
    """Everything that the training of one model depends on.

    :param architecture: sizes of the network.
    :param learn: rows to learn from.
    :param watch: rows that decide when to stop.
    :param scales: factors between the squared error of a row over its coordinates and the two reconstruction losses.
    :param me_weight: W of the migration energy in the loss.
    :param wide_weight: weight of the wide head beside that of the head on the codes.
    :param decoupled: whether weight decay acts on the weights apart from the gradient (AdamW) or as L2 penalty (Adam).
    :param noise: standard deviation of the Gaussian noise on what the encoders read while they learn.
    :param initial: (P,) weights and biases at the start.
    """

    architecture: Architecture
    learn: Rows
    watch: Rows
    scales: tuple[float, float]
    me_weight: float
    wide_weight: float
    batch_size: int
    learning_rate: float
    weight_decay: float
    decoupled: bool
    noise: float
    patience: int
    max_epochs: int
    seed: int
    initial: Floats

    def epoch_rows(self, epoch: int) -> Rows:
        """Return the rows to learn from in the order of an epoch, with the noise of that epoch.

        Seed and epoch alone decide, so that a training that goes on after a kill sees what it would have seen.

        :param epoch: number of the epoch, counted from 1.
        """
        generator = np.random.default_rng([self.seed, epoch])
        rows = self.learn.take(generator.permutation(len(self.learn)))
        if self.noise == 0:
            return rows
        noisy = {
            name: given + np.float32(self.noise) * generator.standard_normal(given.shape, dtype=np.float32)
            for name, given in (('composition_in', rows.composition_in), ('structure_in', rows.structure_in))
        }
        return replace(rows, **noisy)


@dataclass(eq=False)
class State:
    """How far the training of one model has come; enough to go on from.

    :param parameters: (P,) weights and biases now.
    :param first_moment: (P,) of Adam.
    :param second_moment: (P,) of Adam.
    :param best_parameters: (P,) those of the best epoch.
    :param best_loss: Loss_all of the watched rows in the best epoch.
    :param best_epoch: number of the best epoch, counted from 1; 0 before the first.
    :param epoch: epochs done.
    :param step: steps of Adam done.
    :param history: losses by epoch: ``train_all``, ``validation_me``, …
    :param ended: why the training ended: ``patience``, ``max_epochs``, ``not_finite``; empty while it runs.
    """

    parameters: Floats
    first_moment: Floats
    second_moment: Floats
    best_parameters: Floats
    best_loss: float = np.inf
    best_epoch: int = 0
    epoch: int = 0
    step: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    ended: str = ''

    @classmethod
    def start(cls, program: Program) -> State:
        """Return the state before the first epoch.

        :param program: what is to be trained.
        """
        initial = np.ascontiguousarray(program.initial, dtype=np.float32)
        return cls(initial.copy(), np.zeros_like(initial), np.zeros_like(initial), initial)

    def trim(self) -> None:
        """Let go of what only a training that goes on needs; of a grid, that is most of the memory."""
        self.parameters = self.best_parameters
        self.first_moment = self.second_moment = np.zeros(0, dtype=np.float32)

    def record(self, program: Program, train: Sequence[float], validation: Sequence[float]) -> None:
        """Take the losses of a finished epoch: keep the best weights, and decide whether the training ends.

        :param program: what is being trained.
        :param train: losses of the rows learnt from, in the order of :data:`LOSSES`.
        :param validation: losses of the watched rows.
        """
        self.epoch += 1
        for split, values in (('train', train), ('validation', validation)):
            for name, value in zip(LOSSES, values, strict=True):
                if name != 'wide' or program.architecture.wide:
                    self.history.setdefault(f'{split}_{name}', []).append(float(value))
        if not np.isfinite([*train, *validation]).all():
            self.ended = 'not_finite'
            return
        if validation[-1] < self.best_loss:
            self.best_loss, self.best_epoch = float(validation[-1]), self.epoch
            self.best_parameters = self.parameters.copy()
        if self.epoch - self.best_epoch >= program.patience:
            self.ended = 'patience'
        elif self.epoch >= program.max_epochs:
            self.ended = 'max_epochs'


class Watcher(Protocol):
    """Called after each epoch of each model, one call at a time; may report progress or write a checkpoint."""

    def __call__(self, index: int, state: State, /) -> None:
        """Look at a state, which stays as it is until the call returns.

        :param index: number of the model in the programs.
        :param state: its state.
        """
