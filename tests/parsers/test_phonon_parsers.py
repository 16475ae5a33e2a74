"""Recorded results of jobs of phonons, one folder per thing that can happen."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
import pytest
from plugins_aiida import FIXTURES

from aiida_limap.common.keys import structure_key, uuid_of_key

RECORDED = runpy.run_path(str(FIXTURES / 'record_phonons.py'))
IDS = RECORDED['IDS']


def inputs(densities: bool = False) -> dict[str, Any]:
    from aiida import orm

    nodes: dict[str, Any] = {}
    for uuid in IDS:
        node = orm.FolderData()
        node.base.repository.put_object_from_bytes(b'', 'FORCE_SETS')
        nodes[f'phonons__{structure_key(uuid)}'] = node
    return {**nodes, **({'parameters': orm.Dict({'densities': True})} if densities else {})}


@pytest.mark.parametrize(
    ('case', 'status', 'words'),
    [
        ('ok', 0, ''),
        ('mixed', 0, ''),
        ('stopped', 400, 'the rows of 2 of 3 structures were kept'),
        ('stopped_at_once', 312, 'left nothing'),
        ('no_lithium', 210, 'None of the compounds holds the mobile element Li'),
        ('all_bad', 411, 'unreadable: 2, unstable: 1'),
        ('left_out', 304, 'left out 1 structures'),
        ('damaged_arrays', 304, 'arrays.npz'),
        ('refused', 330, "no option 'colour'"),
        ('no_calculator', 322, "On the computer localhost the calculator cannot be used: the calculator 'absent'"),
        ('not_started', 320, 'command not found'),
    ],
)
def test_every_recorded_case_ends_with_its_exit_code(parse, case, status, words):
    done = parse('phonons', case, inputs())
    assert done.status == status, done.message
    assert words in (done.message or '')
    assert (status == 0) == (done.label is None)


def test_no_recorded_case_is_left_over():
    assert {path.name for path in (FIXTURES / 'phonons').iterdir()} == set(RECORDED['phonons_cases']())


def test_rows_and_blocks_become_a_table(parse):
    outputs = parse('phonons', 'mixed', inputs()).outputs
    table = outputs['table']
    assert table.ids == list(IDS)
    assert table.counts_by_status == {'ok': 1, 'unreadable': 1, 'unstable': 1}
    assert table.row(IDS[0])['mobile_band_centre_THz'] == 8.0
    assert all(entry['description'] for entry in table.info)
    assert {entry['name']: entry['unit'] for entry in table.info}['mobile_band_centre_THz'] == 'THz'
    block = table.block('mobile_band_centres_THz')
    assert np.array_equal(block[0], [1.0, 2.0, 3.0])
    assert np.isnan(block[1:]).all()
    assert table.block_columns('total_dos')[1]['meaning'] == 'density of states of all atoms, per atom at 0 THz'
    assert outputs['output_parameters']['unfinished'] == []
    assert not [name for name in outputs if name.startswith('densities')]


def test_a_batch_without_any_answer_has_the_same_blocks(parse):
    found = [parse('phonons', case, inputs()).outputs['table'] for case in ('ok', 'all_bad')]
    assert found[0].block_names == found[1].block_names
    assert found[1].block('total_dos').shape == found[0].block('total_dos').shape


def densities_of(outputs: dict[str, Any]) -> dict[str, Any]:
    return named(outputs, 'densities')


def test_densities_become_nodes_where_they_are_asked_for(parse):
    found = densities_of(parse('phonons', 'ok', inputs(densities=True)).outputs)
    assert list(found) == list(IDS)
    assert [found[uuid].density('Li')[-1] for uuid in IDS] == [1.0, 2.0, 3.0]
    assert all(node.structure_uuid == uuid for uuid, node in found.items())
    assert list(densities_of(parse('phonons', 'mixed', inputs(densities=True)).outputs)) == [IDS[0]]
    assert not densities_of(parse('phonons', 'ok', inputs()).outputs)


@pytest.mark.parametrize(('case', 'count', 'first'), [('no_densities', 3, 0), ('damaged_density', 1, 1)])
def test_densities_that_did_not_come_back_are_told(parse, case, count, first):
    done = parse('phonons', case, inputs(densities=True))
    assert done.status == 307
    assert f'of {count} compounds' in done.message
    assert IDS[first] in done.message
    assert len(done.outputs['table']) == 3


def computed_inputs(**options: Any) -> dict[str, Any]:
    """Return the inputs of a job with structures that come from a database, under the UUIDs of the recorded rows."""
    from aiida import orm

    nodes: dict[str, Any] = {'parameters': orm.Dict({'calculator': {'name': 'invented', **options}})}
    for uuid in IDS:
        nodes[f'structures__{structure_key(uuid)}'] = orm.StructureData(cell=[[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]])
    return nodes


def named(outputs: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Return the outputs of a namespace by UUID."""
    nested = outputs.get(namespace) or {}
    flat = {name.removeprefix(f'{namespace}.'): node for name, node in outputs.items() if f'{namespace}.' in name}
    return {uuid_of_key(key): node for key, node in {**nested, **flat}.items()}


def test_computed_phonons_give_forces_and_relaxed_crystals(parse):
    outputs = parse('phonons', 'computed', computed_inputs()).outputs
    table = outputs['table']
    assert table.counts_by_status == {'ok': 2, 'unstable': 1}
    assert table.metadata['calculator']['package'] == 'invented 1.0'
    assert table.column('calculator').tolist() == ['invented 1.0 springs'] * 3
    info = {entry['name']: entry for entry in table.info}
    assert (info['energy_per_atom_eV']['unit'], table.row(IDS[2])['energy_per_atom_eV']) == ('eV', -1.5)
    assert all(entry['description'] for entry in table.info)
    forces, relaxed = named(outputs, 'forces'), named(outputs, 'relaxed')
    # That of the compound without an answer too: it tells which modes are imaginary.
    assert set(forces) == set(relaxed) == set(IDS)
    assert forces[IDS[0]].filename == f'{IDS[0]}.phonopy_params.yaml.xz'
    assert forces[IDS[0]].base.attributes.get('computed_for') == IDS[0]
    # Nobody who looks for imported phonon files finds it.
    assert 'structure_uuid' not in forces[IDS[0]].base.attributes.all
    assert relaxed[IDS[1]].get_formula() == 'LiO'
    assert relaxed[IDS[1]].cell[0][0] == 5.0
    assert not named(parse('phonons', 'computed', computed_inputs(keep_forces=False)).outputs, 'forces')


@pytest.mark.parametrize(('case', 'count', 'first'), [('no_forces', 1, 0), ('damaged_forces', 1, 1)])
def test_forces_that_did_not_come_back_are_told(parse, case, count, first):
    done = parse('phonons', case, computed_inputs())
    assert done.status == 308
    assert f'The forces of {count} compounds' in done.message
    assert IDS[first] in done.message
    assert IDS[1 - first] in named(done.outputs, 'forces')
    assert len(done.outputs['table']) == 3
