"""The stand-in of the engine, with the formulas of the structures and one word of its own per structure."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from functools import reduce
from math import gcd
from pathlib import Path
from typing import Any

from workflows import stand_in_engine

from aiida_limap.common.status import Status
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.structures import read_structures


def formula(species: tuple[dict[str, float], ...]) -> str:
    """Return the reduced formula of lithium, magnesium, phosphorus and oxygen, in the order of electronegativity."""
    counts = Counter(symbol for site in species for symbol in site)
    divisor = reduce(gcd, counts.values())
    numbers = {symbol: counts[symbol] // divisor for symbol in ('Li', 'Mg', 'P', 'O') if counts[symbol]}
    return ''.join(symbol if number == 1 else f'{symbol}{number}' for symbol, number in numbers.items())


class Writer(ResultsWriter):
    """Gives every described structure its formula, and no migration energy to those without lithium."""

    def add(self, item: ItemResult, rows: Any = None) -> None:
        if {'formula', 'barrier_2d_eV'} & set(item.values):
            species = {record.id: record.species for record in read_structures(Path('structures.json'))}[item.id]
            if 'formula' in item.values:
                item = replace(item, values={'formula': formula(species)})
            elif not any('Li' in site for site in species):
                item = ItemResult(item.id, Status.NO_MOBILE_ION, 'there is no Li+ in it', {})
        super().add(item, rows)


if __name__ == '__main__':
    stand_in_engine.ResultsWriter = Writer
    sys.exit(stand_in_engine.main())
