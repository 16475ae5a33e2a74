"""Parameters of the bond-valence force field as data with their source: Morse rows, radii and presets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

import yaml

from aiida_limap.engines.chemistry.elements import Ion, covalent_radius, parse_ion
from aiida_limap.engines.chemistry.oxidation import MEAN_TOLERANCE
from aiida_limap.engines.errors import InputError, ParametersMissingError
from aiida_limap.formats._files import checksum

__all__ = ['RADII', 'MorseRow', 'ParameterSet', 'Preset', 'default_parameters', 'morse_depth', 'read_parameters']

#: Sets of radii: covalent ones by element (Cordero et al. 2008), or those of softBV by ion.
RADII = ('cordero', 'softbv')
#: e^2 / (4 pi epsilon_0) in eV Å as the published depths were computed with.
_COULOMB_OF_TABLE = 14.4
#: Largest relative difference of a tabulated depth and of alpha b from what the other numbers of the row give.
_CONSISTENCY = 1e-3
#: Messages list at most so many ions.
_MAX_LISTED = 12


@dataclass(frozen=True)
class MorseRow:
    """Parameters of a cation with an anion.

    :param cation: the cation.
    :param anion: the anion.
    :param R0: bond-valence parameter, Å: the bond valence is exp((R0 - R) / b).
    :param b: softness of the bond, Å.
    :param alpha: inverse of ``b``, 1/Å.
    :param D0: depth of the Morse curve, eV.
    :param R_min: distance of its minimum, Å.
    :param preferred_coordination: coordination number of the cation to which ``R_min`` refers.
    :param derived: why and from what the row was derived, or None for a published one.
    """

    cation: Ion
    anion: Ion
    R0: float
    b: float
    alpha: float
    D0: float
    R_min: float
    preferred_coordination: float
    derived: str | None = None


@dataclass(frozen=True)
class Preset:
    """One convention of the force field.

    :param name: its name.
    :param morse_scale: factor of the Morse energy.
    :param screening_factor: factor of the sum of radii that screens the Coulomb repulsion.
    :param description: one sentence.
    """

    name: str
    morse_scale: float
    screening_factor: float
    description: str


@dataclass(frozen=True)
class ParameterSet:
    """All rows, radii and presets of one file.

    :param rows: the rows, published ones first.
    :param presets: presets by name.
    :param citation: where the numbers were published.
    :param checksum: SHA-256 of the file, recorded with every result.
    :param radii: softBV radii by ion, Å.
    """

    rows: tuple[MorseRow, ...]
    presets: Mapping[str, Preset]
    citation: str
    checksum: str
    radii: Mapping[Ion, float] = field(default_factory=dict)

    @cached_property
    def _by_elements(self) -> dict[tuple[str, str], list[MorseRow]]:
        found: dict[tuple[str, str], list[MorseRow]] = {}
        for row in self.rows:
            found.setdefault((row.cation.symbol, row.anion.symbol), []).append(row)
        return found

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
        """Refuse a mobile ion, cation or anion, for which there is no published row at all.

        :param mobile: the mobile ion.
        :raises InputError: if no published row names it.
        """
        known = {ion for row in self.rows if row.derived is None for ion in (row.cation, row.anion)}
        if mobile not in known:
            same = _listed(ion for ion in known if ion.symbol == mobile.symbol)
            hint = f'of {mobile.symbol} there are {same}' if same else f'there is no ion of {mobile.symbol} at all'
            raise InputError(f'there are no bond-valence parameters for {mobile} as the mobile ion; {hint}')

    def row(self, mobile: Ion, counter: Ion) -> MorseRow:
        """Return the row of a mobile ion with an ion of opposite charge; the mobile one may be the cation or the anion.

        :param mobile: the mobile ion, with its tabulated charge.
        :param counter: the counter-ion; a mean charge may differ from the tabulated one by an eighth of it.
        :returns: the row.
        :raises ParametersMissingError: if there is none.
        """
        cation, anion = (mobile, counter) if mobile.charge > 0 else (counter, mobile)
        row = self._nearest(cation, anion)
        if row is None or mobile not in (row.cation, row.anion):
            raise self._missing(mobile, counter)
        return row

    def valence_row(self, cation: Ion, anion: Ion) -> MorseRow:
        """Return the row whose ``R0`` and ``b`` give the bond valence of a pair.

        :param cation: the cation; its charge, as that of the anion, may differ from the tabulated one by an eighth.
        :param anion: the anion.
        :returns: the row.
        :raises ParametersMissingError: if there is none.
        """
        row = self._nearest(cation, anion)
        if row is None:
            raise self._missing(cation, anion)
        return row

    def radius(self, ion: Ion, radii: str = 'cordero') -> float:
        """Return the radius that screens the repulsion of an ion by others of the same sign of charge.

        :param ion: the ion; its charge may differ from the tabulated one by an eighth.
        :param radii: one of :data:`RADII`.
        :returns: the radius, Å.
        :raises InputError: if there is no such set.
        :raises ParametersMissingError: if the set does not hold the ion.
        """
        if radii not in RADII:
            raise InputError(f'there is no set of radii {radii!r}; known are {" and ".join(RADII)}')
        if radii == 'cordero':
            return covalent_radius(ion.symbol)
        same = [known for known in self.radii if known.symbol == ion.symbol]
        near = [(_distance(ion, known), known) for known in same if _distance(ion, known) <= 1]
        if not near:
            listed = _listed(same)
            hint = f'; it holds {listed}' if listed else ''
            raise ParametersMissingError(f'the softBV set of radii holds no radius of {ion}{hint}')
        return self.radii[min(near, key=lambda entry: entry[0])[1]]

    def _nearest(self, cation: Ion, anion: Ion) -> MorseRow | None:
        near = []
        for row in self._by_elements.get((cation.symbol, anion.symbol), ()):
            distance = max(_distance(cation, row.cation), _distance(anion, row.anion))
            if distance <= 1:
                near.append((distance, row))
        return min(near, key=lambda entry: entry[0])[1] if near else None

    def _missing(self, ion: Ion, other: Ion) -> ParametersMissingError:
        """Return the error that names a pair and what there is instead: ions of the wanted element, or any."""
        partners = {row.anion for row in self.rows if row.cation == ion}
        partners |= {row.cation for row in self.rows if row.anion == ion}
        wanted = [partner for partner in partners if partner.symbol == other.symbol] or partners
        hint = f'; {ion} has them with {_listed(wanted)}' if wanted else ''
        return ParametersMissingError(f'there are no bond-valence parameters for the pair {ion} and {other}{hint}')


def _distance(ion: Ion, tabulated: Ion) -> float:
    """Return how far a charge is from a tabulated one, in units of what may count as it."""
    # The rounding margin keeps exactly an eighth inside.
    return abs(ion.charge / tabulated.charge - 1) / (MEAN_TOLERANCE + 1e-6)


def _listed(ions: Iterable[Ion]) -> str:
    names = [str(ion) for ion in sorted(ions, key=lambda ion: (ion.symbol, ion.charge))]
    more = f' and {len(names) - _MAX_LISTED} more' if len(names) > _MAX_LISTED else ''
    return ', '.join(names[:_MAX_LISTED]) + more


def morse_depth(row: MorseRow, *, periods: tuple[int, int], transition: bool) -> float:
    """Return the depth that follows from the other numbers of a row.

    D0 = 14.4 c (c |V_A V_X|)^(1/c) b^2 / (2 R_min sqrt(n_A n_X)): Adams and Rao, Phys. Status Solidi A 208, 1746
    (2011).

    :param row: the row; its ``D0`` is not used.
    :param periods: principal quantum numbers of cation and anion.
    :param transition: whether the cation is of the d or f block (c = 2) or not (c = 1).
    :returns: the depth, eV.
    """
    c = 2 if transition else 1
    charges = abs(row.cation.charge * row.anion.charge)
    return _COULOMB_OF_TABLE * c * (c * charges) ** (1 / c) * row.b**2 / (2 * row.R_min * math.sqrt(math.prod(periods)))


def read_parameters(text: str) -> ParameterSet:
    """Read a parameter file.

    :param text: its YAML text.
    :returns: the parameters.
    :raises InputError: if a row is incomplete or repeated, if its alpha, b, D0 or R_min is not positive (such rows
        stand in some tables as placeholders for pairs that were never fitted), if alpha is not 1 / b, or if D0 is not
        what :func:`morse_depth` gives.
    """
    # The loader in C is ten times faster, but not every build of yaml has it.
    document = yaml.load(text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    numbers = {symbol: int(n) for n, symbols in document['principal_quantum_numbers'].items() for symbol in symbols}
    shells = _Shells(numbers, frozenset(document['d_and_f_block']))
    rows = [_row(document['columns'], line.split(), shells) for line in document['pairs'].splitlines() if line.strip()]
    for entry in document.get('derived', ()):
        rows += _derived(entry, rows, shells)
    pairs = [(row.cation, row.anion) for row in rows]
    if len(set(pairs)) != len(pairs):
        repeated = next(pair for pair in pairs if pairs.count(pair) > 1)
        raise InputError(f'bond-valence parameters: the pair {repeated[0]} and {repeated[1]} stands twice')
    radii = document.get('radii', {}).get('softbv', {}).get('angstrom', {})
    return ParameterSet(
        rows=tuple(rows),
        presets={name: Preset(name=name, **entry) for name, entry in document['presets'].items()},
        citation=document['citation'],
        checksum=checksum(text.encode()),
        radii={parse_ion(ion): float(radius) for ion, radius in radii.items()},
    )


@dataclass(frozen=True)
class _Shells:
    """Principal quantum numbers by element symbol, and the elements of the d and f block."""

    numbers: Mapping[str, int]
    transition: frozenset[str]

    def depth(self, row: MorseRow) -> float:
        periods = (self.numbers[row.cation.symbol], self.numbers[row.anion.symbol])
        return morse_depth(row, periods=periods, transition=row.cation.symbol in self.transition)


def _row(columns: Sequence[str], words: Sequence[str], shells: _Shells) -> MorseRow:
    pair = ' and '.join(words[:2])
    if len(words) != len(columns):
        raise InputError(f'bond-valence parameters: the row of {pair} has {len(words)} entries, not {len(columns)}')
    entry = dict(zip(columns, words, strict=True))
    values: dict[str, Any] = {'cation': parse_ion(entry.pop('cation')), 'anion': parse_ion(entry.pop('anion'))}
    for name, word in entry.items():
        try:
            values[name] = float(word)
        except ValueError:
            raise InputError(f'bond-valence parameters: {name} of the pair {pair} is {word!r}, not a number') from None
    for name in ('b', 'alpha', 'D0', 'R_min'):
        if not 0 < values[name] < math.inf:
            raise InputError(
                f'bond-valence parameters: {name} of the pair {pair} is {values[name]:g}, but must be positive; rows '
                'with such numbers are placeholders and must be left out'
            )
    row = MorseRow(**values)
    if abs(row.alpha * row.b - 1) > _CONSISTENCY:
        raise InputError(f'bond-valence parameters: alpha of the pair {pair} is not the inverse of b')
    missing = [ion.symbol for ion in (row.cation, row.anion) if ion.symbol not in shells.numbers]
    if missing:
        raise InputError(f'bond-valence parameters: the pair {pair} needs the principal quantum number of {missing[0]}')
    depth = shells.depth(row)
    if abs(row.D0 / depth - 1) > _CONSISTENCY:
        raise InputError(
            f'bond-valence parameters: D0 of the pair {pair} is {row.D0:g} eV, but its other numbers give '
            f'{depth:.4g} eV'
        )
    return row


def _derived(entry: Mapping[str, Any], rows: Sequence[MorseRow], shells: _Shells) -> list[MorseRow]:
    """Return rows of an anion that is not tabulated, from those of another one of the same element."""
    anion, like = parse_ion(entry['anion']), parse_ion(entry['like'])
    known = {str(row.cation): row for row in rows if row.anion == like}
    found = []
    for cation in entry['cations']:
        if cation not in known:
            raise InputError(f'bond-valence parameters: {anion} with {cation} needs the row of {like} with {cation}')
        values = {**vars(known[cation]), 'anion': anion, 'derived': f'{cation} with {anion}: {entry["reason"]}'}
        row = MorseRow(**values)
        found.append(MorseRow(**{**values, 'D0': shells.depth(row)}))
    return found


@lru_cache(maxsize=1)
def default_parameters() -> ParameterSet:
    """Return the parameters that come with the package."""
    return read_parameters((resources.files(__package__) / 'parameters.yaml').read_text(encoding='utf-8'))
