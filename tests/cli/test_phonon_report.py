"""``aiida-limap phonons page`` and ``phonons figures``, of a file whose numbers are invented."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner
from plugins_invented_phonons import invented_phonon_report

from aiida_limap.cli import main
from aiida_limap.formats.phonons import read_phonon_report, write_phonon_report


@pytest.fixture(scope='module')
def report():
    return invented_phonon_report()


@pytest.fixture
def run(report, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_phonon_report(tmp_path / 'phonons.json', report)
    (tmp_path / 'broken.json').write_text('{')

    def invoke(*arguments, status=0):
        result = CliRunner().invoke(main, ['phonons', *arguments])
        assert result.exit_code == status, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


def test_the_page_is_a_folder_of_three_files(run, tmp_path):
    result = run('page', '--from', 'phonons.json', '--title', 'Mine & yours', '-o', 'page')
    assert result.stdout.split() == [f'page/{name}' for name in ('phonons.html', 'compounds.csv', 'phonons.json')]
    text = (tmp_path / 'page' / 'phonons.html').read_text()
    assert '<h1>Mine &amp; yours</h1>' in text
    assert text.count('data:image/svg+xml;base64,') == 7
    assert read_phonon_report(tmp_path / 'page' / 'phonons.json').title == 'Mine & yours'
    with (tmp_path / 'page' / 'compounds.csv').open(newline='') as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 30
    assert {row['cluster_ward'] for row in rows} == {'0', '1'}


def test_figures_come_with_their_numbers(run):
    result = run('figures', '--from', 'phonons.json', '--only', 'plane,dendrogram', '--format', 'svg', '--json')
    document = json.loads(result.stdout)
    assert [figure['name'] for figure in document['figures']] == ['dendrogram', 'plane']
    assert document['figures'][1]['files'] == ['figures/plane.svg', 'figures/plane.csv', 'figures/plane.txt']
    assert document['left_out'] == {}


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (['page', '--from', 'no.json'], 'no.json: there is no such file'),
        (['figures', '--from', '.'], '. cannot be read: Is a directory'),
        (['page', '--from', 'broken.json'], 'broken.json: not a JSON file'),
        (['page', '--from', 'phonons.json', '-o', 'phonons.json/x'], 'cannot be made'),
        (['page', '12', '--from', 'phonons.json'], 'or a file with --from, not both'),
        (['figures', '--from', 'phonons.json', '--only', 'map'], "there is no figure 'map' of phonons"),
    ],
)
def test_mistakes_are_told_in_a_sentence(run, arguments, sentence):
    result = run(*arguments, status=2 if 'not both' in sentence else 1)
    assert sentence in result.output
    assert 'Traceback' not in result.output


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / 'page' / 'phonons.json').mkdir(parents=True)
    result = run('page', '--from', 'phonons.json', '-o', 'page', status=1)
    assert result.stderr.splitlines()[-1] == 'Error: page/phonons.json cannot be written: Is a directory'
