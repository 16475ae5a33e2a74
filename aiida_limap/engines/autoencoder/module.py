"""A trained model as one module of torch that reads descriptors as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aiida_limap.engines.autoencoder.basis import Basis
from aiida_limap.engines.autoencoder.energies import EnergyScale
from aiida_limap.engines.autoencoder.network import LimapNetwork

__all__ = ['DescriptorModule', 'MapPoint']


class MapPoint(NamedTuple):
    """What :class:`DescriptorModule` says of rows.

    :param x_comp: (n,) composition codes.
    :param x_struc: (n,) structure codes.
    :param migration_energy_eV: (n,) migration energies from the codes, eV.
    """

    x_comp: Tensor
    x_struc: Tensor
    migration_energy_eV: Tensor  # noqa: N815


class DescriptorModule(nn.Module):
    """Scaling, basis, encoders and head in one differentiable module, in double precision.

    :param network: the network on coordinates.
    :param bases: bases of composition and structure.
    :param divisors: (p,) and (q,) divisors of the columns.
    :param energy: scale of the migration energy.
    """

    def __init__(
        self,
        network: LimapNetwork,
        bases: Sequence[Basis],
        divisors: Sequence[NDArray[np.float64]],
        energy: EnergyScale,
    ) -> None:
        super().__init__()
        self.network = network
        self._energy = energy
        for part, basis, divisor in zip(('composition', 'structure'), bases, divisors, strict=True):
            # What an encoder reads is one affine function of the columns.
            factor = 1 / (divisor * basis.unit)
            directions = np.eye(len(divisor)) if basis.directions is None else basis.directions
            scale = np.ones(basis.width) if basis.input_scale is None else basis.input_scale
            matrix = factor[:, None] * directions * scale
            shift = -(basis.origin / basis.unit) @ directions * scale
            self.register_buffer(f'{part}_matrix', torch.from_numpy(matrix))
            self.register_buffer(f'{part}_shift', torch.from_numpy(shift))

    def forward(self, composition: Tensor, structure: Tensor) -> MapPoint:
        """Return codes and migration energies; gradients flow back to the columns.

        :param composition: (n, p) composition rows, double precision.
        :param structure: (n, q) structure rows, double precision.
        """
        x_comp = self.network.composition.encoder(composition @ self.composition_matrix + self.composition_shift)
        x_struc = self.network.structure.encoder(structure @ self.structure_matrix + self.structure_shift)
        scaled = self.network.head(torch.cat([x_comp, x_struc], dim=1))[:, 0]
        return MapPoint(x_comp[:, 0], x_struc[:, 0], self._energy_of(scaled))

    def _energy_of(self, scaled: Tensor) -> Tensor:
        """Return energies (eV), as :meth:`EnergyScale.backward` does for numpy."""
        scale = self._energy
        value = scaled * float(scale.transformed(scale.largest_eV))
        if scale.transform == 'none':
            return value
        positive = value.clamp(min=0)
        if scale.transform == 'sqrt':
            return (positive + scale.offset_eV**0.5).square() - scale.offset_eV
        return scale.offset_eV * torch.expm1(positive.clamp(max=10 * float(scale.transformed(scale.largest_eV))))
