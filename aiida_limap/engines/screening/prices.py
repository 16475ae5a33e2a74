"""What elements cost, with the year and the source of each number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ['Price', 'cost_usd_per_kg', 'element_prices']


@dataclass(frozen=True)
class Price:
    """What an element costs.

    :param usd_per_kg: price of the element as it is traded.
    :param year: of which year.
    :param source: who gave it.
    """

    usd_per_kg: float
    year: int
    source: str


@lru_cache(maxsize=1)
def element_prices() -> Mapping[str, Price]:
    """Return the known prices by element symbol; elements that are not there have none."""
    text = (resources.files(__package__) / 'prices.yaml').read_text(encoding='utf-8')
    document = yaml.safe_load(text)
    return MappingProxyType(
        {
            symbol: Price(float(price), int(year), str(document['sources'][source]))
            for symbol, (price, year, source) in document['elements'].items()
        }
    )


def cost_usd_per_kg(amounts: Mapping[str, float]) -> float | None:
    """Return what the elements of one kilogram of a compound cost.

    :param amounts: amount of substance by element symbol, in any unit.
    :returns: USD per kg; None where an element has no price.
    :raises InputError: if there is nothing in it.
    """
    from pymatgen.core import Element

    masses = {symbol: amount * float(Element(symbol).atomic_mass) for symbol, amount in amounts.items()}
    whole = sum(masses.values())
    if not whole > 0:
        raise InputError('a compound without any element has no cost')
    prices = element_prices()
    if any(symbol not in prices for symbol in masses):
        return None
    return sum(mass * prices[symbol].usd_per_kg for symbol, mass in masses.items()) / whole
