"""``aiida-limap install parameters``, and how a set is used afterwards."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from aiida import orm
from plugins_aiida import make_dataset, make_structure

from aiida_limap.data.bond_valence import BondValenceData
from aiida_limap.formats.parameters import embedded_parameters

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


@pytest.fixture
def file(tmp_path):
    text = embedded_parameters().decode().replace('name: softbv\n', 'name: softer\n')
    path = tmp_path / 'softer.yaml'
    path.write_text(text.replace('morse_scale: 1.0', 'morse_scale: 0.8'))
    return path


def test_the_own_set_is_installed_once(run):
    first = run('install', 'parameters').stdout
    (node,) = orm.QueryBuilder().append(BondValenceData).all(flat=True)
    assert first.startswith(f'installed: softbv 2019-1, pk {node.pk}\n')
    assert f'sha256    {node.checksum}' in first
    assert 'cations   Li+, Be2+, ' in first
    assert 'IUCrJ' in first
    again = run('install', 'parameters', '--default').stdout
    assert again.startswith(f'already installed: softbv 2019-1, pk {node.pk}\n')
    assert orm.QueryBuilder().append(BondValenceData).count() == 1


def test_a_file_is_installed_with_the_words_of_the_user(run, file):
    words = ('--name', 'mine', '--set-version', '7', '--citation', 'my thesis', '--license', 'CC0-1.0')
    document = json.loads(run('install', 'parameters', file, *words, '--json').stdout)
    node = orm.load_node(document['pk'])
    assert (node.title, node.citation, node.licence) == ('mine 7', 'my thesis', 'CC0-1.0')
    assert document['new']
    assert document['checksum'] == node.checksum
    assert 'Li+' in document['cations']
    assert int(run('install', 'parameters', file, '--raw').stdout) == node.pk
    again = json.loads(run('install', 'parameters', file, '--json').stdout)
    assert (again['new'], again['pk']) == (False, node.pk)


def test_wrong_files_and_names_are_refused_in_one_sentence(run, fails, file, tmp_path):
    run('install', 'parameters')
    wrong = tmp_path / 'wrong.yaml'
    wrong.write_text(file.read_text().replace('D0: eV', 'D0: kJ/mol'))
    assert "wrong.yaml: units: D0 is given in 'kJ/mol', but must be in eV" in fails('install', 'parameters', wrong)
    assert 'absent.yaml cannot be read: No such file' in fails('install', 'parameters', 'absent.yaml')
    assert 'cannot be read: Is a directory' in fails('install', 'parameters', tmp_path)
    assert 'name a FILE or give --default' in fails('install', 'parameters', file, '--default')
    assert 'choose --raw or --json' in fails('install', 'parameters', '--raw', '--json')
    sentence = fails('install', 'parameters', file, '--name', 'softbv')
    assert "another set is called 'softbv 2019-1' already" in sentence
    assert orm.QueryBuilder().append(BondValenceData).count() == 1


def test_a_name_is_taken_whatever_other_versions_there_are(run, fails, file, tmp_path):
    """A set without a version has the name of all versions for its title."""
    plain = file.read_text().replace('version: 2019-1\n', '')
    path = tmp_path / 'plain.yaml'
    path.write_text(plain)
    first = json.loads(run('install', 'parameters', path, '--json').stdout)
    run('install', 'parameters', file, '--set-version', '2')
    path.write_text(plain.replace('morse_scale: 0.8', 'morse_scale: 0.7'))
    sentence = fails('install', 'parameters', path)
    assert f"another set is called 'softer' already (pk {first['pk']})" in sentence
    assert orm.QueryBuilder().append(BondValenceData).count() == 2


@pytest.fixture
def submitted(monkeypatch, stand_in_code):
    builders = []

    def submit(builder):
        builders.append(builder)
        return SimpleNamespace(pk=1)

    monkeypatch.setattr('aiida.engine.submit', submit)
    for module in ('launch', 'launch_bvff'):
        monkeypatch.setattr(f'aiida_limap.cli.{module}.require_daemon', lambda: None)
    code = stand_in_code().full_label
    dataset = make_dataset([make_structure(1 + number / 10) for number in range(10)])
    return SimpleNamespace(builders=builders, options=('--dataset', dataset.pk, '--code', code))


def test_launch_takes_a_set_by_name(run, fails, file, submitted):
    run('install', 'parameters', file)
    node = BondValenceData.find('softer')
    run('launch', 'map', *submitted.options, '--parameters', 'softer', '--layout', 'modern', '--landscape')
    run('launch', 'map', *submitted.options, '--parameters', node.pk)
    run('launch', 'bvff', *submitted.options, '--parameters', node.uuid)
    run('launch', 'bvff', *submitted.options, '--parameters', 'softer', '--batch-size', '3')
    landscape, plain, batch, batches = submitted.builders
    assert landscape.featurize.bvff.bond_valence.pk == node.pk
    assert landscape.featurize.descriptors.bond_valence.pk == node.pk
    assert plain.featurize.bvff.bond_valence.pk == node.pk
    assert 'bond_valence' not in plain.featurize.descriptors
    assert batch.bvff.bond_valence.pk == batches.bvff.bond_valence.pk == node.pk
    for command in ('map', 'bvff'):
        sentence = fails('launch', command, *submitted.options, '--parameters', 'hard')
        assert "no set of bond-valence parameters 'hard'; there are: softer 2019-1" in sentence


def test_launch_without_a_set_links_that_of_the_package(run, submitted):
    run('launch', 'map', *submitted.options)
    run('launch', 'bvff', *submitted.options)
    (node,) = orm.QueryBuilder().append(BondValenceData).all(flat=True)
    whole, batch = submitted.builders
    assert whole.featurize.bvff.bond_valence.pk == batch.bvff.bond_valence.pk == node.pk
    assert node.name == 'softbv'


def test_an_ion_without_rows_is_refused_before_anything_is_submitted(fails, run, file, submitted):
    run('install', 'parameters', file)
    sentence = fails('launch', 'bvff', *submitted.options, '--parameters', 'softer', '--mobile-ion', 'He+')
    assert "the parameter set 'softer' has no rows of the mobile ion 'He+'" in sentence
    assert not submitted.builders
