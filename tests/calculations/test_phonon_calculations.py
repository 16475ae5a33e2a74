"""What jobs of phonons write, copy and retrieve, and which inputs they refuse."""

from __future__ import annotations

import pytest
from aiida import orm
from plugins_phonons import make_phonon_node

from aiida_limap.calculations._phonon_files import find_phonon_files
from aiida_limap.common.keys import structure_key
from aiida_limap.formats.job import read_job
from aiida_limap.formats.phonon_files import read_phonon_files


@pytest.fixture
def nodes(aiida_profile, tmp_path):
    """Return two structures, an archive of the first and a folder of the second."""
    from plugins_aiida import make_structure

    structures = [make_structure(), make_structure(1.1)]
    archive = tmp_path / 'one.tar.lzma'
    archive.write_bytes(b'not read here')
    folder = tmp_path / 'two'
    folder.mkdir()
    (folder / 'FORCE_SETS').write_text('2\n')
    return [
        (structure, make_phonon_node(path, structure))
        for structure, path in zip(structures, (archive, folder), strict=True)
    ]


def by_key(nodes):
    return {structure_key(structure.uuid): node for structure, node in nodes}


def test_files_are_copied_under_the_uuids_of_their_structures(prepare, nodes):
    done = prepare('limap.phonons', phonons=by_key(nodes), parameters={'densities': True, 'nac': False})
    job = read_job(done.folder / 'job.json')
    assert (job.task, job.parameters, job.inputs) == (
        'phonons', {'densities': True, 'nac': False}, {'phonons': 'phonons.json'},
    )  # fmt: skip
    (one, archive), (two, folder) = nodes
    entries = {entry.id: entry.path for entry in read_phonon_files(done.folder / 'phonons.json')}
    assert entries == {one.uuid: f'phonons/{one.uuid}/one.tar.lzma', two.uuid: f'phonons/{two.uuid}'}
    assert sorted(done.calcinfo.local_copy_list) == sorted(
        [(archive.uuid, 'one.tar.lzma', entries[one.uuid]), (folder.uuid, '.', entries[two.uuid])]
    )
    assert 'densities' in done.calcinfo.retrieve_temporary_list
    assert done.calcinfo.codes_info[0].cmdline_params == ['phonons', 'job.json']


def test_densities_are_not_retrieved_unless_asked_for(prepare, nodes):
    assert prepare('limap.phonons', phonons=by_key(nodes)).calcinfo.retrieve_temporary_list == ['arrays.npz']


def test_wrong_inputs_are_refused(prepare, nodes):
    (one, archive), (two, _folder) = nodes
    for given, words in (
        ({}, 'the phonon files of at least one compound are needed'),
        ({'archive': archive}, 'use structure_key'),
        ({structure_key(two.uuid): archive}, f'which are those of {one.uuid}'),
        ({structure_key(one.uuid): one}, 'Invalid type'),
        ({structure_key(one.uuid): orm.FolderData()}, 'of phonon files is empty'),
    ):
        with pytest.raises(ValueError, match=words):
            prepare('limap.phonons', phonons=given)
    with pytest.raises(ValueError, match="unknown parameter 'mesh'"):
        prepare('limap.phonons', phonons=by_key(nodes), parameters={'mesh': 3})


def test_files_are_found_by_their_structures(nodes, tmp_path):
    (one, archive), (two, folder) = nodes
    # A second one of the same structure is not taken.
    make_phonon_node(tmp_path / 'two', two)
    found = find_phonon_files([two.uuid, one.uuid, '00000000-0000-4000-8000-000000000001'])
    assert found == {one.uuid: archive.pk, two.uuid: folder.pk}
