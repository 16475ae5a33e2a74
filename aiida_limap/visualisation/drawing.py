"""What the figures of a map are drawn from, and what a drawn figure consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.visualisation.errors import VisualisationError

__all__ = [
    'CannotDrawError',
    'Drawing',
    'FigureInputs',
    'FigureOptions',
    'History',
    'LossRuns',
    'RebuiltPart',
    'RebuiltRows',
    'reason',
]

Floats = NDArray[np.float64]


class CannotDrawError(VisualisationError):
    """A map cannot give one of the figures; the message says why, and the others can still be drawn."""


@dataclass(frozen=True, eq=False)
class LossRuns:
    """Losses of trainings that differ in the weight of the migration energy.

    :param weights: (n,) W of each training.
    :param losses: (n,) by name such as ``validation_me``, in scaled units, in the best epoch.
    :param names: (n,) what each training is called.
    :param origin: a clause for the caption: where they are from.
    """

    weights: Floats
    losses: Mapping[str, Floats]
    names: tuple[str, ...]
    origin: str


@dataclass(frozen=True, eq=False)
class History:
    """Losses of one training by epoch.

    :param losses: (epochs,) by name such as ``validation_me``, in scaled units.
    :param best_epoch: the epoch whose network was kept, counted from 1; None where that is not known.
    """

    losses: Mapping[str, Floats]
    best_epoch: int | None = None


@dataclass(frozen=True, eq=False)
class RebuiltPart:
    """Descriptors beside what the decoders make of their codes, both in scaled units.

    :param given: (n, d) rows.
    :param rebuilt: (n, d) the same rows, decoded.
    """

    given: Floats
    rebuilt: Floats


@dataclass(frozen=True, eq=False)
class RebuiltRows:
    """How well descriptors are rebuilt from the two codes.

    :param split: which compounds ``parts`` holds: ``test``, or ``all`` where the split is not known.
    :param n_split: how many compounds that split has; ``parts`` may hold fewer of a large one.
    :param parts: descriptors of that split by part: ``composition``, ``structure``.
    :param worst: (k, d) rows of the compounds that are rebuilt worst, composition and structure one after the other.
    :param worst_ids: (k,) their identifiers.
    :param columns: (d,) names of the columns.
    """

    split: str
    n_split: int
    parts: Mapping[str, RebuiltPart]
    worst: RebuiltPart
    worst_ids: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FigureInputs:
    """Everything that the figures of a map are drawn from; only the bundle is always there.

    :param bundle: the map.
    :param compared: other maps, to be drawn beside it.
    :param losses: trainings of several weights W.
    :param history: the training of the map.
    :param rebuilt: descriptors and what is rebuilt from the codes.
    :param reasons: for figures without what they need, why it is not there, by name of the figure.
    """

    bundle: MapBundle
    compared: tuple[MapBundle, ...] = ()
    losses: LossRuns | None = None
    history: History | None = None
    rebuilt: RebuiltRows | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FigureOptions:
    """What a person may choose.

    :param zoom: lowest and highest composition code, lowest and highest structure code of the enlarged window; None
        finds one.
    :param families: structure families to highlight; empty for those of the publication, or the largest ones.
    """

    zoom: tuple[float, float, float, float] | None = None
    families: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure that is drawn.

    :param figure: the picture.
    :param rows: its numbers, the first row names the columns.
    :param caption: sentences that say what is seen, of how many compounds, and how good it is.
    """

    figure: Figure
    rows: Sequence[Sequence[object]]
    caption: str


def reason(missing: Mapping[str, str], name: str, otherwise: str) -> str:
    """Return why a part of a report is not there.

    :param missing: what the report says of its missing parts, by name.
    :param name: name of the part.
    :param otherwise: what is said where the report gives no reason.
    """
    return missing.get(name, otherwise).rstrip('.')
