"""Rows of a labelled set: a composition, its conductivity, who measured it, and the crystal if there is one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

__all__ = [
    'COLUMNS',
    'FAST_S_PER_CM',
    'KINDS',
    'MATCHES',
    'ROOM_TEMPERATURE_K',
    'LabelledRow',
    'LabelledSet',
    'LeftOut',
    'composition_key',
    'label_of',
    'parse_composition',
]

#: A conductor is called fast from this conductivity at room temperature (A. D. Sendek et al., Energy Environ. Sci. 10,
#: 306 (2017); E. D. Cubuk, A. D. Sendek, E. J. Reed, J. Chem. Phys. 150, 214701 (2019)).
FAST_S_PER_CM = 1e-4
#: What "room temperature" stands for where a source says no more.
ROOM_TEMPERATURE_K = 298.15
KINDS = ('measured', 'molecular dynamics')
#: How a conductivity came to its structure.
MATCHES = (
    'cif of the publisher',
    'file named in the table',
    'formula, structure type and space group',
    'formula and structure type',
    'formula and space group',
    'formula',
    'none',
)
#: Columns of a labelled set beside its structures: unit and description by name.
COLUMNS: dict[str, tuple[str, str]] = {
    'formula': ('', 'reduced formula'),
    'composition': ('', 'composition as the source writes it'),
    'conductivity_S_per_cm': ('S/cm', 'ionic conductivity; an upper bound where the column bound says so'),
    'bound': ('', '"<" where the conductivity is an upper bound, empty where it was measured'),
    'temperature_K': ('K', 'temperature of the measurement'),
    'label': ('', f'1 for fast conductors (at least {FAST_S_PER_CM:g} S/cm at room temperature), 0 for others'),
    'kind': ('', 'measured, or molecular dynamics'),
    'space_group': ('', 'number of the space group that the source gives; none where it gives none'),
    'citation': ('', 'DOI of the measurement, or another citation; several are divided by semicolons'),
    'collection': ('', 'collection from which the row was read'),
    'match': ('', 'how the conductivity was matched to the structure'),
    'match_note': ('', 'what to know about that match'),
    'note': ('', 'what to know about the row, such as the measurements that were merged into it'),
}
_DIGITS = 3
#: Fractions of amounts are cleared up to this denominator, so that Li0.5La0.5TiO3 reads LiLaTi2O6.
_MAX_DENOMINATOR = 4


@dataclass(frozen=True)
class LabelledRow:
    """One compound with its conductivity.

    :param id: word that is unique in the set.
    :param composition: the composition as the source writes it.
    :param label: 1 for a fast conductor, 0 for another.
    :param conductivity_S_per_cm: conductivity in S/cm; NaN where only the label is known.
    :param bound: ``<`` where the conductivity is an upper bound.
    :param temperature_K: temperature of the measurement in K.
    :param kind: one of :data:`KINDS`.
    :param space_group: number of the space group that the source gives, or None.
    :param citation: DOI of the measurement.
    :param collection: collection from which the row was read.
    :param structure: the crystal, or None.
    :param match: one of :data:`MATCHES`.
    :param match_note: what to know about the match.
    :param note: what to know about the row.
    :raises InputError: if the composition cannot be read, or a word or number is not allowed.
    """

    id: str
    composition: str
    label: int
    conductivity_S_per_cm: float = math.nan  # noqa: N815
    bound: str = ''
    temperature_K: float = ROOM_TEMPERATURE_K  # noqa: N815
    kind: str = 'measured'
    space_group: int | None = None
    citation: str = ''
    collection: str = ''
    structure: Structure | None = field(default=None, repr=False, compare=False)
    match: str = 'none'
    match_note: str = ''
    note: str = ''
    formula: str = field(default='', init=False)

    def __post_init__(self) -> None:
        if self.label not in {0, 1}:
            raise InputError(f'Row {self.id}: the label must be 0 or 1, not {self.label!r}.')
        if self.kind not in KINDS:
            raise InputError(f'Row {self.id}: the kind must be {" or ".join(KINDS)}, not {self.kind!r}.')
        if self.match not in MATCHES:
            raise InputError(f'Row {self.id}: {self.match!r} is no way of matching; known are {", ".join(MATCHES)}.')
        if (self.structure is None) != (self.match == 'none'):
            raise InputError(f'Row {self.id}: a match must be told where there is a structure, and only there.')
        if not math.isnan(self.conductivity_S_per_cm) and not 0 < self.conductivity_S_per_cm < math.inf:
            raise InputError(
                f'Row {self.id}: a conductivity of {self.conductivity_S_per_cm:g} S/cm is impossible; give a positive '
                'number.'
            )
        try:
            composition = parse_composition(self.composition)
        except InputError as error:
            raise InputError(f'Row {self.id}: {error}') from error
        object.__setattr__(self, 'formula', _reduced_formula(composition))

    @property
    def pymatgen_composition(self) -> Composition:
        """The composition as pymatgen reads it."""
        return parse_composition(self.composition)


@dataclass(frozen=True)
class LeftOut:
    """A row of a file that did not come into the set: its identifier and the reason, one sentence."""

    id: str
    reason: str


@dataclass(frozen=True)
class LabelledSet(Sequence[LabelledRow]):
    """Compounds with conductivities, each with its citation; a sequence of :class:`LabelledRow`.

    :param rows: the rows; their ids are unique.
    :param left_out: rows of the source that could not be taken, with reasons.
    :param name: what the set is called.
    :param citations: what to cite for the collection as a whole.
    :raises InputError: if two rows have one id.
    """

    rows: tuple[LabelledRow, ...]
    left_out: tuple[LeftOut, ...] = ()
    name: str = ''
    citations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        repeated = [name for name, count in Counter(row.id for row in self.rows).items() if count > 1]
        if repeated:
            raise InputError(f'The id {repeated[0]!r} stands in two rows of a labelled set; ids must be unique.')

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LabelledRow]:
        return iter(self.rows)

    @overload
    def __getitem__(self, index: int) -> LabelledRow: ...

    @overload
    def __getitem__(self, index: slice) -> LabelledSet: ...

    def __getitem__(self, index: int | slice) -> LabelledRow | LabelledSet:
        if isinstance(index, slice):
            return replace(self, rows=self.rows[index])
        return self.rows[index]

    @property
    def ids(self) -> list[str]:
        """Identifier of each row."""
        return [row.id for row in self.rows]

    @property
    def formulas(self) -> list[str]:
        """Reduced formula of each row."""
        return [row.formula for row in self.rows]

    @property
    def compositions(self) -> list[Composition]:
        """Composition of each row, as pymatgen reads it."""
        return [row.pymatgen_composition for row in self.rows]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) labels: 1 for fast conductors, 0 for others."""
        return np.array([row.label for row in self.rows], dtype=np.int64)

    @property
    def conductivities(self) -> NDArray[np.float64]:
        """(n,) conductivities in S/cm; NaN where only the label is known."""
        return np.array([row.conductivity_S_per_cm for row in self.rows], dtype=np.float64)

    @property
    def structures(self) -> list[Structure | None]:
        """Structure of each row, or None."""
        return [row.structure for row in self.rows]

    @property
    def n_fast(self) -> int:
        """Number of fast conductors."""
        return int(self.labels.sum())

    def column(self, name: str) -> list[Any]:
        """Return one of :data:`COLUMNS`, one value per row.

        :param name: name of the column.
        :raises InputError: if there is no such column.
        """
        if name not in COLUMNS:
            raise InputError(f'A labelled set has no column {name!r}; it has {", ".join(COLUMNS)}.')
        return [getattr(row, name) for row in self.rows]

    def filtered(self, keep: Callable[[LabelledRow], bool]) -> LabelledSet:
        """Return the set of those rows for which a function is true.

        :param keep: function of a row.
        """
        return replace(self, rows=tuple(row for row in self.rows if keep(row)))

    def with_structures(self, ordered: bool = False) -> LabelledSet:
        """Return the rows that have a structure.

        :param ordered: whether to leave out disordered structures too.
        """
        return self.filtered(lambda row: row.structure is not None and (not ordered or bool(row.structure.is_ordered)))

    def summary(self) -> str:
        """Return one sentence with the counts."""
        matches = Counter(row.match for row in self.rows)
        told = ', '.join(f'{count} by {name}' for name, count in matches.items() if name != 'none')
        return (
            f'{len(self)} compounds, {self.n_fast} fast and {len(self) - self.n_fast} slow; '
            f'{len(self) - matches["none"]} with a structure{f" ({told})" if told else ""}; '
            f'{len(self.left_out)} rows left out'
        )


def parse_composition(text: str) -> Composition:
    """Return the composition that a formula means, with what collections write around it.

    Quotes, blanks and square brackets are understood, e.g. ``"(Li2O)50 (Al2O3)2 (P2O5)48"``.

    :param text: formula, e.g. ``Li1.3Al0.3Ti1.7(PO4)3``.
    :raises InputError: if it is no formula, or holds no lithium.
    """
    from pymatgen.core import Composition, DummySpecies

    plain = ''.join(str(text).split()).strip('"\'').replace('[', '(').replace(']', ')')
    try:
        composition = Composition(plain)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f'{text!r} is no chemical formula ({_first_line(error)}).') from error
    if not composition or any(isinstance(element, DummySpecies) for element in composition):
        raise InputError(f'{text!r} is no chemical formula of known elements.')
    if 'Li' not in {element.symbol for element in composition}:
        raise InputError(f'{text!r} holds no lithium.')
    return composition


def _reduced_formula(composition: Composition) -> str:
    """Return the reduced formula, with whole numbers where small multiples of the amounts are whole."""
    from pymatgen.core import Composition

    formula, _factor = composition.get_integer_formula_and_factor(max_denominator=_MAX_DENOMINATOR)
    whole = Composition(formula)
    return (
        whole.reduced_formula if composition_key(whole) == composition_key(composition) else composition.reduced_formula
    )


def composition_key(composition: Composition) -> tuple[tuple[str, float], ...]:
    """Return what equal compositions have in common: each element with its share of the atoms, to three digits."""
    amounts = composition.element_composition.fractional_composition.get_el_amt_dict()
    return tuple(sorted((symbol, round(share, _DIGITS)) for symbol, share in amounts.items()))


def label_of(conductivity_S_per_cm: float, bound: str = '') -> int:
    """Return 1 for a fast conductor, 0 for another.

    :param conductivity_S_per_cm: conductivity at room temperature, S/cm.
    :param bound: ``<`` where it is an upper bound.
    :raises InputError: if an upper bound leaves open which of both it is.
    """
    if bound == '<':
        if conductivity_S_per_cm > FAST_S_PER_CM:
            raise InputError(
                f'an upper bound of {conductivity_S_per_cm:g} S/cm does not tell whether the conductor is fast.'
            )
        return 0
    return int(conductivity_S_per_cm >= FAST_S_PER_CM)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().strip('\'"')
    return text.splitlines()[0] if text else type(error).__name__
