"""Questions about maps and points, on the graph of a map that was really run."""

from __future__ import annotations

import pytest
from aiida import orm

from aiida_limap.tools.query import QueryError, find_points, list_maps, load_map, point


@pytest.mark.parametrize(
    ('identifier', 'name'),
    [
        ('mp-1960', 'mp-1960'),
        (' mp-1960 ', 'mp-1960'),
        ('limap-proto-lisicon', 'limap-proto-lisicon'),
        ('mp-13725', 'limap-proto-lisicon'),
        ('Li3PO4', 'limap-proto-lisicon'),
        ('PO4Li3', 'limap-proto-lisicon'),
        ('Li6P2O8', 'limap-proto-lisicon'),
        ('Li2O', 'mp-1960'),
        ('twin-b', 'twin-b'),
    ],
)
def test_a_point_is_found_by_what_people_call_it(graph, identifier, name):
    answer = point(identifier, graph.map)
    assert answer.structure_uuid == graph.uuids[name]
    assert answer.source['id'] == name
    assert answer.structure.uuid == graph.uuids[name]
    assert answer.label.endswith(name)


@pytest.mark.parametrize('length', [6, 8, 36])
def test_a_point_is_found_by_its_uuid_and_by_the_start_of_it(graph, length):
    uuid = graph.uuids['twin-a']
    assert point(uuid[:length], graph.map).structure_uuid == uuid
    assert point(uuid[:length].upper(), graph.map).structure_uuid == uuid


def test_a_point_has_values_and_the_steps_in_the_order_in_which_they_were_made(graph):
    answer = point('mp-1960', graph.map)
    assert answer.values['migration_energy_eV'] == pytest.approx(0.3)
    assert answer.values['status'] == 'ok'
    assert answer.values['formula'] == 'Li2O'
    assert [step.kind for step in answer.steps] == [
        'DatasetData',
        'StructureData',
        'BvffCalculation',
        'DescriptorsCalculation',
        'TrainCalculation',
        'AutoencoderData',
        'EncodeCalculation',
        'MapData',
        'MapWorkChain',
    ]
    for step in answer.steps:
        assert orm.load_node(step.uuid).pk == step.pk


def test_a_map_is_found_by_the_work_chain_that_drew_it(graph):
    assert load_map(graph.chain.pk).uuid == load_map(graph.chain.uuid).uuid == graph.map.uuid
    unfinished = orm.WorkChainNode()
    unfinished.set_process_label('MapWorkChain')
    unfinished.store()
    with pytest.raises(QueryError, match=rf'work chain {unfinished.pk} has no map; `aiida-limap status'):
        load_map(unfinished.pk)


def test_a_point_without_a_migration_energy_says_why(graph):
    answer = point('no-lithium', graph.map)
    assert (answer.values['migration_energy_eV'], answer.values['status']) == (None, 'no_mobile_ion')
    assert 'BvffCalculation' in [step.kind for step in answer.steps]


def test_a_formula_of_several_points_is_refused_with_their_names(graph):
    assert len(find_points(graph.map, 'Li2MgO2')) == 2
    with pytest.raises(QueryError, match=r"2 points fit 'MgLi2O2': twin-a, twin-b; name one of them"):
        point('MgLi2O2', graph.map)


def test_a_long_list_of_candidates_is_cut(graph, monkeypatch):
    monkeypatch.setattr('aiida_limap.tools.query.find_points', lambda *_: list(graph.uuids.values()) * 2)
    with pytest.raises(QueryError, match=r'10 points fit .* and 2 more'):
        point('MgLi2O2', graph.map)


@pytest.mark.parametrize('text', ['mp-0', 'NaCl', '', '(', '1234', 'Li0', 'Li1e500', 'abcdef', 'é%'])
def test_what_no_point_is_called_is_refused_with_advice(graph, text):
    assert find_points(graph.map, text) == []
    with pytest.raises(QueryError, match=f'on map {graph.map.pk}; give the id of its source, a formula, or a UUID'):
        point(text, graph.map)


def test_a_map_without_formulas_answers_all_the_same(bare_map):
    assert point(bare_map.ids[0], bare_map).steps[0].kind == 'StructureData'
    with pytest.raises(QueryError, match="no point 'Li2O'"):
        point('Li2O', bare_map)


def test_maps_are_listed_newest_first(graph, bare_map):
    maps = list_maps()
    times = [row[2] for row in maps]
    assert times == sorted(times, reverse=True)
    by_pk = {row[0]: row for row in maps}
    assert by_pk[graph.map.pk] == (graph.map.pk, graph.map.uuid, graph.map.ctime, graph.map.label, 5)
    assert load_map().pk == maps[0][0]
    assert maps[0][0] >= bare_map.pk


def test_a_map_is_loaded_by_pk_uuid_start_of_it_and_label(graph):
    for identifier in (graph.map.pk, str(graph.map.pk), graph.map.uuid, graph.map.uuid[:13], graph.map.label):
        assert load_map(identifier).uuid == graph.map.uuid


@pytest.mark.parametrize('identifier', ['999999', 999999, 'no such label', ''])
def test_an_unknown_map_is_refused_with_advice(graph, identifier):
    with pytest.raises(QueryError, match=r'no map .*`aiida-limap map list` shows those there are'):
        load_map(identifier)


def test_a_node_that_is_no_map_is_refused_by_its_class(graph):
    with pytest.raises(QueryError, match=f'node {graph.dataset.pk} is a DatasetData, not a map'):
        load_map(graph.dataset.pk)


def test_an_empty_profile_has_no_newest_map(aiida_profile_tmp):
    assert list_maps() == []
    with pytest.raises(QueryError, match=r'no map yet; make one with `aiida-limap launch map'):
        load_map()
