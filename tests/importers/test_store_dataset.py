"""What all importers share: nothing is stored twice, and what cannot be stored is named."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from aiida import orm
from pymatgen.core import DummySpecies, Lattice, Structure

from aiida_limap.groups.dataset import DatasetGroup
from aiida_limap.importers.base import (
    Candidate,
    ImporterError,
    Known,
    Refusal,
    check_report_path,
    find_dataset,
    known_structures,
    store_dataset,
)

CHOICE = {'importer': 'tests'}


class Database:
    """The name of the database from which the candidates of a test come."""

    name = ''


@pytest.fixture(autouse=True)
def database() -> None:
    """Give each test a database of its own: all tests share a profile."""
    Database.name = f'tests {uuid4().hex}'


def candidate(identifier: str) -> Candidate:
    structure = Structure(Lattice.cubic(3.0), ['Li', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    source = {'db_name': Database.name, 'id': identifier, 'source_md5': uuid4().hex}
    return Candidate(structure, source, f'LiO {identifier}')


@pytest.fixture
def name() -> str:
    return f'dataset {uuid4().hex}'


def test_candidates_that_are_the_same_are_stored_once(name):
    twice = candidate('a')
    report = store_dataset([twice, candidate('b'), twice], name=name, chosen_by=CHOICE)
    assert (report.n_new, report.n_known, report.refused) == (2, 0, [])
    assert report.dataset.source_ids == ['a', 'b']
    assert len(report.group.nodes) == 3


def test_what_came_before_a_source_broke_off_is_stored(name):
    entries = [candidate('a'), candidate('b')]

    def source() -> Iterator[Candidate]:
        yield from entries
        raise ImporterError('the connection broke off')

    with pytest.raises(ImporterError, match='broke off'):
        store_dataset(source(), name=name, chosen_by=CHOICE)
    report = store_dataset(entries, name=name, chosen_by=CHOICE)
    assert (report.n_new, report.n_known) == (0, 2)


def test_the_dataset_keeps_the_order_of_the_candidates_over_transactions(name, monkeypatch):
    monkeypatch.setattr('aiida_limap.importers.base._TRANSACTION_SIZE', 3)
    monkeypatch.setattr('aiida_limap.importers._dataset.QUERY_SIZE', 2)
    monkeypatch.setattr('aiida_limap.importers._known.QUERY_SIZE', 2)
    entries = [candidate(word) for word in 'gfedcba']
    store_dataset(entries[::2], name=f'{name} before', chosen_by=CHOICE)
    steps: list[int] = []
    report = store_dataset([*entries, entries[0]], name=name, chosen_by=CHOICE, on_progress=steps.append)
    assert report.dataset.source_ids == list('gfedcba')
    assert (report.n_new, report.n_known) == (3, 4)
    assert steps == [3, 3, 2]
    labels = [orm.load_node(uuid).label for uuid in report.dataset.structure_uuids]
    assert labels == [f'LiO {word}' for word in 'gfedcba']
    assert len(report.group.nodes) == 8


SLAB = Structure(Lattice(np.eye(3) * 3, pbc=(True, True, False)), ['Li'], [[0, 0, 0]])
DUMMY = Structure(Lattice.cubic(4.0), ['Li', DummySpecies('Xa', 0)], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.mark.parametrize(
    ('structure', 'more', 'reason'),
    [
        (SLAB, {}, 'not periodic in three directions'),
        (DUMMY, {}, 'holds Xa, which is no element'),
        (candidate('x').structure, {'colour': 'red'}, 'unknown key'),
    ],
)
def test_a_structure_that_cannot_be_a_node_is_refused_and_the_rest_goes_on(name, structure, more, reason):
    bad = Candidate(structure, {'db_name': Database.name, 'id': 'bad', 'source_md5': uuid4().hex, **more}, 'bad')
    report = store_dataset([candidate('a'), bad, candidate('b')], name=name, chosen_by=CHOICE)
    assert report.dataset.source_ids == ['a', 'b']
    (refusal,) = report.refused
    assert refusal.name == 'bad'
    assert refusal.reason.startswith('it cannot be kept as a structure node: ')
    assert reason in refusal.reason


def test_refusals_are_passed_on(name):
    refusal = Refusal('broken.cif', 'it is broken')
    report = store_dataset([refusal, candidate('a')], name=name, chosen_by=CHOICE)
    assert report.refused == [refusal]


def test_a_long_label_is_cut_to_what_a_node_takes(name):
    entry = candidate('a')
    long = Candidate(entry.structure, entry.source, 'x' * 1000)
    report = store_dataset([long], name=name, chosen_by=CHOICE)
    assert orm.load_node(report.dataset.structure_uuids[0]).label == 'x' * 255


def test_nothing_at_all_is_an_error_and_leaves_nothing_behind(name):
    before = orm.QueryBuilder().append(orm.Node).count()
    with pytest.raises(ImporterError, match=r'^no structure could be imported$'):
        store_dataset([], name=name, chosen_by=CHOICE)
    reasons = [Refusal(f'{word}.cif', 'it is broken') for word in 'abcd']
    with pytest.raises(ImporterError, match=r'a\.cif: it is broken; b\.cif: .*c\.cif: it is broken$'):
        store_dataset(reasons, name=name, chosen_by=CHOICE)
    assert orm.QueryBuilder().append(orm.Node).count() == before
    assert DatasetGroup.collection.find({'label': f'limap/{name}'}) == []


def test_a_dataset_is_found_by_name_and_choice_while_its_group_stands(name):
    report = store_dataset([candidate('a')], name=name, chosen_by=CHOICE)
    found = find_dataset(name, CHOICE)
    assert found is not None
    assert (found.dataset.uuid, found.group.uuid) == (report.dataset.uuid, report.group.uuid)
    assert (found.n_new, found.n_known) == (0, 1)
    assert find_dataset(name, {'importer': 'others'}) is None
    assert find_dataset(f'not {name}', CHOICE) is None
    store_dataset([candidate('b')], name=name, chosen_by={'importer': 'others'})
    assert find_dataset(name, CHOICE) is None
    DatasetGroup.collection.delete(report.group.pk)
    assert find_dataset(name, CHOICE) is None


def test_known_structures_stand_in_the_dataset_without_being_read_again(name):
    first = store_dataset([candidate('a'), candidate('b')], name=f'{name} before', chosen_by=CHOICE)
    uuids = first.dataset.structure_uuids
    gone = str(uuid4())
    entries = [candidate('c'), Known(uuids[1], 'b'), Known(gone, 'gone'), Known(uuids[0], 'a')]
    report = store_dataset(entries, name=name, chosen_by=CHOICE)
    assert report.dataset.source_ids == ['c', 'b', 'a']
    assert report.dataset.structure_uuids[1:] == uuids[::-1]
    assert (report.n_new, report.n_known) == (1, 2)
    assert report.refused == [Refusal('gone', 'its structure node does not exist (any more)')]


def test_another_content_under_a_known_id_is_stored_beside_it_and_said(name):
    first = store_dataset([candidate('a')], name=name, chosen_by=CHOICE)
    changed = candidate('a')
    report = store_dataset([changed], name=name, chosen_by=CHOICE)
    assert report.n_new == 1
    texts = [f'{note.name}: {note.reason}' for note in report.notes]
    assert any(text.startswith('a: ') and 'this id but another content' in text for text in texts)
    assert f'limap/{name}: it held dataset {first.dataset.pk} before and holds {report.dataset.pk} now' in texts[-1]
    # Nothing new is to be said when the same comes again.
    assert store_dataset([changed], name=name, chosen_by=CHOICE).notes == []


def test_a_name_of_a_group_of_another_kind_is_refused_before_anything_is_stored(name):
    orm.Group(label=f'limap/{name}').store()
    before = orm.QueryBuilder().append(orm.Node).count()
    with pytest.raises(ImporterError, match=r'exists already and is no group of a dataset .*choose another name'):
        store_dataset([candidate('a')], name=name, chosen_by=CHOICE)
    for bad in ('', '  ', 'x' * 300):
        with pytest.raises(ImporterError, match='is no name for a dataset'):
            store_dataset([candidate('a')], name=bad, chosen_by=CHOICE)
    assert orm.QueryBuilder().append(orm.Node).count() == before


def mixed(identifier: str, **more: object) -> Candidate:
    """Return a disordered candidate of which two cells hold whole atoms."""
    sites = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    anions = [[0.5, 0.5, 0.5], [0, 0, 0.5], [0, 0.5, 0], [0.5, 0, 0]]
    structure = Structure(Lattice.cubic(5.1), [{'Li': 0.5, 'Na': 0.5}] * 4 + ['Cl'] * 4, sites + anions)
    source = {'db_name': Database.name, 'id': identifier, 'source_md5': uuid4().hex, **more}
    return Candidate(structure, source, f'LiNaCl2 {identifier}')


def metal(identifier: str) -> Candidate:
    """Return a disordered candidate without anions, for which there are no oxidation states."""
    structure = Structure(Lattice.cubic(3.5), [{'Li': 0.5, 'Na': 0.5}], [[0, 0, 0]])
    return Candidate(structure, {'db_name': Database.name, 'id': identifier, 'source_md5': uuid4().hex}, identifier)


def test_disordered_structures_are_kept_counted_and_named(name):
    report = store_dataset([mixed('m'), candidate('a')], name=name, chosen_by=CHOICE)
    assert (report.disordered, report.tally.disordered, report.tally.ordered) == (1, ['m'], [])
    assert report.dataset.source_ids == ['m', 'a']
    assert '1 are disordered and will get no migration energy: m; `--order`' in report.summary()


def test_ordered_structures_take_the_place_of_disordered_ones_and_are_made_once(name):
    entries = [candidate('a'), mixed('m', license='CC0', uri='http://m'), metal('x'), candidate('b')]
    plain = store_dataset(entries, name=f'{name} plain', chosen_by=CHOICE)
    report = store_dataset(entries, name=name, chosen_by=CHOICE, order=True)
    assert report.dataset.source_ids == ['a', 'm', 'x', 'b']
    assert (report.n_new, report.n_known) == (1, 3)
    assert (report.tally.ordered, report.tally.disordered) == (['m'], ['x'])
    (note,) = report.notes
    assert note.name == 'x'
    assert note.reason.startswith('it cannot be ordered: ')
    child = orm.load_node(report.dataset.structure_uuids[1])
    assert child.source['id'] == 'm'
    assert (child.source['license'], child.source['uri']) == ('CC0', 'http://m')
    assert child.source['extras']['ordered']['by'] == 'limap.order_structure'
    assert child.creator.inputs.structure.uuid == plain.dataset.structure_uuids[1]
    assert report.dataset.filter == {**CHOICE, 'ordered': True}
    before = orm.QueryBuilder().append(orm.Node).count()
    again = store_dataset(entries, name=name, chosen_by=CHOICE, order=True)
    assert again.dataset.uuid == report.dataset.uuid
    assert (again.n_new, again.n_known) == (0, 4)
    known = [Known(uuid, word) for uuid, word in zip(plain.dataset.structure_uuids, 'amxb', strict=True)]
    assert store_dataset(known, name=name, chosen_by=CHOICE, order=True).dataset.uuid == report.dataset.uuid
    assert orm.QueryBuilder().append(orm.Node).count() == before
    # The ordered structure is no other version of the entry.
    assert len(known_structures(Database.name, ['m'])['m']) >= 1
    assert child.uuid not in {known.uuid for known in known_structures(Database.name, ['m'])['m']}


def test_an_ordering_that_failed_is_not_tried_again(name, monkeypatch):
    from aiida_limap.calculations import ordering

    def fail(*_arguments: object) -> None:
        raise ordering.OrderingError('no way')

    monkeypatch.setattr(ordering, 'order', fail)
    entry = mixed('m')
    reason = 'the structure cannot be ordered: no way'
    first = store_dataset([entry], name=name, chosen_by=CHOICE, order=True)
    assert first.notes == [Refusal('m', reason)]
    before = orm.QueryBuilder().append(orm.Node).count()
    assert store_dataset([entry], name=name, chosen_by=CHOICE, order=True).notes == [Refusal('m', reason)]
    assert orm.QueryBuilder().append(orm.Node).count() == before


def test_the_same_content_under_two_ids_is_noted(name):
    first, second = candidate('a'), candidate('b')
    twin = Candidate(second.structure, {**second.source, 'source_md5': first.source['source_md5']}, 'b')
    report = store_dataset([first, twin], name=name, chosen_by=CHOICE)
    assert report.notes == [Refusal('b', 'its content is that of a; both are kept')]
    assert report.dataset.source_ids == ['a', 'b']


def test_another_licence_for_what_is_stored_is_noted(name):
    entry = candidate('a')
    store_dataset([entry], name=name, chosen_by=CHOICE)
    changed = Candidate(entry.structure, {**entry.source, 'license': 'CC0', 'extras': {'doi': '10.1/x'}}, 'a')
    (note,) = store_dataset([changed], name=name, chosen_by=CHOICE).notes
    assert note == Refusal(
        'a',
        'it is stored already, and what is stored stays as it is (license CC0 instead of none, doi 10.1/x instead of '
        'none)',
    )


def test_the_report_says_everything_and_stays_in_the_dataset(name, tmp_path):
    cited = mixed('m', license='CC-BY-4.0', extras={'doi': '10.1/x', 'citation': 'A. Author, 2026'})
    refusal = Refusal('broken.cif', 'it is broken')
    report = store_dataset([cited, refusal, candidate('a')], name=name, chosen_by=CHOICE, citations=['The database'])
    document = report.as_dict()
    expected = {
        'n_new': 2, 'n_known': 0, 'disordered': ['m'], 'ordered': [], 'notes': [],
        'refused': [{'name': 'broken.cif', 'reason': 'it is broken'}],
        'databases': {Database.name: 2}, 'licences': {'CC-BY-4.0': 1, 'not stated': 1},
        'citations': ['The database', 'A. Author, 2026', '10.1/x'],
    }  # fmt: skip
    assert {key: document[key] for key in expected} == expected
    assert report.dataset.report == expected
    assert (document['dataset_pk'], document['group'], document['filter']) == (
        report.dataset.pk, f'limap/{name}', CHOICE
    )  # fmt: skip
    report.write(tmp_path / 'r.json')
    assert json.loads((tmp_path / 'r.json').read_text()) == document
    report.write(tmp_path / 'r.md')
    text = (tmp_path / 'r.md').read_text()
    assert text == report.as_text()
    for line in (
        '- structures: 2 (2 new, 0 already known)', '- licence CC-BY-4.0: 1 structures', '- importer: "tests"',
        '- broken.cif: it is broken', '- A. Author, 2026', '- m',
    ):  # fmt: skip
        assert line in text.splitlines()
    found = find_dataset(name, CHOICE)
    assert found is not None
    assert found.as_dict() == {**document, 'n_new': 0, 'n_known': 2}


def test_a_report_that_cannot_be_written_is_refused(name, tmp_path):
    report = store_dataset([candidate('a')], name=name, chosen_by=CHOICE)
    with pytest.raises(ImporterError, match=r'r\.txt must end in \.md or \.json'):
        report.write(tmp_path / 'r.txt')
    with pytest.raises(ImporterError, match='there is no folder'):
        report.write(tmp_path / 'nowhere' / 'r.md')
    (tmp_path / 'r.md').mkdir()
    with pytest.raises(ImporterError, match=r'cannot be written: .*r\.md is a folder'):
        report.write(tmp_path / 'r.md')
    with pytest.raises(ImporterError, match=r'cannot be written to .*File name too long'):
        report.write(tmp_path / f'{"r" * 300}.md')


def test_a_report_that_may_not_be_written_is_refused_before_the_import(tmp_path, monkeypatch):
    # The user who runs the tests may write everywhere where that is root.
    asked = []
    monkeypatch.setattr(os, 'access', lambda path, mode: asked.append((Path(path), mode)))
    with pytest.raises(ImporterError, match=f'you may not write to {tmp_path}$'):
        check_report_path(tmp_path / 'r.md')
    (tmp_path / 'old.md').touch()
    with pytest.raises(ImporterError, match=f'you may not write to {tmp_path}/old.md$'):
        check_report_path(tmp_path / 'old.md')
    assert asked == [(tmp_path, os.W_OK), (tmp_path / 'old.md', os.W_OK)]
