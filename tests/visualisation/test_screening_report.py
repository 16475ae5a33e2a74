"""The report of a screening whose numbers are invented, as a file and in a browser."""

from __future__ import annotations

import csv
import json
import re
from functools import partial

import pytest
from plugins_invented_screening import invented_screening

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.report_document import Picture
from aiida_limap.visualisation.screening_report import (
    draw_screening_pictures,
    screening_html,
    write_screening_hits,
    write_screening_report,
)
from aiida_limap.visualisation.svg_scheme import follow_scheme

ATTACK = '</script><img src=x onerror="window.attacked=1">'
SVG = b'<?xml version="1.0"?><svg width="50pt" height="30pt"><rect style="fill: #ffffff"/></svg>'

#: Wait until two frames were drawn.
FRAMES = '() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))'


@pytest.fixture(scope='module')
def pictures():
    report = invented_screening(step=10)
    some = ScreeningReport(report.title, funnel=report.funnel, elements={'price': report.elements['price']})
    return draw_screening_pictures(some)[0]


@pytest.fixture
def open_report(open_written):
    return partial(open_written, write_screening_report, '#theme:visible')


def count(page):
    return page.locator('#hit-count').inner_text()


def formulas(page):
    return [text.replace('\n', '') for text in page.locator('#hits .formula').all_inner_texts()]


def test_the_page_says_what_was_found_without_a_script(pictures):
    report = invented_screening()
    text = screening_html(report, pictures)
    assert '<h1>Invented screening</h1>' in text
    assert '<li>1\u202f732 hits</li><li>1.97 × 10¹⁰ compositions of the grid</li>' in text
    assert '<li>models: sML, eML, esML, atom2vec</li>' in text
    assert '<span class="share">9.2 %</span><b>1.81 × 10⁹</b><span>charge neutral</span>' in text
    assert 'published 2.00 × 10⁹' in text
    assert '<span class="paper">+ 310 of small integers</span>' in text
    assert '<td>leave-one-out</td><td class="number">40</td><td class="number">0.850 ± 0.079</td>' in text
    assert '1\u202f732 compositions passed all stages; 60 of them, the best, are listed here.' in text
    assert text.count('<tr><td>Li') == 25
    assert '<code>verdi data limap show 80000000-0000-4000-8000-000000000000</code>' in text
    assert '10.1063/1.5093220' in text
    assert text.count('<figure') == len(pictures) == 2


def test_data_of_the_page_are_no_markup(open_report):
    hits = dict(invented_screening().hits)
    words = (ATTACK, *hits['formula'].values[1:])
    report = invented_screening(title=ATTACK, hits={**hits, 'formula': MapProperty(words, ATTACK)})
    text = screening_html(report, {})
    assert text.count('</script>') == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert data['columns'][0]['values'][0] == ATTACK
    page, problems, _requests = open_report(report)
    assert page.evaluate('window.attacked') is None
    assert problems == []
    page.locator('#hits .formula').first.click()
    assert page.evaluate('window.attacked') is None


def test_numbers_that_json_lacks_are_refused():
    hits = dict(invented_screening().hits)
    values = (float('nan'), *hits['probability'].values[1:])
    report = invented_screening(hits={**hits, 'probability': MapProperty(values, 'Probability')})
    with pytest.raises(VisualisationError, match='holds a value that a page cannot show'):
        screening_html(report, {})


def test_nothing_found_is_said():
    report = ScreeningReport('Nothing', missing={'hits': 'The limits leave nothing after the stage of cost.'})
    text = screening_html(report, {})
    assert 'The limits leave nothing after the stage of cost.' in text
    assert 'The screening was not run by AiiDA.' in text


def test_hits_are_written_with_all_columns(tmp_path):
    report = invented_screening()
    with write_screening_hits(report, tmp_path / 'hits.csv').open(newline='') as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == list(report.hits)
    assert [row['formula'] for row in rows] == list(report.hits['formula'].values)
    assert rows[5]['cost_usd_per_kg'] == ''


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(VisualisationError, match=r'the report cannot be written to .*choose a folder'):
        write_screening_report(invented_screening(), tmp_path / 'no' / 'report.html', {})


def test_pictures_change_their_ink_and_nothing_else():
    changed = follow_scheme(SVG).decode()
    assert changed.startswith('<?xml version="1.0"?><svg width="50pt" height="30pt"><style>@media (prefers-color-')
    assert '[style*="fill: #ffffff"]{fill:none!important}' in changed
    assert changed.endswith('</style><rect style="fill: #ffffff"/></svg>')


@pytest.mark.browser
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_a_browser_shows_it_without_requests_and_errors(open_report, pictures, scheme):
    page, problems, requests = open_report(invented_screening(), pictures, color_scheme=scheme)
    assert problems == []
    assert {url.partition(':')[0] for url in requests} <= {'file', 'data'}
    assert count(page) == '60 hits'
    for width in (1366, 1920, 400):
        page.set_viewport_size({'width': width, 'height': 900})
        assert page.evaluate('document.documentElement.scrollWidth') <= width
    ground = page.evaluate('getComputedStyle(document.body).backgroundColor')
    page.locator('#theme').click()
    assert page.evaluate('getComputedStyle(document.body).backgroundColor') != ground
    page.reload()
    assert page.evaluate('getComputedStyle(document.body).backgroundColor') != ground
    # On paper the ink is dark, whatever the screen shows.
    for _ in range(2):
        page.locator('#theme').click()
        page.emulate_media(media='print')
        assert page.evaluate('getComputedStyle(document.body).color') == 'rgb(29, 36, 48)'
        assert page.locator('#explore').is_hidden()
        page.emulate_media(media='screen')


@pytest.mark.browser
def test_pictures_follow_the_switch(open_report):
    square = SVG.replace(b'<svg ', b'<svg xmlns="http://www.w3.org/2000/svg" ').replace(
        b'<rect style="fill: #ffffff"/>', b'<rect width="50" height="30" style="fill: #000000"/>'
    )
    picture = Picture('svg', follow_scheme(square), 'a square', 'A square.')
    page, _problems, _requests = open_report(invented_screening(), {'funnel': picture}, color_scheme='light')
    image = page.locator('#funnel img')
    looks = []
    for _ in range(3):
        # A picture may be drawn some frames after the page.
        image.evaluate('async (node) => { await node.decode(); }')
        page.evaluate(FRAMES)
        looks.append(image.screenshot())
        page.locator('#theme').click()
    light, dark, again = looks
    assert dark != light
    assert again == light


@pytest.mark.browser
def test_elements_say_what_a_hit_must_hold(open_report):
    report = invented_screening(n_hits=120)
    page, problems, _requests = open_report(report)
    systems = [set(word.split('-')) for word in report.words('system')]
    page.locator('[data-element="S"]').click()
    wanted = sum('S' in system for system in systems)
    assert count(page) == f'{wanted} of 120 hits'
    assert all('S' in formula for formula in formulas(page))
    page.locator('[data-element="S"]').click()
    assert count(page) == f'{120 - wanted} of 120 hits'
    assert page.locator('[data-element="S"]').get_attribute('aria-label').endswith('; no hits with it')
    page.locator('[data-element="S"]').press('Enter')
    assert count(page) == '120 hits'
    assert page.locator('[data-element="He"]').is_disabled()
    colour = '(node) => node.style.backgroundColor'
    before = page.locator('[data-element="P"]').evaluate(colour)
    page.locator('#colouring').select_option('contribution')
    assert page.locator('[data-element="P"]').evaluate(colour) != before
    assert problems == []


@pytest.mark.browser
def test_the_table_is_sorted_filtered_and_saved(open_report):
    report = invented_screening(n_hits=120)
    costs = report.hits['cost_usd_per_kg'].values
    page, problems, _requests = open_report(report)
    assert formulas(page) == list(report.hits['formula'].values[:50])
    page.locator('#hit-more').click()
    assert len(formulas(page)) == 100
    head = page.locator('#hits th', has_text='Cost')
    head.locator('button').click()
    assert head.get_attribute('aria-sort') == 'descending'
    order = sorted((i for i in range(120) if costs[i] is not None), key=lambda i: -costs[i])
    assert formulas(page)[:3] == [report.hits['formula'].values[i] for i in order[:3]]
    head.locator('button').press('Enter')
    assert formulas(page)[:3] == [report.hits['formula'].values[i] for i in order[::-1][:3]]
    page.get_by_label('Cost / USD/kg, at most').fill('10')
    cheap = [i for i in range(120) if costs[i] is not None and costs[i] <= 10]
    assert count(page) == f'{len(cheap)} of 120 hits'
    page.get_by_label('Class').select_option('oxide')
    page.locator('#search').fill('LI o')
    left = [i for i in cheap if report.hits['anion_class'].values[i] == 'oxide']
    assert count(page) == f'{len(left)} of 120 hits'
    with page.expect_download() as download:
        page.locator('#save').click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert sorted(row['formula'] for row in rows) == sorted(report.hits['formula'].values[i] for i in left)
    page.locator('#clear').click()
    assert count(page) == '120 hits'
    assert problems == []


@pytest.mark.browser
def test_a_formula_leads_to_its_nodes(open_report):
    page, _problems, _requests = open_report(invented_screening())
    button = page.locator('#hits .formula').nth(3)
    button.click()
    assert button.get_attribute('aria-expanded') == 'true'
    text = page.locator('#hits .detail').inner_text()
    assert 'verdi node show 20000003-0000-4000-8000-000000000000' in text
    assert 'Oxidation states' in text
    page.locator('#hits .formula').nth(3).press('Enter')
    assert page.locator('#hits .detail').count() == 0
