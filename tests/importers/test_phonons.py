"""Phonon files with their structures: what is taken, what is refused, and that nothing is stored twice."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from aiida import orm
from plugins_phonons import write_springs

from aiida_limap.calculations._phonon_files import STRUCTURE_UUID, find_phonon_files
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons.glance import find_compounds, glance
from aiida_limap.importers.base import ImporterError
from aiida_limap.importers.phonons import PhononOptions, import_phonons


def pack(folder: Path, path: Path, inside: str) -> Path:
    """Pack a folder as PhononDB does: xz under another name."""
    with tarfile.open(path, 'w:xz') as archive:
        archive.add(folder, arcname=inside)
    return path


@pytest.fixture
def files(tmp_path) -> Path:
    """Return a folder with an archive of PhononDB, a folder, a file, and what is not to be taken."""
    work, root = tmp_path / 'work', tmp_path / 'data'
    work.mkdir()
    root.mkdir()
    hard = write_springs(work, 'hard', 2.4, ('F', 'Li'))
    pack(hard, root / 'materials-id-1138-lif.tar.lzma', 'mp-1138-20180417')
    write_springs(root, 'soft', 0.6, ('Cl', 'Li'))
    (root / 'soft' / 'OUTCAR').write_text('not read')
    (root / 'notes.txt').write_text('not read')
    (root / 'damaged.tar.xz').write_bytes((root / 'materials-id-1138-lif.tar.lzma').read_bytes()[:200])
    with tarfile.open(root / 'climbing.tar', 'w') as archive:
        info = tarfile.TarInfo('../FORCE_SETS')
        info.size = 2
        archive.addfile(info, io.BytesIO(b'2\n'))
    (root / 'alone').mkdir()
    (root / 'alone' / 'POSCAR').write_text((hard / 'phonopy_disp.yaml').read_text())
    return root


def sources(report) -> dict[str, dict]:
    found = {}
    for uuid in report.dataset.structure_uuids:
        source = orm.load_node(uuid).source
        found[source['id']] = source
    return found


def test_what_is_found_below_a_folder(files, tmp_path):
    names = ['alone', 'climbing.tar', 'damaged.tar.xz', 'materials-id-1138-lif.tar.lzma', 'soft']
    assert find_compounds([files]) == [files / name for name in names]
    assert find_compounds([files / 'soft', files]) == [
        files / 'soft', *(files / name for name in names if name != 'soft')
    ]  # fmt: skip
    many = tmp_path / 'many'
    many.mkdir()
    for name in ('a', 'b'):
        (many / f'{name}.phonopy_params.yaml').write_text('x')
    assert [path.name for path in find_compounds([many])] == ['a.phonopy_params.yaml', 'b.phonopy_params.yaml']
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InputError, match='no phonon files were found'):
        find_compounds([tmp_path / 'empty'])
    with pytest.raises(InputError, match='no such file or folder'):
        find_compounds([tmp_path / 'gone'])


def test_structures_and_files_are_stored_once_and_the_rest_refused(aiida_profile_clean, files):
    options = PhononOptions(license='MIT', database='springs')
    report = import_phonons([files], name='springs', options=options)
    assert (report.n_files, report.n_new_files, len(report.dataset)) == (2, 2, 2)
    found = sources(report)
    assert set(found) == {'mp-1138', 'soft'}
    assert (found['mp-1138']['db_name'], found['mp-1138']['version']) == ('PhononDB', '2018-04-17')
    assert (found['mp-1138']['license'], found['soft']['license']) == ('CC-BY-4.0', 'MIT')
    assert found['soft']['db_name'] == 'springs'
    assert any('Togo' in text for text in report.tally.citations)
    reasons = {Path(entry.name).name: entry.reason for entry in report.refused}
    assert set(reasons) == {'alone', 'climbing.tar', 'damaged.tar.xz'}
    assert 'leads out of' in reasons['climbing.tar']
    assert not any(str(files) in reason for name, reason in reasons.items() if name == 'climbing.tar')
    assert report.group.dataset.uuid == report.dataset.uuid
    # The files as they are, bound to their structures.
    pks = find_phonon_files(report.dataset.structure_uuids)
    nodes = {orm.load_node(uuid).source['id']: orm.load_node(pk) for uuid, pk in pks.items()}
    assert isinstance(nodes['mp-1138'], orm.SinglefileData)
    archive = files / 'materials-id-1138-lif.tar.lzma'
    assert nodes['mp-1138'].get_content(mode='rb') == archive.read_bytes()
    assert nodes['mp-1138'].filename == archive.name
    assert sorted(nodes['soft'].base.repository.list_object_names()) == ['FORCE_SETS', 'phonopy_disp.yaml']
    assert nodes['soft'].source['license'] == 'MIT'
    structure = orm.load_node(nodes['soft'].base.attributes.get(STRUCTURE_UUID))
    assert structure.get_formula() == 'ClLi'
    assert 'phonon files of 2 compounds (2 new, 0 known)' in report.summary()
    again = import_phonons([files], name='springs', options=options)
    assert (again.n_new, again.n_new_files, again.n_files) == (0, 0, 2)
    assert again.dataset.uuid == report.dataset.uuid
    count = orm.QueryBuilder().append(orm.StructureData).count(), orm.QueryBuilder().append(orm.SinglefileData).count()
    assert count == (2, 1)


def test_files_that_changed_are_another_compound(aiida_profile_clean, tmp_path):
    folder = write_springs(tmp_path, 'soft', 0.6, ('Cl', 'Li'))
    first = import_phonons([folder], name='one')
    write_springs(tmp_path, 'soft', 0.7, ('Cl', 'Li'))
    second = import_phonons([folder], name='one')
    assert (second.n_new, second.n_new_files) == (1, 1)
    assert first.dataset.structure_uuids != second.dataset.structure_uuids
    assert any('with this id but another content' in entry.reason for entry in second.notes)


def test_an_import_of_nothing_says_why(aiida_profile_clean, files):
    with pytest.raises(ImporterError, match=r'no structure could be imported.*climbing.tar'):
        import_phonons([files / 'climbing.tar'], name='none')
    with pytest.raises(ImporterError, match='no such file or folder'):
        import_phonons([files / 'gone'], name='none')


def test_archives_of_phonondb_tell_compound_and_release(shared_data):
    seen = glance(shared_data / 'phonon' / 'phonondb_li' / 'mp-10251.tar.xz')
    assert (seen.identifier, seen.release) == ('mp-10251', '20180417')
    assert seen.structure.composition.reduced_formula == 'LiDyO2'
    assert len(seen.structure) == 16
