"""The questions of ``Map``: on maps that were run, on one that came without its calculations, and on wrong ones."""

from __future__ import annotations

import json
import shutil

import graphviz
import numpy as np
import pytest
from aiida import orm
from plugins_placed import placed

from aiida_limap.data.map import POINT_COLUMNS, MapData
from aiida_limap.formats.mapbundle import Heatmap
from aiida_limap.tools.query import Map, QueryError, compare, load_map, maps_of

__all__ = ['placed']


def made(ids: list[str], **columns) -> MapData:
    """Return a stored map that no calculation made."""
    values = {name: np.linspace(0.1, 0.9, len(ids)) for name in POINT_COLUMNS} | {'status': ['ok'] * len(ids)}
    heatmap = Heatmap(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)), 'Predicted', 'eV')
    return MapData.from_points(ids, values | columns, heatmap=heatmap, facts={'target': 'barrier_2d_eV'}).store()


def structures(names: list[str]) -> list[str]:
    nodes = []
    for name in names:
        node = orm.StructureData(cell=(3 * np.eye(3)).tolist())
        node.append_atom(position=[0, 0, 0], symbols='Li')
        node.base.attributes.set('source', {'db_name': 'made for tests', 'id': name})
        nodes.append(node.store().uuid)
    return nodes


def test_a_table_has_source_energies_codes_and_uuids(graph):
    frame = Map(graph.map).to_dataframe()
    row = frame.loc[graph.uuids['twin-a']]
    assert (row['source_id'], row['source'], row['formula'], row['status']) == (
        'twin-a', 'made for tests', 'Li2MgO2', 'ok'
    )  # fmt: skip
    assert orm.load_node(int(row['structure_pk'])).uuid == row.name
    assert orm.load_node(row['migration_energy_job']).process_label == 'BvffCalculation'
    assert row.name in orm.load_node(row['descriptors_job']).outputs.table.ids
    assert (row['model'], row['map']) == (graph.map.model_uuid, graph.map.uuid)
    assert row['x_comp'] == graph.map.point(row.name)['x_comp']
    assert np.isnan(frame.loc[graph.uuids['no-lithium'], 'migration_energy_eV'])
    assert frame.attrs['units']['grid_error_eV'] == 'eV'


def test_near_points_and_regions_name_their_sources(graph):
    asked = Map(graph.map)
    here = asked.point('twin-a').values
    near = asked.nearest(here['x_comp'], here['x_struc'], k=2)
    assert near.iloc[0]['distance'] == 0
    assert graph.uuids['twin-a'] in near.index[near['distance'] == 0]
    assert asked.in_region(migration_energy_eV=(0, 9))['source_id'].tolist() == [
        name for name in graph.uuids if name != 'no-lithium'
    ]


def test_the_way_of_a_point_is_objects_text_and_graph(graph, tmp_path):
    way = Map(graph.map).provenance('twin-b')
    kinds = [step.kind for step in way.steps if not step.role.endswith('given')]
    assert kinds[:2] == ['DatasetData', 'StructureData']
    assert kinds[-3:] == ['EncodeCalculation', 'MapData', 'MapWorkChain']
    assert kinds.count('concatenate_tables') == 2
    assert [node.uuid for node in way.nodes()] == [step.uuid for step in way.steps]
    place = {step.uuid: number for number, step in enumerate(way.steps)}
    of_data = [link for link in way.links if link[3] in {'input_calc', 'create'}]
    assert len(of_data) > 15
    assert all(place[one] < place[other] for one, other, *_rest in of_data)
    for one, other, label, _kind in way.links:
        assert label in [link.link_label for link in orm.load_node(one).base.links.get_outgoing().all()]
        assert other in [link.node.uuid for link in orm.load_node(one).base.links.get_outgoing().all()]
    lines = str(way).splitlines()
    assert lines[0] == f'Li2MgO2 (twin-b) on map {graph.map.pk}'
    assert [line.split()[0] for line in lines[1:]] == [str(number) for number in range(1, len(way.steps) + 1)]
    assert all(step.uuid in way.graph().source for step in way.steps)
    text = way.write_graph(tmp_path / 'point.dot').read_text()
    assert text == way.graph().source


@pytest.mark.skipif(shutil.which('dot') is None, reason='the program dot of Graphviz is not on this machine')
def test_the_graph_is_drawn(graph, tmp_path):
    way = Map(graph.map).provenance('twin-b')
    assert way.write_graph(tmp_path / 'point.png').read_bytes().startswith(b'\x89PNG')
    assert 'the structure' in way.write_graph(tmp_path / 'point.svg').read_text()


def test_a_graph_that_cannot_be_drawn_says_why(graph, tmp_path, monkeypatch):
    way = Map(graph.map).provenance('twin-b')
    with pytest.raises(QueryError, match=r'a graph is written as svg, png, pdf, dot: .*point.jpg ends in none'):
        way.write_graph(tmp_path / 'point.jpg')
    with pytest.raises(QueryError, match=r'the graph cannot be written to .*No such file'):
        way.write_graph(tmp_path / 'nowhere' / 'point.dot')

    def missing(*_arguments, **_options):
        raise graphviz.ExecutableNotFound(['dot'])

    monkeypatch.setattr(graphviz.Digraph, 'pipe', missing)
    with pytest.raises(QueryError, match=r'needs the program `dot`.*install Graphviz'):
        way.write_graph(tmp_path / 'point.svg')


def test_a_point_that_was_taken_over_has_the_way_to_the_map_before(graph, placed):
    old = Map(placed.map).provenance('twin-a')
    before = Map(graph.map).provenance('twin-a')
    assert [step.uuid for step in old.steps[: len(before.steps)]] == [step.uuid for step in before.steps]
    roles = [step.role for step in old.steps if not step.role.endswith('given')]
    assert roles[-3:] == ['the taking over', 'the map', 'the new structures']
    assert roles.count('the map before') == roles.count('the map') == 1
    new = [step.kind for step in Map(placed.map).provenance('new-oxide').steps if not step.role.endswith('given')]
    assert new[-3:] == ['EncodeCalculation', 'MapData', 'EncodeWorkChain']
    assert 'BvffCalculation' in new


def test_the_maps_of_a_structure_are_found_by_all_its_names(graph, placed):
    pks = [placed.map.pk, graph.map.pk]

    def ours(maps):
        # Other tests of the same process may have drawn more maps.
        return [found.node.pk for found in maps if found.node.pk in pks]

    structure = orm.load_node(graph.uuids['twin-a'])
    for name in ('twin-a', structure, structure.pk, structure.uuid):
        assert ours(maps_of(name)) == pks
    assert ours(Map(graph.map).maps_of('twin-a')) == pks
    assert ours(maps_of('new-oxide')) == pks[:1]
    with pytest.raises(QueryError, match="no structure 'nobody'"):
        maps_of('nobody')


def test_points_that_were_taken_over_have_not_moved(graph, placed):
    both = compare(Map(graph.map), placed.map)
    assert (len(both.points), both.only_a) == (5, ())
    assert set(both.only_b) == set(placed.uuids.values())
    moved = both.points['migration_energy_predicted_eV_shift'].to_numpy()
    assert np.abs(moved).max() < 1e-9
    assert both.differences['points'] == (5, 7)
    assert both.differences['parent map'] == (None, graph.map.uuid)
    assert not any(name.startswith('training') for name in both.differences)
    assert json.loads(json.dumps(both.summary()))['points_in_both'] == 5
    assert f'map {graph.map.pk} and map {placed.map.pk}: 5 points in both, 0 only in the first, 2' in both.text()


def test_an_axis_that_another_map_stretches_and_turns_round_is_brought_back():
    ids = structures([f'turned-{row}' for row in range(30)])
    codes = np.random.default_rng(1).normal(size=30)
    one = made(ids, x_comp=codes, x_struc=codes[::-1], migration_energy_eV=codes)
    other = made(ids[::-1], x_comp=-3 * codes[::-1] + 5, x_struc=codes, migration_energy_eV=-codes[::-1])
    both = compare(one, other)
    assert both.rank_correlations['x_comp'] == pytest.approx(1)
    assert both.rank_correlations['migration_energy_eV'] == pytest.approx(-1)
    assert both.rank_correlations['migration_energy_predicted_eV'] == pytest.approx(-1)
    assert both.alignments['x_comp'].sign == -1
    assert np.abs(both.points['x_comp_shift']).max() < 1e-9
    assert np.allclose(both.points['shift'], 0)
    assert 'turned round' in both.text()
    constant = made(ids, x_comp=np.ones(30), migration_energy_eV=[None] * 30)
    unknown = compare(one, constant)
    assert unknown.rank_correlations['x_comp'] is None
    assert unknown.summary()['median_absolute_shift']['x_comp'] is None
    assert 'none' in unknown.text()


def test_structures_of_one_source_are_matched_on_demand():
    names = [f'again-{row}' for row in range(4)]
    one, other = made(structures(names)), made(structures([*names[:3], 'else']))
    with pytest.raises(QueryError, match=r"no points in common.*match='source' compares structures by"):
        compare(one, other)
    both = compare(one, other, match='source')
    assert both.points.index.tolist() == one.ids[:3]
    assert (both.only_a, both.only_b) == ((one.ids[3],), (other.ids[3],))
    with pytest.raises(QueryError, match="matched by uuid or source, not by 'name'"):
        compare(one, other, match='name')


def test_a_map_without_its_calculations_answers_what_it_can():
    stranger = '00000000-0000-4000-8000-000000000001'
    asked = Map(made([*structures(['alone']), stranger]))
    frame = asked.to_dataframe()
    assert frame['source_id'].tolist() == ['alone', '']
    assert frame['migration_energy_job'].tolist() == frame['model'].tolist() == ['', '']
    assert [step.role for step in asked.provenance('alone').steps] == ['the structure', 'the map']
    lost = asked.provenance(stranger)
    assert len(lost.nodes()) == 1
    assert 'missing' in lost.text()
    assert 'not in this profile' in lost.graph().source
    with pytest.raises(QueryError, match='is not in this profile; import an archive that holds it'):
        _ = asked.point(stranger).structure


@pytest.mark.parametrize(
    ('ask', 'words'),
    [
        (lambda asked: asked.point('mp-0'), "no point 'mp-0' on map"),
        (lambda asked: asked.provenance('mp-0'), "no point 'mp-0' on map"),
        (lambda asked: asked.maps_of('mp-0'), "no point 'mp-0' on map"),
        (lambda asked: asked.nearest(np.nan, 0), 'two finite codes'),
        (lambda asked: asked.nearest(0, 0, k=0), 'must be 1 or more, not 0'),
        (lambda asked: asked.in_region(), 'a region needs a polygon'),
        (lambda asked: asked.in_region(colour=(0, 1)), "no column 'colour'"),
        (lambda asked: asked.in_region(x_comp=(1, 0)), 'must begin with the lower number'),
        (lambda asked: asked.in_region(polygon=[(0, 0)]), 'a polygon needs three or more corners'),
        (lambda asked: Map('nothing'), 'no map nothing'),
    ],
)
def test_a_wrong_question_is_refused_in_a_sentence(graph, ask, words):
    with pytest.raises(QueryError, match=words):
        ask(Map(graph.map))


def test_a_point_of_another_map_is_refused(graph, bare_map):
    with pytest.raises(QueryError, match=f'map {bare_map.pk} has no point of structure'):
        Map(bare_map).provenance(Map(graph.map).point('twin-a'))


@pytest.mark.parametrize(
    ('attribute', 'value', 'words'),
    [
        ('schema_version', 99, 'schema version 99, but this release knows up to'),
        ('columns', ['x_comp'], 'lacks x_struc'),
    ],
)
def test_a_map_of_another_schema_is_refused_and_left_out_with_a_warning(attribute, value, words):
    (uuid,) = structures(['old'])
    node = made([uuid])
    node.backend_entity.set_attribute(attribute, value)
    try:
        with pytest.raises(QueryError, match=words):
            load_map(node.pk)
        with pytest.warns(UserWarning, match=words):
            assert maps_of(uuid) == []
    finally:
        orm.Node.collection.delete(node.pk)


def test_a_map_whose_file_is_gone_is_refused(monkeypatch):
    node = made(structures(['gone']))

    def gone(*_arguments, **_options):
        raise FileNotFoundError

    monkeypatch.setattr('aiida.orm.nodes.repository.NodeRepository.get_object_content', gone)
    with pytest.raises(QueryError, match=rf'MapData<{node.pk}> has no file map.npz'):
        Map(node.pk).nearest(0, 0)
