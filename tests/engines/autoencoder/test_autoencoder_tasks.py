from __future__ import annotations

import numpy as np
import pytest

from aiida_limap.engines.autoencoder import SPLITS, encode_task, load_model, train_task
from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.formats._files import FormatError, read_json, write_json
from aiida_limap.formats.arrays import write_arrays
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ResultsWriter, read_results


def write_training(folder, data):
    write_arrays(
        folder / 'training.npz',
        {
            'ids': np.array(data.ids),
            'composition': data.composition,
            'structure': data.structure,
            'migration_energy_eV': data.migration_energy_eV,
            'groups': np.array(data.groups),
        },
    )
    write_json(folder / 'columns.json', data.columns)


def run(task, folder, parameters, inputs):
    writer = ResultsWriter(folder, task, '0')
    {'train': train_task, 'encode': encode_task}[task].run(Job(task, parameters, inputs), folder, writer)
    writer.finish()
    return read_results(folder)


TRAIN = {'training': 'training.npz', 'columns': 'columns.json'}
ENCODE = {'model': 'model.safetensors', 'descriptors': 'descriptors.npz', 'columns': 'columns.json'}


def test_train_then_encode(tmp_path, data, options):
    write_training(tmp_path, data)
    results = run('train', tmp_path, {**options, 'max_epochs': 12}, TRAIN)
    arrays, summary = results.arrays, results.summary
    assert arrays['ids'].tolist() == list(data.ids)
    assert set(arrays['split']) == set(SPLITS)
    np.testing.assert_array_equal(arrays['migration_energy_eV'], data.migration_energy_eV)
    assert len(arrays['history_train_all']) == len(arrays['history_validation_me']) == summary['epochs'] == 12
    assert summary['metrics']['test']['n_me'] == (arrays['split'] == 'test').sum() == summary['n_test']
    assert summary['options']['max_epochs'] == 12
    assert summary['epoch'] == 12 and summary['loss_validation'] > 0

    encoding = tmp_path / 'encode'
    encoding.mkdir()
    (encoding / 'model.safetensors').write_bytes((tmp_path / 'model.safetensors').read_bytes())
    write_json(encoding / 'columns.json', data.columns)
    chosen = slice(5, 25)
    write_arrays(
        encoding / 'descriptors.npz',
        {
            'ids': np.array(data.ids[chosen]),
            'composition': data.composition[chosen],
            'structure': data.structure[chosen],
        },
    )
    encoded = run('encode', encoding, {'grid_size': 11, 'grid_margin': 0.2}, ENCODE)
    assert [item.id for item in encoded.items] == list(data.ids[chosen])
    for name in ('x_comp', 'x_struc', 'migration_energy_predicted_eV'):
        values = [item.values[name] for item in encoded.items]
        np.testing.assert_allclose(values, arrays[name][chosen], rtol=1e-12)
    assert all(item.values['reconstruction_mse_structure'] > 0 for item in encoded.items)
    assert encoded.summary['metrics'] == summary['metrics']

    x_comp, x_struc = encoded.arrays['grid_x_comp'], encoded.arrays['grid_x_struc']
    heat = encoded.arrays['grid_migration_energy_eV']
    assert heat.shape == (11, 11)
    # Rows of the heat map follow x_struc, columns x_comp.
    model = load_model(tmp_path / 'model.safetensors')
    assert heat[2, 7] == pytest.approx(model.predict([x_comp[7]], [x_struc[2]])[0], rel=1e-12)
    codes = arrays['x_comp'][chosen]
    assert x_comp[0] == pytest.approx(codes.min() - 0.2 * np.ptp(codes))
    assert x_comp[-1] == pytest.approx(codes.max() + 0.2 * np.ptp(codes))


def test_progress_is_written_while_training(tmp_path, data, options, monkeypatch):
    monkeypatch.setattr(train_task, '_REPORT_INTERVAL_S', 0.0)
    write_training(tmp_path, data)
    writer = ResultsWriter(tmp_path, 'train', '0')
    with pytest.raises(LookupError):
        # Whoever stops the job in its third epoch finds two and the losses so far.
        monkeypatch.setattr(train_task._Report, '__call__', _stop_at_three(train_task._Report.__call__))
        train_task.run(Job('train', options, TRAIN), tmp_path, writer)
    results = read_results(tmp_path)
    assert not results.complete
    assert results.summary['epoch'] == 2
    assert len(results.arrays['history_train_all']) == 2
    assert results.arrays['history_validation_all'][-1] == pytest.approx(results.summary['loss_validation'])


def _stop_at_three(report):
    def call(self, index, state):
        if state.epoch == 3:
            raise LookupError
        report(self, index, state)

    return call


def test_a_grid(tmp_path, data, options):
    write_training(tmp_path, data)
    grid = {'me_weight': [0, 0.1], 'seed': [0, 1], 'learning_rate': [5e-3, 1e25]}
    job = {**options, 'max_epochs': 5, 'grid': grid, 'select': 'r2_me', 'keep_models': 3}
    results = run('train', tmp_path, job, TRAIN)
    assert [item.id for item in results.items] == [f'model_{index:04d}' for index in range(8)]
    assert [item.values['me_weight'] for item in results.items] == [0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1]
    good = [item for item in results.items if item.status == 'ok']
    assert len(good) == 4 == results.summary['n_models'] - results.summary['n_failed']
    assert all('not finite' in item.message for item in results.items if item.status == 'failed')
    best = max(good, key=lambda item: item.values['validation_r2_me'])
    assert results.summary['chosen'] == best.id
    kept = sorted(path.name for path in (tmp_path / 'models').iterdir())
    assert kept == sorted(f'{item.id}.safetensors' for item in good if item.values['kept'])
    assert len(kept) == 3
    chosen = load_model(tmp_path / 'model.safetensors')
    assert chosen.config.seed == best.values['seed'] and chosen.config.me_weight == best.values['me_weight']
    assert (tmp_path / 'models' / f'{best.id}.safetensors').read_bytes() == (
        tmp_path / 'model.safetensors'
    ).read_bytes()
    losses = results.arrays['grid_history_validation_all']
    assert losses.shape[0] == 8
    assert losses[int(best.id[-4:])].min() == pytest.approx(best.values['loss_validation_all'])


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'grid': {}}, 'grid must hold lists'),
        ({'grid': {'seed': 3}}, 'needs a list of values for seed'),
        ({'grid': {'seeds': [1]}}, "unknown parameter 'seeds'"),
        ({'grid': {'device': ['cpu', 'cuda']}}, 'device is shared'),
        (
            {'grid': {'seed': list(range(200)), 'batch_size': list(range(1, 100))}},
            'a grid of 19800 models is too large',
        ),
        ({'grid': {'split.fraction': [0.1]}}, "unknown parameter 'fraction'"),
        ({'grid': {'seed': [0, -1]}}, 'seed must be a whole number'),
        ({'grid': {'seed': [0]}, 'select': 'beauty'}, 'select is one of loss'),
        ({'grid': {'seed': [0]}, 'keep_models': 0}, 'keep_models must be a whole number'),
    ],
)
def test_wrong_grids(tmp_path, data, options, parameters, words):
    write_training(tmp_path, data)
    with pytest.raises(InputError, match=words):
        run('train', tmp_path, {**options, 'max_epochs': 1, **parameters}, TRAIN)


def test_a_choice_that_cannot_be_made(tmp_path, data, options, changed):
    from aiida_limap.engines.autoencoder import SplitConfig
    from aiida_limap.engines.autoencoder.data import split_rows

    energies = np.where(split_rows(data.groups, SplitConfig()) == 1, np.nan, data.migration_energy_eV)
    write_training(tmp_path, changed(data, migration_energy_eV=energies))
    with pytest.raises(InputError, match="select 'r2_me' cannot be told from the validation rows"):
        run('train', tmp_path, {**options, 'max_epochs': 2, 'grid': {'seed': [0, 1]}, 'select': 'r2_me'}, TRAIN)


def test_a_grid_without_a_finite_loss(tmp_path, data, options):
    write_training(tmp_path, data)
    with pytest.raises(LimapError, match='not finite'):
        run('train', tmp_path, {**options, 'grid': {'learning_rate': [1e25, 2e25]}}, TRAIN)


def test_wrong_training_jobs(tmp_path, data, options):
    write_training(tmp_path, data)
    with pytest.raises(InputError, match="unknown parameter 'epochs'"):
        run('train', tmp_path, {'epochs': 3}, TRAIN)
    with pytest.raises(InputError, match='role training'):
        run('train', tmp_path, options, {})
    write_arrays(tmp_path / 'training.npz', {'ids': np.array(['a'])})
    with pytest.raises(FormatError, match="'composition' is missing"):
        run('train', tmp_path, options, TRAIN)


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'grid': 3}, "unknown parameter 'grid'; known are grid_size"),
        ({'grid_size': 1}, 'grid_size must be a whole number'),
        ({'grid_margin': -1}, 'grid_margin must be a number'),
        ({'level': 0.5}, r'level is one of 0\.8, 0\.9, 0\.95, not 0\.5'),
        ({'interval': 'wide'}, "interval is one of constant, local, not 'wide'"),
    ],
)
def test_wrong_encode_parameters(tmp_path, parameters, words):
    with pytest.raises(InputError, match=words):
        run('encode', tmp_path, parameters, ENCODE)


def test_layout_of_another_kind(tmp_path, data, options):
    write_training(tmp_path, data)
    run('train', tmp_path, {**options, 'max_epochs': 1}, TRAIN)
    rows = {'ids': np.array(data.ids), 'composition': data.composition, 'structure': data.structure}
    write_arrays(tmp_path / 'descriptors.npz', rows)
    write_json(tmp_path / 'columns.json', {**read_json(tmp_path / 'columns.json'), 'layout_checksum': 'b' * 64})
    with pytest.raises(InputError, match=r"another layout than the model, which was trained with 'synthetic'"):
        run('encode', tmp_path, {}, ENCODE)
    with pytest.raises(InputError, match='role model'):
        run('encode', tmp_path, {}, {'descriptors': 'descriptors.npz'})
    write_arrays(tmp_path / 'descriptors.npz', {**rows, 'ids': np.array(data.ids[1:])})
    with pytest.raises(InputError, match='59 ids for 60 rows'):
        run('encode', tmp_path, {}, {'model': 'model.safetensors', 'descriptors': 'descriptors.npz'})


def test_phonons_of_another_kind(tmp_path, data, options):
    write_training(tmp_path, data)
    plain = read_json(tmp_path / 'columns.json')
    phonons = {'columns': ['mobile_width_THz'], 'checksum': 'a' * 64}
    write_json(tmp_path / 'columns.json', {**plain, 'phonons': phonons})
    run('train', tmp_path, {**options, 'max_epochs': 1}, TRAIN)
    rows = {'ids': np.array(data.ids), 'composition': data.composition, 'structure': data.structure}
    write_arrays(tmp_path / 'descriptors.npz', rows)
    assert len(run('encode', tmp_path, {}, ENCODE).items) == len(data.ids)
    write_json(tmp_path / 'columns.json', {**plain, 'phonons': {**phonons, 'checksum': 'b' * 64}})
    with pytest.raises(InputError, match=r'other numbers than those of the model, which reads mobile_width_THz'):
        run('encode', tmp_path, {}, ENCODE)
    write_json(tmp_path / 'columns.json', plain)
    with pytest.raises(InputError, match='the model reads phonon quantities, but the descriptors have none'):
        run('encode', tmp_path, {}, ENCODE)


def test_axis_of_equal_codes():
    axis = encode_task.grid_axis(np.array([2.0, 2.0]), 5, 0.0)
    assert axis.tolist() == [1.5, 1.75, 2.0, 2.25, 2.5]


@pytest.fixture(scope='module')
def trained(synthetic, tmp_path_factory):
    """Files of two models of 60 rows, one of them with a wide head, and the rows."""
    from aiida_limap.engines.autoencoder import TrainConfig, train

    folder, data = tmp_path_factory.mktemp('models'), synthetic()
    # As much to hold back as ten groups need.
    shared = {'hidden_widths': [8], 'max_epochs': 5, 'split': {'train': 0.5, 'validation': 0.4, 'test': 0.1}}
    for name, more in (('model', {'wide_head_widths': [4]}), ('other', {'seed': 1})):
        train(data, TrainConfig.from_parameters({**shared, **more})).save(folder / f'{name}.safetensors')
    arrays = {'ids': np.array(data.ids), 'composition': data.composition, 'structure': data.structure}
    write_arrays(folder / 'descriptors.npz', arrays)
    write_json(folder / 'columns.json', data.columns)
    return folder, data


def test_points_say_how_far_they_can_be_trusted(trained):
    folder, data = trained
    encoded = run('encode', folder, {'grid_size': 9, 'level': 0.8}, ENCODE)
    model = load_model(folder / 'model.safetensors')
    scores = model.domain.scores(model, data.composition, data.structure)
    low, high = model.calibration.interval(
        model.predict_rows(data.composition, data.structure), 0.8, scale=model.scaling.energy
    )
    for row, item in enumerate(encoded.items):
        values = item.values
        assert values['in_domain'] == scores.inside[row]
        assert values['domain_reason'] == scores.reasons[row]
        assert values['distance_structure'] == pytest.approx(scores.ratios['distance_structure'][row])
        assert values['migration_energy_low_eV'] == pytest.approx(low[row])
        assert values['migration_energy_high_eV'] == pytest.approx(high[row])
        assert values['migration_energy_wide_eV'] is not None
        assert 'x_comp_spread' not in values
    support = encoded.arrays['grid_support']
    assert support.shape == (9, 9)
    corner = model.domain.support(encoded.arrays['grid_x_comp'][[8]], encoded.arrays['grid_x_struc'][[0]])
    assert support[0, 8] == pytest.approx(corner[0])
    assert support.min() < support.max() == 1
    assert encoded.summary['n_in_domain'] == scores.inside.sum()
    assert encoded.summary['level'] == 0.8


def test_an_end_that_too_few_rows_can_tell_is_none(trained):
    # Twelve groups are held out: enough for 0.9, too few for 0.95.
    encoded = run('encode', trained[0], {'grid_size': 3, 'level': 0.95}, ENCODE)
    assert {item.values['migration_energy_high_eV'] for item in encoded.items} == {None}
    assert {item.values['migration_energy_low_eV'] for item in encoded.items} == {0.0}


def test_local_intervals_differ_from_constant_ones(trained):
    widths = {}
    for kind in ('constant', 'local'):
        items = run('encode', trained[0], {'grid_size': 3, 'level': 0.8, 'interval': kind}, ENCODE).items
        widths[kind] = [i.values['migration_energy_high_eV'] - i.values['migration_energy_low_eV'] for i in items]
    assert np.std(widths['local']) > np.std(widths['constant'])


def test_an_ensemble_gives_spreads(trained):
    folder, data = trained
    roles = {**ENCODE, 'ensemble_0': 'other.safetensors', 'ensemble_1': 'model.safetensors'}
    encoded = run('encode', folder, {'grid_size': 3}, roles)
    models = [load_model(folder / name) for name in ('model.safetensors', 'other.safetensors', 'model.safetensors')]
    energies = [model.predict_rows(data.composition, data.structure) for model in models]
    found = [item.values['migration_energy_spread_eV'] for item in encoded.items]
    np.testing.assert_allclose(found, np.std(energies, axis=0, ddof=1))
    assert all(item.values['x_struc_spread'] >= 0 for item in encoded.items)
    assert encoded.summary['n_members'] == 3
    assert encoded.summary['rank_correlations']['x_struc'][1] == pytest.approx(1)
    with pytest.raises(InputError, match='ensemble_first'):
        run('encode', folder, {}, {**ENCODE, 'ensemble_first': 'other.safetensors'})


def test_a_model_without_domain_and_intervals_still_encodes(trained, tmp_path):
    from dataclasses import replace

    folder = trained[0]
    model = load_model(folder / 'model.safetensors')
    replace(model, domain=None, calibration=None).save(tmp_path / 'model.safetensors')
    for name in ('descriptors.npz', 'columns.json'):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    encoded = run('encode', tmp_path, {'grid_size': 3}, ENCODE)
    assert 'in_domain' not in encoded.items[0].values
    assert 'grid_support' not in encoded.arrays
    replace(model, domain=None).save(tmp_path / 'model.safetensors')
    with pytest.raises(InputError, match="use interval 'constant'"):
        run('encode', tmp_path, {'interval': 'local'}, ENCODE)
