"""The networks of many models at once: weights side by side, and both passes as batched matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import leaky_relu

from aiida_limap.engines.autoencoder.plan import Architecture

__all__ = ['Errors', 'Layout', 'Passes', 'Stacks']

#: Slope of LeakyReLU below zero, that of torch.
SLOPE = 0.01
#: Matrices start at multiples of so many numbers: kernels for single precision read four at once.
_ALIGNMENT = 4


class Layout:
    """Where the weights and biases of a model lie in its row of a buffer.

    :param architecture: sizes of the network.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self._places: list[tuple[int, int, int]] = []
        given = placed = 0
        for layer in architecture.layers:
            for size in (layer.n_out * layer.n_in, layer.n_out):
                self._places.append((given, placed, size))
                given += size
                placed += -(-size // _ALIGNMENT) * _ALIGNMENT
        self.width = placed

    def pack(self, parameters: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a row of a buffer.

        :param parameters: (P,) flat weights and biases.
        :returns: (width,) the same with gaps of zeros.
        """
        row = np.zeros(self.width, dtype=np.float32)
        for given, placed, size in self._places:
            row[placed : placed + size] = parameters[given : given + size]
        return row

    def unpack(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return flat weights and biases.

        :param row: (width,) a row of a buffer.
        :returns: (P,) the row without its gaps.
        """
        return np.concatenate([row[placed : placed + size] for _, placed, size in self._places])

    def views(self, buffer: Tensor) -> dict[str, list[tuple[Tensor, Tensor]]]:
        """Return weights (K, n_out, n_in) and biases (K, n_out) by stack, as views.

        :param buffer: (K, width) rows of all models.
        """
        places = iter(self._places)
        stacks: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for name, layers in self.architecture.stacks.items():
            stacks[name] = []
            for layer in layers:
                (_, weight, weight_size), (_, bias, bias_size) = next(places), next(places)
                stacks[name].append(
                    (
                        buffer[:, weight : weight + weight_size].unflatten(1, (layer.n_out, layer.n_in)),
                        buffer[:, bias : bias + bias_size],
                    )
                )
        return stacks


class Stacks:
    """Stacks of linear layers with LeakyReLU between them, K of each.

    :param layout: where a model keeps its numbers.
    :param parameters: (K, width) weights and biases.
    :param gradients: (K, width) what :meth:`backward` fills.
    """

    def __init__(self, layout: Layout, parameters: Tensor, gradients: Tensor) -> None:
        self._weights = layout.views(parameters)
        self._gradients = layout.views(gradients)

    def forward(self, stack: str, rows: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return what each layer reads, and what the last one gives.

        :param stack: name of the stack.
        :param rows: (K, B, n_in).
        """
        layers = self._weights[stack]
        read = []
        for number, (weight, bias) in enumerate(layers):
            read.append(rows)
            rows = torch.baddbmm(bias.unsqueeze(1), rows, weight.mT)
            if number < len(layers) - 1:
                rows = leaky_relu(rows, SLOPE, inplace=True)
        return read, rows

    def backward(
        self, stack: str, read: list[Tensor], slope: Tensor, *, beside: Tensor | None = None, inwards: bool = False
    ) -> Tensor:
        """Fill the gradients of a stack.

        :param stack: name of the stack.
        :param read: what its layers read in the forward pass.
        :param slope: (K, B, n_out) derivative of the loss by what the stack gave.
        :param beside: derivative of the loss by what the last layer read, as far as it went other ways.
        :param inwards: whether the derivative by the rows that the stack read is wanted.
        :returns: that derivative, or something else if it is not wanted.
        """
        layers = list(zip(self._weights[stack], self._gradients[stack], read, strict=True))
        for number, ((weight, _), (weight_slope, bias_slope), rows) in reversed(list(enumerate(layers))):
            torch.bmm(slope.mT, rows, out=weight_slope)
            torch.sum(slope, dim=1, out=bias_slope)
            if number == 0 and not inwards:
                break
            slope = torch.bmm(slope, weight)
            if beside is not None:
                slope, beside = slope + beside, None
            if number > 0:
                # What a layer reads is positive exactly where the activation before it let all pass.
                slope = torch.where(rows > 0, slope, SLOPE * slope)
        return slope


class Errors(NamedTuple):
    """What the networks of K models get wrong on B rows each; ``wide`` is None without a wide head.

    :param composition: (K, B, k) rebuilt minus given coordinates.
    :param structure: (K, B, l) the same of the structure.
    :param me: (K, B) predicted minus given energies from the codes, 0 where none is given.
    :param wide: (K, B) the same by the wide head.
    """

    composition: Tensor
    structure: Tensor
    me: Tensor
    wide: Tensor | None

    def sums(self) -> Tensor:
        """Return (K, 4) sums of squares over all rows."""
        squares = [self.composition.square().sum((1, 2)), self.structure.square().sum((1, 2)), self.me.square().sum(1)]
        squares.append(torch.zeros_like(squares[-1]) if self.wide is None else self.wide.square().sum(1))
        return torch.stack(squares, dim=1)


@dataclass(frozen=True)
class Passes:
    """Both passes through all stacks.

    :param stacks: the stacks.
    :param wide: whether there is a wide head.
    """

    stacks: Stacks
    wide: bool

    def forward(
        self, inputs: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor], energy: Tensor, known: Tensor
    ) -> tuple[Errors, dict[str, list[Tensor]]]:
        """Return the errors, and what the layers read by stack.

        :param inputs: (K, B, k) and (K, B, l) what the encoders read.
        :param targets: (K, B, k) and (K, B, l) what the decoders are to give.
        :param energy: (K, B) scaled energies.
        :param known: (K, B) 1 where there is an energy, else 0.
        """
        read: dict[str, list[Tensor]] = {}
        codes, errors, hidden = [], [], []
        for part, given, target in zip(('composition', 'structure'), inputs, targets, strict=True):
            encoder, decoder = f'{part}.encoder', f'{part}.decoder'
            read[encoder], code = self.stacks.forward(encoder, given)
            read[decoder], drawn = self.stacks.forward(decoder, code)
            codes.append(code)
            errors.append(drawn - target)
            hidden.append(read[encoder][-1])
        read['head'], predicted = self.stacks.forward('head', torch.cat(codes, dim=2))
        me = known * (predicted.squeeze(2) - energy)
        wide = None
        if self.wide:
            read['wide'], predicted = self.stacks.forward('wide', torch.cat(hidden, dim=2))
            wide = known * (predicted.squeeze(2) - energy)
        return Errors(errors[0], errors[1], me, wide), read

    def backward(self, slopes: Errors, read: dict[str, list[Tensor]]) -> None:
        """Fill all gradients.

        :param slopes: derivatives of the loss by the errors.
        :param read: what :meth:`forward` gave.
        """
        codes = self.stacks.backward('head', read['head'], slopes.me.unsqueeze(2), inwards=True)
        beside: tuple[Tensor | None, ...] = (None, None)
        if slopes.wide is not None:
            beside = self.stacks.backward('wide', read['wide'], slopes.wide.unsqueeze(2), inwards=True).chunk(2, dim=2)
        for index, part in enumerate(('composition', 'structure')):
            decoder, encoder = f'{part}.decoder', f'{part}.encoder'
            code = self.stacks.backward(decoder, read[decoder], slopes[index], inwards=True)
            self.stacks.backward(encoder, read[encoder], code + codes[:, :, index : index + 1], beside=beside[index])
