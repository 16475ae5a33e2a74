"""Commands of phonons: import, what a launch is given, list and show."""

from __future__ import annotations

import json

import pytest
from plugins_aiida import make_dataset, make_structure
from plugins_clusters import clustered
from plugins_phonons import write_springs

from aiida_limap.cli.choosing import dataset_of_group

__all__ = ['clustered']


def test_phonon_files_are_imported_and_refused(run, fails, tmp_path):
    folder = tmp_path / 'data'
    folder.mkdir()
    write_springs(folder, 'soft', 0.6, ('Cl', 'Li'))
    (folder / 'bad.tar.xz').write_bytes(b'nothing')
    result = run('import', 'phonons', folder, '--name', 'springs', '--license', 'MIT')
    assert 'phonon files of 1 compounds (1 new, 0 known)' in result.stdout
    assert 'licences: MIT (1)' in result.stdout
    assert 'bad.tar.xz' in result.stderr
    document = json.loads(run('import', 'phonons', folder, '--name', 'springs', '--json').stdout)
    assert (document['n_files'], document['n_new_files'], len(document['refused'])) == (1, 0, 1)
    assert 'no such file or folder' in fails('import', 'phonons', tmp_path / 'gone')


@pytest.fixture
def submitted(monkeypatch, aiida_code_installed) -> list:
    """Keep the builders that would be submitted."""
    import aiida.engine

    from aiida_limap.cli import launch_phonons

    kept: list = []
    aiida_code_installed(label='limap-test', filepath_executable='/bin/true')
    monkeypatch.setattr(launch_phonons, 'require_daemon', lambda: None)

    def submit(builder):
        from aiida import orm

        kept.append(builder)
        return orm.WorkChainNode().store()

    monkeypatch.setattr(aiida.engine, 'submit', submit)
    return kept


def test_a_launch_gives_the_options_as_inputs(run, submitted, tmp_path):
    run('import', 'phonons', write_springs(tmp_path, 'soft', 0.6, ('Cl', 'Li')), '--name', 'one')
    options = ['--group', 'one', '--code', 'limap-test@localhost', '--protocol', 'fast', '--raw']
    chosen = ['--method', 'ward', '--clusters', '3', '--feature', 'mobile_band_centre_THz', '--densities']
    chosen += ['--batch-size', '7', '--max-failed-fraction', '0.3']
    assert run('launch', 'phonons', *options, *chosen).stdout.strip().isdecimal()
    (builder,) = submitted
    parameters = builder.cluster.parameters.get_dict()
    assert (parameters['methods'], parameters['n_clusters']) == (['ward'], 3)
    assert parameters['features'] == ['mobile_band_centre_THz']
    assert builder.phonons.parameters['densities'] is True
    assert (builder.batch_size.value, builder.max_failed_fraction.value) == (7, 0.3)
    assert 'phonons show' in run('launch', 'phonons', *options[:-1]).stdout
    assert submitted[1].cluster.parameters['methods'] == ['ward', 'kmeans']


def test_a_calculator_computes_the_phonons_of_structures(run, fails, submitted):
    dataset = make_dataset([make_structure()])
    options = ['launch', 'phonons', '--code', 'limap-test@localhost', '--protocol', 'fast', '--raw']
    chosen = ['--calculator', 'chgnet', '--relax', 'positions', '--displacement', '0.02']
    chosen += ['--calculator-parameter', 'model=0.2.0', '--calculator-parameter', 'device=cpu']
    for source in (['--structures', dataset.uuid], ['--structures', dataset.pk], ['--dataset', dataset.pk]):
        run(*options, *source, *chosen)
        assert submitted[-1].phonons.parameters['calculator'] == {
            'name': 'chgnet',
            'parameters': {'model': '0.2.0', 'device': 'cpu'},
            'relax': 'positions',
            'displacement_angstrom': 0.02,
        }
    given = ['--structures', dataset.pk]
    result = run(*options, *given, '--calculator', 'mine')
    assert "no calculator 'mine' is known on this machine" in result.stderr
    assert submitted[-1].phonons.parameters['calculator'] == {'name': 'mine'}
    count = len(submitted)
    for wrong, words in (
        (given, 'add --calculator, e.g. chgnet'),
        ([*given, '--calculator', 'chgnet', '--displacement', 'nan'], 'nan is not a finite number'),
        ([*given, '--calculator', 'chgnet', '--time-limit', '-5'], '-5.0 is not in the range x>0'),
        ([*given, '--calculator', 'chgnet', '--group', 'x'], 'name either --group or --dataset or --structures'),
        ([*given, '--calculator', 'chgnet', '--calculator-parameter', 'model'], 'is KEY=VALUE'),
        ([*given, '--calculator', 'chgnet', '--displacement', '5'], 'displacement_angstrom must be between'),
        (['--structures', 'nowhere', '--calculator', 'chgnet'], "no group 'nowhere'"),
        (['--dataset', dataset.pk, '--relax', 'none'], 'add --calculator'),
    ):
        assert words in fails(*options, *wrong)
    assert len(submitted) == count


def test_a_demonstration_brings_its_own_data(run, fails, submitted):
    result = run('launch', 'phonons', '--demo', '--code', 'limap-test@localhost')
    assert 'limap/phonons-demo' in result.stdout
    (builder,) = submitted
    assert len(builder.dataset) > 4
    assert builder.cluster.labels.base.attributes.get('task') == 'labels'
    assert builder.cluster.parameters['methods'] == ['ward', 'kmeans']
    assert 'calculator' not in builder.phonons.parameters.get_dict()
    assert 'brings its own data' in fails('launch', 'phonons', '--demo', '--group', 'other')
    run('launch', 'phonons', '--demo', '--code', 'limap-test@localhost', '--calculator', 'chgnet')
    assert submitted[-1].phonons.parameters['calculator'] == {'name': 'chgnet'}


def test_a_launch_that_cannot_work_is_refused(fails, submitted, run, tmp_path):
    code = ['--code', 'limap-test@localhost']
    dataset = make_dataset([make_structure()])
    assert 'name either --group or --dataset or --structures, or --demo' in fails('launch', 'phonons')
    assert 'has phonon files; `aiida-limap import' in fails('launch', 'phonons', '--dataset', dataset.pk, *code)
    run('import', 'phonons', write_springs(tmp_path, 'soft', 0.6, ('Cl', 'Li')), '--name', 'two')
    given = ['launch', 'phonons', '--group', 'two', *code]
    overrides = tmp_path / 'mine.yaml'
    for text, words in (
        ('phonons: {parameters: {mesh: 3}}', 'unknown parameter'),
        ('phonons: {parameters: {max_imaginary_share: 2}}', 'max_imaginary_share must be between 0 and 1'),
        ('cluster: {parameters: {methods: [density], candidates_by: ward}}', 'option candidates_by is one of density'),
    ):
        overrides.write_text(text)
        assert words in fails(*given, '--overrides', overrides)
    assert 'unknown protocol' in fails(*given, '--protocol', 'slow')
    assert 'no table of labels 9999' in fails(*given, '--labels', '9999')
    assert not submitted


def test_clusters_are_listed_and_shown(run, fails, clustered):
    assert f'{clustered.chain.pk}  {clustered.chain.uuid[:8]}' in run('phonons', 'list').stdout
    assert run('phonons', 'list', '--raw').stdout.split() == [str(clustered.chain.pk)]
    assert json.loads(run('phonons', 'list', '--json').stdout)[0]['n_ok'] == 4
    text = run('phonons', 'show', clustered.chain.pk).stdout
    assert '5 compounds: 4 ok, 1 unreadable' in text
    assert '2 (mean 8.50), 2 (mean 10.50); silhouette 0.600, adjusted Rand index of resamples 0.90' in text
    assert 'cluster 0: enriched with conductors (against all, p 0.01)' in text
    assert '1 candidates in clusters' in text
    assert 'Li3N' in text.splitlines()[-1]
    document = json.loads(run('phonons', 'show', '--json').stdout)
    assert document['candidates'][0]['nearest_formula'] == 'Li3N'
    text = run('phonons', 'show', '--compound', 'mp-0').stdout
    assert clustered.file.uuid in text
    assert json.loads(run('phonons', 'show', '--compound', 'mp-0', '--json').stdout)['values']['cluster_ward'] == 0
    assert 'no compound' in fails('phonons', 'show', '--compound', 'KCl')
    assert 'choose --raw or --json' in fails('phonons', 'list', '--raw', '--json')


def test_diffusivities_go_from_a_file_into_a_launch(run, fails, submitted, tmp_path):
    folder = tmp_path / 'data'
    folder.mkdir()
    write_springs(folder, 'moving', 0.6, ('Cl', 'Li'))
    run('import', 'phonons', folder, '--name', 'moving')
    (tmp_path / 'd.csv').write_text('formula,800,1000\nLiCl,1e-6,2e-6\nNaCl,0,0\n')
    assert 'no row can be taken; the first one, LiCl: it has a formula only' in fails(
        'import', 'diffusivities', 'd.csv'
    )
    result = run('import', 'diffusivities', 'd.csv', '--match', 'moving', '--report', 'd.md')
    assert '1 compounds at 2 temperatures, 800 to 1000 K (1 rows left out) in table' in result.stdout
    assert 'left out NaCl: no structure of moving has its id or formula' in result.stderr
    assert 'To cite' not in (tmp_path / 'd.md').read_text()
    document = json.loads(run('import', 'diffusivities', 'd.csv', '--match', 'moving', '--json').stdout)
    assert document['matches'] == {'formula': 1}
    table = run('import', 'diffusivities', 'd.csv', '--match', 'moving', '--raw').stdout.strip()
    assert document['table_pk'] == int(table)

    options = ['launch', 'phonons', '--group', 'moving', '--code', 'limap-test@localhost', '--protocol', 'fast']
    run(*options, '--diffusivities', table, '--diffusivity-temperature', '1000')
    (builder,) = submitted
    assert builder.cluster.diffusivities.pk == int(table)
    assert builder.cluster.parameters['diffusivity_temperature_K'] == 1000
    options += ['--diffusivities']
    sentence = fails(*options, table, '--diffusivity-temperature', '900')
    assert 'has no diffusivities at 900 K, but at 800, 1000 K; choose one of them' in sentence
    assert 'no table of diffusivities 999999' in fails(*options, '999999')
    assert 'is a DatasetData, not a table of diffusivities' in fails(*options, dataset_of_group('moving').pk)
    (tmp_path / 'other.csv').write_text('id,800\nmp-1,1e-6\n')
    other = run('import', 'diffusivities', 'other.csv', '--raw').stdout.strip()
    assert 'has a diffusivity of none of the 1 compounds of the dataset' in fails(*options, other)
    assert 'leave out --group' in fails('launch', 'phonons', '--demo', '--diffusivities', table)
    assert len(submitted) == 1
