"""A trained model: from descriptors to codes and back, from codes to migration energies, to a file and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from aiida_limap import __version__
from aiida_limap.engines.autoencoder.basis import Basis
from aiida_limap.engines.autoencoder.config import TrainConfig, check_device
from aiida_limap.engines.autoencoder.conformal import Calibration
from aiida_limap.engines.autoencoder.data import Scaling, check_rows
from aiida_limap.engines.autoencoder.domain import Domain
from aiida_limap.engines.autoencoder.module import DescriptorModule
from aiida_limap.engines.autoencoder.network import LimapNetwork
from aiida_limap.engines.autoencoder.plan import Architecture
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
    """A two-branch autoencoder with its scaling and its bases.

    Numbers are computed in double precision from weights that are stored in single precision, so that a row gives the
    same codes alone and in a batch. Both codes are oriented, see
    :func:`~aiida_limap.engines.autoencoder.training.train`.

    :param network: the network on coordinates, double precision.
    :param bases: from scaled columns of composition and structure to coordinates.
    :param scaling: divisors of the columns and scale of the migration energy.
    :param columns: what the descriptors engine says about the columns.
    :param config: the options of the training.
    :param data_hash: SHA-256 of the training data.
    :param facts: what became of the training: ``metrics`` by split, ``best_epoch``, ``epochs``, row numbers.
    :param history: losses by name, (epochs,) each; empty for a model from a file.
    :param split: (n,) split of each training row, an index into ``SPLITS``; empty for a model from a file.
    :param domain: where the model may be asked.
    :param calibration: how far off its migration energies are.
    """

    network: LimapNetwork
    bases: tuple[Basis, Basis]
    scaling: Scaling
    columns: Mapping[str, Any]
    config: TrainConfig
    data_hash: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    split: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    domain: Domain | None = None
    calibration: Calibration | None = None

    @property
    def architecture(self) -> Architecture:
        """Layer sizes of the network."""
        return self.config.architecture(*(basis.width for basis in self.bases))

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
        read = self._read(self.coordinates(composition, structure))
        # The sums of a matrix product can depend on the place of a row in the batch: equal rows are encoded once.
        unique, inverse = np.unique(read[0], axis=0, return_inverse=True)
        x_comp = self._apply(self.network.composition.encoder, unique)[:, 0][inverse.reshape(-1)]
        return x_comp, self._apply(self.network.structure.encoder, read[1])[:, 0]

    def coordinates(
        self, composition: ArrayLike, structure: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the coordinates of descriptor rows: scaled columns, in the basis of the model.

        Their distances are those of the scaled columns, in units of the basis, up to what lies outside of its span.

        :param composition: (n, p) composition rows.
        :param structure: (n, q) structure rows.
        :returns: (n, k) and (n, l) coordinates, pure numbers.
        :raises InputError: if the columns are not those of the training, or a number is not finite.
        """
        rows = [self._scaled(part, given) for part, given in zip(_PARTS, (composition, structure), strict=True)]
        if len(rows[0]) != len(rows[1]):
            raise InputError(f'{len(rows[0])} composition rows, but {len(rows[1])} structure rows')
        return self.bases[0].coordinates(rows[0]), self.bases[1].coordinates(rows[1])

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
            basis.rows(self._apply(branch.decoder, codes[:, index : index + 1])) * self.scaling.divisors(part)
            for index, (branch, basis, part) in enumerate(zip(branches, self.bases, _PARTS, strict=True))
        )
        return composition, structure

    def predict(self, x_comp: ArrayLike, x_struc: ArrayLike) -> NDArray[np.float64]:
        """Return the migration energy that the head draws from codes.

        :param x_comp: (n,) composition codes.
        :param x_struc: (n,) structure codes.
        :returns: (n,) migration energies, eV.
        :raises InputError: if the codes are not two lists of finite numbers.
        """
        return self.scaling.energy.backward(self._apply(self.network.head, _codes(x_comp, x_struc))[:, 0])

    def predict_rows(self, composition: ArrayLike, structure: ArrayLike) -> NDArray[np.float64]:
        """Return the migration energy of descriptor rows: by the wide head where there is one, else from the codes.

        :param composition: (n, p) composition rows.
        :param structure: (n, q) structure rows.
        :returns: (n,) migration energies, eV.
        :raises InputError: as :meth:`encode`.
        """
        if not self.config.wide_head_widths:
            return self.predict(*self.encode(composition, structure))
        read = self._read(self.coordinates(composition, structure))
        return self.scaling.energy.backward(self._apply(self.network.widely, *read))

    def module(self) -> DescriptorModule:
        """Return scaling, basis, encoders and head as one module of torch, for gradients or a pipeline of your own."""
        divisors = [self.scaling.divisors(part) for part in _PARTS]
        return DescriptorModule(self.network, self.bases, divisors, self.scaling.energy)

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
        for part, basis in zip(_PARTS, self.bases, strict=True):
            tensors |= {f'basis.{part}.{name}': tensor for name, tensor in basis.tensors().items()}
        training = {**self.config.as_dict(), **self.facts}
        if self.domain is not None:
            tensors |= self.domain.tensors()
            training['domain'] = self.domain.header()
        if self.calibration is not None:
            training['calibration'] = self.calibration.as_dict()
        architecture = asdict(self.architecture)
        header = {
            'kind': KIND,
            'architecture': {
                **{key: list(value) if isinstance(value, tuple) else value for key, value in architecture.items()},
                'activation': 'leaky_relu',
                'units': [basis.unit for basis in self.bases],
            },
            'columns': dict(self.columns),
            'scaling': self.scaling.as_dict(),
            'seed': self.config.seed,
            'training': training,
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

    def _read(self, coordinates: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        return [basis.inputs(given) for basis, given in zip(self.bases, coordinates, strict=True)]

    def _apply(self, module: Callable[..., torch.Tensor], *arguments: NDArray[np.float64]) -> NDArray[np.float64]:
        device = next(self.network.parameters()).device
        parts = []
        with torch.no_grad():
            for start in range(0, max(len(arguments[0]), 1), _CHUNK):
                chunks = (np.ascontiguousarray(rows[start : start + _CHUNK]) for rows in arguments)
                parts.append(module(*(torch.from_numpy(chunk).to(device) for chunk in chunks)).cpu().numpy())
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
        config = TrainConfig.from_parameters({key: value for key, value in training.items() if key in known})
        scaling = Scaling.from_dict(header['scaling'])
        for part in _PARTS:
            labels = header['columns'].get(f'{part}_labels')
            if labels and len(labels) != len(scaling.divisors(part)):
                raise ValueError(f'{len(labels)} names for {len(scaling.divisors(part))} {part} columns')
        units = [float(unit) for unit in header['architecture']['units']]
        bases = []
        for part, unit in zip(_PARTS, units, strict=True):
            prefix = f'basis.{part}.'
            arrays = {key.removeprefix(prefix): tensors.pop(key) for key in sorted(tensors) if key.startswith(prefix)}
            bases.append(Basis.from_tensors(len(scaling.divisors(part)), unit, arrays))
        facts = {key: value for key, value in training.items() if key not in known}
        domain, calibration = facts.pop('domain', None), facts.pop('calibration', None)
        of_domain = {key: tensors.pop(key) for key in sorted(tensors) if key.startswith('domain.')}
        return TrainedModel(
            network=LimapNetwork.with_weights(_architecture(header['architecture'], config, bases), tensors),
            bases=(bases[0], bases[1]),
            scaling=scaling,
            columns=header['columns'],
            config=config,
            data_hash=header['data_hash'],
            facts=facts,
            domain=None if domain is None else Domain.from_tensors(of_domain, domain, (bases[0], bases[1])),
            calibration=None if calibration is None else Calibration.from_dict(calibration),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, InputError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise FormatError(f'{name}: weights and header do not fit: {reason}') from error


def _architecture(document: Mapping[str, Any], config: TrainConfig, bases: Sequence[Basis]) -> Architecture:
    """Return the sizes that options and bases give, after a look at what the header says of them."""
    found = config.architecture(*(basis.width for basis in bases))
    for key, value in asdict(found).items():
        if document[key] != (list(value) if isinstance(value, tuple) else value):
            raise ValueError(f'{key} is {document[key]!r} in the architecture, but {value!r} elsewhere')
    if document['activation'] != 'leaky_relu':
        raise ValueError(f'unknown activation {document["activation"]!r}')
    return found


def _codes(x_comp: ArrayLike, x_struc: ArrayLike) -> NDArray[np.float64]:
    first, second = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (x_comp, x_struc))
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(f'x_comp and x_struc must be equally long lists, not of shapes {first.shape}, {second.shape}')
    codes = np.stack([first, second], axis=1)
    if not np.isfinite(codes).all():
        raise InputError('x_comp and x_struc must not hold NaN or infinity')
    return codes
