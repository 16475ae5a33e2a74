"""Networks of atom2vec: element vectors, reductions over the elements of a composition, two hidden layers, one score.

Many networks of one shape are trained side by side. They read the same rows in the same order and differ in their
initial weights and in what each row counts, so that a step is one batched matrix product per layer for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.engines.screening._atom2vec_rows import SparseRows

__all__ = ['REDUCTIONS', 'Networks', 'Schedule', 'Shape', 'reduce_rows', 'train_networks']

REDUCTIONS = ('mean', 'std', 'min', 'max')
#: Added to variances: the square root has no slope at zero.
LEAST_VARIANCE = 1e-8
#: Networks side by side: more do not fit in the caches of a processor, and a GPU wants more.
_AT_ONCE = {'cpu': 40, 'other': 1000}
_ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    :param n_elements: number of element vectors.
    :param dimension: their length D.
    :param reductions: what is kept of each column, in this order.
    :param hidden: widths of the hidden layers.
    """

    n_elements: int
    dimension: int
    reductions: tuple[str, ...]
    hidden: tuple[int, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers that enter the first layer, then what each layer gives."""
        return (self.dimension * len(self.reductions), *self.hidden, 1)


@dataclass(frozen=True)
class Schedule:
    """How networks are trained: stochastic gradient descent with Nesterov momentum, one cycle of the rate.

    :param epochs: passes over the rows.
    :param batch_size: rows of a step.
    :param learning_rate: largest rate; it rises to it in a tenth of the steps and falls as a cosine.
    :param weight_decay: L2 penalty on all weights and vectors.
    :param order_seed: seed of the order of the rows, the same for all networks.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    order_seed: int


class Networks:
    """K networks of one shape.

    :param shape: sizes.
    :param vectors: (n_elements, K, D) element vectors.
    :param layers: for each layer weights (K, inputs, outputs) and offsets (K, 1, outputs).
    """

    def __init__(self, shape: Shape, vectors: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.shape = shape
        self.vectors = vectors
        self.layers = list(layers)

    def __len__(self) -> int:
        return int(self.vectors.shape[1])

    @classmethod
    def random(cls, shape: Shape, seeds: Sequence[int], device: str) -> Networks:
        """Draw weights, those of each network from its own seed, so that it does not matter which stand beside it.

        :param shape: sizes.
        :param seeds: (K,) a seed each.
        :param device: a name of torch.
        """
        drawn = [_draw(shape, seed) for seed in seeds]
        vectors = torch.stack([start[0] for start in drawn], dim=1).to(device)
        weights = [torch.stack(layer).to(device) for layer in zip(*(start[1] for start in drawn), strict=True)]
        layers = [(weight, torch.zeros(len(drawn), 1, weight.shape[2], device=device)) for weight in weights]
        return cls(shape, vectors, layers)

    @property
    def parameters(self) -> list[Tensor]:
        """All tensors that are learnt."""
        return [self.vectors, *(tensor for layer in self.layers for tensor in layer)]

    def forward(self, places: Tensor, amounts: Tensor) -> Tensor:
        """Return (K, n) scores.

        :param places: (n, m) places of elements.
        :param amounts: (n, m) their fractions.
        """
        return self.forward_reduced(reduce_rows(self.vectors, places, amounts, self.shape.reductions))

    def forward_reduced(self, values: Tensor) -> Tensor:
        """Return (K, n) scores of (K, n, D * R) reduced rows."""
        for weight, offset in self.layers[:-1]:
            values = torch.relu(torch.baddbmm(offset, values, weight))
        weight, offset = self.layers[-1]
        return torch.baddbmm(offset, values, weight)[..., 0]

    def scores(self, rows: SparseRows) -> NDArray[np.float64]:
        """Return (K, n) scores of compositions.

        :param rows: the compositions.
        """
        found = np.empty((len(self), len(rows)))
        device = self.vectors.device
        with torch.no_grad():
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                part = slice(start, start + _ROWS_AT_ONCE)
                places, amounts = (torch.from_numpy(array[part]).to(device) for array in (rows.places, rows.amounts))
                found[:, part] = self.forward(places, amounts).double().cpu().numpy()
        return found

    def tensors(self, chosen: slice) -> dict[str, NDArray[np.float32]]:
        """Return weights as arrays by name: ``vectors`` (k, n_elements, D), ``weights.0`` and ``offsets.0``, and so on.

        :param chosen: which networks.
        """
        arrays = {'vectors': self.vectors[:, chosen].transpose(0, 1)}
        for number, (weight, offset) in enumerate(self.layers):
            arrays[f'weights.{number}'], arrays[f'offsets.{number}'] = weight[chosen], offset[chosen, 0]
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in arrays.items()}

    @classmethod
    def from_tensors(cls, shape: Shape, tensors: Mapping[str, NDArray], device: str = 'cpu') -> Networks:
        """Build from what :meth:`tensors` gives.

        :param shape: sizes.
        :param tensors: the arrays.
        :param device: a name of torch.
        :raises KeyError: if an array is missing.
        :raises ValueError: if an array has another shape than the sizes say.
        """
        count, widths = len(tensors['vectors']), shape.widths
        expected: dict[str, tuple[int, ...]] = {'vectors': (count, shape.n_elements, shape.dimension)}
        for number in range(len(widths) - 1):
            expected[f'weights.{number}'] = (count, widths[number], widths[number + 1])
            expected[f'offsets.{number}'] = (count, widths[number + 1])
        for name, sizes in expected.items():
            if tensors[name].shape != sizes or not count:
                raise ValueError(f'{name} has the shape {tensors[name].shape}, expected {sizes}')
        ready = {name: torch.from_numpy(tensors[name].astype(np.float32)).to(device) for name in expected}
        layers = [(ready[f'weights.{n}'], ready[f'offsets.{n}'][:, None]) for n in range(len(widths) - 1)]
        return cls(shape, ready['vectors'].transpose(0, 1).contiguous(), layers)


def reduce_rows(vectors: Tensor, places: Tensor, amounts: Tensor, reductions: Sequence[str]) -> Tensor:
    """Return what is kept of the rows ``c_e v_e`` of compositions.

    With fractions c: ``mean`` is the sum of the rows, which is the mean of v over the atoms; ``std`` is the standard
    deviation of v over the atoms, ``sqrt(sum c (v - mean)^2)``; ``min`` and ``max`` are the least and the largest of
    the rows and of zero, the row of an absent element. All are continuous in c: an element that is all but absent has
    no say.

    :param vectors: (n_elements, K, D) element vectors.
    :param places: (n, m) places of elements.
    :param amounts: (n, m) their fractions; (n, m, K) where those of each network are told apart.
    :param reductions: any of :data:`REDUCTIONS`.
    :returns: (K, n, D * R): all of the first reduction, then those of the next.
    """
    n_elements, count, dimension = vectors.shape
    found = functional.embedding(places, vectors.reshape(n_elements, count * dimension))
    # (n, m, K * D), or (n, m, 1) for all networks.
    weights = amounts.unsqueeze(2) if amounts.ndim == 2 else amounts.repeat_interleave(dimension, dim=2)
    rows = found * weights
    mean = rows.sum(1)
    parts = []
    for name in reductions:
        if name == 'mean':
            parts.append(mean)
        elif name == 'std':
            # About the mean, since the difference of two squares would lose what is left of nearly equal values.
            variance = ((found - mean[:, None]) ** 2 * weights).sum(1)
            parts.append(torch.sqrt(variance + LEAST_VARIANCE))
        elif name == 'min':
            parts.append(rows.amin(1).clamp(max=0))
        else:
            parts.append(rows.amax(1).clamp(min=0))
    values = torch.stack(parts, dim=1).reshape(len(places), len(parts), count, dimension)
    return values.permute(2, 0, 1, 3).reshape(count, len(places), len(parts) * dimension)


def train_networks(
    rows: SparseRows,
    labels: NDArray[np.int64],
    counts: NDArray[np.float64],
    shape: Shape,
    schedule: Schedule,
    seeds: Sequence[int],
    device: str = 'cpu',
) -> Networks:
    """Train networks side by side to a cross-entropy.

    :param rows: the compositions.
    :param labels: (n,) 1 for fast, 0 for not.
    :param counts: (K, n) what each row counts for each network; zero for rows that are held out from it.
    :param shape: sizes.
    :param schedule: how they are trained.
    :param seeds: (K,) seed of the initial weights of each.
    :param device: a name of torch.
    :returns: the networks, with vectors of zeros for elements that no row holds.
    :raises InputError: if the training diverges.
    """
    at_once = _AT_ONCE['cpu' if torch.device(device).type == 'cpu' else 'other']
    groups = []
    for start in range(0, len(seeds), at_once):
        part = slice(start, start + at_once)
        networks = Networks.random(shape, seeds[part], device)
        _train(networks, rows, labels, counts[part], schedule)
        groups.append(networks)
    joined = _joined(groups)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in joined.parameters):
        raise InputError(f'atom2vec: the training diverged; lower learning_rate, now {schedule.learning_rate:g}')
    seen = np.zeros(shape.n_elements, dtype=bool)
    seen[rows.places[rows.amounts > 0]] = True
    joined.vectors[torch.from_numpy(~seen).to(device)] = 0.0
    return joined


def _train(
    networks: Networks,
    rows: SparseRows,
    labels: NDArray[np.int64],
    counts: NDArray[np.float64],
    schedule: Schedule,
) -> None:
    device = networks.vectors.device
    totals = counts.sum(axis=1, keepdims=True)
    if not (totals > 0).all():
        raise LimapError('atom2vec: a network has no rows to learn from')
    # A mean of one over all rows, so that rates mean the same whatever the weights of classes.
    counted = torch.from_numpy((counts * len(labels) / totals).astype(np.float32)).to(device)
    targets = torch.from_numpy(labels.astype(np.float32)).to(device)
    places, amounts = torch.from_numpy(rows.places).to(device), torch.from_numpy(rows.amounts).to(device)
    parameters = [tensor.requires_grad_() for tensor in networks.parameters]
    optimiser = torch.optim.SGD(
        parameters, lr=schedule.learning_rate, momentum=0.9, nesterov=True, weight_decay=schedule.weight_decay
    )
    steps = schedule.epochs * -(-len(labels) // schedule.batch_size)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.learning_rate, total_steps=max(2, steps), pct_start=0.1
    )
    generator = torch.Generator().manual_seed(schedule.order_seed)
    for _ in range(schedule.epochs):
        for batch in torch.randperm(len(labels), generator=generator).split(schedule.batch_size):
            batch = batch.to(device)
            optimiser.zero_grad()
            scores = networks.forward(places[batch], amounts[batch])
            losses = functional.binary_cross_entropy_with_logits(
                scores, targets[batch].expand_as(scores), reduction='none'
            )
            # A sum over networks, so that each has the gradient that it would have alone.
            (losses * counted[:, batch]).mean(1).sum().backward()
            optimiser.step()
            cycle.step()
    for tensor in parameters:
        tensor.requires_grad_(False)


def _draw(shape: Shape, seed: int) -> tuple[Tensor, list[Tensor]]:
    """Return (n_elements, D) vectors and the weights of each layer, scaled as for rectifiers (He et al., 2015)."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(shape.n_elements, shape.dimension, generator=generator)
    widths, gains = shape.widths, [2.0] * len(shape.hidden) + [1.0]
    weights = [
        torch.randn(inputs, outputs, generator=generator) * (gain / inputs) ** 0.5
        for inputs, outputs, gain in zip(widths, widths[1:], gains, strict=False)
    ]
    return vectors, weights


def _joined(groups: Sequence[Networks]) -> Networks:
    layers = [
        (torch.cat([weight for weight, _ in layer]), torch.cat([offset for _, offset in layer]))
        for layer in zip(*(group.layers for group in groups), strict=True)
    ]
    return Networks(groups[0].shape, torch.cat([group.vectors for group in groups], dim=1), layers)
