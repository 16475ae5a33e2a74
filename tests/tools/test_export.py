"""A map as a folder to give away, and what another profile answers after the import of its archive."""

from __future__ import annotations

import csv
import hashlib
import re
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from plugins_placed import placed

from aiida_limap.formats.mapbundle import read_bundle
from aiida_limap.tools.export import ARCHIVE, SUMS, Parts, export_map
from aiida_limap.tools.query import QueryError

__all__ = ['placed']

#: The export of the small map, made once.
_DONE: dict[str, SimpleNamespace] = {}
SMALL = Parts(archive=False, page=False, report=False, descriptors=False)


def rows(path) -> list[dict[str, str]]:
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


@pytest.fixture
def exported(aiida_profile, graph, tmp_path_factory) -> SimpleNamespace:
    """Return the export of the small map, which no test changes."""
    if aiida_profile.name not in _DONE:
        told: list[tuple[str, int, int]] = []
        folder = tmp_path_factory.mktemp('exports') / 'given'
        done = export_map(graph.map, folder, progress=lambda *step: told.append(step))
        _DONE[aiida_profile.name] = SimpleNamespace(**vars(done), told=told)
    return _DONE[aiida_profile.name]


def test_every_file_is_listed_with_its_size_and_checksum(exported):
    folder = exported.folder
    assert set(exported.sizes) == {
        'README.txt',
        SUMS,
        ARCHIVE,
        'map.html',
        'map.json.gz',
        'report.html',
        'CITATION.cff',
        'CITATION.bib',
        *(f'tables/{name}.csv' for name in ('compounds', 'not_on_the_map', 'plane', 'licences', 'columns')),
        *(f'tables/descriptors_{part}.csv' for part in ('composition', 'structure')),
    }
    assert {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()} == set(exported.sizes)
    assert all((folder / name).stat().st_size == size for name, size in exported.sizes.items())
    for line in (folder / SUMS).read_text().splitlines():
        digest, name = line.split('  ')
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert [path.name for path in folder.parent.iterdir()] == ['given']


def test_the_progress_of_each_part_comes_to_its_end(exported):
    last = {what: (done, total) for what, done, total in exported.told}
    assert set(last) == {'points and structures', 'page', 'report', 'archive', 'tables', 'descriptors'}
    assert all(done == total > 0 for done, total in last.values())


def test_compounds_say_what_they_are_and_how_their_energies_were_obtained(exported, graph):
    table = rows(exported.folder / 'tables' / 'compounds.csv')
    assert [row['structure_uuid'] for row in table] == graph.map.ids
    by_id = {row['source_id']: row for row in table}
    oxide, magnesia = by_id['mp-1960'], by_id['no-lithium']
    assert oxide['licence'] == 'CC-BY-4.0'
    assert oxide['database'] == 'Materials Project'
    assert oxide['uri'] == 'https://example.org/mp-1960'
    assert float(oxide['migration_energy_eV']) == pytest.approx(0.3)
    assert float(oxide['x_comp']) == graph.map.point(graph.uuids['mp-1960'])['x_comp']
    assert magnesia['migration_energy_eV'] == ''
    assert magnesia['status'] == 'no_mobile_ion'
    from aiida_limap.tools.query import point

    steps = {step.role: step.uuid for step in point('mp-1960', graph.map).steps}
    assert oxide['migration_energy_job'] == steps['migration energy']
    assert oxide['descriptors_job'] == steps['descriptors']
    assert (oxide['map'], oxide['structure_uuid']) == (graph.map.uuid, graph.uuids['mp-1960'])


def test_descriptors_are_those_of_the_table_with_their_units_in_the_heading(exported, graph):
    table = graph.map.creator.inputs.descriptors
    for part in ('composition', 'structure'):
        with (exported.folder / 'tables' / f'descriptors_{part}.csv').open(newline='') as file:
            (_uuid, *heading), *lines = csv.reader(file)
        columns = table.block_columns(part)
        assert [name.partition(' [')[0] for name in heading] == [entry['name'] for entry in columns]
        assert all(f'[{entry["unit"]}]' in name for name, entry in zip(heading, columns, strict=True) if entry['unit'])
        assert {line[0] for line in lines} == set(graph.map.ids)
        for uuid, *numbers in lines:
            expected = table.block(part)[table.position(uuid)]
            assert np.array([float(number) for number in numbers]) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_every_column_of_every_table_is_explained(exported):
    tables = exported.folder / 'tables'
    described: dict[str, list[str]] = {}
    for row in rows(tables / 'columns.csv'):
        assert row['meaning'] or row['file'].startswith('descriptors_')
        described.setdefault(row['file'], []).append(row['column'])
    for path in tables.glob('*.csv'):
        if path.name == 'columns.csv':
            continue
        with path.open(newline='') as file:
            heading = next(csv.reader(file))
        assert [name.partition(' [')[0] for name in heading] == described[path.name]


def test_the_readme_names_every_file_and_how_to_open_the_archive(exported, graph):
    text = (exported.folder / 'README.txt').read_text()
    for name in set(exported.sizes) - {'README.txt'}:
        assert name in text
    assert f'aiida-limap map show {graph.map.uuid}' in text
    assert 'verdi archive import map.aiida' in text
    assert all(len(line) <= 100 or '    ' in line for line in text.splitlines())


def test_the_citation_names_the_map_and_what_it_rests_on(exported, graph):
    document = yaml.safe_load((exported.folder / 'CITATION.cff').read_text())
    assert (document['type'], document['identifiers'][0]['value']) == ('dataset', graph.map.uuid)
    bibtex = (exported.folder / 'CITATION.bib').read_text()
    assert len(document['references']) == bibtex.count('\n@') + bibtex.startswith('@')
    (own,) = (entry for entry in document['references'] if entry.get('doi') == '10.1038/s41598-023-43921-1')
    assert own['type'] == 'article'
    assert 'Yamaguchi' in own['authors'][0].values()
    assert all(entry['title'] and entry['authors'] for entry in document['references'])
    assert not any('{' in str(entry) and '\\' in str(entry) for entry in document['references'])


def test_what_no_licence_is_stated_for_is_warned_about_there_and_here(exported):
    assert exported.warnings == (
        '4 structures of made for tests: no licence is stated; ask the owner before you publish them',
    )
    assert 'no licence is stated' in ' '.join((exported.folder / 'README.txt').read_text().split())
    licences = {row['what']: row for row in rows(exported.folder / 'tables' / 'licences.csv')}
    assert licences['Materials Project']['commercial_use'] == 'yes'
    assert licences['made for tests']['redistribution'] == 'ask the owner'
    assert any(what.startswith('bond-valence parameters softbv') for what in licences)


def test_another_profile_gives_the_same_answers_after_the_import(graph, exported, aiida_profile_tmp, tmp_path):
    """Point by point and for the page as a whole, but for the primary keys, which belong to a profile."""
    from aiida import orm
    from aiida.tools.archive import import_archive

    from aiida_limap.groups.dataset import DatasetGroup
    from aiida_limap.tools.bundle import map_bundle
    from aiida_limap.tools.query import list_maps, load_map, point
    from aiida_limap.visualisation.page import write_page

    assert list_maps() == []
    import_archive(exported.folder / ARCHIVE, create_group=False)
    expected = read_bundle(exported.folder / 'map.json.gz')
    node = load_map()
    assert node.uuid == expected.metadata['map_uuid']
    bundle = map_bundle(node)
    assert bundle.ids == expected.ids
    assert bundle.provenance == expected.provenance
    assert bundle.sources == expected.sources
    assert {name: entry.values for name, entry in bundle.properties.items()} == {
        name: entry.values for name, entry in expected.properties.items()
    }
    page = write_page(bundle, tmp_path / 'again.html').read_text()
    numbers = re.compile(r'\["map_pk","\d+"\]')
    assert numbers.search(page)
    assert numbers.sub('', page) == numbers.sub('', (exported.folder / 'map.html').read_text())
    answer = point('mp-1960', node)
    assert answer.structure.get_formula() == 'Li2O'
    assert [orm.load_node(step.uuid).pk for step in answer.steps] == [step.pk for step in answer.steps]
    roles = {step.role for step in answer.steps}
    assert {'migration energy', 'descriptors', 'the training', 'the dataset', 'the whole map'} <= roles
    group = DatasetGroup.collection.get(label='limap/small')
    assert group.dataset.uuid == bundle.metadata['nodes']['dataset']
    # What AiiDA keeps of a work folder is where it was.
    remotes = orm.QueryBuilder().append(orm.RemoteData).all(flat=True)
    assert remotes
    assert not any(remote.base.repository.list_object_names() for remote in remotes)


@pytest.fixture
def exported_placed(placed, tmp_path) -> SimpleNamespace:
    """Return the export of a map with new structures on the small map."""
    return SimpleNamespace(**vars(export_map(placed.map, tmp_path / 'placed', parts=Parts(page=False, report=False))))


def test_all_points_of_a_map_on_an_older_map_have_rows_and_jobs(exported_placed, placed, graph):
    tables = exported_placed.folder / 'tables'
    compounds = {row['source_id']: row for row in rows(tables / 'compounds.csv')}
    assert set(compounds) == {*graph.uuids, *placed.uuids}
    assert all(row['migration_energy_job'] and row['descriptors_job'] for row in compounds.values())
    composition = [row['structure_uuid'] for row in rows(tables / 'descriptors_composition.csv')]
    assert sorted(composition) == sorted(placed.map.ids)


def test_a_map_on_an_older_map_goes_with_that_one(graph, placed, exported_placed, aiida_profile_tmp):
    from aiida.tools.archive import import_archive

    from aiida_limap.tools.query import list_maps, load_map, point

    expected = next(row['map'] for row in rows(exported_placed.folder / 'tables' / 'compounds.csv'))
    import_archive(exported_placed.folder / ARCHIVE, create_group=False)
    assert len(list_maps()) == 2
    roles = [step.role for step in point('mp-1960', load_map(expected)).steps]
    assert 'the map before' in roles


def test_structures_that_no_link_leads_to_go_along(bare_map, tmp_path):
    done = export_map(bare_map, tmp_path / 'bare', parts=Parts(page=False, report=False))
    assert 'tables/descriptors_composition.csv' not in done.sizes
    from aiida import orm
    from aiida.tools.archive.implementations.sqlite_zip.main import ArchiveFormatSqlZip

    with ArchiveFormatSqlZip().open(done.folder / ARCHIVE, 'r') as reader:
        uuids = reader.querybuilder().append(orm.StructureData, project='uuid').all(flat=True)
    assert uuids == bare_map.ids


def test_a_group_that_holds_more_is_left_out_and_named(graph, tmp_path):
    from aiida import orm

    extra = orm.StructureData(cell=np.eye(3).tolist())
    extra.append_atom(position=[0, 0, 0], symbols='Li')
    graph.group.add_nodes([extra.store()])
    try:
        done = export_map(graph.map, tmp_path / 'given', parts=Parts(page=False, report=False, descriptors=False))
    finally:
        graph.group.remove_nodes([extra])
    assert done.notes == ('the group limap/small is not in the archive, since 1 of its nodes are not behind the map',)


def test_figures_are_drawn_on_request(graph, tmp_path):
    parts = Parts(archive=False, page=False, report=False, descriptors=False, figures=('svg',))
    done = export_map(graph.map, tmp_path / 'given', parts=parts)
    assert 'figures/map.svg' in done.sizes
    assert not any(name.endswith('.png') for name in done.sizes)


def test_an_export_is_replaced_on_request_only_and_other_files_stay(graph, tmp_path):
    folder = tmp_path / 'given'
    export_map(graph.map, folder, parts=Parts(archive=False, report=False, descriptors=False))
    (folder / 'mine.txt').write_text('mine')
    with pytest.raises(QueryError, match='is not empty; give another one, or replace an older export with --force'):
        export_map(graph.map, folder, parts=SMALL)
    done = export_map(graph.map, folder, parts=SMALL, replace=True)
    assert {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()} == {
        *done.sizes,
        'mine.txt',
    }
    assert not (folder / 'map.html').exists()


def test_a_list_of_files_cannot_reach_outside_of_the_folder(graph, tmp_path):
    folder = tmp_path / 'given'
    folder.mkdir()
    (tmp_path / 'precious').write_text('kept')
    (folder / SUMS).write_text(f'0  ../precious\n0  {tmp_path / "precious"}\n')
    export_map(graph.map, folder, parts=SMALL, replace=True)
    assert (tmp_path / 'precious').read_text() == 'kept'


def test_folders_that_are_no_exports_are_left_alone(graph, tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'thesis.txt').write_text('kept')
    with pytest.raises(QueryError, match='holds other files and no export, so nothing in it is replaced'):
        export_map(graph.map, tmp_path / 'mine', parts=SMALL, replace=True)
    with pytest.raises(QueryError, match='is a file; an export is a folder'):
        export_map(graph.map, tmp_path / 'mine' / 'thesis.txt', parts=SMALL)
    with pytest.raises(QueryError, match='cannot be made'):
        export_map(graph.map, tmp_path / 'mine' / 'thesis.txt' / 'below', parts=SMALL)
    assert [path.name for path in (tmp_path / 'mine').iterdir()] == ['thesis.txt']


def test_nothing_is_left_where_the_writing_stops(graph, tmp_path, monkeypatch):
    from aiida_limap.tools import export

    def stop(*_args, **_options):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(export, 'write_plane', stop)
    with pytest.raises(QueryError, match='stopped: No space left on device'):
        export_map(graph.map, tmp_path / 'given', parts=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_still_runs_is_waited_for(bare_map, tmp_path):
    from aiida import orm
    from aiida.common.links import LinkType

    from aiida_limap.data.map import MapData

    running = orm.CalcJobNode().store()
    values = {name: bare_map.column(name) for name in bare_map.columns}
    node = MapData.from_points(bare_map.ids, values, heatmap=bare_map.heatmap(), facts={'target': 'barrier_2d_eV'})
    node.base.links.add_incoming(running, link_type=LinkType.CREATE, link_label='map')
    with pytest.raises(QueryError, match=rf'process {running.pk} behind map {node.store().pk} is not finished'):
        export_map(node, tmp_path / 'given')
    assert list(tmp_path.iterdir()) == []
