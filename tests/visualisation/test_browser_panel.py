"""What the panel of a point and the colours of families say in a real browser."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.mapparts import DescriptorColumn, Profiles

pytestmark = pytest.mark.browser


def _select(session, index):
    session.page.evaluate('(index) => limap.select(index)', index)
    session.page.wait_for_function('(index) => limap.selected === index', arg=index, timeout=60_000)


def test_the_panel_says_from_where_energies_of_a_path_count_and_why_a_profile_is_missing(explored_bundle, open_page):
    energy = explored_bundle.profiles.energy.copy()
    energy[1] += np.float32(0.25)
    energy[[2, 3]] = np.nan
    profiles = Profiles(explored_bundle.profiles.distance, energy, 2)
    session = open_page(dataclasses.replace(explored_bundle, profiles=profiles))
    page = session.page
    page.wait_for_selector('#profile .chart .curve', timeout=60_000)
    assert 'Energies count from' not in session.text('#profile')
    _select(session, 1)
    page.wait_for_selector('#profile .chart .curve', timeout=60_000)
    assert session.text('#profile').endswith(
        'from lowest to highest point 0.300\u00a0eV. Energies count from the lowest site of the crystal, '
        '0.250\u00a0eV below this path.'
    )
    _select(session, 2)
    page.wait_for_selector('#profile .note', timeout=60_000)
    assert 'No profile: a pass on the path is known on the grid only' in session.text('#profile')
    # Point 3 has no energy, and its status says why.
    _select(session, 3)
    page.wait_for_selector('#status', timeout=60_000)
    assert page.locator('#profile *').count() == 0
    assert session.problems == []


def test_a_long_list_of_elements_leaves_out_what_the_decoder_makes_of_nothing(explored_bundle, open_page):
    given = explored_bundle.descriptors['composition']
    more = tuple(
        DescriptorColumn(f'fraction_{first}{second}', '', 'share of atoms', 'composition', 'fraction')
        for first in 'ABCDEF'
        for second in 'abcdeghjkm'
    )
    wider = dataclasses.replace(
        given,
        columns=(*given.columns, *more),
        factors=np.ones(65),
        rows=np.hstack([given.rows, np.full((12, 60), 0.0)]),
        decoded=np.hstack([given.decoded, np.full((4, 60), 0.004)]),
    )
    descriptors = explored_bundle.descriptors | {'composition': wider}
    session = open_page(dataclasses.replace(explored_bundle, descriptors=descriptors))
    page = session.page
    page.locator('#panel [data-branch=composition] summary').click()
    page.wait_for_selector('#panel table.named', timeout=60_000)
    rows = [text.split('\t') for text in page.locator('#panel table.named tbody tr').all_inner_texts()]
    assert rows == [['Li', '0.500', '0.500'], ['F', '0.500', '0.500']]
    # The heads stand above the numbers.
    edges = page.locator('#panel table.named tr').evaluate_all(
        '(lines) => lines.slice(0, 2).map((line) => line.lastElementChild.getBoundingClientRect().right)'
    )
    alignment = page.locator('#panel table.named thead th').last.evaluate('(head) => getComputedStyle(head).textAlign')
    assert edges[0] == edges[1] and alignment == 'right'
    assert session.problems == []


def test_points_of_no_known_family_are_grey(explored_bundle, open_page):
    words = tuple('unknown' if i % 3 else 'garnet' for i in range(12))
    properties = dict(explored_bundle.properties) | {'family': MapProperty(words, 'Structure family')}
    session = open_page(dataclasses.replace(explored_bundle, properties=properties))
    session.settle()
    session.page.locator('#colour').select_option('Structure family')
    session.page.wait_for_function(
        "limap.viewer.map._options.color.property.value === 'Structure family'", timeout=60_000
    )
    scale = session.plot('return plot._fullLayout.coloraxis.colorscale.map((step) => step[1]);')
    labels = session.plot('return plot._fullLayout.coloraxis.colorbar.ticktext;')
    colours = dict(zip(labels, scale[::2], strict=True))
    assert colours['unknown'] == 'rgb(190, 190, 190)'
    assert colours['garnet'] != colours['unknown']
    assert session.problems == []
