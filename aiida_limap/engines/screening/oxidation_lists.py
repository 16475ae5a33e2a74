"""Which oxidation states elements may have in a screen: lists of pymatgen, or one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._neutral_kernels import Charges

__all__ = ['GREATEST_CHARGE', 'NOBLE_GASES', 'STATE_LISTS', 'allowed_states', 'neutral_states', 'states_for_kernels']

#: Lists of pymatgen by name: those that are usual, those that the ICSD holds often, and all that are known.
STATE_LISTS: dict[str, str] = {
    'common': 'common_oxidation_states',
    'icsd': 'icsd_oxidation_states',
    'all': 'oxidation_states',
}
#: They have no oxidation states unless one's own list gives some: pymatgen lists +2 of krypton as usual,
#: but the few fluorides that exist make no oxide with krypton neutral.
NOBLE_GASES = frozenset(('He', 'Ne', 'Ar', 'Kr', 'Xe', 'Rn'))
#: Oxidation states beyond it are refused: no element has them.
GREATEST_CHARGE = 9


def allowed_states(
    symbols: Sequence[str], which: str = 'common', own: Mapping[str, Sequence[int]] | None = None
) -> dict[str, tuple[int, ...]]:
    """Return the oxidation states of elements, ascending.

    Lithium has +1 alone and noble gases have none, unless one's own list says otherwise.

    :param symbols: element symbols.
    :param which: name of a list of :data:`STATE_LISTS`.
    :param own: states by symbol, in the place of those of the list.
    :returns: states by symbol; none for noble gases.
    :raises InputError: if a name is unknown or a state is no whole number.
    """
    from pymatgen.core import Element

    if which not in STATE_LISTS:
        raise InputError(f'oxidation_states is one of {", ".join(STATE_LISTS)}, not {which!r}')
    states = {symbol: tuple(sorted(set(getattr(Element(symbol), STATE_LISTS[which])))) for symbol in symbols}
    states |= {symbol: () for symbol in states if symbol in NOBLE_GASES}
    if 'Li' in states:
        states['Li'] = (1,)
    for symbol, values in (own or {}).items():
        if symbol not in states:
            raise InputError(f'own oxidation states are given for {symbol}, which is not among the elements')
        if any(not isinstance(value, int | np.integer) or abs(value) > GREATEST_CHARGE for value in values):
            raise InputError(
                f'oxidation states are whole numbers from -{GREATEST_CHARGE} to {GREATEST_CHARGE}, '
                f'but {symbol} was given {list(values)}'
            )
        states[symbol] = tuple(sorted({int(value) for value in values}))
    return states


def states_for_kernels(
    states: Mapping[str, Sequence[int]],
    electronegativities: ArrayLike,
    *,
    mixed_valence: bool = False,
    electronegativity_order: bool = False,
) -> Charges:
    """Return oxidation states as the compiled kernels read them.

    :param states: states by symbol.
    :param electronegativities: Pauling's, in the order of the symbols; NaN where unknown.
    :param mixed_valence: whether atoms of one element may differ, so that its mean is any number between its least and
        its greatest state; else all of them have the same state.
    :param electronegativity_order: leave out choices in which a cation is not less electronegative than every anion
        (the test of SMACT, D. W. Davies et al., J. Open Source Softw. 4, 1361 (2019), doi:10.21105/joss.01361); an
        element of mixed valence is then either a cation or an anion.
    """
    spans = [_spans(values, mixed_valence, electronegativity_order) for values in states.values()]
    width = max(1, *(len(found) for found in spans))
    low = np.zeros((len(spans), width), dtype=np.int64)
    high = np.zeros((len(spans), width), dtype=np.int64)
    for row, found in enumerate(spans):
        for column, (least, greatest) in enumerate(found):
            low[row, column], high[row, column] = least, greatest
    n_states = np.array([len(found) for found in spans], dtype=np.int64)
    least_gap = float(np.nextafter(0.0, 1.0)) if electronegativity_order else -np.inf
    return Charges(low, high, n_states, np.asarray(electronegativities, dtype=np.float64), least_gap)


def _spans(states: Sequence[int], mixed: bool, signed: bool) -> list[tuple[int, int]]:
    if not mixed:
        return [(state, state) for state in states]
    sides = [[s for s in states if s < 0], [s for s in states if s >= 0]] if signed else [list(states)]
    return [(min(side), max(side)) for side in sides if side]


def neutral_states(amounts: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[float] | None:
    """Return oxidation states between limits that add up to zero, as low as possible from the last element on.

    :param amounts: number of atoms of each element.
    :param spans: least and greatest state of each element.
    :returns: mean states, or None where the limits do not allow a neutral sum.
    """
    missing = -sum(amount * low for amount, (low, _) in zip(amounts, spans, strict=True))
    found = [float(low) for low, _ in spans]
    if missing < 0:
        return None
    for place, (amount, (low, high)) in enumerate(zip(amounts, spans, strict=True)):
        added = min(missing, amount * (high - low))
        found[place] += added / amount
        missing -= added
    return found if missing == 0 else None
