"""A trained model: from descriptors to codes and back, from codes to migration energies, to a file and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from aiida_limap import __version__
from aiida_limap.engines.autoencoder.config import TrainConfig, check_device
from aiida_limap.engines.autoencoder.data import Scaling, check_rows
from aiida_limap.engines.autoencoder.network import LimapNetwork
from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.weights import read_weights, write_weights

__all__ = ['KIND', 'TrainedModel', 'load_model']

KIND = 'two_branch_autoencoder'
_PARTS = ('composition', 'structure')
#: Rows in one pass; a hundred thousand structures at once would fill the memory with hidden layers.
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A two-branch autoencoder with its scaling.

    Numbers are computed in double precision from weights that are stored in single precision, so that a row gives the
    same codes alone and in a batch. Both codes are oriented, see
    :func:`~aiida_limap.engines.autoencoder.training.train`.

    :param network: the network on scaled columns, double precision.
    :param scaling: divisors of the columns and of the migration energy.
    :param columns: what the descriptors engine says about the columns.
    :param config: the options of the training.
    :param data_hash: SHA-256 of the training data.
    :param facts: what became of the training: ``metrics`` by split, ``best_epoch``, ``epochs``, row numbers.
    :param history: losses by name, (epochs,) each; empty for a model from a file.
    :param split: (n,) split of each training row, an index into ``SPLITS``; empty for a model from a file.
    """

    network: LimapNetwork
    scaling: Scaling
    columns: Mapping[str, Any]
    config: TrainConfig
    data_hash: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    split: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def metrics(self) -> dict[str, Any]:
        """Scores by split: ``train``, ``validation``, ``test``."""
        return dict(self.facts.get('metrics', {}))

    def to(self, device: str) -> TrainedModel:
        """Move the network to a device.

        :param device: ``cpu``, or a name of torch such as ``cuda``; it must know double precision.
        :returns: the model itself.
        :raises InputError: if the device cannot be used here.
        """
        check_device(device)
        self.network.to(device)
        return self

    def encode(self, composition: ArrayLike, structure: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the codes of descriptor rows. Equal composition rows (polymorphs) get equal codes.

        :param composition: (n, p) composition rows.
        :param structure: (n, q) structure rows.
        :returns: ``x_comp`` and ``x_struc``, (n,) each, pure numbers.
        :raises InputError: if the columns are not those of the training, or a number is not finite.
        """
        rows = [self._scaled(part, given) for part, given in zip(_PARTS, (composition, structure), strict=True)]
        if len(rows[0]) != len(rows[1]):
            raise InputError(f'{len(rows[0])} composition rows, but {len(rows[1])} structure rows')
        # The sums of a matrix product can depend on the place of a row in the batch: equal rows are encoded once.
        unique, inverse = np.unique(rows[0], axis=0, return_inverse=True)
        x_comp = self._apply(self.network.composition.encoder, unique)[:, 0][inverse.reshape(-1)]
        return x_comp, self._apply(self.network.structure.encoder, rows[1])[:, 0]

    def decode(self, x_comp: ArrayLike, x_struc: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the descriptor rows that the decoders draw from codes.

        :param x_comp: (n,) composition codes.
        :param x_struc: (n,) structure codes.
        :returns: (n, p) composition rows and (n, q) structure rows, unscaled.
        :raises InputError: if the codes are not two lists of finite numbers.
        """
        codes = _codes(x_comp, x_struc)
        branches = (self.network.composition, self.network.structure)
        composition, structure = (
            self._apply(branch.decoder, codes[:, index : index + 1]) * self.scaling.divisors(part)
            for index, (branch, part) in enumerate(zip(branches, _PARTS, strict=True))
        )
        return composition, structure

    def predict(self, x_comp: ArrayLike, x_struc: ArrayLike) -> NDArray[np.float64]:
        """Return the migration energy that the head draws from codes.

        :param x_comp: (n,) composition codes.
        :param x_struc: (n,) structure codes.
        :returns: (n,) migration energies, eV.
        :raises InputError: if the codes are not two lists of finite numbers.
        """
        return self._apply(self.network.head, _codes(x_comp, x_struc))[:, 0] * self.scaling.migration_energy_eV

    def reconstruction_errors(
        self, composition: ArrayLike, structure: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how badly rows are rebuilt: a large error says that the map says little about a row.

        :param composition: (n, p) composition rows.
        :param structure: (n, q) structure rows.
        :returns: mean squared errors over the scaled columns of composition and structure, (n,) each.
        :raises InputError: as :meth:`encode`.
        """
        codes = self.encode(composition, structure)
        composition_error, structure_error = (
            np.square((np.asarray(given, dtype=np.float64) - rebuilt) / self.scaling.divisors(part)).mean(axis=1)
            for part, given, rebuilt in zip(_PARTS, (composition, structure), self.decode(*codes), strict=True)
        )
        return composition_error, structure_error

    def save(self, path: Path | str) -> None:
        """Write the model, in the safetensors format with a header that says what the weights mean.

        :param path: the file to write.
        :raises FormatError: if a weight is not finite.
        """
        state = self.network.state_dict()
        tensors = {name: tensor.detach().cpu().numpy().astype(np.float32) for name, tensor in state.items()}
        n_composition, n_structure = (len(self.scaling.divisors(part)) for part in _PARTS)
        header = {
            'kind': KIND,
            'architecture': {
                'n_composition': n_composition,
                'n_structure': n_structure,
                'hidden_widths': list(self.config.hidden_widths),
                'head_widths': list(self.config.head_widths),
                'activation': 'leaky_relu',
            },
            'columns': dict(self.columns),
            'scaling': self.scaling.as_dict(),
            'seed': self.config.seed,
            'training': {**self.config.as_dict(), **self.facts},
            'data_hash': self.data_hash,
            'engine_version': __version__,
        }
        write_weights(Path(path), tensors, header)

    def _scaled(self, part: str, rows: ArrayLike) -> NDArray[np.float64]:
        divisors = self.scaling.divisors(part)
        array = check_rows(rows, part)
        if array.shape[1] != len(divisors):
            raise InputError(
                f'the {part} rows have {array.shape[1]} columns, but the model was trained with {len(divisors)}; '
                'use the descriptor layout of the model'
            )
        return array / divisors

    def _apply(self, module: torch.nn.Module, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        device = next(self.network.parameters()).device
        parts = []
        with torch.no_grad():
            for start in range(0, max(len(rows), 1), _CHUNK):
                chunk = torch.from_numpy(np.ascontiguousarray(rows[start : start + _CHUNK])).to(device)
                parts.append(module(chunk).cpu().numpy())
        return np.concatenate(parts)


def load_model(path: Path | str) -> TrainedModel:
    """Read a model.

    :param path: a file that :meth:`TrainedModel.save` wrote.
    :returns: the model, on the CPU.
    :raises FormatError: if the file is missing, cut short, of another kind, or its weights do not fit its header.
    """
    tensors, header = read_weights(Path(path))
    name = Path(path).name
    if header['kind'] != KIND:
        raise FormatError(f'{name}: a model of kind {header["kind"]!r}, expected {KIND!r}')
    known = set(TrainConfig.__dataclass_fields__)
    training = header['training']
    try:
        shape = header['architecture']
        network = LimapNetwork(
            shape['n_composition'], shape['n_structure'], shape['hidden_widths'], shape['head_widths']
        )
        network.load_state_dict({key: torch.from_numpy(tensor.copy()) for key, tensor in tensors.items()})
        scaling = Scaling.from_dict(header['scaling'])
        config = TrainConfig.from_parameters({key: value for key, value in training.items() if key in known})
    except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
        raise FormatError(f'{name}: weights and header do not fit: {str(error).splitlines()[0]}') from error
    return TrainedModel(
        network=network.double().eval(),
        scaling=scaling,
        columns=header['columns'],
        config=config,
        data_hash=header['data_hash'],
        facts={key: value for key, value in training.items() if key not in known},
    )


def _codes(x_comp: ArrayLike, x_struc: ArrayLike) -> NDArray[np.float64]:
    first, second = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (x_comp, x_struc))
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(f'x_comp and x_struc must be equally long lists, not of shapes {first.shape}, {second.shape}')
    codes = np.stack([first, second], axis=1)
    if not np.isfinite(codes).all():
        raise InputError('x_comp and x_struc must not hold NaN or infinity')
    return codes
