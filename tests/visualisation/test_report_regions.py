"""Places of a map where low energies are predicted and little is known."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_limap.formats.mapbundle import Heatmap, MapProperty
from aiida_limap.formats.mapparts import DescriptorColumn, Descriptors
from aiida_limap.visualisation.report_regions import promising_regions

N = 200


def _plane(support: bool = True) -> Heatmap:
    """Return energies that fall from left to right, known on the lower half only."""
    x, y = np.linspace(-3, 3, 61), np.linspace(-3, 3, 61)
    known = np.repeat((y < 0.05).astype(float)[:, None], 61, axis=1)
    return Heatmap(x, y, np.tile(1.0 - 0.1 * x, (61, 1)), 'Predicted', 'eV', known if support else None)


@pytest.fixture
def crowded(make_bundle):
    """Return a function that builds a map whose compounds crowd at the origin."""

    def build(**changes):
        generator = np.random.default_rng(3)
        codes = generator.normal(scale=0.5, size=(2, N))
        properties = {
            'x_comp': MapProperty(tuple(codes[0].tolist()), 'Composition code'),
            'x_struc': MapProperty(tuple(codes[1].tolist()), 'Structure code'),
            'migration_energy_eV': MapProperty(tuple(np.linspace(0.5, 1.5, N).tolist()), 'Migration energy', 'eV'),
        }
        return make_bundle(N, **({'properties': properties, 'heatmap': _plane()} | changes))

    return build


def test_the_best_region_is_sparse_low_and_known(crowded):
    found = promising_regions(crowded())
    best = found.regions[0]
    assert best.score == pytest.approx(best.promise * best.sparsity * best.support)
    assert best.support == 1
    assert best.x_struc < 0.05
    assert best.x_comp > 1
    # Energies run from 0.5 to 1.5 eV, so the part above the prediction can be counted by hand.
    assert best.promise == pytest.approx(np.mean(np.linspace(0.5, 1.5, N) > best.energy))
    assert best.sparsity >= 0.5
    assert [region.score for region in found.regions] == sorted((r.score for r in found.regions), reverse=True)
    assert best.interval is None
    assert 'no intervals' in found.notes[0]


def test_the_upper_end_of_the_interval_counts_where_there_is_one(crowded):
    plane = _plane()
    layers = {
        name: Heatmap(plane.x_comp, plane.x_struc, plane.values + shift, name, 'eV')
        for name, shift in (('low', -0.2), ('high', 0.2))
    }
    plain, careful = (promising_regions(crowded(layers=given)) for given in ({}, layers))
    best = careful.regions[0]
    assert best.interval == pytest.approx((best.energy - 0.2, best.energy + 0.2))
    assert best.promise == pytest.approx(np.mean(np.linspace(0.5, 1.5, N) > best.energy + 0.2))
    assert best.score < plain.regions[0].score
    assert careful.notes == ()


def test_a_map_without_support_says_so(crowded):
    found = promising_regions(crowded(heatmap=_plane(support=False)))
    assert found.regions[0].support == 1
    assert any('was not measured' in note for note in found.notes)


def test_regions_do_not_overlap_and_count_what_lies_inside(crowded):
    bundle = crowded()
    regions = promising_regions(bundle).regions
    for region in regions:
        assert region.x_comp_range[0] <= region.x_comp <= region.x_comp_range[1]
        assert region.energy_range[0] <= region.energy <= region.energy_range[1]
        assert 0 <= region.n_known < N / 2
    x, y = (bundle.properties[name].numbers() for name in ('x_comp', 'x_struc'))
    distances = np.hypot(x - regions[0].x_comp, y - regions[0].x_struc)
    assert [row for row, _ in regions[0].nearest] == np.argsort(distances, kind='stable')[:3].tolist()
    assert regions[0].nearest[0][1] == pytest.approx(distances.min())


def test_the_elements_are_those_that_the_code_decodes_to(crowded):
    columns = tuple(DescriptorColumn(f'fraction_{symbol}') for symbol in ('Li', 'O', 'Zr'))
    codes = np.array([-4.0, 6.0])
    decoded = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    part = Descriptors(columns, np.ones(3), codes=codes, decoded=decoded)
    best = promising_regions(crowded(descriptors={'composition': part})).regions[0]
    lithium = (best.x_comp + 4) / 10
    assert dict(best.elements) == pytest.approx({'Li': lithium, 'O': 1 - lithium})


def test_small_maps_and_maps_without_a_plane_say_why(make_bundle):
    assert 'it takes 10 or more' in promising_regions(make_bundle(3)).reason
    assert 'no heat map' in promising_regions(make_bundle(12, heatmap=False)).reason


def test_a_map_that_knows_nothing_anywhere_has_no_regions(crowded):
    plane = _plane()
    nowhere = Heatmap(plane.x_comp, plane.x_struc, plane.values, 'Predicted', 'eV', np.zeros(plane.values.shape))
    found = promising_regions(crowded(heatmap=nowhere))
    assert found.regions == ()
    assert 'No place' in found.reason


def test_a_model_that_has_learnt_no_energy_points_nowhere(crowded):
    assert promising_regions(crowded()).regions
    found = promising_regions(crowded(metadata={'options': {'me_weight': 0}}))
    assert not found.regions
    assert 'trained with W = 0' in found.reason
