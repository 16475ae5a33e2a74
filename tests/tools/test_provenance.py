"""The way back from a map, on the graph of a map that was really run."""

from __future__ import annotations

from aiida import orm

from aiida_limap.data.table import TableData
from aiida_limap.tools.provenance import map_provenance, structure_facts


def test_the_steps_that_all_points_share_have_their_roles(graph):
    shared = map_provenance(graph.map).shared
    assert {role: step.kind for role, step in shared.items()} == {
        'map': 'MapData',
        'encoding': 'EncodeCalculation',
        'model': 'AutoencoderData',
        'training': 'TrainCalculation',
        'work_chain': 'MapWorkChain',
        'dataset': 'DatasetData',
    }
    assert shared['work_chain'].uuid == graph.chain.uuid
    assert shared['dataset'].uuid == graph.dataset.uuid
    assert shared['model'].uuid == graph.map.model_uuid
    for step in shared.values():
        assert orm.load_node(step.pk).uuid == step.uuid


def test_each_row_is_followed_through_the_joined_tables_to_the_job_of_its_batch(graph):
    jobs = map_provenance(graph.map).jobs
    kinds = {'migration_energy': 'BvffCalculation', 'descriptors': 'DescriptorsCalculation'}
    assert set(jobs) == set(kinds)
    for role, kind in kinds.items():
        assert set(jobs[role]) == set(graph.uuids.values())
        assert len({step.uuid for step in jobs[role].values()}) == 3
        for uuid, step in jobs[role].items():
            job = orm.load_node(step.uuid)
            assert step.kind == job.process_label == kind
            inputs = job.base.links.get_incoming(node_class=orm.StructureData).all_nodes()
            assert uuid in {node.uuid for node in inputs}
            assert uuid in job.outputs.table.ids


def test_the_roles_of_a_point_are_uuids_of_nodes_of_the_profile(graph):
    uuid = graph.uuids['twin-b']
    roles = map_provenance(graph.map).of_point(uuid)
    assert roles['structure'] == uuid
    assert set(roles) == {
        'structure', 'migration_energy', 'descriptors', 'map', 'encoding', 'model', 'training', 'work_chain', 'dataset'
    }  # fmt: skip
    for found in roles.values():
        assert orm.load_node(found).uuid == found
    assert 'migration_energy' not in map_provenance(graph.map).of_point('a stranger')


def test_a_map_without_calculations_behind_it_is_its_own_provenance(bare_map):
    found = map_provenance(bare_map)
    assert (list(found.shared), dict(found.jobs)) == (['map'], {})


def test_rows_of_a_table_that_nothing_computed_have_no_job(graph):
    from aiida_limap.tools.provenance import jobs_by_row

    table = TableData.from_arrays(list(graph.uuids.values()), {'status': ['ok'] * len(graph.uuids)})
    assert jobs_by_row(table.store(), 'given by hand') == {}


def test_facts_of_structures_leave_out_what_is_not_in_the_profile(graph):
    stranger = '00000000-0000-4000-8000-000000000000'
    facts = structure_facts([*graph.uuids.values(), stranger])
    assert set(facts) == set(graph.uuids.values())
    for name, uuid in graph.uuids.items():
        node = orm.load_node(uuid)
        assert facts[uuid] == {'pk': node.pk, 'label': node.label, 'source': node.source}
        assert facts[uuid]['source']['id'] == name
    assert structure_facts([]) == {}


def test_facts_of_more_structures_than_one_statement_takes(graph, monkeypatch):
    monkeypatch.setattr('aiida_limap.tools.provenance._QUERY_SIZE', 2)
    assert set(structure_facts(graph.uuids.values())) == set(graph.uuids.values())
