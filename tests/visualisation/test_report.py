"""The report of a map as HTML and PDF."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.visualisation._report_points import best_compounds
from aiida_limap.visualisation.drawing import FigureInputs
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.report import report_html, write_citations, write_report
from aiida_limap.visualisation.report_document import Picture
from aiida_limap.visualisation.report_parts import (
    MapReport,
    ReportDataset,
    ReportJobs,
    ReportLoss,
    ReportNode,
    ReportQuality,
    ReportRows,
)
from aiida_limap.visualisation.report_pdf import BROWSERS, find_browser, print_pdf
from aiida_limap.visualisation.report_pictures import draw_pictures

EVIL = '<script>document.title = "evil"</script><img src=x onerror=alert(1)>'
UUID = '12345678-1234-4234-8234-123456789abc'


@pytest.fixture
def report(make_bundle) -> MapReport:
    """Return a report in which every text is hostile."""
    plain = make_bundle(12)
    properties = dict(plain.properties) | {
        'formula': MapProperty((EVIL,) * 12, 'Formula'),
        'family': MapProperty((EVIL,) * 12, 'Structure family'),
    }
    sources = tuple(
        {'db_name': EVIL, 'id': EVIL, 'uri': 'javascript:alert(1)', 'license': EVIL, 'citation': EVIL}
        for _ in plain.ids
    )
    bundle = replace(plain, title=EVIL, properties=properties, sources=sources)
    loss = ReportLoss('no_parameters', 3, EVIL, 2, 'give a set')
    return MapReport(
        bundle,
        facts={'Label': EVIL, 'UUID': UUID},
        dataset=ReportDataset(EVIL, UUID, 15, {'limit': EVIL}, [EVIL]),
        rows=[ReportRows('Migration energies', {'ok': 12, 'no_parameters': 3}, {'ok': 'computed'}, [loss])],
        jobs=[ReportJobs('Training', [UUID], {'Code': EVIL}, {'seed': '0'})],
        protocol=EVIL,
        quality=[ReportQuality(EVIL, ['', 'test'], [['R² energy', '0.71 (0.00)']])],
        meaning=[
            {'axis': 'x_comp', 'meaning': EVIL, 'unit': '', 'spearman': -0.5, 'information_correlation': 0.9, 'n': 12}
        ],
        nodes=[ReportNode(EVIL, 'MapData', UUID, f'verdi data limap show {UUID}')],
        bibtex=[f'@misc{{one, note = {{{EVIL}}}}}'],
        missing={'force_field': EVIL},
    )


def test_columns_among_the_quantities_of_an_axis_are_words(report):
    record = {'axis': 'x_comp', 'quantity': 'mean_covalent_radius', 'spearman': 0.5, 'n': 12}
    text = report_html(replace(report, meaning=[record]))
    assert 'mean covalent radius' in text and 'mean_covalent_radius' not in text


def test_best_compounds_have_no_prediction_of_a_model_that_has_learnt_no_energy(make_bundle):
    learnt, blind = (make_bundle(3, metadata={'options': {'me_weight': weight}}) for weight in (0.1, 0))
    (with_them, without) = (best_compounds(bundle).blocks[0] for bundle in (learnt, blind))
    place = with_them.columns.index('Predicted / eV')
    assert with_them.rows[0][place] == '0.500'
    assert without.rows[0][place] == ''
    assert without.rows[0][place - 2] == with_them.rows[0][place - 2] == '0.250'


def test_every_text_is_shown_as_text(report):
    text = report_html(report)
    assert '<script' not in text
    assert '<img' not in text
    assert text.count('&lt;script&gt;') > 12
    assert 'href="javascript' not in text
    assert "default-src 'none'" in text
    assert 'unsafe' not in text


def test_a_report_says_what_it_was_given(report):
    text = report_html(report)
    for words in ('no_parameters', '(2 of 3)', 'give a set', '0.71 (0.00)', '\u22120.50', f'<code>{UUID}</code>'):
        assert words in text
    assert re.findall(r'<section id="([a-z]+)">', text) == re.findall(r'href="#([a-z]+)"', text)


def test_figures_stand_inside_with_their_captions(make_bundle):
    bundle = make_bundle(12)
    told: list[str] = []
    pictures, left_out = draw_pictures(FigureInputs(bundle), told.append)
    assert [picture.kind for picture in pictures] == ['svg'] * len(pictures)
    assert pictures[0].content.startswith(b'<?xml')
    assert not pictures[0].is_wide
    assert any(picture.is_wide for picture in pictures)
    assert left_out
    assert len(told) == len(pictures) + len(left_out)
    text = report_html(MapReport(bundle, pictures=pictures, not_drawn=left_out))
    assert text.count('src="data:image/svg+xml;base64,') == len(pictures)
    assert all(name in text for name in left_out)


def test_a_map_of_three_points_has_a_report(make_bundle):
    text = report_html(MapReport(make_bundle(3, heatmap=False, missing=(0, 1, 2))))
    assert 'no heat map' in text
    assert 'No compound of this map has a calculated energy.' in text


def test_a_map_without_points_is_refused(make_bundle):
    with pytest.raises(VisualisationError, match='holds no points'):
        report_html(MapReport(make_bundle(0, missing=())))


def test_a_folder_that_is_not_there_gives_a_sentence(report, tmp_path):
    for write in (write_report, write_citations):
        with pytest.raises(VisualisationError, match=r'cannot be written to .*choose a folder'):
            write(report, tmp_path / 'nowhere' / 'file')


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_a_browser_shows_it_without_requests_and_errors(browser, report, tmp_path, scheme):
    drawn = b'<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="60pt"><rect width="9" height="9"/></svg>'
    shown = replace(report, pictures=[Picture('svg', drawn, EVIL, EVIL)])
    path = write_report(shown, tmp_path / 'report.html')
    page = browser.new_page(viewport={'width': 1366, 'height': 768}, color_scheme=scheme)
    messages: list[str] = []
    requests: list[str] = []
    page.on('console', lambda message: messages.append(message.text))
    page.on('request', lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert messages == []
    assert [url for url in requests if not url.startswith('data:')] == [path.as_uri()]
    assert page.title() == EVIL
    assert page.evaluate('document.images.length === 1 && document.images[0].naturalWidth > 0')
    # Nothing but tables may be wider than the page, and these scroll by themselves.
    assert page.evaluate('document.documentElement.scrollWidth') <= 1366
    ground = page.evaluate('getComputedStyle(document.body).backgroundColor')
    assert ground == {'light': 'rgb(238, 240, 243)', 'dark': 'rgb(18, 22, 28)'}[scheme]
    page.close()


def test_the_pdf_is_printed_by_a_browser(report, tmp_path):
    executable = os.environ.get('LIMAP_BROWSER') or next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip('no Chromium or Chrome was found; install one or name it in LIMAP_BROWSER')
    page = write_report(report, tmp_path / 'report.html')
    path = print_pdf(page, tmp_path / 'report.pdf', executable)
    assert path.read_bytes().startswith(b'%PDF-')


def test_without_a_browser_a_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr('aiida_limap.visualisation.report_pdf.shutil.which', lambda _name: None)
    with pytest.raises(VisualisationError, match=r'no PDF can be made.*--browser.*print it'):
        find_browser()
    with pytest.raises(VisualisationError, match="there is no browser 'mine'"):
        find_browser('mine')


def _script(path: Path, text: str) -> str:
    path.write_text(f'#!/bin/sh\n{text}\n')
    path.chmod(0o755)
    return str(path)


def test_a_browser_that_fails_is_named(report, tmp_path):
    page = write_report(report, tmp_path / 'report.html')
    broken = _script(tmp_path / 'broken', 'echo "no display" >&2; exit 3')
    with pytest.raises(VisualisationError, match=r'printed no PDF: no display; open .*report.html'):
        print_pdf(page, tmp_path / 'report.pdf', broken)


def test_a_pdf_that_cannot_be_written_gives_a_sentence(report, tmp_path):
    page = write_report(report, tmp_path / 'report.html')
    prints = _script(
        tmp_path / 'prints', 'for word; do case $word in --print-to-pdf=*) echo PDF > "${word#*=}";; esac; done'
    )
    assert print_pdf(page, tmp_path / 'report.pdf', prints).read_text() == 'PDF\n'
    with pytest.raises(VisualisationError, match='choose a folder'):
        print_pdf(page, tmp_path / 'nowhere' / 'report.pdf', prints)
