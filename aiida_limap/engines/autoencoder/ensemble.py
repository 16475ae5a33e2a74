"""Several models of other seeds on the same rows: how far they agree on places and migration energies."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_limap.engines.autoencoder.alignment import Alignment, align
from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder.model import TrainedModel

__all__ = ['Combined', 'combine']

logger = logging.getLogger(__name__)
_AXES = ('x_comp', 'x_struc')
#: Fewer rows do not show how two axes belong together.
_FEWEST_ROWS = 20
#: Below this rank correlation two axes do not tell the same story.
_WEAK = 0.7


@dataclass(frozen=True, eq=False)
class Combined:
    """What an ensemble makes of rows. Codes are on the axes of the first member.

    :param x_comp: (n,) mean composition code.
    :param x_struc: (n,) mean structure code.
    :param x_comp_spread: (n,) standard deviation over the members (n - 1 in the denominator), NaN where fewer than two
        members have a code that is not constant.
    :param x_struc_spread: (n,) the same of the structure code.
    :param migration_energy_eV: (n,) mean of the predicted energies.
    :param migration_energy_spread_eV: (n,) their standard deviation.
    :param alignments: for each member but the first the maps of ``x_comp`` and ``x_struc``.
    """

    x_comp: NDArray[np.float64]
    x_struc: NDArray[np.float64]
    x_comp_spread: NDArray[np.float64]
    x_struc_spread: NDArray[np.float64]
    migration_energy_eV: NDArray[np.float64]  # noqa: N815
    migration_energy_spread_eV: NDArray[np.float64]  # noqa: N815
    alignments: tuple[tuple[Alignment, Alignment], ...]

    @property
    def rank_correlations(self) -> dict[str, list[float | None]]:
        """Rank correlation of each member but the first with the first, by axis; None where a code is constant."""
        return {axis: [pair[index].rank_correlation for pair in self.alignments] for index, axis in enumerate(_AXES)}


def combine(
    members: Sequence[TrainedModel],
    composition: ArrayLike,
    structure: ArrayLike,
    *,
    shared: tuple[ArrayLike, ArrayLike] | None = None,
) -> Combined:
    """Encode rows with all members and compare what they say.

    Members were trained with other seeds (or other options) on the same columns. The spread of a code or an energy over
    members is what the training leaves open; what all members get wrong alike is not in it.

    :param members: two or more models; the first one lends its axes.
    :param composition: (n, p) composition rows.
    :param structure: (n, q) structure rows.
    :param shared: rows to align the codes on; the training rows that the first member holds unless given, and without
        these the rows themselves.
    :returns: means and spreads.
    :raises InputError: if there are fewer than two members, their columns differ, or fewer than 20 rows are there to
        align them on.
    """
    check_members(members)
    reference = members[0]
    common = shared or (
        (composition, structure) if reference.domain is None else reference.domain.known_rows(reference)
    )
    if len(np.asarray(common[0])) < _FEWEST_ROWS:
        raise InputError(
            f'the members of an ensemble can be aligned over {_FEWEST_ROWS} rows or more, not '
            f'{len(np.asarray(common[0]))}; give more rows, or a first model that holds its training rows'
        )
    axes = reference.encode(*common)
    codes = [[np.asarray(code) for code in reference.encode(composition, structure)]]
    alignments = []
    for number, member in enumerate(members[1:], start=1):
        found = member.encode(*common)
        pair = (align(axes[0], found[0]), align(axes[1], found[1]))
        alignments.append(pair)
        _warn(number, pair)
        encoded = member.encode(composition, structure)
        codes.append([fitted.apply(code) for fitted, code in zip(pair, encoded, strict=True)])
    energies = np.stack([member.predict_rows(composition, structure) for member in members])
    (x_comp, x_comp_spread), (x_struc, x_struc_spread) = (
        _mean_and_spread(np.stack([pair[index] for pair in codes])) for index in range(2)
    )
    return Combined(
        x_comp, x_struc, x_comp_spread, x_struc_spread, energies.mean(axis=0), energies.std(axis=0, ddof=1),
        tuple(alignments),
    )  # fmt: skip


def check_members(members: Sequence[TrainedModel]) -> None:
    """Refuse models that do not read the same columns.

    :param members: the models.
    :raises InputError: if there are fewer than two, or their columns differ.
    """
    if len(members) < 2:
        raise InputError(f'an ensemble needs two models or more, not {len(members)}')
    expected = _columns(members[0])
    for number, member in enumerate(members[1:]):
        found = _columns(member)
        if found[1:] != expected[1:] or (None not in {found[0], expected[0]} and found[0] != expected[0]):
            raise InputError(
                f'ensemble_{number} reads other columns than the model ({_words(found)}, not {_words(expected)}); use '
                'models that were trained with one descriptor layout'
            )


def _columns(model: TrainedModel) -> tuple[str | None, int, int]:
    widths = [len(model.scaling.divisors(part)) for part in ('composition', 'structure')]
    return model.columns.get('layout_checksum'), widths[0], widths[1]


def _words(columns: tuple[str | None, int, int]) -> str:
    checksum = '' if columns[0] is None else f', layout checksum {columns[0][:8]}'
    return f'{columns[1]} + {columns[2]} columns{checksum}'


def _warn(number: int, pair: tuple[Alignment, Alignment]) -> None:
    for axis, fitted in zip(_AXES, pair, strict=True):
        rank = fitted.rank_correlation
        if rank is None or rank < _WEAK:
            logger.warning(
                'ensemble: %s of member %d has a rank correlation of %s with the first: the axis is not settled',
                *(axis, number, 'nothing (it is constant)' if rank is None else f'{rank:.2f}'),
            )


def _mean_and_spread(codes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation over the members that have a code, (members, n) each."""
    present = np.isfinite(codes)
    counts = present.sum(axis=0)
    mean = np.where(present, codes, 0.0).sum(axis=0) / counts
    squares = np.where(present, np.square(codes - mean), 0.0).sum(axis=0)
    return mean, np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1)), np.nan)
