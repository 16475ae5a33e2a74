"""The embedded library in the profile: every crystal with its citation, and the library built only once."""

from __future__ import annotations

from uuid import uuid4

import pytest
from aiida import orm

from aiida_limap.engines.chemistry import prototypes as library_module
from aiida_limap.importers.prototypes import DATABASE_NAME, import_prototypes

LIMIT = 12


@pytest.fixture(scope='module')
def library() -> list:
    return library_module.build_library()


@pytest.fixture
def name(library, monkeypatch) -> str:
    """Return a name that no other dataset has; the library is not built again."""
    monkeypatch.setattr(library_module, 'build_library', lambda: library)
    return f'prototypes {uuid4().hex}'


def test_a_limit_takes_entries_from_the_whole_library(library, name):
    counts: list[int] = []
    report = import_prototypes(name=name, limit=LIMIT, on_start=counts.append, on_progress=counts.append)
    ids = [entry.id for entry in library]
    places = [ids.index(identifier) for identifier in report.dataset.source_ids]
    assert len(places) == LIMIT
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] > len(ids) * (LIMIT - 2) / LIMIT
    assert counts == [LIMIT, LIMIT]
    assert report.dataset.filter['importer'] == 'prototypes'
    assert report.dataset.filter['limit'] == LIMIT


def test_each_crystal_carries_its_citation_and_its_counterpart(library, name, monkeypatch):
    literature = [entry for entry in library if entry.materials_project_counterpart and entry.doi][:2]
    made = [entry for entry in library if entry.origin == 'substituted'][:2]
    monkeypatch.setattr(library_module, 'build_library', lambda: literature + made)
    report = import_prototypes(name=name)
    nodes = [orm.load_node(uuid) for uuid in report.dataset.structure_uuids]
    for node, entry in zip(nodes, literature + made, strict=True):
        source = node.source
        assert (source['db_name'], source['id'], source['license']) == (DATABASE_NAME, entry.id, 'MIT')
        assert source['description'] == entry.citation
        assert source['extras']['substitutions'] == entry.substitutions
        assert source['extras']['origin'] == entry.origin
        assert source['extras']['citation_status'] in {'confirmed', 'recalled'}
        assert node.label == f'{entry.formula} {entry.id}'
        assert len(node.sites) == len(entry.structure)
    for node, entry in zip(nodes[:2], literature, strict=True):
        assert node.source['extras']['counterpart'] == entry.materials_project_counterpart
        assert node.source['extras']['counterpart_uri'].endswith(f'/{entry.materials_project_counterpart}')
        assert node.source['uri'] == f'https://doi.org/{entry.doi}'


def test_a_second_import_does_not_build_the_library(name, monkeypatch):
    first = import_prototypes(name=name, limit=3)

    def fail() -> None:
        raise AssertionError('the library was built again')

    monkeypatch.setattr(library_module, 'build_library', fail)
    second = import_prototypes(name=name, limit=3)
    assert (second.dataset.uuid, second.n_new, second.n_known) == (first.dataset.uuid, 0, 3)
    with pytest.raises(AssertionError, match='built again'):
        import_prototypes(name=name, limit=4)


def test_a_library_that_changed_is_built_again_and_known_crystals_are_found(name, monkeypatch):
    first = import_prototypes(name=name, limit=3)
    monkeypatch.setattr('aiida_limap.importers.prototypes._library_checksum', lambda: 'another library')
    second = import_prototypes(name=name, limit=3)
    assert second.dataset.uuid != first.dataset.uuid
    assert (second.n_new, second.dataset.structure_uuids) == (0, first.dataset.structure_uuids)


def test_a_limit_above_the_size_of_the_library_takes_all(library, name, monkeypatch):
    monkeypatch.setattr(library_module, 'build_library', lambda: library[:2])
    assert len(import_prototypes(name=name, limit=10).dataset) == 2
