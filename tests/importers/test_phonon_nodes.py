"""Phonons of nodes that aiida-phonopy 1.8 and aiida-vibroscopy 1.7 made: read with and without these plugins.

The nodes come from an archive (see ``tests/fixtures/record_phonopy_nodes.py``).
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from plugins_springs import Springs

from aiida_limap.calculations._phonon_files import find_phonon_files
from aiida_limap.calculations._phonopy_nodes import PhonopyNodeError, phonopy_of_node
from aiida_limap.calculations.phonon_nodes import EXIT_NO_PHONONS, phonon_files_from_node
from aiida_limap.engines.phonons import compute_item
from aiida_limap.importers.base import ImporterError
from aiida_limap.importers.phonon_nodes import import_phonon_nodes, phonon_nodes

ARCHIVE = Path(__file__).parents[1] / 'fixtures' / 'phonopy_nodes.aiida'
FLUORIDE, CHLORIDE = Springs(spring=2.4), Springs(spring=0.6, symbols=('Cl', 'Li'), lattice=5.1)


def centre_of(springs: Springs) -> float:
    frequencies, shares = springs.modes(24)
    return float((frequencies * shares).sum() / shares.sum())


@pytest.fixture
def nodes(aiida_profile_clean) -> dict[str, orm.Data]:
    """Return the recorded nodes by label, as the profile loads them."""
    from aiida.tools.archive import import_archive

    import_archive(ARCHIVE)
    query = orm.QueryBuilder().append(orm.Data, filters={'label': {'!==': ''}}, project='id')
    with warnings.catch_warnings():
        # AiiDA says of each node that its plugin is not installed.
        warnings.simplefilter('ignore')
        loaded = [orm.load_node(pk) for pk in query.all(flat=True)]
    return {node.label: node for node in loaded}


def test_without_the_plugins_they_are_plain_data(nodes):
    installed = importlib.util.find_spec('aiida_phonopy') is not None
    assert (type(nodes['forces and charges']) is orm.Data) is not installed
    assert nodes['forces and charges'].node_type == 'data.phonopy.phonopy.PhonopyData.'


def test_the_plugins_read_the_same(nodes):
    pytest.importorskip('aiida_phonopy', reason='aiida-phonopy is not installed; other tests read its nodes without')
    for label in ('forces and charges', 'force constants'):
        ours, theirs = phonopy_of_node(nodes[label]), nodes[label].get_phonopy_instance()
        for phonopy in (ours, theirs):
            if phonopy.force_constants is None:
                phonopy.produce_force_constants()
        assert np.allclose(ours.force_constants, theirs.force_constants)
        assert np.allclose(ours.primitive.cell, theirs.primitive.cell)
        if label == 'forces and charges':
            assert np.allclose(ours.nac_params['born'], theirs.nac_params['born'])
            assert ours.nac_params['factor'] == pytest.approx(theirs.nac_params['factor'])


def test_nodes_become_phonon_files_with_their_provenance(nodes, tmp_path):
    chosen = [nodes[label] for label in ('forces and charges', 'force constants', 'kinds')]
    report = import_phonon_nodes(chosen, name='mine')
    assert (report.n_files, report.n_new_files, report.tally.n_new) == (3, 3, 2)
    files = find_phonon_files(report.dataset.structure_uuids)
    for node, uuid, springs in zip(chosen, report.dataset.structure_uuids, (FLUORIDE, CHLORIDE, CHLORIDE), strict=True):
        phonons, structure = orm.load_node(files[uuid]), orm.load_node(uuid)
        assert phonons.creator.process_label == 'phonon_files_from_node'
        assert phonons.creator.inputs.node.uuid == node.uuid
        assert phonons.source['extras']['node'] == node.uuid
        path = tmp_path / f'{uuid}.phonopy_params.yaml'
        path.write_text(phonons.get_content())
        row = compute_item('row', path)
        assert row.status == 'ok'
        assert row.values['formula'] == structure.get_pymatgen().composition.reduced_formula
        if node.label != 'forces and charges':
            assert row.values['mobile_band_centre_THz'] == pytest.approx(centre_of(springs), rel=2e-3)
            assert row.values['nac'] is False
        else:
            assert row.values['nac'] is True
            without = phonopy_of_node(node)
            assert without.nac_params['born'].shape == (2, 3, 3)
    # The structure that the displacements were made of is known by its link, and is not made again.
    whole = orm.load_node(report.dataset.structure_uuids[0])
    assert whole.creator is None
    assert orm.load_node(files[whole.uuid]).creator.inputs.structure.uuid == whole.uuid
    again = import_phonon_nodes(chosen, name='mine')
    assert (again.n_new_files, again.tally.n_new, again.dataset.uuid) == (0, 0, report.dataset.uuid)


def test_what_holds_no_phonons_is_refused_and_leaves_no_process(nodes):
    other = orm.Dict({'a': 1}).store()
    before = orm.QueryBuilder().append(orm.ProcessNode).count()
    with pytest.raises(ImporterError, match='no structure could be imported') as caught:
        import_phonon_nodes([nodes['preprocess'], nodes['no forces'], other], name='none')
    for words in (
        'which holds displacements and no forces',
        'displaced supercells are missing: the calculations are not done',
        'its type is Dict, and none of PhonopyData',
    ):
        assert words in str(caught.value)
    assert orm.QueryBuilder().append(orm.ProcessNode).count() == before
    _result, process = phonon_files_from_node.run_get_node(node=nodes['no forces'])
    assert process.exit_status == EXIT_NO_PHONONS


def test_damaged_nodes_are_refused_in_words(nodes):
    # Copies of a stored node can be changed.
    cut = nodes['forces and charges'].clone()
    (name,) = [name for name in cut.base.repository.list_object_names() if name.startswith('forces_1')]
    cut.base.repository.put_object_from_bytes(b'\x93NUMPY', name)
    with pytest.raises(PhonopyNodeError, match='does not fit together'):
        phonopy_of_node(cut)
    bare = nodes['force constants'].clone()
    bare.base.attributes.delete('cell')
    with pytest.raises(PhonopyNodeError, match='it has no cell'):
        phonopy_of_node(bare)


def test_nodes_are_named_by_themselves_their_process_or_a_group(nodes):
    whole = nodes['forces and charges']
    assert [node.uuid for node in phonon_nodes([str(whole.pk), whole.uuid])] == [whole.uuid]
    assert [node.uuid for node in phonon_nodes([str(whole.creator.pk)])] == [whole.uuid]
    group = orm.Group(label='harmonic').store()
    group.add_nodes([whole, nodes['kinds']])
    assert {node.uuid for node in phonon_nodes([], 'harmonic')} == {whole.uuid, nodes['kinds'].uuid}
    for identifiers, label, words in (
        (['99999999'], None, 'there is no node'),
        ([], 'nothing', 'there is no group'),
        ([], None, 'no node was named'),
        ([str(nodes['preprocess'].creator.pk)], None, 'has given no node that holds phonons'),
    ):
        with pytest.raises(ImporterError, match=words):
            phonon_nodes(identifiers, label)
