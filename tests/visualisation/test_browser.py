"""The page in a real browser."""

from __future__ import annotations

import dataclasses

import pytest

from aiida_limap.formats.mapbundle import MapProperty

pytestmark = pytest.mark.browser

#: How many pictures lie below the points.
SHADES = 'return (plot._fullLayout.images || []).length;'
PICTURES = 'return [...plot.querySelectorAll("image")].map((node) => node.href.baseVal);'
ATTACK = '<img src=x onerror="window.attacked=1"><b>bold</b>'


def test_page_works_without_network_and_errors(make_bundle, open_page):
    session = open_page(make_bundle())
    assert session.page.evaluate('[limap.ready, limap.errors]') == [True, []]
    session.settle()
    assert session.problems == []
    assert [url[:5] for url in session.requests] == ['file:']
    assert session.text('h1') == 'Halides'
    assert 'W = 0.1' in session.text('#summary')
    assert session.page.locator('#message').is_hidden()
    session.page.locator('#about-open').click()
    assert 'options › me_weight' in session.text('#facts')
    session.page.keyboard.press('Escape')
    session.page.wait_for_selector('#about', state='hidden')


def test_click_on_the_map_changes_panel_and_structure(make_bundle, open_page):
    session = open_page(make_bundle())
    session.settle()
    assert session.state('selected') == 0
    session.page.mouse.click(*session.point(9))
    session.page.wait_for_function('limap.selected === 9')
    assert session.text('#formula').replace('\n', '') == 'LiCl'
    assert session.text('#energy') == '1.150\u00a0eV'
    assert session.page.evaluate('limap.viewer.saveSettings().pinned') == [9]
    link = session.page.locator('#source a')
    assert link.get_attribute('href') == 'https://example.org/mp-9'
    assert link.get_attribute('target') == '_blank'
    assert 'noopener' in link.get_attribute('rel')
    assert 'verdi node show 10000000-0000-4000-8000-000000000009' in session.text('#provenance')
    assert 'aiida-limap point show 00000000-0000-4000-8000-000000000009' in session.text('#provenance')


def test_point_without_energy_is_drawn_grey_and_can_be_clicked(make_bundle, open_page):
    session = open_page(make_bundle(missing=(6,)))
    session.settle()
    session.page.mouse.click(*session.point(6))
    session.page.wait_for_function('limap.selected === 6')
    assert session.text('#energy') == 'none'
    assert session.text('#status') == (
        'not_percolating: no percolating path below the energy cap: an answer, not an error'
    )
    assert 'Grey: 1 without a migration energy' in session.text('#legend')
    colours = session.plot('return plot.data[0].marker.color;')
    assert colours[6] == '#aaaaaa'
    assert all(isinstance(colour, (int, float)) for index, colour in enumerate(colours) if index != 6)


def test_buttons_choose_points_by_keyboard(make_bundle, open_page):
    session = open_page(make_bundle(5, missing=()))
    session.page.locator('#next').focus()
    session.page.keyboard.press('Enter')
    assert session.state('selected') == 1
    session.page.locator('#previous').focus()
    session.page.keyboard.press('Enter')
    session.page.keyboard.press('Enter')
    assert session.state('selected') == 4
    session.page.evaluate('limap.select(2)')
    assert session.state('selected') == 2
    assert session.text('#step') == '3 of 5'
    assert session.text('#formula') == 'LiBr'
    assert session.page.evaluate('limap.viewer.saveSettings().pinned') == [2]


def test_copy_buttons_copy_the_id_and_the_command(make_bundle, open_page):
    session = open_page(make_bundle(2))
    session.page.evaluate(
        '() => { window.copied = []; navigator.clipboard.writeText = async (text) => { copied.push(text); }; }'
    )
    session.page.get_by_role('button', name='Copy the id of Structure').click()
    session.page.get_by_role('button', name='Copy the command that shows Structure').click()
    identifier = '00000000-0000-4000-8000-000000000000'
    assert session.page.evaluate('copied') == [identifier, f'verdi node show {identifier}']


def test_hover_names_the_point(make_bundle, open_page):
    session = open_page(make_bundle())
    session.settle()
    session.page.mouse.move(*session.point(5))
    session.page.wait_for_selector('#tip:not([hidden])')
    assert session.text('#tip').split('\n') == ['LiCl · mp-5', '0.750\u00a0eV']


def test_markup_in_the_data_is_shown_as_text(explored_bundle, open_page):
    bundle = explored_bundle
    n_points = len(bundle.ids)
    properties = dict(bundle.properties) | {
        'formula': MapProperty((ATTACK,) * n_points, 'Formula'),
        'family': MapProperty((ATTACK, *['spinel'] * (n_points - 1)), ATTACK),
        'note': MapProperty((ATTACK, *['b'] * (n_points - 1)), ATTACK, ATTACK, ATTACK),
    }
    descriptors = {
        part: dataclasses.replace(given, columns=tuple(dataclasses.replace(c, meaning=ATTACK) for c in given.columns))
        for part, given in bundle.descriptors.items()
    }
    source = {'id': ATTACK, 'uri': 'javascript:alert(1)'}
    attacked = dataclasses.replace(
        bundle,
        title=ATTACK,
        properties=properties,
        descriptors=descriptors,
        sources=tuple(source | {'db_name': f'{ATTACK}{i % 2}'} for i in range(n_points)),
        provenance=({ATTACK: ATTACK},) * n_points,
    )
    session = open_page(attacked)
    session.settle()
    page = session.page
    assert session.text('h1') == ATTACK
    assert session.text('#formula') == ATTACK
    for part in page.locator('#panel details summary, #filter-words summary').all():
        part.evaluate('(node) => node.click()')
    for label in page.locator('#colour option').evaluate_all('(nodes) => nodes.map((node) => node.value)'):
        page.locator('#colour').select_option(label)
    page.locator('#search').fill('<img')
    assert ATTACK in page.locator('#hits').inner_text()
    page.keyboard.press('Enter')
    page.mouse.click(*session.place(1.5, 1.5))
    page.wait_for_selector('#place .hits')
    assert ATTACK in page.locator('#place').inner_text()
    page.mouse.move(*session.point(5))
    page.evaluate("limap.choose([0, 1]); document.querySelector('#tab-selection').click()")
    assert ATTACK in session.text('#selection-list')
    assert page.evaluate('window.attacked') is None
    assert session.problems == []
    # Nothing of the data became an element or a link; the pictures below the points are those of the page.
    assert page.locator('img, aside b:has(b), #panel b b, #source a').count() == 0
    assert session.plot(
        'return [...plot.querySelectorAll("image")].every((node) => node.href.baseVal.startsWith("data:"));'
    )


@pytest.mark.parametrize(('n_points', 'missing'), [(1, ()), (1, (0,)), (3, ()), (3, (0, 1, 2)), (3, (0, 1))])
def test_small_maps_and_maps_without_energies_work(make_bundle, open_page, n_points, missing):
    session = open_page(make_bundle(n_points, missing=missing, heatmap=False))
    session.settle()
    assert session.page.evaluate('[limap.ready, limap.errors]') == [True, []]
    assert session.problems == []
    assert session.page.locator('#message').is_hidden()
    session.page.evaluate('(index) => limap.select(index)', n_points - 1)
    assert session.text('#formula') == ['LiF', 'LiCl', 'LiBr'][n_points - 1]


def test_point_without_codes_has_a_panel(make_bundle, open_page):
    bundle = make_bundle(4)
    codes = bundle.properties['x_comp']
    properties = dict(bundle.properties) | {'x_comp': MapProperty((None, *codes.values[1:]), codes.label)}
    session = open_page(make_bundle(4, properties=properties))
    session.page.evaluate('limap.select(0)')
    assert 'has no codes' in session.text('#panel')
    assert session.problems == []


def test_what_is_not_known_is_seen(uncertain_bundle, open_page):
    session = open_page(uncertain_bundle)
    session.settle()
    assert session.plot(SHADES) == 1
    assert session.text('#interval') == 'Interval (90\u00a0%): from 0.410\u00a0eV'
    session.page.evaluate('limap.select(5)')
    assert session.text('#interval') == 'Interval (90\u00a0%): 0.410 to 0.930\u00a0eV'
    assert session.text('#domain') == (
        'Outside of what the model knows: the structure is unlike those of the training.'
    )
    session.page.evaluate('limap.select(4)')
    assert session.page.locator('#domain').count() == 0
    # Other axes are another plane, about which the picture says nothing.
    session.page.evaluate("limap.viewer.map._options.x.property.value = 'Band gap'")
    session.page.wait_for_function('limap.shaded === false')
    assert session.plot(SHADES) == 0
    session.page.evaluate("limap.viewer.map._options.x.property.value = 'Composition code'")
    session.page.wait_for_function('limap.shaded === true')
    assert session.problems == []


def test_a_plain_map_has_no_shade(make_bundle, open_page):
    session = open_page(make_bundle())
    session.settle()
    assert session.plot(SHADES) == 0
    assert session.page.locator('#interval').count() == 0
