"""``aiida-limap map report`` on the graph of a map that was really run."""

from __future__ import annotations

import json

import pytest


def test_the_report_is_written_with_its_citations(run, graph, tmp_path):
    target = tmp_path / 'new' / 'report'
    result = run('map', 'report', graph.map.pk, '--output', target, '--title', 'Mine & yours')
    files = [target / 'report.html', target / 'citations.bib']
    assert result.stdout.split() == [str(path) for path in files]
    text = files[0].read_text()
    assert '<h1>Mine &amp; yours</h1>' in text
    assert graph.map.uuid in text
    assert 'data:image/svg+xml;base64,' in text
    assert 'left out: ' in result.stderr
    assert '@article{yamaguchi2023,' in files[1].read_text()


def test_what_could_not_be_said_stands_in_the_json(run, graph):
    document = json.loads(run('map', 'report', graph.map.pk, '--json').stdout)
    assert document['files'] == ['report/report.html', 'report/citations.bib']
    assert document['not_said']
    assert all(isinstance(reason, str) and reason for reason in document['not_said'].values())


def test_a_pdf_alone_leaves_no_page_behind(run, graph, tmp_path):
    browser = tmp_path / 'browser'
    browser.write_text('#!/bin/sh\nfor word; do case $word in --print-to-pdf=*) echo PDF > "${word#*=}";; esac; done\n')
    browser.chmod(0o755)
    run('map', 'report', graph.map.pk, '--output', 'out', '--format', 'pdf', '--browser', browser)
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'report.pdf', 'citations.bib'}


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (['no-such-map'], 'no map no-such-map'),
        (['--format', 'docx'], "unknown format 'docx'"),
        (['--format', 'html,pdf', '--browser', 'no-such-browser'], "there is no browser 'no-such-browser'"),
        (['--output', 'file/folder'], 'the folder file/folder cannot be made'),
    ],
)
def test_mistakes_are_told_in_a_sentence(fails, graph, tmp_path, arguments, sentence):
    (tmp_path / 'file').write_text('')
    assert sentence in fails('map', 'report', *arguments)
