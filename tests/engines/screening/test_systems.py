from __future__ import annotations

from itertools import combinations, pairwise
from math import comb

import pytest

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.element_properties import complete_elements
from aiida_limap.engines.screening.systems import ChemicalSystems, percent_compositions

SYMBOLS = ('O', 'Li', 'P', 'S', 'Cl', 'Na')


def test_systems_are_all_and_none_comes_twice():
    systems = ChemicalSystems(SYMBOLS)
    expected = {
        frozenset(('Li', *others)) for size in (2, 3) for others in combinations(('O', 'P', 'S', 'Cl', 'Na'), size)
    }
    assert len(systems) == len(expected) == comb(5, 2) + comb(5, 3)
    assert {frozenset(system) for system in systems} == expected
    assert all(system[0] == 'Li' for system in systems)
    assert [systems.index(system) for system in systems] == list(range(len(systems)))


def test_systems_without_a_base():
    systems = ChemicalSystems(SYMBOLS, sizes=(4,), base=None)
    assert {frozenset(system) for system in systems} == {frozenset(found) for found in combinations(SYMBOLS, 4)}
    assert [systems.index(system) for system in systems] == list(range(comb(6, 4)))


def test_a_range_is_listed_as_it_is_among_all():
    systems = ChemicalSystems(complete_elements())
    whole = systems.table(0, 5000)
    assert (systems.table(4100, 4300) == whole[4100:4300]).all()
    assert (whole[:4186, 0] == -1).all()
    assert (whole[4186:, 0] == 0).all()
    last = len(systems) - 1
    assert systems.index(systems[last]) == last


def test_the_published_number_of_compositions():
    systems = ChemicalSystems(complete_elements())
    assert len(systems.elements) == 93
    assert len(systems) == comb(92, 3) + comb(92, 2) == 129_766
    assert (percent_compositions(3), percent_compositions(4)) == (4851, 156_849)
    assert systems.n_compositions() == comb(92, 3) * 156_849 + comb(92, 2) * 4851 == 19_717_403_706


@pytest.mark.parametrize('step', [1, 5, 20])
def test_parts_of_the_numbers_add_up(step):
    systems = ChemicalSystems(SYMBOLS)
    cuts = [0, 3, 11, 12, len(systems)]
    parts = [systems.compositions_of(first, last, step) for first, last in pairwise(cuts)]
    assert sum(parts) == systems.n_compositions(step)


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        ({'elements': ('Li', 'Xx', 'O')}, 'hold Xx, which no chemical element is called'),
        ({'elements': ()}, 'elements are empty'),
        ({'elements': ('Li', 'O')}, 'too few'),
        ({'elements': SYMBOLS, 'sizes': (2,)}, '3 or 4 or both'),
        ({'elements': SYMBOLS, 'base': 'Lithium'}, 'the base element hold Lithium'),
    ],
)
def test_wrong_input_is_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        ChemicalSystems(**arguments)


def test_wrong_numbers_are_sentences():
    systems = ChemicalSystems(SYMBOLS)
    with pytest.raises(IndexError, match='numbers go from 0 to 19'):
        systems[20]
    with pytest.raises(InputError, match='none of the 20 chemical systems'):
        systems.index(('Na', 'O', 'P'))
    with pytest.raises(InputError, match='there are 20, numbered from 0'):
        systems.table(0, 21)
    with pytest.raises(InputError, match='must divide 100'):
        systems.n_compositions(3)
