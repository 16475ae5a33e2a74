"""Passes through the whole network on a processor: one call trains an epoch or judges rows, without Python between."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder._cpu_layers import ROWS, backward, forward, update, update_memory
from aiida_limap.engines.autoencoder.plan import Architecture
from aiida_limap.engines.compiled import compiled

__all__ = ['Plan', 'judge', 'train_epoch']

#: Slope of LeakyReLU below zero, that of torch.
_SLOPE = np.float32(0.01)
# Columns of the table of layers.
_WEIGHT, _BIAS, _OUT, _IN, _READ, _READ_SLOPES, _GIVEN, _GIVEN_SLOPES = range(8)
# Stacks in the order of :attr:`Architecture.stacks`.
_COMPOSITION_ENCODER, _COMPOSITION_DECODER, _STRUCTURE_ENCODER, _STRUCTURE_DECODER, _HEAD, _WIDE = range(6)


class Plan:
    """Where parameters and hidden layers lie.

    :param architecture: sizes of the network.
    :param batch_size: rows of a batch.
    """

    def __init__(self, architecture: Architecture, batch_size: int) -> None:
        self.rows = -(-batch_size // ROWS) * ROWS
        # The updates of layers, one after the other, work in what lies in front.
        beside = max(update_memory(self.rows, layer.n_out, layer.n_in) for layer in architecture.layers)
        self._used = -(-beside // 16) * 16
        table: list[tuple[int, ...]] = []
        bounds, weights = [], 0
        for stack, layers in architecture.stacks.items():
            bounds.append((len(table), len(table) + len(layers)))
            for number, layer in enumerate(layers):
                if number == 0 and stack.endswith('decoder'):
                    # A decoder reads the code where the encoder leaves it.
                    read = (table[-1][_GIVEN], table[-1][_GIVEN_SLOPES])
                elif number == 0:
                    read = self._place(layer.n_in)
                else:
                    read = (table[-1][_GIVEN], table[-1][_GIVEN_SLOPES])
                given = self._place(layer.n_out)
                bias = weights + layer.n_out * layer.n_in
                table.append((weights, bias, layer.n_out, layer.n_in, *read, *given))
                weights += layer.size
        if not architecture.wide:
            bounds.append((0, 0))
        self.table: NDArray[np.int64] = np.array(table, dtype=np.int64)
        self.bounds: NDArray[np.int64] = np.array(bounds, dtype=np.int64)

    def _place(self, width: int) -> tuple[int, int]:
        """Return where values and slopes of a hidden layer lie, each at a multiple of 64 bytes."""
        size = -(-self.rows * width // 16) * 16
        self._used += 2 * size
        return self._used - 2 * size, self._used - size

    def workspace(self) -> NDArray[np.float32]:
        """Return memory for one model in training."""
        return np.zeros(self._used, dtype=np.float32)


@compiled()
def _matrix(memory: Any, start: int, rows: int, columns: int) -> Any:
    return memory[start : start + rows * columns].reshape(rows, columns)


@compiled()
def _up(parameters: Any, table: Any, bounds: Any, work: Any, rows: int) -> None:
    """Run a stack: LeakyReLU between its layers."""
    for layer in range(bounds[0], bounds[1]):
        place = table[layer]
        m, n = place[_OUT], place[_IN]
        given = _matrix(work, place[_GIVEN], rows, m)
        weight = _matrix(parameters, place[_WEIGHT], m, n)
        bias = parameters[place[_BIAS] : place[_BIAS] + m]
        forward(weight, bias, _matrix(work, place[_READ], rows, n), given)
        if layer + 1 < bounds[1]:
            flat = work[place[_GIVEN] : place[_GIVEN] + rows * m]
            for i in range(len(flat)):
                flat[i] = flat[i] if flat[i] > 0 else _SLOPE * flat[i]


@compiled()
def _down(model: Any, table: Any, bounds: Any, work: Any, rows: int, adam: Any, beside: Any) -> None:
    """Run a stack backwards, and take a step with the weights of each layer.

    :param beside: where the slopes of the last hidden layer through the wide head lie, their width and first column;
        encoders alone have them, and nothing is wanted of what an encoder reads.
    """
    parameters, first, second = model
    for layer in range(bounds[1] - 1, bounds[0] - 1, -1):
        place = table[layer]
        m, n = place[_OUT], place[_IN]
        read, slopes = _matrix(work, place[_READ], rows, n), _matrix(work, place[_GIVEN_SLOPES], rows, m)
        inner = layer > bounds[0]
        if inner or beside[0] < 0:
            # Only the layer that gives the code stands behind the one that the wide head reads.
            _inwards(parameters, place, work, rows, inner, beside if layer == bounds[1] - 1 else (0, 0, 0))
        w, b = place[_WEIGHT], place[_BIAS]
        update(
            (
                _matrix(parameters, w, m, n),
                parameters[b : b + m],
                _matrix(first, w, m, n),
                _matrix(second, w, m, n),
                first[b : b + m],
                second[b : b + m],
            ),
            read,
            slopes,
            adam,
            work,
        )


@compiled()
def _inwards(parameters: Any, place: Any, work: Any, rows: int, inner: bool, beside: Any) -> None:
    """Set the slopes of what a layer reads; behind an activation, those before the activation."""
    m, n = place[_OUT], place[_IN]
    slopes = _matrix(work, place[_READ_SLOPES], rows, n)
    weight = _matrix(parameters, place[_WEIGHT], m, n)
    backward(weight, _matrix(work, place[_GIVEN_SLOPES], rows, m), slopes)
    if beside[1] > 0:
        others = _matrix(work, beside[0], rows, beside[1])
        for row in range(rows):
            for i in range(n):
                slopes[row, i] += others[row, beside[2] + i]
    if inner:
        values, flat = work[place[_READ] : place[_READ] + rows * n], slopes.reshape(-1)
        for i in range(len(flat)):
            # A choice instead of a condition: signs are random, so branches would be guessed wrongly half of the time.
            flat[i] *= np.float32(1) if values[i] > 0 else _SLOPE


@compiled()
def _forward_all(parameters: Any, net: Any, work: Any, rows: int, given: Any, part: Any) -> None:
    """Run all stacks on a part of the rows; rows of the workspace beyond are zeros."""
    table, bounds = net
    start, n = part[0], part[1] - part[0]
    for stack, values in ((_COMPOSITION_ENCODER, given[0]), (_STRUCTURE_ENCODER, given[1])):
        place = table[bounds[stack, 0]]
        read = _matrix(work, place[_READ], rows, place[_IN])
        read[:n] = values[start : start + n]
        read[n:] = 0
        _up(parameters, table, bounds[stack], work, rows)
    _up(parameters, table, bounds[_COMPOSITION_DECODER], work, rows)
    _up(parameters, table, bounds[_STRUCTURE_DECODER], work, rows)
    codes = _matrix(work, table[bounds[_HEAD, 0], _READ], rows, 2)
    for column, stack in enumerate((_COMPOSITION_ENCODER, _STRUCTURE_ENCODER)):
        code = _matrix(work, table[bounds[stack, 1] - 1, _GIVEN], rows, 1)
        codes[:, column] = code[:, 0]
    _up(parameters, table, bounds[_HEAD], work, rows)
    if bounds[_WIDE, 1] > bounds[_WIDE, 0]:
        place = table[bounds[_WIDE, 0]]
        half = place[_IN] // 2
        wide = _matrix(work, place[_READ], rows, place[_IN])
        for number, stack in enumerate((_COMPOSITION_ENCODER, _STRUCTURE_ENCODER)):
            hidden = _matrix(work, table[bounds[stack, 1] - 1, _READ], rows, half)
            wide[:, number * half : (number + 1) * half] = hidden
        _up(parameters, table, bounds[_WIDE], work, rows)


@compiled(fast_sums=True)
def _rebuilt(place: Any, work: Any, rows: int, wanted: Any, outside: Any, weight: float) -> float:
    """Return the loss of what a decoder gave, and set its slopes."""
    drawn = _matrix(work, place[_GIVEN], rows, place[_OUT])
    slopes = _matrix(work, place[_GIVEN_SLOPES], rows, place[_OUT])
    n = len(wanted)
    factor = np.float32(2 * weight / n)
    total = 0.0
    for row in range(n):
        error = np.float32(0)
        for i in range(place[_OUT]):
            difference = drawn[row, i] - wanted[row, i]
            slopes[row, i] = factor * difference
            error += difference * difference
        total += weight * error + outside[row]
    slopes[n:] = 0
    return total / n


@compiled()
def _predicted(place: Any, work: Any, rows: int, energy: Any, known: Any, weight: float) -> float:
    """Return the loss of what a head gave, without its weight, and set its slopes."""
    drawn = _matrix(work, place[_GIVEN], rows, 1)
    slopes = _matrix(work, place[_GIVEN_SLOPES], rows, 1)
    number = max(known.sum(), 1.0)
    factor = np.float32(2 * weight / number)
    total = 0.0
    for row in range(len(energy)):
        difference = known[row] * (drawn[row, 0] - energy[row])
        slopes[row, 0] = factor * difference
        total += difference * difference
    slopes[len(energy) :] = 0
    return total / number


@compiled()
def _losses(net: Any, work: Any, rows: int, given: Any, part: Any, weights: Any) -> Any:
    """Return the losses of a batch, and set the slopes of what decoders and heads gave."""
    table, bounds = net
    start, stop = part
    outside, energy, known = given[4][start:stop], given[5][start:stop], given[6][start:stop]
    losses = np.zeros(5)
    place = table[bounds[_COMPOSITION_DECODER, 1] - 1]
    losses[0] = _rebuilt(place, work, rows, given[2][start:stop], outside[:, 0], weights[0])
    place = table[bounds[_STRUCTURE_DECODER, 1] - 1]
    losses[1] = _rebuilt(place, work, rows, given[3][start:stop], outside[:, 1], weights[1])
    losses[2] = _predicted(table[bounds[_HEAD, 1] - 1], work, rows, energy, known, weights[2])
    if bounds[_WIDE, 1] > bounds[_WIDE, 0]:
        losses[3] = _predicted(table[bounds[_WIDE, 1] - 1], work, rows, energy, known, weights[3])
    losses[4] = losses[0] + losses[1] + weights[2] * losses[2] + weights[3] * losses[3]
    return losses


@compiled()
def _backward_all(model: Any, net: Any, work: Any, rows: int, adam: Any) -> None:
    """Run all stacks backwards."""
    table, bounds = net
    alone = (-1, 0, 0)
    _down(model, table, bounds[_COMPOSITION_DECODER], work, rows, adam, alone)
    _down(model, table, bounds[_STRUCTURE_DECODER], work, rows, adam, alone)
    _down(model, table, bounds[_HEAD], work, rows, adam, alone)
    codes = _matrix(work, table[bounds[_HEAD, 0], _READ_SLOPES], rows, 2)
    width, start = 0, 0
    if bounds[_WIDE, 1] > bounds[_WIDE, 0]:
        _down(model, table, bounds[_WIDE], work, rows, adam, alone)
        width, start = table[bounds[_WIDE, 0], _IN], table[bounds[_WIDE, 0], _READ_SLOPES]
    for column, stack in enumerate((_COMPOSITION_ENCODER, _STRUCTURE_ENCODER)):
        slopes = _matrix(work, table[bounds[stack, 1] - 1, _GIVEN_SLOPES], rows, 1)
        slopes[:, 0] += codes[:, column]
        _down(model, table, bounds[stack], work, rows, adam, (start, width, column * (width // 2)))


@compiled()
def train_epoch(model: Any, net: Any, work: Any, given: Any, weights: Any, options: Any) -> Any:
    """Take a step per batch over all rows, in their order.

    :param model: parameters, first and second moments, (P,) each; changed in place.
    :param net: table of layers, and first layer and the one after the last of each stack, of :class:`Plan`.
    :param work: memory, of :class:`Plan`.
    :param given: the arrays of :class:`~aiida_limap.engines.autoencoder.plan.Rows`.
    :param weights: (4,) factors of the squared errors of both parts, of the head and of the wide head.
    :param options: rows of the workspace, batch size, steps before this epoch, learning rate, weight decay, whether it
        is decoupled.
    :returns: (5,) losses, each before the step of its batch, as mean over the rows.
    """
    rows, batch, step, learning_rate, decay, decoupled = options
    total, number = np.zeros(5), len(given[5])
    for start in range(0, number, batch):
        n = min(batch, number - start)
        step += 1
        _forward_all(model[0], net, work, rows, given, (start, start + n))
        total += n * _losses(net, work, rows, given, (start, start + n), weights)
        adam = (
            np.float32(learning_rate / (1 - 0.9**step)),
            np.float32(0.0 if decoupled else decay),
            np.float32(1 - learning_rate * decay if decoupled else 1.0),
            np.float32(1 / np.sqrt(1 - 0.999**step)),
        )
        _backward_all(model, net, work, rows, adam)
    return total / number


@compiled()
def judge(parameters: Any, net: Any, work: Any, given: Any, weights: Any, rows: int) -> Any:
    """Return the losses of rows, all as one batch.

    :param parameters: (P,).
    :param rows: rows of the workspace.
    :returns: (5,) losses.
    """
    total, number, known = np.zeros(5), len(given[5]), 0.0
    for start in range(0, number, rows):
        n = min(rows, number - start)
        _forward_all(parameters, net, work, rows, given, (start, start + n))
        found = _losses(net, work, rows, given, (start, start + n), weights)
        energies = given[6][start : start + n].sum()
        total[:2] += n * found[:2]
        total[2:4] += energies * found[2:4]
        known += energies
    total[:2] /= number
    total[2:4] /= max(known, 1.0)
    total[4] = total[0] + total[1] + weights[2] * total[2] + weights[3] * total[3]
    return total
