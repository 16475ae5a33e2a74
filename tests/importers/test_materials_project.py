"""Structures of the Materials Project, by its own client from a server that answers as the real one does."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiida import orm
from aiida.manage import get_manager
from aiida.manage.configuration import get_config
from importers.materials_project_server import KEY, VERSION, Entry, Fault, MaterialsProjectServer, misleading
from pymatgen.core import Lattice, Structure

from aiida_limap.common.conversion import pymatgen_from_node
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.importers._materials_project_client import DOWNLOAD
from aiida_limap.importers.base import ImporterError, ImportReport, structure_md5
from aiida_limap.importers.materials_project import MaterialsProjectFilter, Patience, import_materials_project, read_ids

OXIDES = MaterialsProjectFilter(elements=('Li', 'O'))
IDS = itertools.count(1_000_000, 1000)
PATIENCE = Patience(attempts=3, first_wait_s=0.01, longest_wait_s=0.05)


def crystal(number: int, metal: str = 'Al') -> Structure:
    """Return a small crystal, another one for each number."""
    return Structure(
        Lattice.tetragonal(3.0 + number * 1e-3, 5.0),
        ['Li', metal, 'O', 'O'],
        [[0, 0, 0], [0, 0, 0.5], [0.5] * 3, [0.5, 0, 0]],
    )


def free_id() -> int:
    """Return the first of a thousand numbers of entries that no other test of this module has."""
    return next(number for number in IDS if not misleading(str(number)))


@pytest.fixture
def server(monkeypatch) -> Iterator[MaterialsProjectServer]:
    """A database with the literature prototypes under ids that no other test has, and the key to it."""
    first = free_id()
    entries = [
        Entry(f'mp-{first + number}', prototype.structure(), energy_above_hull=0.01 * number)
        for number, prototype in enumerate(load_prototypes()[:8])
    ]
    monkeypatch.setenv('MP_API_KEY', KEY)
    with MaterialsProjectServer(entries) as running:
        monkeypatch.setenv('MP_API_ENDPOINT', running.url)
        yield running


def ids_of(server: MaterialsProjectServer) -> list[str]:
    return [document['material_id'] for document in server.documents]


def take(chosen: MaterialsProjectFilter = OXIDES, **options) -> ImportReport:
    return import_materials_project(chosen, name=f'mp {uuid4().hex}', patience=PATIENCE, **options)


def nodes(report: ImportReport) -> list[orm.StructureData]:
    return [orm.load_node(uuid) for uuid in report.dataset.structure_uuids]


def test_the_client_itself_accepts_what_the_server_answers(server):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from mp_api.client import MPRester

        client = MPRester(KEY, endpoint=server.url, use_document_model=True, mute_progress_bars=True)
        found = client.materials.summary.search(elements=['Li'], chunk_size=3)
    assert len(found) == len(server.documents)
    # Three pages, each validated by the models of the database.
    assert [request.parameters.get('_skip') for request in server.requests if 'elements' in request.parameters] == [
        None,
        '3',
        '6',
    ]
    assert all(isinstance(entry.structure, Structure) for entry in found)
    assert [entry.builder_meta.license for entry in found] == ['BY-C'] * len(found)
    report = take()
    for entry, node in zip(found, nodes(report), strict=True):
        assert structure_md5(entry.structure) == node.source['source_md5']


def test_a_structure_tells_where_it_came_from(server):
    document = server.documents[2]
    document['builder_meta'] |= {'license': 'BY-NC', 'batch_id': 'gnome_r2scan_statics'}
    report = take(MaterialsProjectFilter(ids=(document['material_id'],)))
    (node,) = nodes(report)
    source = dict(node.source)
    extras = source.pop('extras')
    delivered = Structure.from_dict(document['structure'])
    assert source == {
        'db_name': 'Materials Project',
        'db_uri': 'https://materialsproject.org',
        'id': document['material_id'],
        'uri': f'https://next-gen.materialsproject.org/materials/{document["material_id"]}',
        'version': VERSION,
        'license': 'CC-BY-NC-4.0',
        'source_md5': structure_md5(delivered),
    }
    assert extras.pop('citation').startswith('GNoME entries of the Materials Project (CC-BY-NC-4.0: no commercial use)')
    assert extras == {
        'last_updated': '2025-06-01T12:00:00Z',
        'energy_above_hull_eV_per_atom': 0.02,
        'formation_energy_eV_per_atom': -2.0,
        'band_gap_eV': 3.5,
        'is_stable': False,
        'theoretical': False,
    }
    assert pymatgen_from_node(node).matches(delivered)
    assert node.label == f'{delivered.composition.reduced_formula} {document["material_id"]}'
    assert report.tally.licences == {'CC-BY-NC-4.0': 1}
    assert len(report.tally.citations) == 2
    assert report.dataset.filter == {'importer': 'mp', 'database_version': VERSION, 'ids': [document['material_id']]}


def test_a_licence_is_that_of_the_entry_even_where_the_first_entry_has_none(server):
    server.documents[0]['builder_meta'] = None
    server.documents[1]['builder_meta'] |= {'license': 'BY-NC'}
    server.documents[2]['builder_meta'] |= {'license': 'something new'}
    server.documents[3]['builder_meta'] |= {'license': None, 'batch_id': 'gnome_r2scan_statics'}
    server.documents[4] |= {'energy_above_hull': None, 'band_gap': None}
    report = take()
    licences = [node.source.get('license') for node in nodes(report)]
    assert licences == [None, 'CC-BY-NC-4.0', 'something new', 'CC-BY-NC-4.0'] + ['CC-BY-4.0'] * 4
    assert set(nodes(report)[4].source['extras']) == {
        'last_updated',
        'formation_energy_eV_per_atom',
        'is_stable',
        'theoretical',
    }
    assert report.tally.licences == {'not stated': 1, 'CC-BY-NC-4.0': 2, 'something new': 1, 'CC-BY-4.0': 4}


@pytest.mark.parametrize(
    ('chosen', 'numbers'),
    [
        ({'elements': ('Li', 'Al')}, [0, 1]),
        ({'elements': ('Li',), 'exclude_elements': ('Al',)}, [2, 3]),
        ({'chemsys': ('Li-O-Ti', 'Al-Li-O')}, [0, 1, 2]),
        ({'chemsys': ('Li-*-O',)}, [0, 1, 2]),
        ({'formula': ('LiTiO2', 'Li')}, [2]),
        ({'elements': ('O',), 'max_hull_eV_per_atom': 0.02}, [0, 2]),
        ({'max_sites': 3}, [3]),
        ({'elements': ('Li',), 'observed': True}, [1, 2, 3]),
        ({'elements': ('Li',), 'gnome': False}, [0, 1, 3]),
        ({'elements': ('Li',), 'limit': 2}, [0, 1]),
    ],
)
def test_filters_choose(server, chosen, numbers):
    first = free_id()
    entries = [
        Entry(f'mp-{first}', crystal(0), theoretical=True),
        Entry(f'mp-{first + 1}', crystal(1), energy_above_hull=0.1),
        Entry(f'mp-{first + 2}', crystal(2, 'Ti'), energy_above_hull=0.02, license='BY-NC'),
        Entry(f'mp-{first + 3}', Structure(Lattice.cubic(3.2), ['Li', 'F'], [[0, 0, 0], [0.5] * 3]), 0.2),
        Entry(f'mp-{first + 4}', crystal(4), deprecated=True),
    ]
    server.documents = [entry.document() for entry in entries]
    report = take(MaterialsProjectFilter(**chosen))
    assert report.dataset.source_ids == [f'mp-{first + number}' for number in numbers]
    choice = {key: list(value) if isinstance(value, tuple) else value for key, value in chosen.items()}
    assert report.dataset.filter == {'importer': 'mp', 'database_version': VERSION, **choice}


def test_ids_keep_their_order_and_those_that_cannot_be_are_refused_by_name(server):
    ids = ids_of(server)
    server.documents[1] |= {'deprecated': True, 'deprecation_reasons': ['E002']}
    report = take(MaterialsProjectFilter(ids=(ids[3], 'mp-77', ids[1], 'Li2O', ids[0], ids[3])))
    assert report.dataset.source_ids == [ids[3], ids[0]]
    assert {(refusal.name, refusal.reason) for refusal in report.refused} == {
        ('mp-77', 'the Materials Project has no such material'),
        (ids[1], 'the Materials Project has deprecated it (E002)'),
        ('Li2O', 'it is no id of the Materials Project; they look like mp-10499'),
    }
    narrow = MaterialsProjectFilter(ids=(ids[0], ids[4]), max_hull_eV_per_atom=0.01)
    (refusal,) = take(narrow).refused
    assert refusal.reason.endswith('no such material, or it does not fit the rest of the filter')
    with pytest.raises(ImporterError, match='mp-77: the Materials Project has no such material'):
        take(MaterialsProjectFilter(ids=('mp-77',)))


def test_ids_in_letters_are_the_same_ids(server):
    from emmet.core.mpid import AlphaID

    ids = ids_of(server)
    before = take()
    for document in server.documents:
        # The form in which the models of the database write them.
        document['material_id'] = f'mp-{AlphaID(document["material_id"])._identifier.rjust(8, "a")}'
    assert AlphaID(server.documents[0]['material_id']) == AlphaID(ids[0])
    again = take(MaterialsProjectFilter(ids=(ids[0], server.documents[1]['material_id'])))
    assert again.dataset.source_ids == ids[:2]
    assert (again.n_new, again.n_known, again.refused) == (0, 2, [])
    assert before.dataset.structure_uuids[:2] == again.dataset.structure_uuids


def test_what_is_stored_is_not_downloaded_again(server):
    first = take()
    assert sorted(server.downloads()) == sorted(ids_of(server))
    server.requests.clear()
    again = take()
    assert (again.n_new, again.n_known) == (0, len(server.documents))
    assert again.dataset.structure_uuids == first.dataset.structure_uuids
    assert server.downloads() == []


def test_a_new_version_of_the_database_brings_only_what_has_changed(server):
    first = take()
    server.version = '2026.11.02'
    strained = Structure.from_dict(server.documents[1]['structure']).apply_strain(0.01)
    server.documents[1] |= {'last_updated': '2026-10-10T00:00:00Z', 'structure': strained.as_dict()}
    # Computed again with the same structure: it is looked at, and found to be the one that is stored.
    server.documents[2] |= {'last_updated': '2026-10-10T00:00:00Z'}
    server.requests.clear()
    second = take()
    assert server.downloads() == ids_of(server)[1:3]
    assert (second.n_new, second.n_known) == (1, len(server.documents) - 1)
    changed = nodes(second)[1]
    assert changed.source['version'] == '2026.11.02'
    assert pymatgen_from_node(changed).volume == pytest.approx(strained.volume)
    unchanged = [uuid for number, uuid in enumerate(second.dataset.structure_uuids) if number != 1]
    assert unchanged == [uuid for number, uuid in enumerate(first.dataset.structure_uuids) if number != 1]
    # The older structure is kept beside the newer one, and the newer one is what the next import finds.
    assert any('stored beside it' in note.reason for note in second.notes)
    server.requests.clear()
    assert take().dataset.structure_uuids == second.dataset.structure_uuids
    assert server.downloads() == []


def test_a_damaged_entry_is_refused_and_the_rest_goes_on(server):
    ids = ids_of(server)
    server.documents[0]['structure'] = None
    del server.documents[1]['structure']['lattice']
    deliver = server._summary

    def forget(parameters):
        status, answer = deliver(parameters)
        if 'structure' in parameters['_fields']:
            answer['data'] = [document for document in answer['data'] if document['material_id'] != ids[2]]
        return status, answer

    server._summary = forget
    report = take()
    assert report.dataset.source_ids == ids[3:]
    reasons = {refusal.name: refusal.reason for refusal in report.refused}
    assert reasons[ids[0]] == 'the entry has no structure'
    assert reasons[ids[1]].startswith('its structure cannot be read (KeyError')
    assert reasons[ids[2]] == 'the Materials Project lists it but did not deliver it'


def test_disordered_structures_are_kept_and_named(server):
    disordered = crystal(0)
    disordered[1] = {'Al': 0.5, 'Ga': 0.5}
    entry = Entry(f'mp-{free_id()}', disordered)
    server.documents = [entry.document()]
    report = take()
    assert (report.disordered, report.n_new) == (1, 1)
    assert report.tally.disordered == [entry.material_id]


def test_an_import_that_breaks_off_says_how_far_it_came_and_goes_on(server):
    first = free_id()
    template = Entry('mp-1', crystal(0)).document()
    server.documents = [
        {**template, 'material_id': f'mp-{first + number}', 'structure': crystal(number).as_dict()}
        for number in range(DOWNLOAD + 20)
    ]
    # The second batch fails until patience ends.
    server.hold = lambda request: (
        server.faults.extend([Fault(500)] * 3) if len(server.downloads()) <= DOWNLOAD else None
    )
    with pytest.raises(ImporterError) as caught:
        take()
    assert str(caught.value) == (
        'the Materials Project gave no answer after 3 attempts (HTTP 500); https://status.materialsproject.org tells '
        f'how it is; {DOWNLOAD} of {DOWNLOAD + 20} entries were done until then, and the same command goes on '
        'from there'
    )
    server.requests.clear()
    server.faults.clear()
    report = take()
    assert (report.n_known, report.n_new) == (DOWNLOAD, 20)
    assert len(server.downloads()) == 20


def test_an_import_that_is_killed_goes_on(server):
    first = free_id()
    template = Entry('mp-1', crystal(0)).document()
    server.documents = [
        {**template, 'material_id': f'mp-{first + number}', 'structure': crystal(number).as_dict()}
        for number in range(DOWNLOAD + 20)
    ]
    reached, released = threading.Event(), threading.Event()

    def hold(request) -> None:
        if len(server.downloads()) > DOWNLOAD and not released.is_set():
            reached.set()
            released.wait(30)

    server.hold = hold
    name = f'mp {uuid4().hex}'
    script = (
        'import sys; from aiida_limap.cli import main; from aiida_limap.cli.base import load_profile; '
        'from aiida_limap.importers.materials_project import MaterialsProjectFilter, import_materials_project; '
        'load_profile(sys.argv[1]); '
        'import_materials_project(MaterialsProjectFilter(elements=("Li", "O")), name=sys.argv[2])'
    )
    environment = os.environ | {'AIIDA_PATH': str(Path(get_config().dirpath).parent)}
    profile = get_manager().get_profile().name
    process = subprocess.Popen([sys.executable, '-c', script, profile, name], env=environment)
    try:
        assert reached.wait(120)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        released.set()
    assert process.returncode == -signal.SIGKILL
    server.requests.clear()
    report = import_materials_project(OXIDES, name=name, patience=PATIENCE)
    assert (report.n_known, report.n_new) == (DOWNLOAD, 20)
    assert len(server.downloads()) == 20
    # Nothing is there twice.
    query = orm.QueryBuilder().append(
        orm.StructureData, filters={'attributes.source.id': {'in': ids_of(server)}}, project='attributes.source.id'
    )
    assert sorted(query.all(flat=True)) == sorted(ids_of(server))


def test_the_key_is_kept_nowhere(server, tmp_path, caplog):
    sentences: list[str] = []
    server.faults = [Fault(500, body=f'no {KEY}'), Fault(429, retry_after='0')]
    report = take(on_wait=sentences.append)
    report.write(tmp_path / 'report.json')
    report.write(tmp_path / 'report.md')
    assert len(sentences) == 2
    told = [*sentences, caplog.text, json.dumps(report.as_dict()), *(path.read_text() for path in tmp_path.iterdir())]
    # Errors that repeat the key.
    server.faults = [Fault(400, body=json.dumps({'detail': f'{KEY} may not do this'}))]
    with pytest.raises(ImporterError, match=r'\(key\) may not do this') as caught:
        take()
    told.append(str(caught.value))
    for node in orm.QueryBuilder().append(orm.Node).iterall():
        told += [
            json.dumps(node[0].base.attributes.all, default=str),
            json.dumps(node[0].base.extras.all),
            str(node[0]),
        ]
        repository = node[0].base.repository
        told += [
            repository.get_object_content(str(path / name), 'rb').decode('latin-1')
            for path, _, files in repository.walk()
            for name in files
        ]
    assert any(ids_of(server)[0] in text for text in told)
    assert not any(KEY in text for text in told)
    # The files of the profile hold the ids, and nowhere the key.
    files = [path.read_bytes() for path in Path(get_config().dirpath).rglob('*') if path.is_file()]
    assert any(ids_of(server)[0].encode() in content for content in files)
    assert not any(KEY.encode() in content for content in files)


def test_a_key_comes_from_the_environment_or_the_configuration_of_pymatgen(server, monkeypatch):
    import pymatgen.core

    ids = ids_of(server)[:1]
    monkeypatch.delenv('MP_API_KEY')
    monkeypatch.setitem(pymatgen.core.SETTINGS, 'PMG_MAPI_KEY', None)
    with pytest.raises(ImporterError, match=r'wants a key: https://next-gen.materialsproject.org/api shows yours'):
        take()
    monkeypatch.setitem(pymatgen.core.SETTINGS, 'PMG_MAPI_KEY', 'short')
    with pytest.raises(ImporterError, match='has 5 characters where it should have 32'):
        take()
    monkeypatch.setitem(pymatgen.core.SETTINGS, 'PMG_MAPI_KEY', KEY)
    assert take(MaterialsProjectFilter(ids=tuple(ids))).dataset.source_ids == ids


def test_a_key_that_is_refused_is_not_repeated(server, monkeypatch):
    wrong = 'w' * 32
    monkeypatch.setenv('MP_API_KEY', wrong)
    with pytest.raises(ImporterError, match=r'refuses the key \(HTTP 401\)') as caught:
        take()
    assert wrong not in str(caught.value)
    assert 'https://next-gen.materialsproject.org/api' in str(caught.value)
    # Once is enough.
    assert len([request for request in server.requests if request.path == '/materials/summary']) == 1


def test_an_answer_without_entries_names_the_filter(server):
    chosen = MaterialsProjectFilter(elements=('Li', 'Au'), max_sites=20)
    with pytest.raises(ImporterError, match=r'has no entry for this filter \(with Li, Au; at most 20 sites\)'):
        take(chosen)


@pytest.mark.parametrize(
    ('chosen', 'sentence'),
    [
        ({}, 'that would be the whole Materials Project'),
        ({'limit': 5}, 'that would be the whole Materials Project'),
        ({'elements': ('Li', 'Xx')}, "there is no element 'Xx'"),
        ({'chemsys': ('Li-Qq-O',)}, "no element 'Qq' in the system 'Li-Qq-O'"),
        ({'elements': ('Li',), 'exclude_elements': ('Li',)}, 'Li cannot be both wanted and excluded'),
        ({'formula': ('li3ps4',)}, "'li3ps4' is no formula"),
        ({'max_hull_eV_per_atom': -1.0}, 'at least 0 eV per atom, not -1.0'),
        ({'max_sites': 0}, 'at most 0 sites would be none'),
    ],
)
def test_a_filter_that_cannot_be_is_refused(chosen, sentence):
    with pytest.raises(ImporterError, match=sentence):
        MaterialsProjectFilter(**chosen)


def test_a_long_list_of_ids_does_not_fill_the_attributes():
    ids = tuple(f'mp-{number}' for number in range(101))
    chosen = MaterialsProjectFilter(ids=ids)
    assert set(chosen.as_dict()) == {'n_ids', 'ids_md5'}
    assert chosen.as_dict()['ids_md5'] != MaterialsProjectFilter(ids=ids[::-1]).as_dict()['ids_md5']
    assert chosen.as_sentence() == 'ids mp-0, mp-1, mp-2, mp-3, mp-4 and 96 more'


def test_ids_are_read_from_words_or_a_file(tmp_path):
    assert read_ids('mp-1, mp-2,mp-1') == ('mp-1', 'mp-2')
    file = tmp_path / 'ids.txt'
    file.write_text('# mine\nmp-1, mp-3\nmp-2  # the second\n\n')
    assert read_ids(str(file)) == ('mp-1', 'mp-3', 'mp-2')
    file.write_text('# none\n')
    with pytest.raises(ImporterError, match='holds no id'):
        read_ids(str(file))
    with pytest.raises(ImporterError, match=r'there is no file missing\.txt'):
        read_ids('missing.txt')
    with pytest.raises(ImporterError, match='no id was named'):
        read_ids(' ,')
