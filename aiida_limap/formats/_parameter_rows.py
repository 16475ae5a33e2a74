"""The rows of a file of bond-valence parameters, and the relations that their numbers must obey."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from aiida_limap.formats._files import FormatError, check_keys

__all__ = ['PairRow', 'Shells', 'derived_rows', 'morse_depth_eV', 'pair_rows', 'parse_ion_text']

#: e^2 / (4 pi epsilon_0) in eV Å as the published depths were computed with.
_COULOMB_OF_TABLE = 14.4
#: Largest relative difference of a tabulated depth and of alpha b from what the other numbers of the row give.
_CONSISTENCY = 1e-3
_ION = re.compile(r'([A-Z][a-z]?)([1-9]\d*)?([+-])')
_SYMBOLS = (
    'H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb '
    'Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au '
    'Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr'
)
_ELEMENTS = frozenset(_SYMBOLS.split())
#: How an ion is given: as text in a file, as an object in the force field.
SomeIon = TypeVar('SomeIon')


@dataclass(frozen=True)
class PairRow(Generic[SomeIon]):
    """Parameters of a cation with an anion; in a file, ions are text as in ``Mg2+``.

    :param cation: the cation.
    :param anion: the anion.
    :param R0: bond-valence parameter, Å: the bond valence is exp((R0 - R) / b).
    :param b: softness of the bond, Å.
    :param alpha: inverse of ``b``, 1/Å.
    :param D0: depth of the Morse curve, eV.
    :param R_min: distance of its minimum, Å.
    :param preferred_coordination: coordination number of the cation to which ``R_min`` refers.
    :param derived: why and from what the row was derived, or None for a published one.
    :param place: where the row stands in the file, the beginning of a message.
    """

    cation: SomeIon
    anion: SomeIon
    R0: float
    b: float
    alpha: float
    D0: float
    R_min: float
    preferred_coordination: float
    derived: str | None = None
    place: str = field(default='', compare=False)


@dataclass(frozen=True)
class Shells:
    """Principal quantum numbers by element symbol, and the elements of the d and f block."""

    numbers: Mapping[str, int]
    transition: frozenset[str]

    @classmethod
    def from_document(cls, name: str, numbers: Any, transition: Any) -> Shells:
        """Check the shells of a file.

        :param name: what the file is called in messages.
        :param numbers: lists of element symbols by principal quantum number.
        :param transition: list of element symbols.
        :raises FormatError: if an element is unknown, or a number is none.
        """
        key = f'{name}: principal_quantum_numbers'
        if not isinstance(numbers, Mapping):
            raise FormatError(f'{key} must hold lists of elements by number')
        found: dict[str, int] = {}
        for number, symbols in numbers.items():
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 7:
                raise FormatError(f'{key}: {number!r} is no number of a shell from 1 to 7')
            for symbol in _symbols(f'{key}: {number}', symbols):
                if found.setdefault(symbol, number) != number:
                    raise FormatError(f'{key}: {symbol} stands under {found[symbol]} and {number}')
        return cls(found, frozenset(_symbols(f'{name}: d_and_f_block', transition)))

    def depth_eV(self, row: PairRow[str]) -> float:  # noqa: N802
        """Return the depth that follows from the other numbers of a row, eV.

        :param row: the row; its ``D0`` is not used.
        """
        (cation, charge), (anion, other) = (parse_ion_text('', ion) for ion in (row.cation, row.anion))
        return morse_depth_eV(
            (charge, other),
            b=row.b,
            R_min=row.R_min,
            periods=(self.numbers[cation], self.numbers[anion]),
            transition=cation in self.transition,
        )


def morse_depth_eV(  # noqa: N802
    charges: tuple[float, float], *, b: float, R_min: float, periods: tuple[int, int], transition: bool
) -> float:
    """Return the depth of a Morse curve that follows from softness and distance.

    D0 = 14.4 c (c |V_A V_X|)^(1/c) b^2 / (2 R_min sqrt(n_A n_X)): Adams and Rao, Phys. Status Solidi A 208, 1746
    (2011).

    :param charges: formal charges V_A and V_X of cation and anion, in units of e.
    :param b: softness, Å.
    :param R_min: distance of the minimum, Å.
    :param periods: principal quantum numbers n_A and n_X.
    :param transition: whether the cation is of the d or f block (c = 2) or not (c = 1).
    :returns: the depth, eV.
    """
    c = 2 if transition else 1
    size = abs(math.prod(charges))
    return _COULOMB_OF_TABLE * c * (c * size) ** (1 / c) * b**2 / (2 * R_min * math.sqrt(math.prod(periods)))


def parse_ion_text(what: str, text: Any) -> tuple[str, int]:
    """Read an ion such as ``Li+`` or ``Mg2+``.

    :param what: the beginning of a message.
    :param text: the ion.
    :returns: element symbol and charge in units of e.
    :raises FormatError: if it is no ion, or of no known element.
    """
    match = _ION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise FormatError(f'{what}: {text!r} is not an ion; write it as in Li+ or Mg2+')
    if match[1] not in _ELEMENTS:
        raise FormatError(f'{what}: {text!r} is an ion of an unknown element {match[1]!r}')
    charge = int(match[2] or 1)
    return match[1], -charge if match[3] == '-' else charge


def pair_rows(
    name: str, columns: Sequence[str], text: str, shells: Shells, first_line: int | None
) -> list[PairRow[str]]:
    """Read the published rows.

    :param name: what the file is called in messages.
    :param columns: names of the entries of a row.
    :param text: one row per line.
    :param shells: what the depths follow from.
    :param first_line: line of the file in which the text begins; None where that is not known.
    :raises FormatError: as :func:`~aiida_limap.formats.parameters.parse_parameters`.
    """
    rows = []
    for number, line in enumerate(text.splitlines()):
        if line.strip():
            place = f'row {number + 1}: ' if first_line is None else f'line {first_line + number}: '
            rows.append(_row(f'{name}: {place}', columns, line.split(), shells, place))
    if not rows:
        raise FormatError(f'{name}: pairs holds no rows')
    return rows


def _row(prefix: str, columns: Sequence[str], words: Sequence[str], shells: Shells, place: str) -> PairRow[str]:
    pair = ' and '.join(words[:2])
    if len(words) != len(columns):
        raise FormatError(f'{prefix}the row of {pair} has {len(words)} entries, not {len(columns)}')
    entry: dict[str, Any] = dict(zip(columns, words, strict=True))
    pair = f'{entry["cation"]} and {entry["anion"]}'
    for kind, sign in (('cation', 1), ('anion', -1)):
        symbol, charge = parse_ion_text(f'{prefix}{kind}', entry[kind])
        if charge * sign < 0:
            raise FormatError(f'{prefix}{entry[kind]} stands as the {kind}, but has the other sign of charge')
        if symbol not in shells.numbers:
            raise FormatError(f'{prefix}the pair {pair} needs the principal quantum number of {symbol}')
    for column in columns:
        if column not in {'cation', 'anion'}:
            entry[column] = _number(f'{prefix}{column} of the pair {pair}', entry[column])
    for column in ('b', 'alpha', 'D0', 'R_min'):
        if not 0 < entry[column] < math.inf:
            raise FormatError(
                f'{prefix}{column} of the pair {pair} is {entry[column]:g}, but must be positive; rows with such '
                'numbers are placeholders and must be left out'
            )
    for column in ('R0', 'preferred_coordination'):
        if not 0 <= entry[column] < math.inf:
            raise FormatError(f'{prefix}{column} of the pair {pair} is {entry[column]:g}, but must not be negative')
    row = PairRow(**entry, place=place)
    if abs(row.alpha * row.b - 1) > _CONSISTENCY:
        raise FormatError(f'{prefix}alpha of the pair {pair} is not the inverse of b')
    depth = shells.depth_eV(row)
    if abs(row.D0 / depth - 1) > _CONSISTENCY:
        raise FormatError(f'{prefix}D0 of the pair {pair} is {row.D0:g} eV, but its other numbers give {depth:.4g} eV')
    return row


def derived_rows(name: str, entries: Any, rows: Sequence[PairRow[str]], shells: Shells) -> list[PairRow[str]]:
    """Make rows of an anion that is not tabulated from those of another one of the same element.

    :param name: what the file is called in messages.
    :param entries: mappings with ``anion``, ``like``, ``cations`` and ``reason``.
    :param rows: the published rows.
    :param shells: what the depths follow from.
    :raises FormatError: if an entry is incomplete, or names a row that is not there.
    """
    if not isinstance(entries, (list, tuple)):
        raise FormatError(f'{name}: derived must be a list')
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise FormatError(f'{name}: derived: each entry must hold anion, like, cations and reason')
        check_keys(f'{name}: derived', entry, ('anion', 'like', 'cations', 'reason'))
        anion, like = entry['anion'], entry['like']
        symbols = [parse_ion_text(f'{name}: derived', ion)[0] for ion in (anion, like)]
        if symbols[0] != symbols[1]:
            raise FormatError(f'{name}: derived: {anion} cannot be like {like}, which is another element')
        if not isinstance(entry['cations'], list):
            raise FormatError(f'{name}: derived: cations of {anion} must be a list of ions')
        known = {row.cation: row for row in rows if row.anion == like}
        for cation in entry['cations']:
            if cation not in known:
                raise FormatError(f'{name}: derived: {anion} with {cation} needs the row of {like} with {cation}')
            words = f'{cation} with {anion}: {entry["reason"]}'
            row = replace(known[cation], anion=anion, derived=words, place='derived: ')
            found.append(replace(row, D0=shells.depth_eV(row)))
    return found


def _symbols(what: str, symbols: Any) -> list[str]:
    if not isinstance(symbols, list):
        raise FormatError(f'{what} must be a list of elements')
    for symbol in symbols:
        if symbol not in _ELEMENTS:
            # YAML reads some symbols as truth values.
            hint = '; put symbols that YAML takes for truth values into quotes' if isinstance(symbol, bool) else ''
            raise FormatError(f'{what}: unknown element {symbol!r}{hint}')
    return symbols


def _number(what: str, word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise FormatError(f'{what} is {word!r}, not a number') from None
