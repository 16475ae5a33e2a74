"""From the node of a map that was really run to the bundle of its page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from aiida import orm
from plugins_aiida import FIXTURES
from plugins_graph import CITATION

from aiida_limap.data.table import TableData
from aiida_limap.engines.autoencoder.conformal import Calibration
from aiida_limap.engines.autoencoder.energies import EnergyScale
from aiida_limap.formats.mapbundle import read_bundle, write_bundle
from aiida_limap.formats.weights import read_weights, write_weights
from aiida_limap.tools import _bundle_parts
from aiida_limap.tools.bundle import map_bundle
from aiida_limap.tools.query import QueryError

PROVENANCE = {
    'structure', 'migration_energy', 'descriptors', 'map', 'encoding', 'model', 'training', 'work_chain', 'dataset'
}  # fmt: skip


@pytest.fixture
def bundle(graph):
    return map_bundle(graph.map)


def test_every_property_has_its_unit_and_a_description(bundle):
    units = {name: entry.unit for name, entry in bundle.properties.items()}
    assert units == {
        'x_comp': '',
        'x_struc': '',
        'migration_energy_eV': 'eV',
        'migration_energy_predicted_eV': 'eV',
        'grid_error_eV': 'eV',
        'reconstruction_mse_composition': '',
        'reconstruction_mse_structure': '',
        'status': '',
        'formula': '',
        'li_fraction': '',
        'o_fraction': '',
        'family': '',
        'prototype': '',
        'origin': '',
        'split': '',
    }
    for entry in bundle.properties.values():
        assert entry.label
        assert entry.description.endswith('.')


def test_the_values_are_those_of_the_node_with_none_where_there_is_none(graph, bundle):
    assert list(bundle.ids) == graph.map.ids == graph.dataset.structure_uuids
    values = {name: entry.values for name, entry in bundle.properties.items()}
    assert values['migration_energy_eV'] == pytest.approx((0.3, 0.4, 0.5, 0.6, None))
    assert values['status'] == ('ok', 'ok', 'ok', 'ok', 'no_mobile_ion')
    assert values['formula'] == ('Li2O', 'Li3PO4', 'Li2MgO2', 'Li2MgO2', 'MgO')
    assert values['li_fraction'] == (0.666667, 0.375, 0.4, 0.4, 0.0)
    assert values['o_fraction'] == (0.333333, 0.5, 0.4, 0.4, 0.5)
    assert values['family'] == ('unknown', 'phosphate', 'unknown', 'unknown', 'unknown')
    assert values['prototype'] == (None, 'Li3AsO4', None, None, None)
    assert values['split'] == ('train',) * 5
    assert bundle.properties['x_comp'].numbers().tolist() == graph.map.column('x_comp').tolist()
    assert bundle.heatmap is not None
    assert bundle.heatmap.values.shape == (5, 5)


def test_the_structures_are_those_of_the_nodes(graph, bundle):
    for uuid, record in zip(bundle.ids, bundle.structures, strict=True):
        node = orm.load_node(uuid)
        assert record.id == uuid
        assert record.cell.tolist() == node.cell
        assert len(record.species) == len(node.sites)


def test_the_provenance_of_each_point_are_uuids_of_nodes(bundle):
    for uuid, entry in zip(bundle.ids, bundle.provenance, strict=True):
        assert set(entry) == PROVENANCE
        assert entry['structure'] == uuid
        for found in entry.values():
            assert orm.load_node(found).uuid == found


def test_the_sources_are_flat_words(graph, bundle):
    by_id = {source['id']: source for source in bundle.sources}
    assert set(by_id) == set(graph.uuids)
    assert all(isinstance(value, str) for source in bundle.sources for value in source.values())
    assert by_id['mp-1960'] == {
        'db_name': 'Materials Project', 'id': 'mp-1960', 'uri': 'https://example.org/mp-1960', 'license': 'CC-BY-4.0'
    }  # fmt: skip
    assert by_id['limap-proto-lisicon'] == {
        'db_name': 'made for tests',
        'id': 'limap-proto-lisicon',
        'prototype': 'Li3AsO4',
        'counterpart': 'mp-13725',
        'counterpart_uri': 'https://example.org/mp-13725',
        'substitutions': 'As5+ → P5+',
        'citation': f'{CITATION} (not yet checked against the publication)',
    }


def test_the_metadata_name_the_nodes_and_the_options_of_the_training(graph, bundle):
    metadata = bundle.metadata
    assert (metadata['map_uuid'], metadata['map_pk']) == (graph.map.uuid, graph.map.pk)
    assert metadata['target'] == 'barrier_2d_eV'
    assert metadata['counts_by_status'] == {'ok': 4, 'no_mobile_ion': 1}
    assert metadata['options'] == {'preset': 'quick', 'patience': 20, 'seed': 0}
    assert set(metadata['nodes']) == PROVENANCE - {'structure', 'migration_energy', 'descriptors'}
    assert metadata['nodes']['work_chain'] == graph.chain.uuid


def test_the_title_is_the_label_unless_one_is_given(graph, bundle, bare_map):
    assert bundle.title == graph.map.label
    assert map_bundle(graph.map, title='Mine').title == 'Mine'
    assert map_bundle(bare_map).title == 'Materials map of 1 lithium compounds'


def test_a_bundle_of_a_map_survives_its_file(bundle, tmp_path):
    write_bundle(tmp_path / 'map.json.gz', bundle)
    again = read_bundle(tmp_path / 'map.json.gz')
    assert again.properties == bundle.properties
    assert (again.ids, again.sources, again.provenance) == (bundle.ids, bundle.sources, bundle.provenance)


def test_a_map_that_no_calculation_made_has_a_bundle_without_split_and_options(bare_map):
    bundle = map_bundle(bare_map)
    assert 'split' not in bundle.properties
    assert 'family' not in bundle.properties
    assert bundle.metadata['options'] == {}
    assert bundle.provenance == ({'structure': bare_map.ids[0], 'map': bare_map.uuid},)
    assert bundle.sources == ({},)


def test_intervals_and_quality_of_the_model_are_facts_of_the_map(graph, tmp_path):
    from aiida.common.links import LinkType

    from aiida_limap.data.autoencoder import AutoencoderData
    from aiida_limap.data.map import POINT_COLUMNS, MapData

    tensors, header = read_weights(FIXTURES / 'train' / 'ok' / 'model.safetensors')
    measured = {'coverage': 0.88, 'coverage_by_group': 0.91, 'median_width_eV': 0.7}
    training = {
        **header['training'],
        'uncertainty': {'intervals': {'constant': {'0.9': measured}}},
        'map_quality': {'test': {'trustworthiness_5': 0.7, 'trustworthiness_10': 0.8, 'label_smoothness_10': 0.9}},
    }
    write_weights(tmp_path / 'model.safetensors', tensors, {**header, 'training': training})
    model = AutoencoderData(tmp_path / 'model.safetensors').store()
    encoding = orm.CalcJobNode(computer=graph.map.creator.computer)
    encoding.base.links.add_incoming(model, LinkType.INPUT_CALC, 'model')
    encoding.store()
    columns = {name: graph.map.column(name) for name in POINT_COLUMNS}
    reasons = ['', 'no training row holds Li', '', '', '']
    columns |= {'in_domain': [1.0, 0.0, 1.0, 1.0, 1.0], 'domain_reason': reasons}
    node = MapData.from_points(graph.map.ids, columns, heatmap=graph.map.heatmap(), facts={'target': 'barrier_2d_eV'})
    summary = orm.Dict({'level': 0.9, 'interval': 'constant'})
    for label, output in (('map', node), ('output_parameters', summary)):
        output.base.links.add_incoming(encoding, LinkType.CREATE, label)
        output.store()
    found = map_bundle(node)
    assert found.metadata['interval'] == {
        'level': 0.9,
        'kind': 'constant',
        'test_coverage': 0.88,
        'test_coverage_by_group': 0.91,
        'test_median_width_eV': 0.7,
    }
    assert found.metadata['map_quality_test'] == {'trustworthiness_10': 0.8, 'label_smoothness_10': 0.9}
    assert found.properties['domain_reason'].values == tuple(reasons)
    assert found.properties['in_domain'].numbers().tolist() == columns['in_domain']


class StandInModel:
    """Decodes to straight lines, and errs by half an electronvolt at most."""

    columns: ClassVar = {'landscape': False}
    config = SimpleNamespace(wide_head_widths=())
    calibration = Calibration.fit(
        np.ones(40), np.linspace(0.5, 1.5, 40), range(40), scale=EnergyScale('none', 0.05, 2.0)
    )

    def __init__(self, table: TableData) -> None:
        self.widths = {part: table.block(part).shape[1] for part in ('composition', 'structure')}
        self.scaling = SimpleNamespace(divisors=self.divisors, energy=EnergyScale('none', 0.05, 2.0))

    def divisors(self, part: str) -> np.ndarray:
        return np.linspace(1.0, 2.0, self.widths[part])

    def decode(self, x_comp: np.ndarray, x_struc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        composition, structure = (np.arange(width) for width in self.widths.values())
        return np.outer(x_comp, composition), np.outer(x_struc, structure)


@pytest.fixture
def model(graph, monkeypatch):
    found = StandInModel(graph.map.creator.inputs.descriptors)
    monkeypatch.setattr('aiida_limap.tools.models.load', lambda _node: found)
    return found


def test_axes_are_decoded_and_descriptors_are_those_of_the_points(graph, model):
    bundle = map_bundle(graph.map)
    table = graph.map.creator.inputs.descriptors
    assert set(bundle.descriptors) == {'composition', 'structure'}
    decoded = model.decode(*(bundle.descriptors[part].codes for part in ('composition', 'structure')))
    for axis, part, drawn in zip(('x_comp', 'x_struc'), ('composition', 'structure'), decoded, strict=True):
        found = bundle.descriptors[part]
        assert len(found.columns) == table.block(part).shape[1]
        assert {column.part for column in found.columns} == {part}
        np.testing.assert_allclose(found.decoded * found.factors, drawn)
        expected = table.block(part)[[table.position(uuid) for uuid in bundle.ids]]
        np.testing.assert_allclose(found.rows * found.factors, expected, rtol=1e-5)
        codes = bundle.properties[axis].numbers()
        assert found.codes[0] <= codes.min() <= codes.max() <= found.codes[-1]


def test_the_plane_has_the_interval_of_the_prediction(graph, model):
    bundle = map_bundle(graph.map)
    low, high = bundle.layers['low'].values, bundle.layers['high'].values
    ends = model.calibration.interval(bundle.heatmap.values, 0.9, scale=model.scaling.energy)
    assert np.array_equal([low, high], ends)
    assert (high > low).all()
    assert bundle.metadata['plane_interval']['level'] == 0.9
    assert 'on 40 validation compounds' in bundle.metadata['plane_interval']['note']


def test_the_profiles_of_the_migration_energies_come_along(graph, monkeypatch):
    uuids = graph.map.ids
    table = TableData.from_arrays(
        [uuids[2], uuids[0]],
        {'status': ['ok', 'ok']},
        blocks={'profile_distance_angstrom': [[0.0, 1, 2], [0, 2, 4]], 'profile_energy_eV': [[0, 0.5, 0], [0, 0.3, 0]]},
        block_info={'profile_energy_eV': {'dimension': 2}, 'profile_distance_angstrom': {}},
    )
    monkeypatch.setattr(_bundle_parts, '_tables', lambda _map, label: [table] if label == 'migration_energies' else [])
    profiles = map_bundle(graph.map).profiles
    assert profiles.dimension == 2
    assert profiles.energy[:, 1].tolist() == pytest.approx([0.3, np.nan, 0.5, np.nan, np.nan], nan_ok=True)
    assert profiles.distance[0].tolist() == [0, 2, 4]


def test_a_map_without_its_descriptors_is_still_decoded(graph, model, monkeypatch):
    monkeypatch.setattr(_bundle_parts, '_tables', lambda _map, _label: [])
    found = map_bundle(graph.map).descriptors
    assert [(entry.rows, len(entry.decoded)) for entry in found.values()] == [(None, 201)] * 2


def test_a_map_without_its_model_still_gives_a_bundle(graph, monkeypatch):
    monkeypatch.setattr('aiida_limap.tools.models.find_model', _no_model)
    bundle = map_bundle(graph.map)
    assert (bundle.descriptors, bundle.layers, bundle.profiles) == ({}, {}, None)
    assert bundle.metadata['not_decoded'] == 'the model of the map is not in this profile'


def _no_model(_node):
    raise QueryError('the model of the map is not in this profile')


def test_descriptors_of_many_points_are_left_out(graph, model, monkeypatch):
    monkeypatch.setattr(_bundle_parts, 'MAX_ROWS', 4)
    bundle = map_bundle(graph.map)
    assert len(bundle.descriptors) == 2
    assert all(found.rows is None and found.decoded is not None for found in bundle.descriptors.values())
