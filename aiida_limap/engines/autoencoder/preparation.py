"""From rows and options to what an engine trains: split, scaling, bases and coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aiida_limap.engines.autoencoder.basis import Basis
from aiida_limap.engines.autoencoder.config import TrainConfig
from aiida_limap.engines.autoencoder.data import Scaling, TrainingData, split_rows
from aiida_limap.engines.autoencoder.network import LimapNetwork
from aiida_limap.engines.autoencoder.plan import Architecture, Program, Rows

__all__ = ['PARTS', 'Preparation', 'Prepared']

PARTS = ('composition', 'structure')


@dataclass(frozen=True, eq=False)
class Prepared:
    """What models with the same split, scaling and basis share.

    :param split: (n,) split of each row, an index into ``SPLITS``.
    :param watched: the split that decides when to stop.
    :param scaling: divisors and energy scale.
    :param scaled: (n, p) and (n, q) scaled rows.
    :param bases: bases of both parts.
    :param learn: rows to learn from.
    :param watch: rows to stop on.
    :param scales: factors between squared errors of coordinates and the reconstruction losses.
    """

    split: NDArray[np.int64]
    watched: int
    scaling: Scaling
    scaled: tuple[NDArray[np.float64], NDArray[np.float64]]
    bases: tuple[Basis, Basis]
    learn: Rows
    watch: Rows
    scales: tuple[float, float]


class Preparation:
    """Prepares rows once for all models that read them alike, so that a grid holds one copy of them.

    :param data: the rows.
    """

    def __init__(self, data: TrainingData) -> None:
        self._data = data
        self._known: dict[Any, Prepared] = {}
        self._initial: dict[tuple[Architecture, int], NDArray[np.float32]] = {}

    def __call__(self, config: TrainConfig) -> Prepared:
        """Return what a model with these options is trained on.

        :param config: the options.
        :raises InputError: if the split leaves a part empty, or an energy cannot be transformed.
        """
        key = (
            *(config.split, config.scaling, config.reduction, config.basis, config.basis_variance),
            *(config.input_whitening, config.energy_transform, config.energy_offset_eV),
        )
        if key not in self._known:
            self._known[key] = _prepare(self._data, config)
        return self._known[key]

    def program(self, config: TrainConfig) -> Program:
        """Return what an engine needs to train a model.

        :param config: the options.
        :raises InputError: as when called.
        """
        prepared = self(config)
        architecture = config.architecture(*(basis.width for basis in prepared.bases))
        drawn = (architecture, config.seed)
        if drawn not in self._initial:
            self._initial[drawn] = _initial(architecture, config.seed)
        return Program(
            architecture=architecture,
            learn=prepared.learn,
            watch=prepared.watch,
            scales=prepared.scales,
            me_weight=config.me_weight,
            wide_weight=config.wide_weight,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            decoupled=config.decoupled_decay,
            noise=config.input_noise,
            patience=config.patience,
            max_epochs=config.max_epochs,
            seed=config.seed,
            initial=self._initial[drawn],
        )


def _prepare(data: TrainingData, config: TrainConfig) -> Prepared:
    split = split_rows(data.groups, config.split)
    learn = split == 0
    fitted = learn if config.scaling == 'training' else np.ones(len(split), dtype=bool)
    scaling = Scaling.fit(data, fitted, config.energy_transform, config.energy_offset_eV)
    scaled = tuple(getattr(data, part) / scaling.divisors(part) for part in PARTS)
    bases = tuple(
        Basis.full(rows.shape[1])
        if config.basis == 'full'
        else Basis.compact(rows[learn], config.basis_variance, config.input_whitening)
        for rows in scaled
    )
    columns = [rows.shape[1] if config.reduction == 'mean' else 1 for rows in scaled]
    target = scaling.energy.forward(data.migration_energy_eV)
    known = ~np.isnan(target)
    coordinates = [basis.coordinates(rows) for basis, rows in zip(bases, scaled, strict=True)]
    outside = [basis.residuals(rows) / n for basis, rows, n in zip(bases, scaled, columns, strict=True)]
    read = [basis.inputs(given) for basis, given in zip(bases, coordinates, strict=True)]
    arrays = (*read, *coordinates, np.stack(outside, axis=1), np.where(known, target, 0.0), known)
    rows = Rows(*(np.ascontiguousarray(array, dtype=np.float32) for array in arrays))
    watched = 1 if (split == 1).any() else 2
    return Prepared(
        split=split,
        watched=watched,
        scaling=scaling,
        scaled=(scaled[0], scaled[1]),
        bases=(bases[0], bases[1]),
        learn=rows.take(np.flatnonzero(learn)),
        watch=rows.take(np.flatnonzero(split == watched)),
        scales=(bases[0].unit ** 2 / columns[0], bases[1].unit ** 2 / columns[1]),
    )


def _initial(architecture: Architecture, seed: int) -> NDArray[np.float32]:
    """Draw weights as torch does, on the CPU, so that they do not depend on the device."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = LimapNetwork(architecture)
    return architecture.flatten({name: tensor.numpy() for name, tensor in network.state_dict().items()})
