"""What a person does with the page: search, filter, choose points, ask about empty places, by mouse and by keyboard."""

from __future__ import annotations

import csv
import dataclasses
import io
import re

import pytest

from aiida_limap.formats.mapbundle import MapProperty

pytestmark = pytest.mark.browser

#: No point lies near this place, and the plane ends beyond it.
EMPTY = (1.5, 1.5)


def _wait(session, condition):
    session.page.wait_for_function(condition)


def _tab(session):
    return session.page.locator('[role=tab][aria-selected=true]').get_attribute('id')


def _drag(session, corners, shift=False):
    mouse = session.page.mouse
    places = [session.place(*corner) for corner in corners]
    if shift:
        session.page.keyboard.down('Shift')
    mouse.move(*places[0])
    mouse.down()
    for place in places[1:]:
        mouse.move(*place, steps=5)
    mouse.up()
    if shift:
        session.page.keyboard.up('Shift')


def _energies(session):
    return session.text('#place-energy') + ' ' + session.text('#place-interval')


def _saved(session, button):
    with session.page.expect_download() as waiting:
        session.page.locator(button).click()
    return waiting.value.path().read_bytes().decode('utf-8-sig')


def test_search_finds_formulas_in_any_order_identifiers_and_uuids(explored_bundle, open_page):
    session = open_page(explored_bundle)
    page = session.page
    field = page.locator('#search')
    for query, first in (('ClLi', 1), ('mp-7', 7), ('00000000-0000-4000-8000-000000000010', 10), ('10000000', 0)):
        field.fill(query)
        page.keyboard.press('Enter')
        assert session.state('selected') == first, query
    field.fill('BrLi')
    assert [text.split('\n')[1] for text in page.locator('#hits li').all_inner_texts()] == ['mp-2', 'mp-6', 'mp-10']
    page.keyboard.press('ArrowDown')
    page.keyboard.press('ArrowDown')
    assert field.get_attribute('aria-activedescendant') == 'hit-1'
    page.keyboard.press('Enter')
    assert session.state('selected') == 6
    assert session.page.evaluate('limap.viewer.saveSettings().pinned') == [6]
    field.fill('Xx9')
    assert session.text('#hits-note') == 'No point has such a formula, identifier or UUID.'
    page.keyboard.press('Escape')
    assert page.locator('#hits-box').is_hidden()
    assert session.problems == []


def test_filters_grey_or_hide_the_others(explored_bundle, open_page):
    session = open_page(explored_bundle)
    page = session.page
    page.locator('#tab-filter').click()
    assert session.text('#filter-count') == 'All 12 points pass.'
    page.locator('#filter-all').fill('Cl li')
    _wait(session, 'limap.shown === 3')
    assert session.text('#filter-count') == '3 of 12 points pass.'
    colours = session.plot('return plot.data[0].marker.color;')
    assert [index for index, colour in enumerate(colours) if colour != '#d3d3d3'] == [1, 5, 9]
    page.locator('#filter-low').fill('0.5')
    _wait(session, 'limap.shown === 2')
    page.locator('#filter-hide').check()
    _wait(session, 'limap.hidesOthers')
    assert session.plot('return plot.data[0].x.map((x, index) => Number.isNaN(x) ? -1 : index);')[4:7] == [-1, 5, -1]
    page.locator('[data-filter=family] summary').click()
    page.locator('[data-filter=family] input[value=spinel]').check()
    _wait(session, 'limap.shown === 1')
    page.locator('#filter-reset').click()
    assert session.state('shown') == 12
    page.locator('#filter-none').fill('Br, Zz')
    _wait(session, 'limap.shown === 9')
    assert session.text('#filter-error') == 'Zz is no element.'
    page.locator('#filter-none').fill('')
    page.locator('[data-filter=domain] summary').click()
    page.locator('[data-filter=domain] input[value=outside]').check()
    _wait(session, 'limap.shown === 1')
    assert session.text('#tab-filter') == 'Filter: 1'
    assert session.problems == []


def test_lasso_and_box_choose_points_for_files(explored_bundle, open_page):
    formulas = MapProperty(tuple('=cmd|calc' if i == 0 else '+1,"a"' if i == 4 else f'LiF{i}' for i in range(12)), 'F')
    properties = dict(explored_bundle.properties) | {'formula': formulas}
    properties['x_struc'] = dataclasses.replace(properties['x_struc'], values=tuple(float(i // 4) for i in range(12)))
    session = open_page(dataclasses.replace(explored_bundle, properties=properties))
    session.settle()
    page = session.page
    page.locator('#tool-lasso').click()
    assert page.locator('#tool-lasso').get_attribute('aria-pressed') == 'true'
    _drag(session, [(-0.15, -0.09), (0.4, -0.09), (0.4, 1.6), (-0.15, 1.6), (-0.15, -0.09)])
    _wait(session, 'limap.chosen.length > 0')
    assert session.state('chosen') == [0, 4]
    assert _tab(session) == 'tab-selection'
    assert session.state('place') is None
    text = _saved(session, '#save-csv')
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row['formula'] for row in rows] == ["'=cmd|calc", '\'+1,"a"']
    assert [row['Migration energy [eV]'] for row in rows] == ['0.25', '0.65']
    assert rows[0]['uuid'] == '00000000-0000-4000-8000-000000000000'
    assert rows[1]['source id'] == 'mp-4'
    page.locator('#tool-box').click()
    _drag(session, [(0.6, -0.09), (1.4, 0.4)], shift=True)
    _wait(session, 'limap.chosen.length === 3')
    assert _saved(session, '#save-uuids').split() == [f'00000000-0000-4000-8000-{i:012d}' for i in (0, 1, 4)]
    page.locator('#selection-clear').click()
    assert session.state('chosen') == []
    assert len(_saved(session, '#save-csv').splitlines()) == 13
    page.keyboard.press('Escape')
    assert session.state('tool') == 'zoom'
    assert session.problems == []
    assert {url[:5] for url in session.requests} <= {'file:', 'blob:'}


def test_click_on_an_empty_place_tells_what_the_model_makes_of_it(explored_bundle, open_page):
    session = open_page(explored_bundle)
    session.settle()
    page = session.page
    page.mouse.click(*session.place(*EMPTY))
    _wait(session, 'limap.tab === "place" && limap.place')
    # A click falls on whole pixels, so near the place only.
    middle, low, high = (float(text) for text in re.findall(r'[0-9.]+(?=[\s\u00a0](?:eV|to))', _energies(session)))
    assert middle == pytest.approx(0.8, abs=0.01)
    assert [low, high] == pytest.approx([middle - 0.15, middle + 0.25], abs=0.002)
    assert session.text('#place-interval').startswith('Interval (90\u00a0%): ')
    assert session.text('#place-domain') == 'Inside of what the model knows.'
    assert session.text('#place-elements').startswith('Li\u00a00.')
    hits = page.locator('#place .hits button')
    assert hits.count() == 10
    page.locator('#place [data-branch=structure] summary').click()
    page.wait_for_selector('#place .chart .decoded')
    first = hits.first.inner_text().split('\n')[1]
    hits.first.click()
    assert f'mp-{session.state("selected")}' == first
    assert _tab(session) == 'tab-point'
    page.mouse.click(*session.place(2.9, 1.75))
    page.wait_for_function("document.querySelector('#place-domain').textContent.startsWith('Outside')")
    assert session.problems == []


def test_point_shows_profile_and_descriptors(explored_bundle, open_page):
    session = open_page(explored_bundle)
    page = session.page
    page.wait_for_selector('#profile .chart .curve')
    assert 'from lowest to highest point 0.300\u00a0eV' in session.text('#profile')
    assert 'Energy / eV' in page.locator('#profile svg').text_content()
    page.locator('#panel [data-branch=composition] summary').click()
    page.wait_for_selector('#panel table.named')
    assert page.locator('#panel table.named tr').nth(1).inner_text().split('\t') == ['Li', '0.500', '0.500']
    page.locator('#panel [data-branch=structure] summary').click()
    page.wait_for_selector('#panel .chart .input')
    assert page.locator('#panel .chart .decoded').count() == 1
    assert session.problems == []


def test_backgrounds_contours_and_colours(explored_bundle, open_page):
    session = open_page(explored_bundle)
    page = session.page
    page.locator('#background').select_option('predicted')
    _wait(session, 'limap.background === "predicted"')
    assert session.text('#background-key').startswith('Background: predicted migration energy')
    assert session.plot('return [plot._fullLayout.images.length, plot.querySelectorAll("image").length];') == [2, 2]
    lines = session.plot('return plot._fullLayout.shapes.length;')
    assert lines > 0
    page.locator('#contours').uncheck()
    assert session.plot('return plot._fullLayout.shapes.length;') == 0
    page.locator('#background').select_option('density')
    _wait(session, 'limap.background === "density"')
    page.locator('#colour').select_option('Structure family')
    assert session.text('#legend').startswith('Colour: structure family.')
    assert session.plot('return plot._fullLayout.coloraxis.colorbar.ticktext;') == ['spinel', 'garnet', 'olivine']
    page.locator('#colour').select_option('Band gap')
    assert 'band gap, 5 to 16\u00a0eV' in session.text('#legend')
    assert session.plot('return plot._fullLayout.coloraxis.colorbar.title.text;') == 'Band gap / eV'
    page.locator('#palette').select_option('magma')
    assert session.plot('return plot._fullLayout.coloraxis.colorscale[0][1];') == 'rgb(0, 0, 3)'
    assert session.problems == []


def test_dark_follows_the_system_and_the_switch(explored_bundle, open_page):
    session = open_page(explored_bundle, color_scheme='dark')
    page = session.page
    ground = 'getComputedStyle(document.body).backgroundColor'
    assert page.evaluate(ground) == 'rgb(18, 22, 28)'
    assert session.plot('return [plot._fullLayout.plot_bgcolor, plot._fullLayout.font.color];') == [
        'rgb(27, 33, 41)', 'rgb(230, 234, 240)',
    ]  # fmt: skip
    page.locator('#theme').click()
    assert page.evaluate(ground) == 'rgb(238, 240, 243)'
    assert session.plot('return plot._fullLayout.plot_bgcolor;') == 'rgb(255, 255, 255)'
    page.reload()
    _wait(session, 'window.limap && limap.ready')
    assert page.evaluate(ground) == 'rgb(238, 240, 243)'
    assert session.problems == []


def test_all_is_reached_by_keyboard(explored_bundle, open_page):
    session = open_page(explored_bundle)
    session.settle()
    keys = session.page.keyboard
    reached = []
    for _ in range(25):
        keys.press('Tab')
        reached.append(session.page.evaluate('document.activeElement.id'))
    wanted = [
        'theme',
        'about-open',
        'colour',
        'palette',
        'background',
        'contours',
        'tool-box',
        'tool-lasso',
        'map-frame',
    ]
    assert [name for name in reached if name in wanted] == wanted
    keys.press('/')
    keys.type('LiI')
    keys.press('ArrowDown')
    keys.press('Enter')
    assert session.state('selected') == 3
    session.page.locator('#search').evaluate('(field) => field.blur()')
    keys.press('n')
    assert session.state('selected') == 4
    keys.press('m')
    assert session.page.evaluate('document.activeElement.id') == 'map-frame'
    keys.press('ArrowRight')
    keys.press('Shift+ArrowUp')
    keys.press('Enter')
    _wait(session, 'limap.tab === "place"')
    assert 'eV' in session.text('#place-energy')
    keys.press('f')
    keys.type('Cl')
    _wait(session, 'limap.shown === 3')
    session.page.locator('#tab-filter').focus()
    keys.press('ArrowRight')
    assert _tab(session) == 'tab-selection'
    keys.press('?')
    assert session.page.locator('#about').is_visible()
    keys.press('Escape')
    assert session.page.locator('#about').is_hidden()
    assert session.problems == []


def test_missing_hooks_are_told_in_a_sentence(explored_bundle, open_page, tmp_path):
    session = open_page(explored_bundle)
    page = session.page
    source = (tmp_path / 'map.html').read_text(encoding='utf-8')
    # As with a version of chemiscope that has renamed one of its methods; the policy then names another script.
    changed = source.replace('_getSelectionMask()', '_getMask()').replace('http-equiv="Content-Security', 'name="x')
    path = tmp_path / 'other.html'
    path.write_text(changed, encoding='utf-8')
    page.goto(path.as_uri())
    _wait(session, 'window.limap && limap.ready')
    assert 'need another version of chemiscope than 1.' in session.text('#controls')
    page.locator('#search').fill('LiI')
    page.keyboard.press('Enter')
    assert session.state('selected') == 3
    assert session.problems == []
