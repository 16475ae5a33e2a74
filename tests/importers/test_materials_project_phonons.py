"""Phonons of the Materials Project, by its own client from servers that answer as the real ones do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from aiida import orm
from importers.materials_project_server import KEY, VERSION, Fault, Phonons
from importers.phonon_database import GRID, PATIENCE, Database, density, phonon_database, salt
from pymatgen.core import Lattice, Structure

from aiida_limap.calculations._phonon_files import find_phonon_files
from aiida_limap.common.conversion import node_from_pymatgen, pymatgen_from_node
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.importers._materials_project_client import Listed
from aiida_limap.importers._materials_project_phonons import PhononProject, task_of
from aiida_limap.importers.base import ImporterError
from aiida_limap.importers.materials_project import MaterialsProjectFilter, import_materials_project


@pytest.fixture
def database(monkeypatch, tmp_path, aiida_profile_clean) -> Iterator[Database]:
    with phonon_database(monkeypatch, tmp_path / 'store') as running:
        yield running


def densities_of(report) -> dict[str, PhononDosData]:
    files = find_phonon_files(report.dataset.structure_uuids)
    nodes = [orm.load_node(files[uuid]) for uuid in report.dataset.structure_uuids]
    return {node.source['id']: node for node in nodes}


def test_the_client_itself_accepts_what_the_servers_answer(database):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from mp_api.client import MPRester

        client = MPRester(KEY, endpoint=database.interface.url, use_document_model=True, mute_progress_bars=True)
        found = client.materials.phonon.get_dos_from_material_id(database.ids['LiF'], 'dfpt')
        (document,) = client.materials.phonon.search(material_ids=[database.ids['LiF']], chunk_size=5, fields=[
            'identifier', 'structure', 'last_updated',
        ])  # fmt: skip
    assert found.frequencies == pytest.approx(GRID.tolist())
    assert len(found.projected_densities) == len(document.structure) == 2


def test_densities_are_stored_with_crystals_and_origin(database):
    report = database.take()
    assert not report.refused
    assert (report.n_files, report.n_new_files, len(report.dataset)) == (3, 3, 3)
    assert list(densities_of(report)) == [database.ids[name] for name in ('LiF', 'LiCl', 'LiBr')]
    node = densities_of(report)[database.ids['LiF']]
    assert node.elements == ['Li', 'F']
    assert node.counts == {'Li': 1, 'F': 1}
    assert np.allclose(node.density('Li'), density(12.0)['projected_densities'][0])
    source = dict(node.source)
    assert source.pop('source_md5')
    assert source == {
        'db_name': 'Materials Project phonons',
        'db_uri': 'https://materialsproject.org',
        'id': database.ids['LiF'],
        'uri': f'https://next-gen.materialsproject.org/materials/{database.ids["LiF"]}',
        'version': VERSION,
        'license': 'CC-BY-4.0',
        'extras': {
            'last_updated': '2025-05-01T12:00:00Z',
            'phonon_id': source['extras']['phonon_id'],
            'phonon_method': 'dfpt',
            'code': 'abinit',
        },
    }
    structure = orm.load_node(node.structure_uuid)
    # The crystal of the computation, and not that of the summary.
    assert pymatgen_from_node(structure).lattice.a == pytest.approx(4.0)
    assert structure.source['extras'] == source['extras']
    assert report.tally.licences == {'CC-BY-4.0': 2, 'CC-BY-NC-4.0': 1}
    assert any('10.1038/sdata.2018.65' in text for text in report.tally.citations)
    assert report.dataset.filter == {'importer': 'mp-phonons', 'database_version': VERSION, 'elements': ['Li']}
    (note,) = [note for note in report.notes if note.name == database.ids['LiBr']]
    assert 'band centres of one element cannot be had' in note.reason
    assert KEY not in str(report.as_dict()) + str(source)


def test_nothing_is_downloaded_or_stored_twice(database):
    first = database.take(name='phonons')
    asked, n_requests = database.store.requests(), len(database.interface.requests)
    again = database.take(name='phonons')
    assert (again.n_files, again.n_new_files) == (3, 0)
    assert again.dataset.uuid == first.dataset.uuid
    assert database.store.requests() == asked
    assert not any(one.path == '/materials/phonon' for one in database.interface.requests[n_requests:])
    # Another version of the database with the same computations needs their documents and no density.
    database.interface.version = '2026.09.01'
    later = database.take(name='phonons')
    assert (later.n_files, later.n_new_files, database.store.requests()) == (3, 0, asked)
    assert any(one.path == '/materials/phonon' for one in database.interface.requests[n_requests:])
    # One that was computed anew is taken, and of an equal crystal the structure is not stored again.
    database.interface.phonons[0]['last_updated'] = '2026-08-01T00:00:00Z'
    newer = database.take(name='phonons')
    assert (newer.n_files, newer.n_new_files) == (3, 1)
    assert newer.dataset.structure_uuids == first.dataset.structure_uuids


def test_crystals_of_phonons_do_not_pass_for_those_of_the_summaries(database):
    database.take()
    report = import_materials_project(
        MaterialsProjectFilter(ids=(database.ids['LiF'],)), name='summaries', patience=PATIENCE
    )
    (uuid,) = report.dataset.structure_uuids
    assert pymatgen_from_node(orm.load_node(uuid)).lattice.a == pytest.approx(4.05)


def test_ids_without_phonons_are_refused_one_by_one(database):
    ids = (database.ids['LiI'], 'mp-399999', 'nonsense', database.ids['LiF'], database.ids['LiCl'])
    report = database.take(MaterialsProjectFilter(ids=ids), method='dfpt')
    reasons = {refusal.name: refusal.reason for refusal in report.refused}
    assert report.n_files == 1
    assert 'has no phonons of it' in reasons[database.ids['LiI']]
    assert 'no such material' in reasons['mp-399999']
    assert 'no id of the Materials Project' in reasons['nonsense']
    assert reasons[database.ids['LiCl']] == 'the Materials Project has its phonons by pheasy, not by dfpt'
    with pytest.raises(ImporterError, match='no phonons for this filter'):
        database.take(MaterialsProjectFilter(elements=('I',)))


def test_what_is_damaged_costs_itself_only(database):
    rows = [Phonons('mp-200001', salt('F', 4.0), {**density(12.0), 'frequencies': GRID[::-1].tolist()}).row()]
    database.store.write(rows)
    database.interface.phonons[1]['structure'] = None
    database.interface.phonons = database.interface.phonons[:2]
    with pytest.raises(ImporterError, match='no structure could be imported') as caught:
        database.take()
    assert 'must increase' in str(caught.value)
    assert 'have no density of states' in str(caught.value)
    assert 'did not deliver' in str(caught.value)


@pytest.mark.parametrize(
    'fault', [Fault(status=500), Fault(status=429, retry_after='0'), Fault()], ids=['500', '429', 'cut']
)
def test_failures_of_the_interface_that_pass_are_waited_for(database, fault):
    waits: list[str] = []
    database.interface.faults += [fault, fault]
    report = database.take(on_wait=waits.append)
    assert report.n_files == 3
    assert len(waits) == 2


@pytest.mark.parametrize('faults', [['500'] * 5, ['cut'] * 5, ['429'] * 5], ids=['500', 'cut', '429'])
def test_failures_of_the_store_that_pass_are_waited_for(database, faults):
    database.store.fail(faults)
    assert database.take().n_files == 3


def test_what_came_before_a_failure_is_kept_and_not_downloaded_again(database):
    document = database.interface.documents[0]
    task = task_of(Listed(document['material_id'], '', '', document))
    assert PhononProject(PATIENCE).density(task)
    # The first density comes in as many requests, and then the store goes away.
    database.store.fail(['ok'] * database.store.requests() + ['403'] * 50)
    with pytest.raises(ImporterError, match=r'gave no answer after 3 attempts \(nothing from the store') as caught:
        database.take(name='all')
    assert '1 of 3 materials were done until then' in str(caught.value)
    assert KEY not in str(caught.value)
    database.store.fail([])
    report = database.take(name='all')
    assert (report.n_files, report.n_new_files) == (3, 2)


def test_a_dataset_gives_its_structures_where_they_are_the_crystals(database):
    fluoride = node_from_pymatgen(salt('F', 4.1), source={'db_name': 'mine', 'id': database.ids['LiF']}).store()
    other = Structure(Lattice.tetragonal(3.0, 9.0), ['Li', 'Cl'], [[0, 0, 0], [0.5, 0.5, 0.3]])
    chloride = node_from_pymatgen(other, source={'db_name': 'mine', 'id': database.ids['LiCl']}).store()
    alone = node_from_pymatgen(salt('H', 4.0), source={'db_name': 'mine', 'id': 'no id'}).store()
    ids = [database.ids['LiF'], database.ids['LiCl'], 'no id']
    uuids = [node.uuid for node in (fluoride, chloride, alone)]
    dataset = DatasetData(name='mine', structures=list(zip(uuids, ids, strict=True))).store()
    for n_new in (2, 0):
        report = database.take(dataset)
        assert (report.n_files, report.n_new_files) == (2, n_new)
        first, second = report.dataset.structure_uuids
        assert first == fluoride.uuid
        assert second != chloride.uuid
        assert densities_of(report)[database.ids['LiF']].structure_uuid == fluoride.uuid
        assert [refusal.name for refusal in report.refused] == ['no id']
    assert report.dataset.filter['from_dataset'] == dataset.uuid
