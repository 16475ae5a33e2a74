from __future__ import annotations

import copy
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from reference_training import fit_reference

from aiida_limap.engines.autoencoder import batched
from aiida_limap.engines.autoencoder._batched_network import Layout
from aiida_limap.engines.autoencoder.batched import bytes_per_model, fit_batched
from aiida_limap.engines.autoencoder.cpu import fit_cpu
from aiida_limap.engines.autoencoder.network import LimapNetwork
from aiida_limap.engines.autoencoder.plan import Architecture, Program, Rows, State
from aiida_limap.engines.errors import InputError, LimapError

ARRAYS = ('parameters', 'first_moment', 'second_moment', 'best_parameters')


def make_rows(count, seed, widths=(7, 5), missing=0.25):
    rng = np.random.default_rng(seed)
    targets = [rng.normal(size=(count, width)) for width in widths]
    known = rng.uniform(size=count) > missing
    arrays = (
        *(1.5 * target for target in targets),
        *targets,
        rng.uniform(0, 0.1, (count, 2)),
        np.where(known, rng.uniform(size=count), 0),
        known,
    )
    return Rows(*(np.ascontiguousarray(array, dtype=np.float32) for array in arrays))


def make_program(seed=0, learn=None, watch=None, wide=(), **options):
    learn = make_rows(23, 1) if learn is None else learn
    watch = make_rows(9, 2) if watch is None else watch
    widths = (learn.composition.shape[1], learn.structure.shape[1])
    architecture = Architecture(*widths, hidden=(6, 4), head=(5,), wide=wide)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = LimapNetwork(architecture)
    initial = architecture.flatten({name: value.numpy() for name, value in network.state_dict().items()})
    losses = {'scales': (0.14, 0.2), 'me_weight': 0.3, 'wide_weight': 0.7}
    steps = {'batch_size': 8, 'learning_rate': 3e-3, 'weight_decay': 1e-3, 'decoupled': False, 'noise': 0.0}
    defaults = {**losses, **steps, 'patience': 100, 'max_epochs': 6}
    return Program(architecture, learn, watch, seed=seed, initial=initial, **{**defaults, **options})


def fit(programs, states=None, **options):
    states = [State.start(program) for program in programs] if states is None else states
    fit_batched(programs, states, device='cpu', **options)
    return states


def same(found, expected, tolerance=2e-5):
    assert (found.epoch, found.step, found.ended, found.best_epoch) == (
        expected.epoch,
        expected.step,
        expected.ended,
        expected.best_epoch,
    )
    assert set(found.history) == set(expected.history)
    for name, values in expected.history.items():
        np.testing.assert_allclose(found.history[name], values, rtol=tolerance, atol=1e-7, err_msg=name)
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=tolerance, atol=tolerance, err_msg=name
        )


def identical(found, expected):
    assert {**vars(found), **dict.fromkeys(ARRAYS)} == {**vars(expected), **dict.fromkeys(ARRAYS)}
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def plain(program, epochs=None):
    """Return the state after a training in plain torch."""
    program = replace(program, max_epochs=epochs or program.max_epochs)
    state = State.start(program)
    fit_reference(program, state)
    return state


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'decoupled': True, 'weight_decay': 0.05},
        {'wide': (3,), 'me_weight': 2.0},
        {'noise': 0.2},
        {'noise': 0.1, 'wide': (4, 3), 'decoupled': True, 'batch_size': 23},
        {'me_weight': 0.0, 'weight_decay': 0.0, 'batch_size': 1},
        {'batch_size': 100},
    ],
    ids=lambda options: '-'.join(options) or 'default',
)
def test_training_equals_plain_torch_step_by_step(options):
    program = make_program(**options)
    state, expected = fit([program])[0], plain(program)
    np.testing.assert_allclose(state.parameters, expected.parameters, rtol=2e-5, atol=2e-5)
    assert set(state.history) == set(expected.history)
    assert ('train_wide' in state.history) == bool(program.architecture.wide)
    for name, values in expected.history.items():
        np.testing.assert_allclose(state.history[name], values, rtol=2e-5, err_msg=name)
    assert state.ended == 'max_epochs'
    assert state.step == program.max_epochs * -(-len(program.learn) // program.batch_size)


def test_a_group_without_energies_trains_the_reconstructions_alone():
    learn, watch = make_rows(12, 1, missing=1), make_rows(9, 2, missing=1)
    program = make_program(learn=learn, watch=watch)
    state = fit([program])[0]
    assert state.history['train_me'] == [0.0] * program.max_epochs
    np.testing.assert_allclose(state.parameters, plain(program).parameters, rtol=2e-5, atol=2e-5)


def mixed_programs():
    learn, watch = make_rows(23, 1), make_rows(9, 2)
    other = make_rows(23, 3)
    return [
        make_program(0, learn, watch),
        make_program(1, learn, watch, learning_rate=1e-2, me_weight=1.0),
        make_program(1, other, watch, weight_decay=0.1, scales=(0.5, 0.1)),
        make_program(2, learn, watch, learning_rate=1e-2, weight_decay=0.1, max_epochs=4),
        make_program(3, other, make_rows(9, 4), me_weight=0.0, wide_weight=0.1),
    ]


def test_models_side_by_side_equal_models_alone():
    programs = mixed_programs()
    together = fit(programs)
    for program, state in zip(programs, together, strict=True):
        same(state, fit([program])[0])


@pytest.mark.parametrize('options', [{}, {'wide': (3,), 'noise': 0.1}, {'decoupled': True, 'weight_decay': 0.1}])
def test_both_engines_give_the_same_models(options):
    programs = [make_program(seed, **options, learning_rate=(1e-3, 1e-2)[seed % 2]) for seed in range(3)]
    others = [State.start(program) for program in programs]
    fit_cpu(programs, others, threads=1)
    for state, other in zip(fit(programs), others, strict=True):
        same(state, other, tolerance=1e-4)


def test_either_engine_goes_on_where_the_other_stopped():
    program = make_program(max_epochs=8)
    whole = fit([program])[0]
    state = State.start(program)
    fit_cpu([replace(program, max_epochs=4)], [state], threads=1)
    state.ended = ''
    same(fit([program], [state])[0], whole, tolerance=1e-4)


def test_models_with_noise_side_by_side_equal_models_alone():
    learn, watch = make_rows(23, 1), make_rows(9, 2)
    programs = [make_program(seed, learn, watch, noise=noise) for seed, noise in ((0, 0.1), (0, 0.2), (1, 0.1))]
    together = fit(programs)
    assert not np.allclose(together[0].parameters, together[1].parameters, atol=1e-4)
    for program, state in zip(programs, together, strict=True):
        same(state, fit([program])[0])


def test_one_call_takes_models_of_all_shapes():
    small = make_rows(23, 1, widths=(4, 3))
    programs = [
        make_program(0),
        make_program(1, learn=small, watch=make_rows(9, 2, widths=(4, 3))),
        make_program(2, batch_size=5),
        make_program(3, decoupled=True),
        make_program(4, wide=(3,)),
        make_program(5, learn=make_rows(17, 1)),
        make_program(6, watch=make_rows(300, 5)),
        make_program(7, noise=0.1),
    ]
    for program, state in zip(programs, fit(programs), strict=True):
        same(state, fit([program])[0])


def test_ended_models_leave_and_the_others_go_on_unchanged():
    learn, watch = make_rows(23, 1), make_rows(9, 2)
    lengths = (2, 9, 4, 4, 7, 1, 9, 3, 3)
    programs = [
        make_program(seed, learn, watch, max_epochs=length, learning_rate=(1e-3, 1e-2)[seed % 2])
        for seed, length in enumerate(lengths)
    ]
    seen = []
    states = fit(programs, watcher=lambda index, state: seen.append((index, state.epoch)))
    assert sorted(seen) == [(index, epoch) for index, length in enumerate(lengths) for epoch in range(1, length + 1)]
    for program, state in zip(programs, states, strict=True):
        same(state, fit([program])[0])


def test_models_stop_early_and_keep_their_best_weights():
    programs = [make_program(seed, patience=3, max_epochs=200, learning_rate=0.05) for seed in range(4)]
    for program, state in zip(programs, fit(programs), strict=True):
        assert state.ended == 'patience'
        assert state.epoch == state.best_epoch + 3
        validation = state.history['validation_all']
        assert state.best_loss == min(validation) == validation[state.best_epoch - 1]
        parameters = plain(program, state.best_epoch).parameters
        np.testing.assert_allclose(state.best_parameters, parameters, rtol=2e-4, atol=2e-4)
        assert not np.array_equal(state.best_parameters, state.parameters)


def test_a_training_that_goes_on_equals_one_without_a_break():
    programs = mixed_programs()
    whole = fit(programs)
    stopped = {}

    def watch(index, state):
        # What a checkpoint would hold, at other epochs for each model.
        if state.epoch == 1 + index % 3:
            stopped[index] = State(**{name: copy.deepcopy(getattr(state, name)) for name in State.__dataclass_fields__})

    fit(programs, watcher=watch)
    states = [stopped[index] for index in range(len(programs))]
    assert [state.epoch for state in states] == [1, 2, 3, 1, 2]
    for state, expected in zip(fit(programs, states), whole, strict=True):
        same(state, expected)


def test_the_watcher_sees_the_arrays_of_the_epoch():
    program = make_program(max_epochs=3)
    seen = {}
    fit([program], watcher=lambda index, state: seen.update({state.epoch: state.parameters.copy()}))
    for epoch, parameters in seen.items():
        expected = plain(program, epoch).parameters
        np.testing.assert_allclose(parameters, expected, rtol=2e-5, atol=2e-5)


def test_ended_models_are_left_as_they_are():
    program = make_program()
    states = fit([program])
    before = copy.deepcopy(states[0])
    fit([program], states, watcher=lambda index, state: pytest.fail('an ended model was trained'))
    identical(states[0], before)


def test_a_model_that_diverges_does_not_touch_its_neighbours():
    programs = [make_program(0), make_program(1, learning_rate=1e30), make_program(2)]
    states = fit(programs)
    assert [state.ended for state in states] == ['max_epochs', 'not_finite', 'max_epochs']
    same(states[0], fit([programs[0]])[0])
    same(states[2], fit([programs[2]])[0])


def test_the_same_call_gives_the_same_numbers():
    for first, second in zip(fit(mixed_programs()), fit(mixed_programs()), strict=True):
        identical(first, second)


class Cramped(batched.Ensemble):
    """A device on which only so many models fit."""

    room = 2
    late = 0

    def __init__(self, programs, states, device):
        super().__init__(programs, states, device)
        if not self.late and len(programs) > self.room:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')

    def epoch(self, prepared):
        if self.late and len(self) > self.room and self._epochs[0] >= self.late:
            raise RuntimeError('CUDA error: out of memory')
        return super().epoch(prepared)


@pytest.mark.parametrize('late', [0, 3])
def test_out_of_memory_halves_the_group(monkeypatch, caplog, late):
    lengths = (6, 6, 2, 6, 6, 5, 6)
    programs = [make_program(seed, max_epochs=length) for seed, length in enumerate(lengths)]
    expected = fit(programs)
    monkeypatch.setattr(batched, 'Ensemble', Cramped)
    monkeypatch.setattr(Cramped, 'late', late)
    states = [State.start(program) for program in programs]
    with caplog.at_level(logging.WARNING):
        assert fit_batched(programs, states, device='cpu') == 2
    assert 'with 7 models side by side; going on with 4' in caplog.text
    for state, other in zip(states, expected, strict=True):
        same(state, other)


def test_out_of_memory_with_one_model_is_an_error_with_a_way_out(monkeypatch):
    monkeypatch.setattr(batched, 'Ensemble', Cramped)
    monkeypatch.setattr(Cramped, 'room', 0)
    with pytest.raises(LimapError, match=r'out of memory with one model alone, which needs about .* GB'):
        fit([make_program(0), make_program(1)])


def test_models_that_do_not_fit_wait(monkeypatch):
    programs = [make_program(seed) for seed in range(5)]
    expected = fit(programs)
    monkeypatch.setattr(batched, '_fitting', lambda programs, group, device: min(2, len(group)))
    states = [State.start(program) for program in programs]
    assert fit_batched(programs, states, device='cpu') == 2
    for state, other in zip(states, expected, strict=True):
        same(state, other)


def test_as_many_models_are_tried_as_fit_into_the_free_memory(monkeypatch):
    programs = [make_program(seed) for seed in range(10)]
    parts = [part for program in programs for part in (program.learn, program.watch)]
    rows = sum(array.nbytes for part in parts for array in vars(part).values())
    each = bytes_per_model(programs[0])
    for free, expected in ((rows + 20 * each, 10), (rows + 8 * each, 5), (rows + 3.6 * each, 3), (rows, 1), (0, 1)):
        monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device, free=free: (int(free), 0))
        assert batched._fitting(programs, range(10), torch.device('cuda')) == expected


def test_other_errors_of_torch_are_not_taken_for_memory(monkeypatch):
    monkeypatch.setattr(Cramped, 'epoch', lambda self, prepared: torch.zeros(2) + torch.zeros(3))
    monkeypatch.setattr(Cramped, 'room', 9)
    monkeypatch.setattr(batched, 'Ensemble', Cramped)
    with pytest.raises(RuntimeError, match='size of tensor'):
        fit([make_program(0), make_program(1)])


class Recorded(batched.Ensemble):
    """Tries to record its steps, as on a GPU."""

    def __init__(self, programs, states, device):
        super().__init__(programs, states, device)
        self._record = True


def test_training_goes_on_where_steps_cannot_be_recorded(monkeypatch, caplog):
    def refuse(*args, **options):
        raise RuntimeError('operation not permitted when stream is capturing\nCUDA kernel errors might be …')

    monkeypatch.setattr(batched, 'Ensemble', Recorded)
    monkeypatch.setattr(torch.cuda, 'CUDAGraph', lambda: None)
    monkeypatch.setattr(torch.cuda, 'current_stream', lambda device: None)
    monkeypatch.setattr(torch.cuda, 'graph', refuse)
    program = make_program()
    state = fit([program])[0]
    assert caplog.messages == ['training goes on without CUDA graphs: operation not permitted when stream is capturing']
    np.testing.assert_allclose(state.parameters, plain(program).parameters, rtol=2e-5, atol=2e-5)


def test_recorded_steps_are_used_for_batches_of_their_size_until_models_leave(monkeypatch):
    replayed = []

    class Recording:
        def __init__(self, ensemble, size):
            self.ensemble, self.size, self.models = ensemble, size, len(ensemble)

        def replay(self):
            assert self.models == len(self.ensemble)
            replayed.append((self.models, self.size))
            self.ensemble._step(self.size)

    def record(ensemble, size):
        ensemble._graphs[size] = Recording(ensemble, size)

    monkeypatch.setattr(batched, 'Ensemble', Recorded)
    monkeypatch.setattr(Recorded, '_record_step', record)
    programs = [make_program(0, max_epochs=3), make_program(1, max_epochs=5)]
    states = fit(programs)
    # 23 rows in batches of 8, 8 and 7; the first step of each size is not a recorded one.
    assert replayed == [(2, 8), *2 * [(2, 8), (2, 8), (2, 7)], (1, 8), (1, 8), (1, 8), (1, 7)]
    for program, state in zip(programs, states, strict=True):
        np.testing.assert_allclose(state.parameters, plain(program).parameters, rtol=2e-5, atol=2e-5)


def test_unusable_input_is_refused():
    program = make_program()
    with pytest.raises(InputError, match="device 'nonsense' is not available here"):
        fit_batched([program], [State.start(program)], device='nonsense')
    with pytest.raises(InputError, match='1 programs, but 0 states'):
        fit_batched([program], [], device='cpu')


def test_memory_of_a_model_counts_what_it_holds():
    program = make_program()
    state = 4 * 5 * program.architecture.n_parameters
    assert state < bytes_per_model(program) < state + 200_000
    assert bytes_per_model(replace(program, noise=0.1)) == bytes_per_model(program) + 4 * 23 * 12
    assert bytes_per_model(replace(program, batch_size=64)) > bytes_per_model(program)


def test_layout_keeps_all_numbers_and_aligns_them():
    architecture = make_program(wide=(3,)).architecture
    layout = Layout(architecture)
    flat = np.arange(1, architecture.n_parameters + 1, dtype=np.float32)
    row = layout.pack(flat)
    np.testing.assert_array_equal(layout.unpack(row), flat)
    buffer = torch.from_numpy(np.stack([row, 2 * row]))
    state = architecture.unflatten(flat)
    for name, layers in architecture.stacks.items():
        for layer, (weight, bias) in zip(layers, layout.views(buffer)[name], strict=True):
            np.testing.assert_array_equal(weight[1], 2 * state[f'{layer.name}.weight'])
            np.testing.assert_array_equal(bias[0], state[f'{layer.name}.bias'])
            assert weight.storage_offset() % 4 == bias.storage_offset() % 4 == 0
            assert weight.data_ptr() - buffer.data_ptr() == 4 * weight.storage_offset()
