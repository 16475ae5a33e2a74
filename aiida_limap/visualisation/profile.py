"""Energy of the mobile ion along a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from aiida_limap.visualisation import style
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['Profile', 'draw_profile']

HEIGHT_INCH = 2.4
#: Readable with every kind of colour vision, and as greys.
_COLOURS = ('#2a788e', '#d1495b', '#edae49', '#66557d')
#: Size of the letters in parts of the width and the height of the axes.
_CHARACTER_WIDTH = 0.022
_LINE_HEIGHT = 0.08
_STYLES = ('-', '--', '-.', ':')


@dataclass(frozen=True, eq=False)
class Profile:
    """Energy along one path.

    :param distance: (n,) distance along the path, Å; never descending.
    :param energy: (n,) energy above the lowest site energy, eV.
    :param points: stationary points: (distance in Å, energy in eV, text); a text may be empty.
    :param label: what the legend calls the path, e.g. ``1D``; empty for none.
    :raises VisualisationError: if shapes disagree, there are fewer than two points, a number is not finite, or the
        distance descends.
    """

    distance: NDArray[np.float64]
    energy: NDArray[np.float64]
    points: tuple[tuple[float, float, str], ...] = ()
    label: str = ''

    def __post_init__(self) -> None:
        name = f'profile {self.label!r}' if self.label else 'profile'
        distance, energy = _numbers(name, 'distance', self.distance), _numbers(name, 'energy', self.energy)
        if distance.ndim != 1 or distance.shape != energy.shape or len(distance) < 2:
            raise VisualisationError(
                f'{name}: distance and energy must be two columns of equal length of at least 2, '
                f'not of shapes {distance.shape} and {energy.shape}'
            )
        if (np.diff(distance) < 0).any():
            raise VisualisationError(f'{name}: the distance along the path descends; sort the path by it')
        for place, height, text in self.points:
            _numbers(name, f'the stationary point {text!r}', (place, height))
        object.__setattr__(self, 'distance', distance)
        object.__setattr__(self, 'energy', energy)
        object.__setattr__(self, 'points', tuple(self.points))

    @property
    def barrier_eV(self) -> float:  # noqa: N802
        """The highest energy on the path, above the lowest site energy: what a barrier is measured from everywhere."""
        return max(*self.energy.tolist(), *(height for _, height, _ in self.points))


def draw_profile(profiles: Profile | Sequence[Profile], path: Path | str) -> Path:
    """Draw the energy along one or several paths, with minima, saddles and the barrier of each.

    :param profiles: one path, or several, e.g. those of one, two and three dimensions.
    :param path: the file to write; its ending chooses the format: ``png``, ``svg``, ``pdf``.
    :returns: the path.
    :raises VisualisationError: if there is no profile, the format is unknown, or the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lstrip('.')
    if kind not in style.FORMATS:
        raise VisualisationError(f'unknown figure format {kind!r}; known are {", ".join(style.FORMATS)}')
    chosen = (profiles,) if isinstance(profiles, Profile) else tuple(profiles)
    if not chosen:
        raise VisualisationError('there is no profile to draw; give at least one')
    with style.styled():
        style.save_figure(_draw(chosen), path)
    return path


def _numbers(name: str, what: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise VisualisationError(f'{name}: {what} must be numbers: {error}') from error
    if not np.isfinite(array).all():
        raise VisualisationError(f'{name}: {what} holds a number that is not finite')
    array.setflags(write=False)
    return array


def _draw(profiles: Sequence[Profile]) -> Figure:
    figure = style.new_figure(HEIGHT_INCH)
    axes = figure.add_subplot()
    for index, profile in enumerate(profiles):
        _draw_curve(axes, profile, index)
    _draw_points(axes, profiles)
    longest = max(float(profile.distance[-1]) for profile in profiles)
    shortest = min(float(profile.distance[0]) for profile in profiles)
    margin = 0.03 * (longest - shortest) or 0.5
    axes.set_xlim(shortest - margin, longest + margin)
    low, high = axes.get_ylim()
    # Room for the words above saddles and below minima.
    axes.set_ylim(low - 0.06 * (high - low), high + 0.10 * (high - low))
    axes.set_xlabel('Distance along the path (Å)')
    axes.set_ylabel('Energy above the lowest site (eV)')
    axes.tick_params(top=True, right=True)
    if len(profiles) > 1 or profiles[0].label:
        axes.legend(
            loc='lower center', bbox_to_anchor=(0.5, 1.0), ncols=len(profiles), columnspacing=1.4, borderpad=0.2
        )
    return figure


def _draw_curve(axes: Axes, profile: Profile, index: int) -> None:
    label = ': '.join(part for part in (profile.label, f'{profile.barrier_eV:.2f} eV') if part)
    axes.plot(
        profile.distance, profile.energy, linestyle=_STYLES[index % len(_STYLES)], linewidth=1.2, label=label, zorder=2,
        color=_COLOURS[index % len(_COLOURS)], solid_capstyle='round', clip_on=False,
    )  # fmt: skip


def _draw_points(axes: Axes, profiles: Sequence[Profile]) -> None:
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    written: list[tuple[float, float, str]] = []
    for index, profile in enumerate(profiles):
        colour = _COLOURS[index % len(_COLOURS)]
        for place, height, text in profile.points:
            saddle = _is_saddle(profile, place, height)
            axes.plot(
                place, height, marker='^' if saddle else 'o', markersize=4, markeredgecolor='white', color=colour,
                markeredgewidth=0.5, zorder=3, clip_on=False,
            )  # fmt: skip
            here = (place / (right - left), height / (top - bottom), text)
            # Paths often share sites, and long ones are crowded: a word that would cover another is left out.
            if any(
                abs(here[0] - x) < _CHARACTER_WIDTH * (len(text) + len(word)) / 2 and abs(here[1] - y) < _LINE_HEIGHT
                for x, y, word in written
            ):
                continue
            written.append(here)
            axes.annotate(
                text, (place, height), xytext=(0, 5 if saddle else -5), textcoords='offset points', ha='center',
                va='bottom' if saddle else 'top', fontsize=6.5, color=colour, zorder=4, parse_math=False,
                path_effects=[withStroke(linewidth=2, foreground='white')],
            )  # fmt: skip


def _is_saddle(profile: Profile, place: float, height: float) -> bool:
    """Tell whether a point is higher than the curve on both sides of it; its level decides where it is not clear."""
    reach = 0.05 * float(np.ptp(profile.distance))
    sides = np.interp([place - reach, place + reach], profile.distance, profile.energy)
    if (sides < height).all():
        return True
    middle = (float(profile.energy.max()) + float(profile.energy.min())) / 2
    return False if (sides > height).all() else height > middle
