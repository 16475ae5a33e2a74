"""Parameters of the bond-valence force field: Morse rows of the mobile ion and presets, as data with their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

from aiida_limap.engines.chemistry.elements import Ion, parse_ion
from aiida_limap.engines.chemistry.oxidation import MEAN_TOLERANCE
from aiida_limap.engines.errors import InputError, ParametersMissingError
from aiida_limap.formats._files import checksum

__all__ = ['MorseRow', 'ParameterSet', 'Preset', 'default_parameters', 'read_parameters']


@dataclass(frozen=True)
class MorseRow:
    """Morse parameters of a mobile cation with an anion.

    :param cation: the mobile ion.
    :param anion: the counter-ion.
    :param R0: bond-valence parameter, Å.
    :param b: softness of the bond, Å.
    :param alpha: inverse of ``b``, 1/Å.
    :param D0: depth of the Morse curve, eV.
    :param R_min: distance of its minimum, Å.
    :param preferred_coordination: coordination number to which ``R_min`` refers.
    """

    cation: Ion
    anion: Ion
    R0: float
    b: float
    alpha: float
    D0: float
    R_min: float
    preferred_coordination: float


@dataclass(frozen=True)
class Preset:
    """One convention of the force field.

    :param name: its name.
    :param morse_scale: factor of the Morse energy.
    :param screening_factor: factor of the sum of covalent radii that screens the Coulomb repulsion.
    :param description: one sentence.
    """

    name: str
    morse_scale: float
    screening_factor: float
    description: str


@dataclass(frozen=True)
class ParameterSet:
    """All rows and presets of one file.

    :param rows: the Morse rows.
    :param presets: presets by name.
    :param citation: where the numbers were published.
    :param checksum: SHA-256 of the file, recorded with every result.
    """

    rows: tuple[MorseRow, ...]
    presets: Mapping[str, Preset]
    citation: str
    checksum: str

    def preset(self, name: str) -> Preset:
        """Return a preset.

        :param name: its name.
        :returns: the preset.
        :raises InputError: if there is none of that name.
        """
        if name not in self.presets:
            raise InputError(f'there is no preset {name!r}; known are {", ".join(sorted(self.presets))}')
        return self.presets[name]

    def check_mobile_ion(self, mobile: Ion) -> None:
        """Refuse a mobile ion for which there is no row at all.

        :param mobile: the mobile ion.
        :raises InputError: if no row names it.
        """
        known = sorted({str(row.cation) for row in self.rows})
        if str(mobile) not in known:
            raise InputError(
                f'there are no bond-valence parameters for {mobile} as the mobile ion; known are {", ".join(known)}'
            )

    def row(self, mobile: Ion, counter: Ion) -> MorseRow:
        """Return the Morse row of a pair.

        :param mobile: the mobile ion.
        :param counter: the counter-ion; a mean charge may differ from the tabulated one by an eighth of it.
        :returns: the row.
        :raises ParametersMissingError: if there is none.
        """
        for row in self.rows:
            # The rounding margin keeps exactly an eighth inside.
            near = abs(counter.charge / row.anion.charge - 1) <= MEAN_TOLERANCE + 1e-6
            if near and row.cation == mobile and row.anion.symbol == counter.symbol:
                return row
        raise ParametersMissingError(f'there are no bond-valence parameters for the pair {mobile} and {counter}')


def read_parameters(text: str) -> ParameterSet:
    """Read a parameter file.

    :param text: its YAML text.
    :returns: the parameters.
    :raises InputError: if a row is incomplete, repeated, or its alpha, b, D0 or R_min is not positive: such rows stand
        in some tables as placeholders for pairs that were never fitted.
    """
    document = yaml.safe_load(text)
    rows: list[MorseRow] = []
    for entry in document['pairs']:
        rows.append(_row(entry))
    pairs = [(str(row.cation), str(row.anion)) for row in rows]
    if len(set(pairs)) != len(pairs):
        repeated = next(pair for pair in pairs if pairs.count(pair) > 1)
        raise InputError(f'bond-valence parameters: the pair {repeated[0]} and {repeated[1]} stands twice')
    presets = {name: Preset(name=name, **entry) for name, entry in document['presets'].items()}
    return ParameterSet(tuple(rows), presets, document['citation'], checksum(text.encode()))


def _row(entry: Mapping[str, Any]) -> MorseRow:
    pair = f'{entry.get("cation")} and {entry.get("anion")}'
    numbers = ('R0', 'b', 'alpha', 'D0', 'R_min', 'preferred_coordination')
    missing = [name for name in ('cation', 'anion', *numbers) if name not in entry]
    if missing:
        raise InputError(f'bond-valence parameters: the pair {pair} lacks {missing[0]}')
    for name in ('b', 'alpha', 'D0', 'R_min'):
        if not entry[name] > 0:
            raise InputError(
                f'bond-valence parameters: {name} of the pair {pair} is {entry[name]}, but must be positive'
            )
    if abs(entry['alpha'] * entry['b'] - 1) > 1e-3:
        raise InputError(f'bond-valence parameters: alpha of the pair {pair} is not the inverse of b')
    values = {name: float(entry[name]) for name in numbers}
    return MorseRow(cation=parse_ion(entry['cation']), anion=parse_ion(entry['anion']), **values)


@lru_cache(maxsize=1)
def default_parameters() -> ParameterSet:
    """Return the parameters that come with the package."""
    return read_parameters((resources.files(__package__) / 'parameters.yaml').read_text(encoding='utf-8'))
