"""The network: two autoencoders with one code each, and a head from the two codes to the migration energy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

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
    """Both branches and the head (Yamaguchi et al., Sci. Rep. 13, 16799 (2023); widths are ours).

    :param n_composition: number of composition columns.
    :param n_structure: number of structure columns.
    :param hidden: widths between columns and code.
    :param head: hidden widths of the head.
    """

    def __init__(self, n_composition: int, n_structure: int, hidden: Sequence[int], head: Sequence[int]) -> None:
        super().__init__()
        self.composition = Branch(n_composition, hidden)
        self.structure = Branch(n_structure, hidden)
        self.head = layers([2, *head, 1])

    def forward(self, composition: Tensor, structure: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return rebuilt composition rows, rebuilt structure rows and (n,) scaled migration energies.

        :param composition: (n, n_composition) scaled rows.
        :param structure: (n, n_structure) scaled rows.
        """
        x_comp, composition_out = self.composition(composition)
        x_struc, structure_out = self.structure(structure)
        return composition_out, structure_out, self.head(torch.cat([x_comp, x_struc], dim=1))[:, 0]

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
