"""The compiled engine against a plain loop of torch, and against itself."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from reference_training import fit_reference

from aiida_limap.engines.autoencoder import TrainConfig, TrainingData
from aiida_limap.engines.autoencoder.cpu import fit_cpu
from aiida_limap.engines.autoencoder.plan import State
from aiida_limap.engines.autoencoder.preparation import Preparation

SMALL = {'hidden_widths': [33, 17, 9], 'head_widths': [8], 'max_epochs': 4}


@pytest.fixture(scope='module')
def rows():
    """Rows of low rank with some energies missing; widths that are no multiples of anything."""
    rng = np.random.default_rng(0)
    energies = 3 * rng.random(150)
    energies[::7] = np.nan
    return TrainingData(
        [str(i) for i in range(150)],
        rng.random((150, 10)) @ rng.random((10, 41)),
        rng.random((150, 20)) @ rng.random((20, 62)),
        energies,
        [str(i) for i in range(150)],
    )


def program(rows, **options):
    return Preparation(rows).program(TrainConfig.from_parameters({**SMALL, **options}))


def trained(programs, threads=1, watcher=None):
    states = [State.start(one) for one in programs]
    fit_cpu(programs, states, threads=threads, watcher=watcher)
    return states


def assert_same(one, other):
    for name in ('parameters', 'first_moment', 'second_moment', 'best_parameters'):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.history == other.history
    assert (one.best_epoch, one.epoch, one.step, one.ended) == (other.best_epoch, other.epoch, other.step, other.ended)


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'batch_size': 32},
        {'batch_size': 7},
        {'batch_size': 1, 'max_epochs': 1},
        {'batch_size': 50, 'wide_head_widths': [9]},
        {'wide_head_widths': [12, 5], 'weight_decay': 0.01, 'decoupled_decay': True},
        {'input_noise': 0.1, 'basis': 'compact', 'input_whitening': 0.5, 'wide_head_widths': [4], 'wide_weight': 0.3},
        {'hidden_widths': [30], 'me_weight': 0.0, 'weight_decay': 1e-2},
        {'hidden_widths': [5, 4, 3, 2], 'reduction': 'sum_features', 'learning_rate': 1e-4},
        {'head_widths': [3, 2, 1], 'basis': 'compact', 'basis_variance': 0.9},
    ],
    ids=str,
)
def test_it_does_what_torch_does(rows, options):
    one = program(rows, **options)
    state, expected = *trained([one]), State.start(one)
    fit_reference(one, expected)
    for name, losses in expected.history.items():
        np.testing.assert_allclose(state.history[name], losses, rtol=2e-6)
    # Where a gradient is about zero, Adam divides rounding by rounding; a step is the rate at most.
    np.testing.assert_allclose(state.parameters, expected.parameters, atol=2e-3 * one.learning_rate * expected.step)
    assert (state.best_epoch, state.step, state.ended) == (expected.best_epoch, expected.step, expected.ended)


def test_threads_and_neighbours_do_not_matter(rows):
    programs = [
        program(rows, seed=seed, batch_size=size, me_weight=weight)
        for seed, size, weight in ((0, 16, 0.1), (1, 16, 0.1), (0, 8, 1.0), (2, 40, 0.0), (3, 16, 0.1))
    ]
    alone = [trained([one])[0] for one in programs]
    for threads in (1, 2, 4):
        for one, other in zip(alone, trained(programs, threads), strict=True):
            assert_same(one, other)
    assert (alone[0].parameters != alone[1].parameters).any()


def test_it_goes_on_from_a_state(rows):
    one = program(rows, max_epochs=9, input_noise=0.1)
    whole = trained([one])[0]
    part = State.start(one)
    fit_cpu([replace(one, max_epochs=4)], [part])
    part.ended = ''
    fit_cpu([one], [part])
    assert_same(whole, part)
    # One that has ended stays as it is.
    fit_cpu([one], [part])
    assert_same(whole, part)


def test_the_best_epoch_is_kept(rows):
    seen = {}

    def watch(_index, state):
        seen[state.epoch] = state.parameters.copy()

    one = program(rows, max_epochs=200, patience=5, learning_rate=0.02)
    state = trained([one], watcher=watch)[0]
    assert state.ended == 'patience'
    assert state.epoch == state.best_epoch + 5 == len(state.history['train_all'])
    assert state.best_loss == min(state.history['validation_all'])
    np.testing.assert_array_equal(state.best_parameters, seen[state.best_epoch])


@pytest.mark.parametrize('threads', [1, 3])
def test_a_loss_that_is_not_finite_ends_one_model_only(rows, threads):
    programs = [program(rows, seed=seed, learning_rate=rate) for seed, rate in ((0, 1e-3), (1, 1e30), (2, 1e-3))]
    states = trained(programs, threads)
    assert [state.ended for state in states] == ['max_epochs', 'not_finite', 'max_epochs']
    assert_same(states[0], trained(programs[:1])[0])


@pytest.mark.parametrize('threads', [1, 2])
def test_what_a_watcher_raises_stops_all(rows, threads):
    programs = [program(rows, seed=seed, max_epochs=100_000, patience=100_000) for seed in range(4)]
    # Other tests of the process may have left some.
    before = threading.enumerate()

    def watch(_index, state):
        if state.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(programs, threads, watch)
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not [thread for thread in left if 'ThreadPool' in thread.name]


def test_a_watcher_is_called_once_at_a_time(rows):
    busy, calls = threading.Lock(), []

    def watch(index, state):
        assert busy.acquire(blocking=False)
        calls.append((index, state.epoch))
        busy.release()

    trained([program(rows, seed=seed) for seed in range(6)], 3, watch)
    assert sorted(calls) == [(index, epoch) for index in range(6) for epoch in range(1, 5)]


def test_the_random_numbers_of_torch_are_left_alone(rows):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    trained([program(rows)])
    assert torch.equal(torch.rand(2), expected)


def test_moments_do_not_fade_into_numbers_that_are_not_normal(rows):
    """They would slow the processor down a hundred times, for steps of nothing."""
    one = program(rows, me_weight=0.0, weight_decay=0.0)
    state = State.start(one)
    state.first_moment[:] = 1e-37
    state.second_moment[:] = 1e-37
    fit_cpu([one], [state])
    # Nothing is asked of the head, whose weights come last.
    head = sum(layer.size for layer in one.architecture.stacks['head'])
    assert (state.first_moment[-head:] == 0).all()
    assert (state.first_moment[:-head] != 0).any()
    smallest = np.finfo(np.float32).tiny
    for moments in (state.first_moment, state.second_moment):
        assert not ((moments != 0) & (np.abs(moments) < smallest)).any()
