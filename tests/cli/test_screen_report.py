"""``aiida-limap screen report`` and ``screen figures``, of a file whose numbers are invented."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from plugins_invented_screening import invented_screening

from aiida_limap.cli.screen_report import screen_figures_command, screen_report_command
from aiida_limap.formats.screening import read_screening, write_screening


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = invented_screening(step=10, missing={'learning': 'Nobody asked.'}, curves={})
    write_screening(tmp_path / 'screening.json', report)

    def invoke(command, *arguments, status=0):
        result = CliRunner().invoke(command, [str(word) for word in arguments])
        assert result.exit_code == status, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


def test_the_report_is_a_folder_of_four_files(run, tmp_path):
    result = run(screen_report_command, '--from', 'screening.json', '--title', 'Mine & yours', '--ternary', 'Li-P-S')
    names = ['report.html', 'hits.csv', 'screening.json', 'citations.bib']
    assert result.stdout.split() == [f'report/{name}' for name in names]
    assert 'learning is left out: Nobody asked' in result.stderr
    text = (tmp_path / 'report' / 'report.html').read_text()
    assert '<h1>Mine &amp; yours</h1>' in text
    assert 'data:image/svg+xml;base64,' in text
    again = read_screening(tmp_path / 'report' / 'screening.json')
    assert (again.title, len(again.ternaries)) == ('Mine & yours', 1)
    assert '@article{cubuk2019' in (tmp_path / 'report' / 'citations.bib').read_text()


def test_figures_come_with_their_numbers(run, tmp_path):
    result = run(
        screen_figures_command, '--from', 'screening.json', '--only', 'funnel,learning', '--format', 'svg', '--json'
    )
    document = json.loads(result.stdout)
    assert [figure['name'] for figure in document['figures']] == ['funnel']
    assert document['figures'][0]['files'] == ['figures/funnel.svg', 'figures/funnel.csv', 'figures/funnel.txt']
    assert document['left_out'] == {'learning': 'Nobody asked'}


@pytest.mark.parametrize(
    ('command', 'arguments', 'sentence'),
    [
        (screen_report_command, ['--from', 'no.json'], 'no.json: there is no such file'),
        (screen_report_command, ['--from', 'broken.json'], 'broken.json: not a JSON file'),
        (screen_report_command, ['12', '--from', 'screening.json'], 'or a file with --from, not both'),
        (screen_report_command, ['--from', 'screening.json', '--format', 'docx'], "unknown format 'docx'"),
        (screen_report_command, ['--from', 'screening.json', '-o', 'screening.json/x'], 'cannot be made'),
        (screen_report_command, ['--from', 'screening.json', '--ternary', 'Li-Y-I'], 'no diagram Li-Y-I, only Li-P'),
        (screen_figures_command, ['--from', 'screening.json', '--only', 'heat'], "no figure 'heat' of a screening"),
        (screen_figures_command, ['--from', 'screening.json', '--only', 'learning'], 'no figure was drawn; learning'),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_a_sentence(run, tmp_path, command, arguments, sentence):
    (tmp_path / 'broken.json').write_text('{')
    status = 2 if 'not both' in sentence else 1
    assert sentence in run(command, *arguments, status=status).stderr


@pytest.mark.parametrize('command', [screen_report_command, screen_figures_command])
def test_help_shows_examples(run, command):
    assert 'Examples:' in run(command, '--help').stdout


def test_a_profile_without_a_screening_is_told_so(run, aiida_profile_clean):
    assert 'this profile holds no screening yet' in run(screen_report_command, status=1).stderr
    assert "no screening 'x y'" in run(screen_figures_command, 'x y', status=1).stderr.replace(
        'screening x y', "screening 'x y'"
    )


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / 'report' / 'screening.json').mkdir(parents=True)
    line = run(screen_report_command, '--from', 'screening.json', status=1).stderr.splitlines()[-1]
    assert line == 'Error: report/screening.json cannot be written: Is a directory'
