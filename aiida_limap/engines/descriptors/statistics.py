"""Statistics of element properties over the atoms of a composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.blocks import CompositionBlock, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.elements import PROPERTIES, element_property

__all__ = ['STATISTICS', 'ElementStatistics']

#: The statistics by name, and how their meaning reads.
STATISTICS = {
    'mean': 'mean over the atoms of the {}',
    'std': 'standard deviation over the atoms of the {}',
    'minimum': 'smallest {} of any element present',
    'maximum': 'largest {} of any element present',
    'range': 'largest minus smallest {} of the elements present',
}


@dataclass(frozen=True, kw_only=True, eq=False)
class ElementStatistics(CompositionBlock):
    """Mean, spread and extremes of element properties; a few numbers per property where a histogram has many.

    Mean ``sum_e c_e p_e`` and standard deviation ``sqrt(sum_e c_e (p_e - mean)^2)`` go by the atomic fractions c; they
    change smoothly with the composition. Minimum, maximum and range ask only whether an element is there, so they jump
    when a trace of an element with an extreme property is added: leave them out (``statistics: [mean, std]``) where
    compositions are walked in small steps. (These are the statistics of Ward et al., npj Comput. Mater. 2, 16028
    (2016), with the standard deviation in the place of the mean deviation.)

    :param quantities: element properties, see ``elements.PROPERTIES``.
    :param statistics: any of :data:`STATISTICS`.
    """

    kind = 'element_statistics'

    quantities: Sequence[str]
    statistics: Sequence[str] = tuple(STATISTICS)

    def __post_init__(self) -> None:
        for field, names, known in (
            ('quantities', self.quantities, PROPERTIES),
            ('statistics', self.statistics, STATISTICS),
        ):
            listed = isinstance(names, Sequence) and not isinstance(names, str)
            require(listed and len(names) > 0, self.kind, f'{field} is a list of names')
            require(len(set(names)) == len(names), self.kind, f'{field} names something twice')
            for name in names:
                require(name in known, self.kind, f'unknown name {name!r} in {field}; known are {", ".join(known)}')

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per property and statistic; those of one property have one scale."""
        columns = []
        for quantity in self.quantities:
            known = PROPERTIES[quantity]
            for statistic in self.statistics:
                meaning = STATISTICS[statistic].format(known.meaning)
                columns.append(Column(f'{self.label}_{quantity}_{statistic}', known.unit, meaning, scale=quantity))
        return columns

    def row(self, fractions: Mapping[str, float]) -> NDArray[np.float64]:
        """Return the statistics of all properties, one after the other.

        :param fractions: atomic fractions by symbol, sorted by atomic number.
        :raises ElementDataError: if a property is not tabulated for an element.
        """
        weights = np.array(list(fractions.values()), dtype=np.float64)
        rows = [
            self._of_one(np.array([element_property(symbol, quantity) for symbol in fractions]), weights)
            for quantity in self.quantities
        ]
        return np.concatenate(rows)

    def _of_one(self, values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        mean = float(weights @ values)
        found = {
            'mean': mean,
            # About the mean, since the difference of two squares would lose what is left of nearly equal values.
            'std': float(np.sqrt(weights @ (values - mean) ** 2)),
            'minimum': float(values.min()),
            'maximum': float(values.max()),
            'range': float(np.ptp(values)),
        }
        return np.array([found[statistic] for statistic in self.statistics])
