"""What a screen lets through: options, stages with the published counts, and the classes of anions."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.oxidation_lists import STATE_LISTS
from aiida_limap.engines.screening.systems import known_symbols, parts_of

__all__ = ['ANION_CLASSES', 'ANION_GROUPS', 'STAGES', 'ScreenOptions', 'Stage', 'anion_class', 'anions_of']

#: Name of a compound by its most electronegative element.
ANION_CLASSES: dict[str, str] = {
    'O': 'oxide',
    'S': 'sulfide',
    'Se': 'selenide',
    'Te': 'telluride',
    'F': 'fluoride',
    'Cl': 'chloride',
    'Br': 'bromide',
    'I': 'iodide',
    'N': 'nitride',
    'P': 'phosphide',
    'As': 'arsenide',
    'Sb': 'antimonide',
    'C': 'carbide',
    'Si': 'silicide',
    'Ge': 'germanide',
    'Sn': 'stannide',
    'B': 'boride',
    'H': 'hydride',
}
#: Names for several classes at once.
ANION_GROUPS: dict[str, tuple[str, ...]] = {
    'halide': ('fluoride', 'chloride', 'bromide', 'iodide'),
    'chalcogenide': ('oxide', 'sulfide', 'selenide', 'telluride'),
    'pnictide': ('nitride', 'phosphide', 'arsenide', 'antimonide'),
}
#: Greatest index that a formula may have: all formulas of one system are in memory at once.
MOST_INDEX = 24
#: Fields that change neither counts nor hits.
_UNSEEN = ('device', 'threads', 'block_systems')


@dataclass(frozen=True)
class Stage:
    """One step of the funnel.

    :param name: key of the count.
    :param label: what is counted, in words.
    :param published: count of Cubuk, Sendek and Reed, J. Chem. Phys. 150, 214701 (2019), to the digits that they give;
        None where they give none.
    """

    name: str
    label: str
    published: float | None


STAGES: tuple[Stage, ...] = (
    Stage('all', 'compositions', 2.0e10),
    Stage('fast', 'predicted fast, neutral or not', 1.2e10),
    Stage('neutral', 'charge neutral', 2.0e9),
    Stage('neutral_fast', 'neutral and predicted fast', 1.4e8),
    Stage('light', 'and not too heavy', None),
    Stage('affordable', 'and not too dear', None),
    Stage('first_rows', 'and of the first rows of the periodic table', None),
    Stage('anions', 'and of the wanted class of anions', None),
    Stage('stable', 'and with a stability hint', None),
    Stage('inside', 'and within the range of the model', None),
    Stage('confirmed', 'and fast for the second model', None),
)


@dataclass(frozen=True)
class ScreenOptions:
    """What a screen enumerates, and what it lets through. Limits may be None: then nothing is left out by them.

    The limits on mass and cost of the published screen are not known; these are ours.

    :param elements: chemical symbols; None for all with the properties that the model reads.
    :param base: the element in every composition; None for none.
    :param sizes: numbers of elements, of 3 and 4.
    :param step_percent: step of the grid; every element takes at least one.
    :param largest_index: formulas of whole numbers up to it are screened too, where the grid does not hold them; 0 for
        none.
    :param largest_sum: greatest sum of the indices of such a formula.
    :param oxidation_states: ``common``, ``icsd`` or ``all``: lists of pymatgen.
    :param own_states: oxidation states by symbol, in the place of those of the list.
    :param mixed_valence: the mean state of an element is any number between its least and greatest one; else all atoms
        of an element have one state.
    :param electronegativity_order: every cation must be less electronegative than every anion.
    :param max_mean_mass_g_per_mol: greatest molar mass of a mole of atoms.
    :param max_cost_usd_per_kg: greatest cost of the elements; an element without a price fails.
    :param max_period: last row of the periodic table.
    :param anion_classes: names of :data:`ANION_CLASSES` or :data:`ANION_GROUPS`; empty for all.
    :param stability_gap: stability hint: the least difference of electronegativity (Pauling) between the least
        electronegative anion and the most electronegative cation of some neutral choice of states.
    :param applicability: leave out compositions that are farther from what the model learnt from than its training rows
        are from each other; a model that does not know its training rows leaves out none.
    :param count_all: count the fast compositions among all of the grid, neutral or not.
    :param best_per_system: length of the list of best compositions of each chemical system.
    :param best_total: length of the list of all systems together.
    :param device: where compositions that need not be neutral are counted: ``cpu`` for the compiled kernels, else a
        name of torch such as ``cuda``; the counts are the same.
    :param threads: number of threads; None for all processors of the process.
    :param block_systems: number of systems after which results are kept in the folder of a screen.
    :raises InputError: if a value is of the wrong kind, unknown, or out of range.
    """

    elements: tuple[str, ...] | None = None
    base: str | None = 'Li'
    sizes: tuple[int, ...] = (3, 4)
    step_percent: int = 1
    largest_index: int = 12
    largest_sum: int | None = None
    oxidation_states: str = 'common'
    own_states: Mapping[str, Sequence[int]] | None = None
    mixed_valence: bool = False
    electronegativity_order: bool = False
    max_mean_mass_g_per_mol: float | None = 30.0
    max_cost_usd_per_kg: float | None = 100.0
    max_period: int | None = 4
    anion_classes: tuple[str, ...] = ('oxide',)
    stability_gap: float | None = None
    applicability: bool = True
    count_all: bool = False
    best_per_system: int = 5
    best_total: int = 1000
    device: str = 'cpu'
    threads: int | None = None
    block_systems: int = 4096

    def __post_init__(self) -> None:
        for name in ('elements', 'sizes', 'anion_classes'):
            value = getattr(self, name)
            if isinstance(value, str) or (value is not None and not isinstance(value, Sequence)):
                raise InputError(f'{name} must be a list, not {value!r}')
            object.__setattr__(self, name, None if value is None else tuple(value))
        if self.elements is not None:
            object.__setattr__(self, 'elements', known_symbols(self.elements))
        if not self.sizes or any(size not in (3, 4) for size in self.sizes):
            raise InputError(f'sizes are numbers of elements, 3 or 4 or both, not {list(self.sizes)}')
        parts_of(self.step_percent)
        if self.oxidation_states not in STATE_LISTS:
            raise InputError(f'oxidation_states is one of {", ".join(STATE_LISTS)}, not {self.oxidation_states!r}')
        if self.own_states is not None and not isinstance(self.own_states, Mapping):
            raise InputError(f'own_states must be lists of oxidation states by symbol, not {self.own_states!r}')
        anions_of(self.anion_classes)
        if not isinstance(self.device, str) or not self.device:
            raise InputError(f'device is cpu or a name of torch such as cuda, not {self.device!r}')
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name in ('mixed_valence', 'electronegativity_order', 'applicability', 'count_all'):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f'{name} must be true or false, not {getattr(self, name)!r}')
        limits = {'max_mean_mass_g_per_mol': True, 'max_cost_usd_per_kg': True, 'stability_gap': False}
        for name, positive in limits.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if value is not None and not (number and (value > 0 or not positive)):
                raise InputError(
                    f'{name} must be a number{" above zero" if positive else ""} or left out, not {value!r}'
                )
        ranges = {
            'largest_index': (0, MOST_INDEX),
            'largest_sum': (3, 4 * MOST_INDEX),
            'max_period': (1, 7),
            'best_per_system': (1, 1000),
            'best_total': (1, 1_000_000),
            'threads': (1, 1024),
            'block_systems': (1, 10_000_000),
        }
        may_be_absent = ('largest_sum', 'max_period', 'threads')
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is None and name in may_be_absent:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise InputError(f'{name} must be a whole number from {low} to {high}, not {value!r}')

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ScreenOptions:
        """Build from plain values, such as those of a job file.

        :param values: any of the fields.
        :raises InputError: if a key is unknown, or as the constructor.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InputError(f'a screen has no option {", ".join(unknown)}; known are {", ".join(known)}')
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if self.own_states is not None:
            values['own_states'] = {symbol: [int(s) for s in states] for symbol, states in self.own_states.items()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def checksum(self, model: Mapping[str, Any], tables: Sequence[Any]) -> str:
        """Return a checksum of all that counts and hits depend on.

        :param model: plain values of the model.
        :param tables: further plain values: elements, their properties, prices and states.
        """
        seen = {name: value for name, value in self.as_dict().items() if name not in _UNSEEN}
        text = json.dumps([seen, dict(model), list(tables)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def anions_of(classes: Sequence[str]) -> frozenset[str]:
    """Return the elements of classes of anions.

    :param classes: names of :data:`ANION_CLASSES` or :data:`ANION_GROUPS`.
    :raises InputError: if one is unknown.
    """
    symbols = {name: symbol for symbol, name in ANION_CLASSES.items()}
    found: set[str] = set()
    for name in classes:
        members = ANION_GROUPS.get(name, (name,))
        if any(member not in symbols for member in members):
            known = ', '.join([*ANION_CLASSES.values(), *ANION_GROUPS])
            raise InputError(f'anion_classes holds {name!r}; known are {known}')
        found.update(symbols[member] for member in members)
    return frozenset(found)


def anion_class(electronegativities: Mapping[str, float]) -> str:
    """Return the class of a compound: that of its most electronegative element.

    :param electronegativities: electronegativity by symbol of its elements.
    :returns: a name of :data:`ANION_CLASSES`, or ``other``.
    """
    known = {symbol: value for symbol, value in electronegativities.items() if math.isfinite(value)}
    return ANION_CLASSES.get(max(known, key=lambda symbol: known[symbol]), 'other') if known else 'other'
