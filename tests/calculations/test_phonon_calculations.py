"""What jobs of phonons write, copy and retrieve, and which inputs they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from plugins_phonons import make_phonon_node

from aiida_limap.calculations._phonon_files import find_phonon_files
from aiida_limap.common.keys import structure_key
from aiida_limap.data.table import TableData
from aiida_limap.formats.arrays import read_arrays
from aiida_limap.formats.job import read_job
from aiida_limap.formats.phonon_files import read_phonon_files
from aiida_limap.formats.structures import read_structures


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
        'phonons', {'densities': True, 'nac': False}, {'phonons': 'phonon_files.json'},
    )  # fmt: skip
    (one, archive), (two, folder) = nodes
    entries = {entry.id: entry.path for entry in read_phonon_files(done.folder / 'phonon_files.json')}
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
        ({}, 'give the phonon files of at least one compound'),
        ({'archive': archive}, 'use structure_key'),
        ({structure_key(two.uuid): archive}, f'which are those of {one.uuid}'),
        ({structure_key(one.uuid): one}, 'Invalid type'),
        ({structure_key(one.uuid): orm.FolderData()}, 'of phonon files is empty'),
    ):
        with pytest.raises(ValueError, match=words):
            prepare('limap.phonons', phonons=given)
    with pytest.raises(ValueError, match="unknown parameter 'mesh'"):
        prepare('limap.phonons', phonons=by_key(nodes), parameters={'mesh': 3})


def test_structures_are_written_for_a_calculator(prepare, nodes):
    structures = {structure_key(structure.uuid): structure for structure, _file in nodes}
    parameters = {'calculator': {'name': 'chgnet', 'relax': 'none'}}
    done = prepare('limap.phonons', structures=structures, parameters=parameters)
    job = read_job(done.folder / 'job.json')
    assert (job.parameters, job.inputs) == (parameters, {'structures': 'structures.json'})
    records = read_structures(done.folder / 'structures.json')
    assert {record.id for record in records} == {structure.uuid for structure, _file in nodes}
    assert not done.calcinfo.local_copy_list
    assert 'forces' in done.calcinfo.retrieve_temporary_list
    parameters = {'calculator': {'name': 'chgnet', 'keep_forces': False}}
    done = prepare('limap.phonons', structures=structures, parameters=parameters)
    assert 'forces' not in done.calcinfo.retrieve_temporary_list


def test_structures_and_calculator_belong_together(prepare, nodes):
    structures = {structure_key(structure.uuid): structure for structure, _file in nodes}
    chosen = {'calculator': {'name': 'chgnet'}}
    for given, words in (
        ({'structures': structures}, 'the parameters must say what computes them'),
        ({'structures': structures, 'phonons': by_key(nodes), 'parameters': chosen}, 'not both'),
        ({'phonons': by_key(nodes), 'parameters': chosen}, 'phonon files bring their own forces'),
        ({'structures': {'wrong': nodes[0][0]}, 'parameters': chosen}, 'use structure_key'),
        ({'structures': structures, 'parameters': {'calculator': {'relax': 'cell'}}}, 'must name one'),
    ):
        with pytest.raises(ValueError, match=words):
            prepare('limap.phonons', **given)


def test_files_are_found_by_their_structures(nodes, tmp_path):
    (one, archive), (two, folder) = nodes
    # A second one of the same structure is not taken.
    make_phonon_node(tmp_path / 'two', two)
    found = find_phonon_files([two.uuid, one.uuid, '00000000-0000-4000-8000-000000000001'])
    assert found == {one.uuid: archive.pk, two.uuid: folder.pk}


IDS = [f'0000000{number}-aaaa-4bbb-8ccc-000000000000' for number in range(1, 5)]


@pytest.fixture
def quantities(aiida_profile):
    """Return a table of four compounds, the last of which has no numbers."""
    columns = {
        'status': ['ok', 'ok', 'ok', 'unreadable'],
        'formula': ['Li2O', 'LiF', 'LiF', ''],
        'source_id': ['mp-1', 'mp-2', 'mp-3', ''],
        'mobile_band_centre_THz': [8.0, 9.0, 10.0, None],
    }
    block = np.arange(8.0).reshape(4, 2)
    block[3] = np.nan
    table = TableData.from_arrays(IDS, columns, blocks={'mobile_band_centres_THz': block})
    return table.store()


def diffusivities(rows: list[str], temperatures: list[float] | None) -> TableData:
    info = {} if temperatures is None else {'temperatures_K': temperatures}
    block = np.arange(2.0 * len(rows)).reshape(-1, 2)
    return TableData.from_arrays(
        rows, {}, blocks={'diffusivity_cm2_per_s': block}, block_info={'diffusivity_cm2_per_s': info}
    ).store()


def test_features_labels_and_diffusivities_are_written(prepare, quantities):
    # A formula that is known as fast and slow counts as fast; a structure that is named knows better.
    columns = {
        'formula': ['LiF', 'LiF', 'LiF', 'Li2O'],
        'label': [1, 0, 0, None],
        'structure_uuid': ['', '', IDS[2], ''],
    }
    labels = TableData.from_arrays(['a', 'b', 'c', 'd'], columns).store()
    done = prepare(
        'limap.cluster_phonons',
        phonons=quantities,
        labels=labels,
        diffusivities=diffusivities(['mp-3', IDS[0], 'mp-9'], [300.0, 800.0]),
        parameters={'order_by': 'mobile_band_centre_THz', 'methods': ['ward']},
    )
    job = read_job(done.folder / 'job.json')
    assert job.parameters['features'] == ['mobile_band_centres_THz']
    features, known, moving = (read_arrays(done.folder / job.inputs[role]) for role in job.inputs)
    assert set(features) == {'ids', 'mobile_band_centres_THz', 'mobile_band_centre_THz'}
    assert features['ids'].tolist() == IDS
    assert dict(zip(known['ids'].tolist(), known['conductor'].tolist(), strict=True)) == {IDS[1]: 1.0, IDS[2]: 0.0}
    assert moving['ids'].tolist() == [IDS[0], IDS[2]]
    assert moving['diffusivity_cm2_per_s'].tolist() == [[2.0, 3.0], [0.0, 1.0]]
    assert moving['temperatures_K'].tolist() == [300.0, 800.0]


def test_wrong_inputs_of_a_clustering_are_refused(prepare, quantities):
    slow = TableData.from_arrays(['a', 'b'], {'formula': ['LiF', 'Li2O'], 'label': [0, 0]}).store()
    for given, words in (
        ({'parameters': {'features': ['width']}}, "no column of numbers or block 'width'; it has mobile_band_centres"),
        ({'parameters': {'features': ['formula']}}, "no column of numbers 'formula'"),
        ({'parameters': {'order_by': 'nothing'}}, "no column of numbers or block 'nothing'"),
        ({'parameters': {'clusters': 3}}, "unknown parameter 'clusters'"),
        ({'labels': slow}, 'all 2 labelled rows are slow'),
        ({'labels': quantities}, "no column of numbers 'label'"),
        ({'diffusivities': quantities}, "no block 'diffusivity_cm2_per_s'"),
        ({'diffusivities': diffusivities(['a'], [300.0])}, 'must tell the 2 temperatures_K of its columns'),
    ):
        with pytest.raises(ValueError, match=words):
            prepare('limap.cluster_phonons', phonons=quantities, **given)
