"""``verdi data limap list``, ``show`` and ``export`` for every data class."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiida import orm
from click.testing import CliRunner, Result
from plugins_aiida import make_densities, make_screening_model

from aiida_limap.cli.verdi_data import data_limap
from aiida_limap.data.bond_valence import BondValenceData
from aiida_limap.tools.data_nodes import KINDS
from aiida_limap.tools.node_files import FORMATS


@pytest.fixture
def call(aiida_profile, tmp_path, monkeypatch) -> Callable[..., Result]:
    """Return a function that runs a command which must succeed, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any) -> Result:
        result = CliRunner().invoke(data_limap, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result

    return run


@pytest.fixture
def nodes(graph) -> SimpleNamespace:
    """Return a node of every data class."""
    parameters = BondValenceData.get_or_create().store()
    encoding = graph.map.creator
    return SimpleNamespace(
        dataset=graph.dataset,
        table=encoding.inputs.migration_energies,
        bond_valence=parameters,
        autoencoder=encoding.inputs.model,
        map=graph.map,
        screening_model=make_screening_model(),
        phonon_dos=make_densities(),
    )


@pytest.mark.parametrize('kind', KINDS)
def test_every_class_is_listed_shown_and_exported(call, nodes, tmp_path, kind):
    node = getattr(nodes, kind)
    heading, *lines = call('list', '--kind', kind).stdout.splitlines()
    assert [column.heading in heading for column in KINDS[kind]] == [True] * len(KINDS[kind])
    assert str(node.pk) in {line.split()[0] for line in lines}
    rows = [line.split('\t') for line in call('list', '--kind', kind, '--raw').stdout.splitlines()]
    (row,) = (row for row in rows if row[1] == node.uuid)
    assert len(row) == 4 + len(KINDS[kind])
    documents = json.loads(call('list', '--kind', kind, '--json').stdout)
    (document,) = (document for document in documents if document['pk'] == node.pk)
    for column in KINDS[kind]:
        assert document[column.attribute] == node.base.attributes.get(column.attribute, None)
    text = call('show', node.pk).stdout
    assert text.startswith(f'{kind.replace("_", "-")} {node.pk} ({node.uuid})')
    assert '\nmade 20' in text
    assert json.loads(call('show', node.uuid, '--json').stdout)['attributes'] == node.base.attributes.all
    for number, (name, ending) in enumerate(FORMATS[kind].items()):
        path = f'{kind}-{node.pk}{ending}'
        assert call('export', node.pk, *(('--format', name) if number else ())).stdout.strip() == path
        assert (tmp_path / path).stat().st_size > 0


def test_a_screening_model_and_densities_are_told_and_written(call, nodes, tmp_path):
    text = call('show', nodes.screening_model.pk).stdout
    assert 'esml, trained by aiida-limap 0.1.0' in text
    assert 'reads mean group, max row' in text
    assert re.search(r'accuracy +0\.900', text)
    assert '0.90' in call('list', '--kind', 'screening_model').stdout
    call('export', nodes.screening_model.pk, '-o', 'model.safetensors')
    assert (tmp_path / 'model.safetensors').read_bytes() == nodes.screening_model.get_content(mode='rb')
    text = call('show', nodes.phonon_dos.pk).stdout
    assert '3 frequencies from -0.500 to 2.000 THz' in text
    assert 'total, and by element: Li (2 in the cell), O' in text
    lines = call('export', nodes.phonon_dos.pk, '-o', '-').stdout.splitlines()
    assert lines == ['frequency_THz,total,Li,O', '-0.5,0.0,0.0,0.0', '0.0,1.0,0.5,0.5', '2.0,2.0,0.5,1.5']
    document = json.loads(call('export', nodes.phonon_dos.pk, '--format', 'json', '-o', '-').stdout)
    assert (document['O'], document['counts']) == ([0.0, 0.5, 1.5], {'Li': 2, 'O': 0})


def test_lists_are_filtered_as_those_of_verdi(call, nodes):
    newest, *others = json.loads(call('list', '--kind', 'table', '--json').stdout)
    assert others
    assert json.loads(call('list', '--kind', 'table', '--limit', 1, '--json').stdout) == [newest]
    group = orm.Group(label=f'tables of {nodes.table.uuid}').store()
    group.add_nodes([nodes.table])
    found = json.loads(call('list', '--kind', 'table', '--groups', group.label, '--json').stdout)
    assert [document['pk'] for document in found] == [nodes.table.pk]
    assert json.loads(call('list', '--kind', 'table', '--past-days', 1, '--json').stdout)
    other = orm.User(email=f'{nodes.table.uuid}@example.org').store()
    theirs = orm.User.collection.get(email=other.email)
    stranger = nodes.table.clone()
    stranger.user = theirs
    stranger.store()
    assert stranger.pk not in {
        document['pk'] for document in json.loads(call('list', '--kind', 'table', '--json').stdout)
    }
    assert stranger.pk in {
        document['pk'] for document in json.loads(call('list', '--kind', 'table', '-A', '--json').stdout)
    }


def test_an_empty_list_says_how_to_get_something(aiida_profile_tmp, call):
    for kind in KINDS:
        for options in ([], ['--raw']):
            done = call('list', '--kind', kind, *options)
            assert done.stdout == ''
            assert 'aiida-limap ' in done.stderr
        assert json.loads(call('list', '--kind', kind, '--json').stdout) == []


def test_a_table_is_shown_with_counts_units_and_blocks(call, nodes, graph):
    text = call('show', nodes.table.pk).stdout
    assert '5 rows of the task bvff' in text
    assert 'status: 4 ok, 1 no_mobile_ion' in text
    assert 'barrier_2d_eV (eV)' in text
    descriptors = graph.map.creator.inputs.descriptors
    assert 'block composition: ' in call('show', descriptors.pk).stdout
    document = json.loads(call('export', descriptors.pk, '--format', 'json', '-o', '-').stdout)
    assert [row['id'] for row in document['rows']] == descriptors.ids
    block = np.array(document['blocks']['composition']['rows'], dtype=float)
    np.testing.assert_array_equal(block, descriptors.block('composition'))


def test_a_dataset_is_written_with_its_structures(call, graph, tmp_path):
    from ase.io import read
    from pymatgen.io.cif import CifParser

    text = call('show', graph.dataset.pk).stdout
    assert '5 structures' in text
    assert 'in the group limap/small' in text
    lines = call('export', graph.dataset.pk, '-o', '-').stdout.splitlines()
    assert [line.split(',')[:2] for line in lines[1:]] == [
        [uuid, source_id]
        for uuid, source_id in zip(graph.dataset.structure_uuids, graph.dataset.source_ids, strict=True)
    ]
    call('export', graph.dataset.pk, '--format', 'extxyz', '-o', 'all.xyz')
    frames = read(tmp_path / 'all.xyz', index=':')
    for frame, uuid in zip(frames, graph.dataset.structure_uuids, strict=True):
        node = orm.load_node(uuid)
        assert frame.info['uuid'] == uuid
        np.testing.assert_allclose(frame.cell.array, node.cell, atol=1e-6)
        np.testing.assert_allclose(frame.positions, [site.position for site in node.sites], atol=1e-6)
    call('export', graph.dataset.pk, '-o', 'all.cif')
    parser = CifParser(tmp_path / 'all.cif')
    assert len(parser.as_dict()) == 5
    assert 'mp-1960' in parser.as_dict()


def test_disordered_structures_stay_out_of_a_file_of_whole_atoms(call):
    from plugins_aiida import make_dataset, make_structure

    mixed = orm.StructureData(cell=np.eye(3).tolist())
    mixed.append_atom(position=[0, 0, 0], symbols=['Li', 'Na'], weights=[0.5, 0.5])
    dataset = make_dataset([make_structure(1.23), mixed.store()])
    done = call('export', dataset.pk, '--format', 'extxyz', '-o', '-')
    assert done.stdout.count('Lattice=') == 1
    assert done.stderr.startswith('1 disordered structures are left out')
    assert call('export', dataset.pk, '--format', 'cif', '-o', '-').stdout.count('data_') == 2


def test_a_map_is_written_as_points_and_bundle(call, graph, tmp_path):
    call('export', graph.map.pk, '-o', 'deep/map.json.gz')
    with gzip.open(tmp_path / 'deep' / 'map.json.gz') as file:
        assert json.load(file)['ids'] == graph.map.ids
    document = json.loads(call('export', graph.map.pk, '--format', 'json', '-o', '-').stdout)
    assert [point['structure_uuid'] for point in document['points']] == graph.map.ids
    assert document['target'] == 'barrier_2d_eV'


def test_what_cannot_be_shown_or_written_gets_a_sentence(graph):
    structure = graph.uuids['twin-a']
    for arguments, words in (
        (('show', '999999'), 'there is no node 999999'),
        (('show', 'nothing-like-this'), 'there is no node nothing-like-this'),
        (('show', structure), f'node {structure} is a StructureData, not a dataset or table'),
        (('export', '999999'), 'there is no node 999999'),
        (('export', graph.map.pk, '--format', 'cif'), 'a map cannot be written as cif; choose csv or json'),
        (('export', graph.map.pk, '-o', 'map.cif'), 'a map cannot be written as cif; choose csv or json'),
    ):
        done = CliRunner().invoke(data_limap, [str(argument) for argument in arguments])
        assert isinstance(done.exception, SystemExit), done.exception
        assert f'Error: {words}' in done.stderr
