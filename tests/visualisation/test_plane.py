"""What lies behind the points of a page: layers, lines of equal density, descriptors, packed structures."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from scipy.stats import norm

from aiida_limap.formats.mapbundle import Heatmap, MapProperty
from aiida_limap.formats.mapparts import DescriptorColumn, Descriptors, Profiles
from aiida_limap.formats.packing import unpack
from aiida_limap.formats.structures import StructureRecord
from aiida_limap.visualisation import packing, rows
from aiida_limap.visualisation.dataset import page_data
from aiida_limap.visualisation.density import density_contours, point_density
from aiida_limap.visualisation.errors import VisualisationError

X, Y = np.linspace(-6, 6, 97), np.linspace(-3, 3, 81)


@pytest.fixture
def cloud():
    return np.random.default_rng(3).normal(0, (1.5, 0.7), (400, 2))


def test_the_density_is_that_of_a_gaussian_kernel(cloud):
    density = point_density(cloud, X, Y)
    widths = [min(c.std(ddof=1), np.ptp(np.quantile(c, [0.25, 0.75])) / 1.349) * 400 ** (-1 / 6) for c in cloud.T]
    across, along = (
        norm.pdf(axis[:, None], column[None], width)
        for axis, column, width in zip((X, Y), cloud.T, widths, strict=True)
    )
    expected = along @ across.T
    assert np.abs(density.values - expected).max() < 0.03 * expected.max()
    area = (X[1] - X[0]) * (Y[1] - Y[0])
    assert density.values.sum() * area == pytest.approx(len(cloud), rel=0.01)


def test_contours_hold_the_shares_that_they_name(cloud):
    contours = density_contours(point_density(cloud, X, Y))
    assert [round(entry.share, 2) for entry in contours] == pytest.approx([0.1, 0.25, 0.5, 0.75, 0.9], abs=0.01)
    assert [entry.count for entry in contours] == [round(entry.share * 400) for entry in contours]
    levels = [entry.level for entry in contours]
    assert levels == sorted(levels, reverse=True)
    for entry in contours:
        for line in entry.lines:
            assert np.array_equal(line[0], line[-1])
    outer = np.concatenate(contours[-1].lines)
    assert np.abs(outer[:, 0]).max() > np.abs(np.concatenate(contours[0].lines)[:, 0]).max()


@pytest.mark.parametrize(
    'points', [np.zeros((50, 2)), np.random.default_rng(0).normal(size=(4, 2)), np.full((30, 2), np.nan)]
)
def test_too_little_for_a_density(points):
    assert point_density(points, X, Y) is None


def test_half_of_the_points_may_coincide(cloud):
    cloud[:300] = (0.5, 0.5)
    density = point_density(cloud, X, Y)
    assert np.isfinite(density.values).all()
    assert density_contours(density)


def test_a_plane_holds_predictions_interval_and_density(make_bundle):
    bundle = make_bundle(12)
    heatmap = bundle.heatmap
    layers = {
        name: Heatmap(heatmap.x_comp, heatmap.x_struc, heatmap.values + shift, name, 'eV')
        for name, shift in (('low', -1.0), ('high', 1.0))
    }
    note = {'plane_interval': {'level': 0.9, 'note': 'From the validation rows'}}
    data = page_data(make_bundle(12, layers=layers, metadata=note))
    plane = data['plane']
    assert [layer['name'] for layer in plane['layers']] == ['predicted', 'low', 'high', 'density']
    assert plane['axes'] == data['support']['axes'] if data['support'] else len(plane['axes']) == 2
    found = {layer['name']: unpack(layer['values']) for layer in plane['layers']}
    known = np.isfinite(found['predicted'])
    assert known.sum() == heatmap.values.size
    np.testing.assert_allclose(found['predicted'][known], heatmap.values.ravel(), atol=1e-3)
    np.testing.assert_allclose((found['high'] - found['low'])[known], 2.0, atol=1e-3)
    assert data['prediction'] == {'level': 0.9, 'half_width_eV': None, 'note': 'From the validation rows'}
    assert page_data(bundle)['prediction'] is None
    assert page_data(make_bundle(3, heatmap=None))['plane'] is None
    alone = page_data(make_bundle(12, heatmap=None))['plane']
    assert [layer['name'] for layer in alone['layers']] == ['density']


def descriptors(n_points: int) -> Descriptors:
    names = ['fraction_Li', 'fraction_O', 'fraction_H', *(f'rdf_Li-O_{r:g}' for r in (1.5, 2.0, 2.5))]
    columns = tuple(
        DescriptorColumn(name, 'Å' if 'rdf' in name else '', 'share', 'composition', 'rdf' if 'rdf' in name else 'ef')
        for name in names
    )
    decoded = np.array([[0.2, 0.8, 0.0, 0, 1, 0], [0.5, -0.1, 0.0, 0, 1, 0]])
    values = np.linspace(0, 1, n_points * 6).reshape(n_points, 6)
    return Descriptors(columns, [0.5, 0.5, 0.5, 2, 2, 3], values, [0.0, 1.0], decoded)


def test_descriptors_come_with_what_their_columns_are(make_bundle, monkeypatch):
    bundle = make_bundle(5, descriptors={'composition': descriptors(5)})
    data = page_data(bundle)
    first, second = data['columns']['composition']['blocks']
    assert (first['start'], first['stop'], first['factors'], first['positions']) == (0, 3, 0.5, None)
    assert (second['start'], second['stop'], second['factors']) == (3, 6, [2.0, 2.0, 3.0])
    assert (second['positions'], second['names'], second['x_label']) == ([1.5, 2.0, 2.5], None, 'rdf (Å)')
    np.testing.assert_allclose(
        unpack(data['rows']['composition']), bundle.descriptors['composition'].rows, atol=1 / 400
    )
    elements = data['decoded']['elements']
    assert elements['symbols'] == ['Li', 'O']
    np.testing.assert_allclose(unpack(elements['rows']), [[0.2, 0.8], [1.0, 0.0]], atol=0.01)
    assert data['rows_note'] == ''
    assert page_data(make_bundle(5))['rows_note'].startswith('The descriptors of the points are not')
    monkeypatch.setattr(rows, 'MAX_ROWS', 4)
    data = page_data(bundle)
    assert data['rows'] is None
    assert '5 points are more than the 4' in data['rows_note']


def test_profiles_are_packed_where_there_are_any(make_bundle):
    distance = np.array([[0.0, 1.0, 2.0], [np.nan] * 3])
    energy = np.array([[0.0, 0.5, 0.0], [np.nan] * 3])
    data = page_data(make_bundle(2, profiles=Profiles(distance, energy, 2)))['profiles']
    np.testing.assert_allclose(unpack(data['energy']), energy, atol=1e-4)
    assert data['dimension'] == 2
    nothing = np.full((2, 3), np.nan)
    assert page_data(make_bundle(2, profiles=Profiles(nothing, nothing, 2)))['profiles'] is None


def test_many_structures_are_packed():
    record = StructureRecord(
        'a', [[4, 0, 0], [1, 5, 0], [0, 0, 6]], ({'Li': 1}, {'O<': 1}), [[0, 0, 0], [-0.25, 0.5, 1]]
    )
    inline = packing.page_structures([record])
    assert inline['packed'] is None
    packed = packing.page_structures([record, record], max_inline=1)
    assert packed['packed'] == {'elements': ['Li', 'O‹']}
    entry = packed['structures'][1]
    content = base64.b64decode(entry['data'])
    size = entry['size']
    cell = np.frombuffer(content, '<f4', 9).reshape(3, 3)
    elements = np.frombuffer(content, '<u2', size, 36)
    fractions = np.frombuffer(content, '<u2', 3 * size, 36 + 2 * size).reshape(-1, 3) / 65536
    assert cell.tolist() == record.cell.tolist()
    assert elements.tolist() == [0, 1]
    np.testing.assert_allclose(fractions, [[0, 0, 0], [0.75, 0.5, 0]], atol=1e-5)
    assert len(content) == 36 + 8 * size


def test_a_page_of_too_many_points_is_refused(monkeypatch):
    monkeypatch.setattr(packing, 'MAX_POINTS', 1)
    record = StructureRecord('a', np.eye(3), ({'Li': 1},), [[0, 0, 0]])
    with pytest.raises(VisualisationError, match='2 points, but a page holds up to 1'):
        packing.page_structures([record, record])


def test_words_of_a_bundle_are_no_markup_in_labels(make_bundle):
    bundle = make_bundle(12)
    properties = {**bundle.properties, 'x_comp': MapProperty(bundle.properties['x_comp'].values, '<b>x</b>')}
    assert page_data(make_bundle(12, properties=properties))['plane']['axes'][0] == '‹b›x‹/b›'
