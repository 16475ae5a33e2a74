"""The page of invented phonons, as a file and in a browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial

import pytest
from plugins_invented_phonons import invented_phonon_report

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.phonon_page import draw_phonon_pictures, phonon_html, write_phonon_page

ATTACK = '</script><img src=x onerror="window.attacked=1">'


@pytest.fixture(scope='module')
def report():
    return invented_phonon_report()


@pytest.fixture
def open_page(open_written):
    return partial(open_written, write_phonon_page, '#explore:visible')


def formulas(page):
    return page.evaluate("[...document.querySelectorAll('#listing td button')].map((node) => node.textContent)")


def chosen(page):
    return page.evaluate("document.querySelector('#compound b').textContent")


def test_the_page_says_what_was_found_without_a_script(report):
    pictures, left_out = draw_phonon_pictures(replace(report, densities=None))
    assert set(left_out) == {'densities'}
    text = phonon_html(report, pictures)
    assert '<h1>Invented phonons</h1>' in text
    assert '<li>30 compounds</li><li>mobile element: Li</li>' in text
    assert '<b>Cluster 0</b><span>20 compounds</span>' in text
    assert text.count('<figure') == len(pictures) == 6
    assert text.count('<tr><td>invented-') == 25
    assert 'Printed and without scripts, the first 25 of 30 are listed.' in text
    assert '<td>diffusivities, of those with a label</td>' in text
    assert 'Invented data' in text
    assert 'These numbers were not computed by AiiDA.' in text


def test_words_of_a_report_are_no_markup(report):
    formulas = (ATTACK, *report.compounds['formula'].values[1:])
    changed = {**report.compounds, 'formula': MapProperty(formulas, ATTACK)}
    text = phonon_html(replace(report, title=ATTACK, compounds=changed), {})
    assert text.count('</script>') == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert data['columns'][1]['values'][0] == ATTACK
    assert data['methods'][0]['labels'] == list(report.groupings[0].labels)


def test_a_report_without_clusters_and_densities_says_so(report):
    text = phonon_html(replace(report, groupings=(), tree=None, plane=None, densities=None, correlations=()), {})
    assert 'The compounds were not clustered.' in text
    assert 'Densities of states are not known.' in text
    assert '<h2>Conduction</h2>' not in text


def test_a_folder_that_is_missing_is_named(report, tmp_path):
    with pytest.raises(VisualisationError, match=r'the page cannot be written to .*choose a folder'):
        write_phonon_page(report, tmp_path / 'no' / 'phonons.html', {})


@pytest.mark.browser
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_a_browser_shows_it_without_requests_and_errors(open_page, report, scheme):
    page, problems, requests = open_page(report, color_scheme=scheme)
    assert {url.partition(':')[0] for url in requests} <= {'file', 'data'}
    for width in (1366, 1920, 400):
        page.set_viewport_size({'width': width, 'height': 900})
        assert page.evaluate('document.documentElement.scrollWidth') <= width
    ground = page.evaluate('getComputedStyle(document.body).backgroundColor')
    page.locator('#theme').click()
    assert page.evaluate('getComputedStyle(document.body).backgroundColor') != ground
    assert problems == []


@pytest.mark.browser
def test_a_click_shows_densities_beside_those_of_the_cluster(open_page, report):
    page, problems, _requests = open_page(report)
    assert page.locator('#plane-plot .mark').count() == 30
    assert chosen(page) == 'Li1N'
    before = page.locator('#density-plot .own').first.get_attribute('d')
    page.locator('#plane-plot .mark').nth(4).dispatch_event('click')
    assert chosen(page) == 'Li5N'
    assert page.locator('#density-plot .own').first.get_attribute('d') != before
    assert page.locator('#density-plot .band.c0').count() == 2
    assert 'verdi node show 80000000-0000-4000-8000-000000000004' in page.locator('#known').inner_text()
    page.locator('#listing td button').nth(6).click()
    assert chosen(page) == 'Li7N'
    assert page.locator('#listing tr[aria-selected=true]').count() == 1
    page.locator('#axis-y').select_option('diffusivity_cm2_per_s')
    assert page.locator('#plane-plot .mark').count() == 24
    assert '6 of the listed compounds lack' in page.locator('#plane-missing').inner_text()
    assert problems == []


@pytest.mark.browser
def test_the_table_is_sorted_and_narrowed_down(open_page, report):
    page, problems, _requests = open_page(report)
    centres = report.numbers('mobile_band_centre_THz')
    page.get_by_role('button', name='Li band centre / THz', exact=True).click()
    names = report.words('formula')
    assert formulas(page) == [names[row] for row in (-centres).argsort(kind='stable')]
    page.get_by_role('button', name='cluster 1: 10', exact=True).click()
    assert page.locator('#count').inner_text() == '20 of 30 compounds'
    assert page.locator('#plane-plot .faint').count() == 10
    page.locator('#search').fill('li2n')
    assert formulas(page) == ['Li2N']
    page.locator('#clear').click()
    assert page.locator('#count').inner_text() == '30 compounds'
    page.locator('#method').select_option('1')
    assert page.locator('#legend button').count() == 2
    with page.expect_download() as download:
        page.locator('#save').click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 31
    assert lines[0].endswith('cluster_ward,cluster_kmeans,cluster_spectral,cluster_density')
    assert problems == []
