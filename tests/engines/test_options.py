"""What is wrong with an option is said in one way, whichever stage it belongs to."""

from __future__ import annotations

import math

import pytest

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.options import check_between, check_switch, check_whole, given_options


def test_options_that_are_not_given_keep_their_defaults():
    assert given_options({'a': 0, 'b': None, 'c': False}, ['a', 'b', 'c', 'd']) == {'a': 0, 'c': False}


def test_an_unknown_option_is_named_with_the_known_ones():
    with pytest.raises(InputError, match=r"there is no option 'mash'; known are mesh, nac$"):
        given_options({'mesh': 1, 'nac': None, 'mash': None}, (name for name in ('mesh', 'nac')))


@pytest.mark.parametrize('value', [0, 1, 'yes', None])
def test_a_switch_is_true_or_false(value):
    check_switch('nac', True)
    with pytest.raises(InputError, match='option nac must be true or false, not'):
        check_switch('nac', value)


@pytest.mark.parametrize('value', [True, '1', None, 0.99, 5.01, math.nan])
def test_numbers_lie_in_their_range(value):
    for inside in (1, 1.0, 5):
        check_between('mesh', inside, 1.0, 5.0)
    with pytest.raises(InputError, match='option mesh must be between 1 and 5, not'):
        check_between('mesh', value, 1.0, 5.0)


def test_a_range_that_begins_with_a_whole_number_holds_whole_numbers():
    check_between('steps', 2, 1, 5)
    with pytest.raises(InputError, match=r'option steps must be between 1 and 5, not 2\.5'):
        check_between('steps', 2.5, 1, 5)


@pytest.mark.parametrize('value', [True, '3', None, 2.5, 1, 6])
def test_whole_numbers_lie_in_their_range(value):
    check_whole('clusters', 2, 2, 5)
    with pytest.raises(InputError, match="option clusters must be a whole number from 2 to 5 or 'auto', not"):
        check_whole('clusters', value, 2, 5, " or 'auto'")
