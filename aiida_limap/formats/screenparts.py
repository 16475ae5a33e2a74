"""What a screening report holds: scores of models, curves, stages, element values, ternary grids, histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.report_file import NodeReference, check_counts, check_numbers, plain

__all__ = [
    'Curve',
    'CurveSet',
    'ElementValues',
    'Histogram',
    'ModelScore',
    'NodeReference',
    'Score',
    'Stage',
    'Ternary',
]

#: Corners of a ternary diagram, and numbers of a composition in it.
CORNERS = 3
#: By which the parts of a composition may miss 100, percent.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Score:
    """A score with its spread.

    :param value: the score.
    :param spread: standard deviation over repetitions or bootstrap samples; None where it was not asked for.
    """

    value: float
    spread: float | None = None

    def __post_init__(self) -> None:
        check_numbers('score', [self.value])
        if self.spread is not None:
            check_numbers('spread of a score', [self.spread], lowest=0.0)


@dataclass(frozen=True)
class ModelScore:
    """How well a model does on a set: one cell of the table of models.

    :param model: such as ``sML``.
    :param data_set: such as ``exp``, ``MP`` or ``DFT``, the three of the publication.
    :param validation: how it was found, such as ``leave-one-out`` or ``hold-out``.
    :param n: how many compounds; 0 where nothing was measured and only the published value is there.
    :param scores: by name: ``accuracy``, ``f1``, ``mcc``.
    :param chance: accuracy of guessing by the frequency of the classes, None where it is not known.
    :param published_accuracy: the value of the publication, None where it has none.
    :param note: what must be known to read it.
    """

    model: str
    data_set: str
    validation: str
    n: int
    scores: Mapping[str, Score] = field(default_factory=dict)
    chance: float | None = None
    published_accuracy: float | None = None
    note: str = ''

    def __post_init__(self) -> None:
        name = f'score of {self.model} on {self.data_set}'
        check_counts(name, [self.n])
        for value in (self.chance, self.published_accuracy):
            if value is not None:
                check_numbers(name, [value], lowest=0.0, highest=1.0)

    @classmethod
    def from_dict(cls, name: str, document: Mapping[str, Any]) -> ModelScore:
        """Build from plain values.

        :param name: what it is, for messages.
        :param document: the fields.
        :raises FormatError: if it is damaged.
        """
        found = plain(cls, name, document)
        found['scores'] = {
            key: Score(**plain(Score, f'{name}: {key}', entry)) for key, entry in found.get('scores', {}).items()
        }
        return cls(**found)


@dataclass(frozen=True)
class Curve:
    """A line of a picture.

    :param label: what it is.
    :param x: (n,) ascending places.
    :param y: (n,) values.
    :param spread: (n,) standard deviations of the values; empty where they were not asked for.
    :param is_published: whether it was read in a publication and not computed.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, ...] = ()
    is_published: bool = False

    def __post_init__(self) -> None:
        name = f'curve {self.label!r}'
        for part in ('x', 'y', 'spread'):
            object.__setattr__(self, part, tuple(getattr(self, part)))
            check_numbers(f'{name}: {part}', getattr(self, part))
        if not self.x or len(self.x) != len(self.y) or (self.spread and len(self.spread) != len(self.x)):
            raise FormatError(f'{name}: {len(self.x)} places, {len(self.y)} values and {len(self.spread)} spreads')
        if any(first >= second for first, second in zip(self.x, self.x[1:], strict=False)):
            raise FormatError(f'{name}: its places do not ascend')


@dataclass(frozen=True)
class CurveSet:
    """Lines that belong into one picture.

    :param x_label: what runs along the axis.
    :param y_label: what the values are.
    :param curves: the lines.
    :param note: a sentence for the caption.
    """

    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    note: str = ''

    @classmethod
    def from_dict(cls, name: str, document: Mapping[str, Any]) -> CurveSet:
        """Build from plain values.

        :param name: what it is, for messages.
        :param document: the fields.
        :raises FormatError: if it is damaged.
        """
        found = plain(cls, name, document)
        found['curves'] = tuple(Curve(**plain(Curve, f'{name}: curve', entry)) for entry in found['curves'])
        return cls(**found)


@dataclass(frozen=True)
class Stage:
    """A step of the funnel.

    :param name: short name.
    :param label: what is left after it, in words.
    :param count: how many compositions are left; None where the screen does not have this step.
    :param published: how many were left in the publication; None where it gives no number.
    :param note: what must be known to read it.
    :param integers: how many further formulas of small whole numbers are left, which no grid of per cent holds; None
        where they were not screened.
    :param part_of: name of the stage that this one is a part of; empty for the one before.
    """

    name: str
    label: str
    count: int | None
    published: int | None = None
    note: str = ''
    integers: int | None = None
    part_of: str = ''

    def __post_init__(self) -> None:
        numbers = (self.count, self.published, self.integers)
        check_counts(f'stage {self.name!r}', [value for value in numbers if value is not None])


@dataclass(frozen=True)
class ElementValues:
    """A number per element, to be drawn as a periodic table.

    :param label: what it is, without the unit.
    :param unit: the unit, empty for pure numbers.
    :param values: by symbol.
    :param spread: standard deviations by symbol; empty where they were not asked for.
    :param is_signed: whether zero is the middle of the colours.
    :param is_logarithmic: whether the colours follow the logarithm; then all values are above zero.
    :param note: a sentence for the caption: how the numbers were found, or where they are from.
    """

    label: str
    unit: str
    values: Mapping[str, float]
    spread: Mapping[str, float] = field(default_factory=dict)
    is_signed: bool = False
    is_logarithmic: bool = False
    note: str = ''

    def __post_init__(self) -> None:
        name = f'element values {self.label!r}'
        check_numbers(name, list(self.values.values()), lowest=0.0 if self.is_logarithmic else -math.inf)
        if self.is_logarithmic and 0.0 in self.values.values():
            raise FormatError(f'{name}: zero has no logarithm')
        if self.is_signed and self.is_logarithmic:
            raise FormatError(f'{name}: colours follow either the sign or the logarithm')
        check_numbers(name, list(self.spread.values()), lowest=0.0)
        unknown = sorted(set(self.spread) - set(self.values))
        if unknown:
            raise FormatError(f'{name}: a spread for {unknown[0]}, which has no value')


@dataclass(frozen=True)
class Ternary:
    """What a model says of the compositions of three elements.

    :param elements: the three corners, the mobile ion first.
    :param percent: n compositions, three parts each that sum to 100.
    :param scores: (n,) scores; above zero is predicted fast.
    :param neutral: (n,) whether the oxidation states of the elements can balance.
    :param formulas: hits among them, as formulas.
    :param hit_percent: for each formula its three parts.
    """

    elements: tuple[str, str, str]
    percent: tuple[tuple[float, float, float], ...]
    scores: tuple[float, ...]
    neutral: tuple[bool, ...]
    formulas: tuple[str, ...] = ()
    hit_percent: tuple[tuple[float, float, float], ...] = ()

    def __post_init__(self) -> None:
        for part in ('elements', 'scores', 'neutral', 'formulas'):
            object.__setattr__(self, part, tuple(getattr(self, part)))
        name = f'ternary diagram {"-".join(map(str, self.elements))}'
        if len(self.elements) != CORNERS or len(set(self.elements)) != CORNERS:
            raise FormatError(f'{name}: it needs three different elements')
        for part in ('percent', 'hit_percent'):
            rows = tuple(tuple(row) for row in getattr(self, part))
            object.__setattr__(self, part, rows)
            for row in rows:
                check_numbers(f'{name}: {part}', row, lowest=0.0)
                if len(row) != CORNERS or abs(sum(row) - 100) > _ROUNDING:
                    raise FormatError(f'{name}: the composition {row} is not three parts that sum to 100')
        check_numbers(f'{name}: scores', self.scores)
        if not len(self.percent) == len(self.scores) == len(self.neutral):
            raise FormatError(
                f'{name}: {len(self.percent)} compositions, {len(self.scores)} scores and {len(self.neutral)} words on '
                'neutrality'
            )
        if len(self.formulas) != len(self.hit_percent):
            raise FormatError(f'{name}: {len(self.formulas)} formulas and {len(self.hit_percent)} places of hits')


@dataclass(frozen=True)
class Histogram:
    """How often scores occur.

    :param name: short name.
    :param label: of which compositions.
    :param edges: (k + 1,) ascending borders.
    :param counts: (k,) how many lie between two of them.
    """

    name: str
    label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        for part in ('edges', 'counts'):
            object.__setattr__(self, part, tuple(getattr(self, part)))
        name = f'histogram {self.name!r}'
        check_numbers(name, self.edges)
        check_counts(name, self.counts)
        if len(self.edges) != len(self.counts) + 1:
            raise FormatError(f'{name}: {len(self.edges)} borders for {len(self.counts)} counts')
        if any(first >= second for first, second in zip(self.edges, self.edges[1:], strict=False)):
            raise FormatError(f'{name}: its borders do not ascend')
