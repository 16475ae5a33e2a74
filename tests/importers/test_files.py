"""Structure files become nodes with their origin, a dataset and a group."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import shutil
from pathlib import Path, PurePosixPath
from uuid import uuid4

import pytest
from aiida import orm
from pymatgen.core import Lattice, Structure

from aiida_limap.importers.base import ImporterError, Refusal
from aiida_limap.importers.files import DATABASES, FileOptions, find_files, import_files, read_candidates

EDGES = itertools.count(4.0, 0.001)


def write_crystal(path: Path, edge: float, cation: object = 'Li') -> Path:
    structure = Structure(Lattice.cubic(edge), [cation, 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    structure.to(str(path), fmt='poscar' if path.suffix != '.cif' else 'cif')
    return path


@pytest.fixture
def name() -> str:
    """Return a name that no other dataset of the profile has."""
    return f'files {uuid4().hex}'


@pytest.fixture
def edge() -> float:
    """Return the edge of a cell (Å) that no other test has, so that its files are new to the profile."""
    return next(EDGES)


@pytest.fixture
def folder(tmp_path, edge) -> Path:
    """Return a folder with a file in it, another one below it, a broken one and a note."""
    (tmp_path / 'deep' / 'er').mkdir(parents=True)
    write_crystal(tmp_path / 'b.cif', edge)
    write_crystal(tmp_path / 'deep' / 'er' / 'POSCAR_a', edge)
    (tmp_path / 'broken.cif').write_text('data_\nloop_\n_atom_site')
    (tmp_path / 'notes.txt').write_text('not a structure')
    return tmp_path


def test_folders_are_walked_and_other_files_are_left_alone(folder):
    found = find_files([folder])
    assert [str(path) for _, path in found] == ['b.cif', 'broken.cif', 'deep/er/POSCAR_a']
    assert [file for file, path in found] == [folder / path for _, path in found]


def test_a_file_is_taken_once_and_in_the_order_of_the_paths(folder):
    first = folder / 'deep' / 'er' / 'POSCAR_a'
    assert [path.name for path, _ in find_files([first, folder])] == ['POSCAR_a', 'b.cif', 'broken.cif']


def test_a_file_that_is_named_is_taken_whatever_its_suffix(folder):
    assert find_files([folder / 'notes.txt']) == [(folder / 'notes.txt', PurePosixPath('notes.txt'))]


@pytest.mark.parametrize('suffix', ['.CIF', '.vasp', '.poscar', '.xsf', '.cssr'])
def test_the_endings_that_are_looked_for_can_be_read(tmp_path, edge, suffix):
    structure = Structure(Lattice.cubic(edge), ['Li', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    fmt = {'.CIF': 'cif', '.vasp': 'poscar'}.get(suffix, suffix[1:])
    structure.to(str(tmp_path / f'one{suffix}'), fmt=fmt)
    (candidate,) = read_candidates(find_files([tmp_path]))
    assert not isinstance(candidate, Refusal)
    assert candidate.structure.reduced_formula == structure.reduced_formula


def test_a_path_without_structures_is_refused(tmp_path):
    with pytest.raises(ImporterError, match=r'there is no file or folder .*nowhere'):
        find_files([tmp_path / 'nowhere'])
    with pytest.raises(ImporterError, match=r'no structure file in .*: expected files that end in \.cif'):
        find_files([tmp_path])


def test_a_folder_is_imported_without_the_file_that_does_not_parse(folder, name):
    counts: list[int] = []
    report = import_files([folder], name=name, on_start=counts.append, on_progress=counts.append)
    assert (report.n_new, report.n_known) == (2, 0)
    assert counts[0] == sum(counts[1:]) == 3
    (refusal,) = report.refused
    assert refusal.name == str(folder / 'broken.cif')
    assert refusal.reason.startswith('it does not parse as a structure (')
    assert '\n' not in refusal.reason
    assert report.dataset.source_ids == ['b', 'POSCAR_a']
    assert report.dataset.filter == {'importer': 'files', 'n_files': 3, 'ids_of': None}
    assert report.group.label == f'limap/{name}'
    assert {node.uuid for node in report.group.nodes} == {*report.dataset.structure_uuids, report.dataset.uuid}
    assert report.group.dataset.uuid == report.dataset.uuid


def test_each_structure_knows_its_file(folder, name):
    report = import_files([folder / 'b.cif'], name=name)
    (node,) = (orm.load_node(uuid) for uuid in report.dataset.structure_uuids)
    assert node.source == {
        'db_name': 'files',
        'id': 'b',
        'uri': (folder / 'b.cif').resolve().as_uri(),
        'source_md5': hashlib.md5((folder / 'b.cif').read_bytes()).hexdigest(),
    }
    assert node.label == 'Li2O2 b'
    assert len(node.sites) == 2


def test_file_names_that_are_ids_of_a_database_give_its_address_and_licence(tmp_path, edge, name):
    write_crystal(tmp_path / 'mp-1960.cif', edge)
    report = import_files([tmp_path], name=name, options=FileOptions(ids_of='materials-project'))
    source = orm.load_node(report.dataset.structure_uuids[0]).source
    assert source['id'] == 'mp-1960'
    assert source['uri'].endswith('/materials/mp-1960')
    known = DATABASES['materials-project']
    assert {key: source[key] for key in ('db_name', 'db_uri', 'license')} == {
        'db_name': 'Materials Project', 'db_uri': known['db_uri'], 'license': 'CC-BY-4.0'
    }  # fmt: skip
    assert report.dataset.filter['ids_of'] == 'materials-project'


def test_a_disordered_structure_is_kept_with_its_occupancies(tmp_path, edge, name):
    write_crystal(tmp_path / 'disordered.cif', edge, {'Li': 0.5, 'Sc': 0.5})
    report = import_files([tmp_path], name=name)
    assert report.refused == []
    node = orm.load_node(report.dataset.structure_uuids[0])
    mixed = next(kind for kind in node.kinds if 'Li' in kind.symbols)
    assert dict(zip(mixed.symbols, mixed.weights, strict=True)) == {'Li': 0.5, 'Sc': 0.5}


def test_a_second_import_stores_nothing_and_finds_the_same_dataset(folder, name):
    first = import_files([folder], name=name)
    before = orm.QueryBuilder().append(orm.Node).count()
    second = import_files([folder], name=name)
    assert (second.n_new, second.n_known, len(second.refused)) == (0, 2, 1)
    assert second.dataset.uuid == first.dataset.uuid
    assert second.group.uuid == first.group.uuid
    assert orm.QueryBuilder().append(orm.Node).count() == before
    assert second.group.count() == 3


def test_another_name_collects_the_same_structures_in_another_dataset(folder, name):
    first = import_files([folder], name=name)
    second = import_files([folder], name=f'{name} again')
    assert (second.n_new, second.dataset.structure_uuids) == (0, first.dataset.structure_uuids)
    assert second.dataset.uuid != first.dataset.uuid


def test_a_file_that_changed_is_a_new_structure_and_the_group_follows(folder, edge, name):
    first = import_files([folder], name=name)
    write_crystal(folder / 'b.cif', edge + 1)
    second = import_files([folder], name=name)
    assert (second.n_new, second.n_known) == (1, 1)
    assert second.dataset.uuid != first.dataset.uuid
    assert second.group.uuid == first.group.uuid
    assert {node.uuid for node in second.group.nodes} == {*second.dataset.structure_uuids, second.dataset.uuid}


def test_the_same_content_under_two_names_is_two_structures(tmp_path, edge, name):
    one = write_crystal(tmp_path / 'one.cif', edge)
    shutil.copy(one, tmp_path / 'two.cif')
    report = import_files([tmp_path], name=name)
    assert report.dataset.source_ids == ['one', 'two']
    assert (report.n_new, len(set(report.dataset.structure_uuids))) == (2, 2)


def test_the_same_file_in_two_folders_is_one_structure(tmp_path, edge, name):
    for place in ('left', 'right'):
        (tmp_path / place).mkdir()
    one = write_crystal(tmp_path / 'left' / 'one.cif', edge)
    shutil.copy(one, tmp_path / 'right' / 'one.cif')
    report = import_files([tmp_path], name=name)
    assert (report.n_new, report.n_known, report.dataset.source_ids) == (1, 0, ['one'])


def test_only_broken_files_are_an_error_with_the_reason(folder, name):
    with pytest.raises(ImporterError, match=r'no structure could be imported: .*broken\.cif: it does not parse'):
        import_files([folder / 'broken.cif'], name=name)
    with pytest.raises(ImporterError, match=r'notes\.txt: it does not parse'):
        import_files([folder / 'notes.txt'], name=name)


def test_a_file_that_cannot_be_read_is_refused_and_the_rest_goes_on(folder, name):
    (folder / 'a.cif').symlink_to(folder / 'nowhere.cif')
    (folder / 'empty.cif').write_text('')
    (folder / 'binary.cif').write_bytes(bytes(range(256)))
    report = import_files([folder], name=name)
    assert report.n_new == 2
    assert {Path(refusal.name).name for refusal in report.refused} == {'broken.cif', 'empty.cif', 'binary.cif'}


def poscar(edge: float) -> str:
    return Structure(Lattice.cubic(edge), ['Li', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(fmt='poscar')


def test_an_archive_gives_the_same_structures_as_its_folder(folder, name, tmp_path_factory):
    base = tmp_path_factory.mktemp('archives') / 'set'
    first = import_files([folder], name=name)
    for kind in ('zip', 'gztar', 'xztar'):
        archive = Path(shutil.make_archive(str(base), kind, folder))
        again = import_files([archive], name=f'{name} {kind}')
        assert (again.n_new, again.n_known) == (0, 2)
        assert set(again.dataset.structure_uuids) == set(first.dataset.structure_uuids)
        assert [Path(refusal.name).name for refusal in again.refused] == ['broken.cif']
        assert sorted(path.name for path in archive.parent.iterdir()) == [archive.name]
        archive.unlink()


def test_a_member_of_an_archive_has_an_address(folder, edge, name, tmp_path_factory):
    write_crystal(folder / 'b.cif', edge + 2)
    archive = Path(shutil.make_archive(str(tmp_path_factory.mktemp('archives') / 'set'), 'zip', folder))
    report = import_files([archive], name=name)
    source = orm.load_node(report.dataset.structure_uuids[0]).source
    assert source['uri'] == f'{archive.as_uri()}#b.cif'
    assert source['source_md5'] == hashlib.md5((folder / 'b.cif').read_bytes()).hexdigest()


def test_an_archive_without_structures_is_named(folder, name, tmp_path_factory):
    (tmp_path_factory.mktemp('texts') / 'notes.txt').write_text('nothing')
    texts = tmp_path_factory.mktemp('texts2')
    (texts / 'notes.txt').write_text('nothing')
    shutil.make_archive(str(folder / 'texts'), 'zip', texts)
    (refusal,) = (entry for entry in import_files([folder], name=name).refused if 'texts' in entry.name)
    assert refusal.reason.startswith('the archive holds no structure file (.cif')


def test_folders_of_files_that_are_all_called_poscar_give_the_ids(tmp_path, edge, name):
    for number, place in enumerate(('mp-1', 'deep/mp-2')):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / 'POSCAR').write_text(poscar(edge + number))
    (tmp_path / 'POSCAR').write_text(poscar(edge + 2))
    (tmp_path / 'POSCAR_x.gz').write_bytes(gzip.compress(poscar(edge + 3).encode()))
    (tmp_path / 'y.vasp').write_text(poscar(edge + 4))
    report = import_files([tmp_path], name=name)
    assert sorted(report.dataset.source_ids) == ['POSCAR', 'POSCAR_x', 'deep/mp-2', 'mp-1', 'y']


def test_blocks_of_a_cif_are_entries_of_their_own(tmp_path, edge, name):
    blocks = []
    for number, block in enumerate(('alpha', 'beta')):
        text = write_crystal(tmp_path / 'one.cif', edge + number).read_text()
        blocks.append(text[text.index('\n', text.index('data_')) :].join((f'data_{block}', '\n')))
    (tmp_path / 'one.cif').unlink()
    (tmp_path / 'two.cif').write_text(''.join(blocks) + 'data_gamma\nloop_\n_atom_site_label\nLi1\n')
    report = import_files([tmp_path], name=name)
    assert report.dataset.source_ids == ['two:alpha', 'two:beta']
    (refusal,) = report.refused
    assert refusal.name == f'{tmp_path / "two.cif"}:gamma'
    assert '_cell_length_a is missing' in refusal.reason


def test_deuterium_is_kept_as_hydrogen_and_that_is_said(tmp_path, edge, name):
    text = write_crystal(tmp_path / 'heavy.cif', edge, 'H').read_text()
    (tmp_path / 'heavy.cif').write_text(text.replace('  H  ', '  D  '))
    report = import_files([tmp_path], name=name)
    (note,) = report.notes
    assert note == Refusal('heavy', 'its deuterium or tritium is kept as hydrogen')
    assert {kind.symbol for kind in orm.load_node(report.dataset.structure_uuids[0]).kinds} == {'H', 'O'}


def test_a_site_without_an_element_is_refused(folder, edge, name):
    text = write_crystal(folder / 'odd.cif', edge + 3).read_text()
    (folder / 'odd.cif').write_text(text.replace(' Li ', ' Qq '))
    refusal = next(entry for entry in import_files([folder], name=name).refused if entry.name == 'odd')
    assert 'holds Qq, which is no element' in refusal.reason


def test_a_table_beside_the_files_gives_their_origin(folder, name):
    table = folder / 'table.csv'
    table.write_text('id,db_name,license,doi,conductivity\nb,My set,CC0,10.1/x,2e-3\nzzz,My set,CC0,,\n')
    report = import_files([folder], name=name, options=FileOptions(metadata=table))
    source = orm.load_node(report.dataset.structure_uuids[0]).source
    assert {key: source[key] for key in ('db_name', 'id', 'license', 'uri', 'extras')} == {
        'db_name': 'My set', 'id': 'b', 'license': 'CC0', 'uri': 'https://doi.org/10.1/x',
        'extras': {'doi': '10.1/x', 'conductivity': 2e-3},
    }  # fmt: skip
    assert Refusal('POSCAR_a', 'no row of table.csv speaks of it') in report.notes
    assert Refusal('zzz', 'there is no file for this row of table.csv') in report.refused
    assert report.tally.licences == {'CC0': 1, 'not stated': 1}
    assert report.tally.citations == {'10.1/x': None}
    assert report.dataset.filter['metadata']['name'] == 'table.csv'


def test_more_bytes_than_allowed_are_refused(folder, name):
    with pytest.raises(ImporterError, match=r'no structure could be imported: .*come out of it'):
        import_files([folder / 'b.cif'], name=name, options=FileOptions(max_bytes=10))


def test_real_published_files_are_imported(shared_data, name):
    archive = shared_data / 'obelix_train_cifs.tar.gz'
    candidates = list(itertools.islice(read_candidates(find_files([archive])), 30))
    assert not any(isinstance(entry, Refusal) for entry in candidates)
    assert sum(not entry.structure.is_ordered for entry in candidates) > 10
