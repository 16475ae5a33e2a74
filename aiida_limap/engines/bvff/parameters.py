"""Parameters of the bond-valence force field as data with their source: Morse rows, radii and presets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from aiida_limap.engines.chemistry.elements import Ion, covalent_radius, parse_ion
from aiida_limap.engines.chemistry.oxidation import MEAN_TOLERANCE
from aiida_limap.engines.errors import InputError, ParametersMissingError
from aiida_limap.formats._files import FormatError
from aiida_limap.formats._parameter_rows import PairRow, morse_depth_eV
from aiida_limap.formats.parameters import (
    ParameterDocument,
    embedded_parameters,
    parse_parameters,
    read_parameters_file,
)

__all__ = [
    'RADII',
    'MorseRow',
    'ParameterSet',
    'Preset',
    'default_parameters',
    'load_parameters',
    'morse_depth',
    'read_parameters',
]

#: Sets of radii: covalent ones by element (Cordero et al. 2008), or those of softBV by ion.
RADII = ('cordero', 'softbv')
#: Messages list at most so many ions.
_MAX_LISTED = 12


class MorseRow(PairRow[Ion]):
    """Parameters of a cation with an anion, both of which are ions here and not text."""


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
    :param checksum: SHA-256 of the file, as ``sha256sum`` prints it; recorded with every result.
    :param radii: softBV radii by ion, Å.
    :param name: short name of the set.
    :param version: version of the set, or None.
    """

    rows: tuple[MorseRow, ...]
    presets: Mapping[str, Preset]
    citation: str
    checksum: str
    radii: Mapping[Ion, float] = field(default_factory=dict)
    name: str = ''
    version: str | None = None

    @cached_property
    def _by_elements(self) -> dict[tuple[str, str], list[MorseRow]]:
        found: dict[tuple[str, str], list[MorseRow]] = {}
        for row in self.rows:
            found.setdefault((row.cation.symbol, row.anion.symbol), []).append(row)
        return found

    def facts(self) -> dict[str, str]:
        """Return name, citation and checksum, as they stand in results."""
        name = self.name if self.version is None else f'{self.name} {self.version}'
        return {
            'parameters_name': name,
            'parameters_citation': self.citation,
            'parameters_checksum': self.checksum,
        }

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

    The formula is that of :func:`~aiida_limap.formats._parameter_rows.morse_depth_eV`.

    :param row: the row; its ``D0`` is not used.
    :param periods: principal quantum numbers of cation and anion.
    :param transition: whether the cation is of the d or f block (c = 2) or not (c = 1).
    :returns: the depth, eV.
    """
    charges = row.cation.charge, row.anion.charge
    return morse_depth_eV(charges, b=row.b, R_min=row.R_min, periods=periods, transition=transition)


def read_parameters(content: str | bytes, name: str = 'bond-valence parameters') -> ParameterSet:
    """Read the content of a parameter file.

    :param content: its YAML text.
    :param name: what it is called in messages.
    :returns: the parameters.
    :raises InputError: if :func:`~aiida_limap.formats.parameters.parse_parameters` refuses it.
    """
    try:
        return _parameter_set(parse_parameters(content.encode() if isinstance(content, str) else content, name), name)
    except FormatError as error:
        raise InputError(str(error)) from error


def load_parameters(source: str | Path | ParameterSet | None) -> ParameterSet:
    """Return a parameter set, whichever way it is named.

    :param source: a set, the path of a parameter file, or None for the set that comes with the package.
    :returns: the set.
    :raises InputError: if there is no such file, or its content is refused.
    """
    if source is None:
        return default_parameters()
    if isinstance(source, ParameterSet):
        return source
    path = Path(source)
    try:
        return _parameter_set(read_parameters_file(path), path.name)
    except FormatError as error:
        raise InputError(str(error)) from error


def _parameter_set(document: ParameterDocument, name: str) -> ParameterSet:
    return ParameterSet(
        rows=tuple(_row(row) for row in document.rows),
        presets={word: Preset(name=word, **entry) for word, entry in document.presets.items()},
        citation=document.citation,
        checksum=document.checksum,
        radii={parse_ion(ion): radius for ion, radius in document.radii.items()},
        name=document.name or name,
        version=document.version,
    )


def _row(row: PairRow[str]) -> MorseRow:
    return MorseRow(**{**vars(row), 'cation': parse_ion(row.cation), 'anion': parse_ion(row.anion)})


@lru_cache(maxsize=1)
def default_parameters() -> ParameterSet:
    """Return the parameters that come with the package; nobody changes them."""
    return read_parameters(embedded_parameters())
