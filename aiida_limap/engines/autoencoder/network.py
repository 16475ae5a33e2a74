"""The network: two autoencoders with one code each, and a head from the two codes to the migration energy."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aiida_limap.engines.autoencoder.plan import Architecture

__all__ = ['Branch', 'LimapNetwork', 'layers']


def layers(widths: Sequence[int]) -> nn.Sequential:
    """Return linear layers with LeakyReLU between them; the last one is linear.

    LeakyReLU instead of ReLU: behind a code of one number, units that die would cut off half of the axis.

    :param widths: number of units from input to output.
    """
    modules: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        modules += [nn.Linear(n_in, n_out), nn.LeakyReLU()]
    return nn.Sequential(*modules[:-1])


class Branch(nn.Module):
    """An autoencoder whose code is one unbounded number.

    :param width: number of columns.
    :param hidden: widths between columns and code; the decoder mirrors them.
    """

    def __init__(self, width: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.encoder = layers([width, *hidden, 1])
        self.decoder = layers([1, *reversed(hidden), width])

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return (n, 1) codes and (n, width) rebuilt rows.

        :param rows: (n, width) scaled rows.
        """
        code = self.encoder(rows)
        return code, self.decoder(code)


class LimapNetwork(nn.Module):
    """Both branches, the head on the two codes, and maybe a wide head on the last hidden layers of both encoders.

    Branches and head are those of Yamaguchi et al., Sci. Rep. 13, 16799 (2023), their widths and the wide head ours.

    :param architecture: all widths.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.composition = Branch(architecture.n_composition, architecture.hidden)
        self.structure = Branch(architecture.n_structure, architecture.hidden)
        self.head = layers([2, *architecture.head, 1])
        if architecture.wide:
            self.wide = layers([2 * architecture.hidden[-1], *architecture.wide, 1])

    def forward(self, composition: Tensor, structure: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return rebuilt composition rows, rebuilt structure rows and (n,) scaled migration energies from the codes.

        :param composition: (n, n_composition) coordinates.
        :param structure: (n, n_structure) coordinates.
        """
        x_comp, composition_out = self.composition(composition)
        x_struc, structure_out = self.structure(structure)
        return composition_out, structure_out, self.head(torch.cat([x_comp, x_struc], dim=1))[:, 0]

    @classmethod
    def with_weights(cls, architecture: Architecture, weights: Mapping[str, NDArray]) -> LimapNetwork:
        """Return a network in double precision with given weights, and leave the random numbers of torch alone.

        :param architecture: all widths.
        :param weights: arrays by the names of torch.
        :raises ValueError: if names, shapes or types do not fit.
        """
        shapes: dict[str, tuple[int, ...]] = {
            f'{layer.name}.weight': (layer.n_out, layer.n_in) for layer in architecture.layers
        }
        shapes |= {f'{layer.name}.bias': (layer.n_out,) for layer in architecture.layers}
        for name in sorted({*shapes, *weights}):
            found = weights[name].shape if name in weights else None
            if found != shapes.get(name):
                raise ValueError(f'the array {name} has the shape {found}, expected {shapes.get(name)}')
            if weights[name].dtype != np.float32:
                raise ValueError(f'the array {name} holds {weights[name].dtype}, expected float32')
        with torch.random.fork_rng([]):
            network = cls(architecture)
        network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
        return network.double().eval()

    def widely(self, composition: Tensor, structure: Tensor) -> Tensor:
        """Return (n,) scaled migration energies by the wide head; only a network that has one knows them.

        :param composition: (n, n_composition) coordinates.
        :param structure: (n, n_structure) coordinates.
        """
        # All of an encoder but its last layer, the one that gives the code.
        hidden = [
            branch.encoder[:-1](rows) for branch, rows in ((self.composition, composition), (self.structure, structure))
        ]
        return self.wide(torch.cat(hidden, dim=1))[:, 0]

    def flip(self, code: int) -> None:
        """Change the sign of a code without changing what the network computes.

        The sign goes into the weights on both sides of the code.

        :param code: 0 for the composition, 1 for the structure.
        """
        branch = (self.composition, self.structure)[code]
        with torch.no_grad():
            branch.encoder[-1].weight.neg_()
            branch.encoder[-1].bias.neg_()
            branch.decoder[0].weight.neg_()
            self.head[0].weight[:, code].neg_()
