"""Ranges of systems, and sums over blocks of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_limap.formats.screen_job import merged_ranges, part_of, remaining_ranges, sum_counts, sum_tallies


@given(n_systems=st.integers(0, 10_000), parts=st.integers(1, 50))
def test_parts_are_the_whole_and_do_not_overlap(n_systems, parts):
    ranges = [part_of(n_systems, (number, parts)) for number in range(parts)]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == n_systems
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ranges))
    sizes = [last - first for first, last in ranges]
    assert max(sizes) - min(sizes) <= 1


@given(edges=st.lists(st.integers(0, 100), min_size=2, max_size=12, unique=True), chosen=st.data())
def test_what_is_done_and_what_remains_is_the_whole(edges, chosen):
    edges.sort()
    pieces = list(itertools.pairwise(edges))
    done = chosen.draw(st.lists(st.sampled_from(pieces), unique=True))
    left = remaining_ranges((edges[0], edges[-1]), done)
    covered = sorted(number for first, last in [*done, *left] for number in range(first, last))
    assert covered == list(range(edges[0], edges[-1]))
    assert merged_ranges([*done, *left]) == [(edges[0], edges[-1])]


def test_systems_that_are_counted_twice_are_refused():
    with pytest.raises(ValueError, match='systems 3 to 5 are counted twice'):
        merged_ranges([(0, 5), (3, 8)])
    with pytest.raises(ValueError, match='no part 2 of 2'):
        part_of(10, (2, 2))


def test_counts_and_tallies_are_added_up():
    assert sum_counts([[['all', 3], ['fast', 1]], [['all', 4], ['fast', 0]]]) == [['all', 7], ['fast', 1]]
    assert sum_counts([]) == []
    one = {'score': {'edges': [0, 1, 2], 'neutral': [1, 2]}, 'elements': {'symbols': ['Li', 'O'], 'left': [1, 0]}}
    total = sum_tallies([one, one, {}])
    assert total == {
        'score': {'edges': [0, 1, 2], 'neutral': [2, 4]},
        'elements': {'symbols': ['Li', 'O'], 'left': [2, 0]},
    }
    assert one['score']['neutral'] == [1, 2]
    with pytest.raises(ValueError, match="the tally 'score' is counted by other edges"):
        sum_tallies([one, {'score': {'edges': [0, 1, 3], 'neutral': [1, 2]}}])
