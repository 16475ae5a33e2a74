"""A page of twenty thousand points, whose structures are packed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aiida_limap.formats.mapbundle import MapProperty

pytestmark = pytest.mark.browser

N_POINTS = 20_001


def test_twenty_thousand_points_can_be_explored(make_bundle, open_page):
    random = np.random.default_rng(7)
    bundle = make_bundle(N_POINTS)
    places = {
        name: MapProperty(tuple(random.normal(1.0, 0.5, N_POINTS).round(4).tolist()), bundle.properties[name].label)
        for name in ('x_comp', 'x_struc')
    }
    session = open_page(dataclasses.replace(bundle, properties=dict(bundle.properties) | places))
    page = session.page
    assert session.page.evaluate('[limap.ready, limap.errors]') == [True, []]
    page.locator('#search').fill('mp-15003')
    page.keyboard.press('Enter')
    assert session.state('selected') == 15_003
    page.wait_for_function("document.querySelector('#key').textContent.includes('2 sites')")
    assert 'LiI' in session.text('#key').replace('\n', '')
    page.locator('#tab-filter').click()
    page.locator('#filter-all').fill('Cl')
    page.wait_for_function('limap.shown === 5000')
    assert session.text('#filter-count') == f'5000 of {N_POINTS} points pass.'
    assert session.problems == []
