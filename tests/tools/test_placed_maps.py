"""Maps with new structures on an older one: every point, old or new, keeps the whole way back."""

from __future__ import annotations

import numpy as np
import pytest
from plugins_placed import placed

from aiida_limap.tools.bundle import map_bundle
from aiida_limap.tools.provenance import map_provenance, parent_of
from aiida_limap.tools.query import point

__all__ = ['placed']

KINDS_OF_NEW = [
    'DatasetData',
    'StructureData',
    'BvffCalculation',
    'DescriptorsCalculation',
    'TrainCalculation',
    'AutoencoderData',
    'MapData',
    'EncodeCalculation',
    'MapData',
    'EncodeWorkChain',
]


def test_a_new_point_has_its_own_jobs_and_the_model_of_the_parent(graph, placed):
    answer = point('new-oxide', placed.map)
    assert [step.kind for step in answer.steps] == KINDS_OF_NEW
    by_role = {step.role: step.uuid for step in answer.steps}
    assert by_role['the dataset'] == placed.dataset.uuid
    assert by_role['the map before'] == graph.map.uuid
    assert by_role['the codes and predictions'] == placed.map.creator.uuid
    assert by_role['the new structures'] == placed.chain.uuid
    job = next(step for step in answer.steps if step.kind == 'BvffCalculation')
    jobs = {node.uuid for node in placed.chain.called_descendants if node.process_label == 'BvffCalculation'}
    assert job.uuid in jobs
    assert answer.values['is_new'] == 1
    assert answer.values['formula'] == 'Li3PO'


def test_an_old_point_keeps_its_jobs_its_encoding_and_its_dataset(graph, placed):
    before, after = point('twin-a', graph.map), point('twin-a', placed.map)
    kept = [step for step in before.steps if step.role not in {'the map', 'the whole map'}]
    assert [step.kind for step in after.steps] == [
        *(step.kind for step in kept),
        *('MapData', 'EncodeCalculation', 'MapData', 'EncodeWorkChain'),
    ]
    assert list(after.steps[: len(kept)]) == kept
    assert after.steps[len(kept)].uuid == graph.map.uuid
    assert after.steps[len(kept) + 1].role == 'the taking over'
    assert {name: value for name, value in after.values.items() if name != 'is_new'} == before.values
    assert after.values['is_new'] == 0


def test_every_point_names_structure_and_jobs(graph, placed):
    provenance = map_provenance(placed.map)
    for uuid in placed.map.ids:
        assert {'structure', 'migration_energy', 'descriptors', 'encoding', 'model', 'map', 'parent_map'} <= set(
            provenance.of_point(uuid)
        )
    old, new = graph.uuids['twin-a'], placed.uuids['new-oxide']
    assert provenance.of_point(old)['dataset'] == graph.dataset.uuid
    assert provenance.of_point(new)['dataset'] == placed.dataset.uuid
    assert 'placing' not in provenance.of_point(new)


def test_the_parent_is_found_by_its_link(graph, placed):
    assert parent_of(placed.map).uuid == graph.map.uuid
    assert parent_of(graph.map) is None


def test_a_new_structure_without_lithium_is_a_point_with_a_reason(placed):
    values = point('new-magnesia', placed.map).values
    assert (values['status'], values['migration_energy_eV']) == ('no_mobile_ion', None)
    assert values['migration_energy_predicted_eV'] == pytest.approx(0.5)


def test_the_bundle_tells_new_points_from_old_ones(graph, placed):
    bundle = map_bundle(placed.map)
    assert bundle.properties['is_new'].values == (0.0,) * 5 + (1.0,) * 2
    assert bundle.metadata['nodes']['parent_map'] == graph.map.uuid
    assert 'is_new' not in map_bundle(graph.map).properties
    # The origin of a structure is another matter, and stays what it was.
    assert bundle.properties['origin'].values[1] == 'substituted'
    assert bundle.properties['split'].values[-1] == 'not trained on'
    assert np.array_equal(bundle.heatmap.values, graph.map.heatmap().values)
