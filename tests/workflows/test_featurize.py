"""The featurization, run for real on a stand-in of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from plugins_aiida import make_dataset, make_descriptors, make_structure

from aiida_limap import __version__
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.workflows import _batches
from aiida_limap.workflows.featurize import FeaturizeWorkChain


def launch(code: orm.Code, dataset: DatasetData, **inputs: Any) -> tuple[dict, orm.WorkChainNode]:
    builder = FeaturizeWorkChain.get_builder_from_protocol(code, dataset, 'fast')
    for name, value in inputs.items():
        setattr(builder, name, value)
    outputs, node = run_get_node(builder)
    return outputs, node


def jobs(node: orm.WorkChainNode) -> dict[str, orm.CalcJobNode]:
    """Return the jobs by link label."""
    links = node.base.links.get_outgoing(node_class=orm.CalcJobNode).all()
    return {link.link_label: link.node for link in links}


def test_a_dataset_is_computed_in_batches(stand_in_code):
    structures = [make_structure(1 + number / 10) for number in range(3)]
    dataset = make_dataset(structures)
    outputs, node = launch(stand_in_code(), dataset, batch_size=2)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    energies, descriptors = outputs['migration_energies'], outputs['descriptors']
    assert energies.ids == dataset.structure_uuids == descriptors.ids
    assert np.allclose(energies.column('barrier_2d_eV'), [0.30, 0.33, 0.36])
    assert np.allclose(descriptors.block('structure')[:, 0], [3.0, 3.3, 3.6])
    assert descriptors.block_info('structure')['labels'] == ['c', 'd', 'e']
    assert sorted(jobs(node)) == ['bvff_0001', 'bvff_0002', 'descriptors_0001', 'descriptors_0002']
    summary = outputs['output_parameters'].get_dict()
    assert summary['migration_energies'] == {
        'counts_by_status': {'ok': 3},
        'engine_version': __version__,
        'unfinished': [],
    }
    report = get_workchain_report(node, 'REPORT')
    assert '3 structures in 2 batches of up to 2' in report
    assert 'bvff: ok: 3' in report


def test_unfinished_structures_are_submitted_again_and_stopped_jobs_are_not_reused(stand_in_code):
    structures = [make_structure(1 + number / 10) for number in range(2)]
    dataset, code = make_dataset(structures), stand_in_code(stop_after=1)
    with enable_caching():
        outputs, node = launch(code, dataset)
        second, again = launch(code, dataset)
    assert node.exit_status == again.exit_status == 0
    assert outputs['migration_energies'].ids == [structure.uuid for structure in structures]
    found = jobs(node)
    assert sorted(found) == ['bvff_0001', 'bvff_0002', 'descriptors_0001', 'descriptors_0003']
    assert found['bvff_0001'].exit_status == 400
    assert len(found['bvff_0002'].inputs.structures) == 1
    assert 'They wait for another job' in get_workchain_report(node, 'REPORT')
    assert second['migration_energies'].checksum == outputs['migration_energies'].checksum
    cached = {label: job.base.caching.is_created_from_cache for label, job in jobs(again).items()}
    assert cached == {'bvff_0001': False, 'descriptors_0001': False, 'bvff_0002': True, 'descriptors_0003': True}


def test_one_structure_that_stops_every_job_costs_little_more_than_itself(stand_in_code):
    structures = [make_structure(scale) for scale in (1.0, 1.1)]
    outputs, node = launch(stand_in_code(poison='3.3'), make_dataset(structures))
    assert node.exit_status == 710
    assert node.exit_message.startswith('The tables are complete but for 1 structures')
    assert outputs['migration_energies'].ids == [structures[0].uuid]
    assert outputs['output_parameters'].get_dict()['descriptors']['unfinished'] == [structures[1].uuid]
    assert 'given up after 2 jobs of its own' in get_workchain_report(node, 'REPORT')


def test_structures_that_no_job_can_take_are_left_out(stand_in_code):
    slab = orm.StructureData(cell=np.eye(3).tolist(), pbc=(True, True, False))
    slab.append_atom(position=[0, 0, 0], symbols='Li')
    good = make_structure()
    outputs, node = launch(stand_in_code(), make_dataset([slab.store(), good]))
    assert node.exit_status == 710
    assert outputs['migration_energies'].ids == [good.uuid]
    assert f'structure {slab.uuid} is left out: it is not periodic' in get_workchain_report(node, 'REPORT')


def test_descriptors_can_be_left_out(stand_in_code):
    dataset = make_dataset([make_structure(), make_structure(1.1)])
    outputs, node = launch(stand_in_code(), dataset, with_descriptors=False, batch_size=1)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert sorted(jobs(node)) == ['bvff_0001', 'bvff_0002']
    assert outputs['migration_energies'].ids == dataset.structure_uuids
    assert 'descriptors' not in outputs
    assert set(outputs['output_parameters'].get_dict()) == {'number_of_structures', 'migration_energies'}


def test_layout_landscape_and_charges_reach_the_jobs(stand_in_code, tmp_path):
    structures = [make_structure(1 + number / 10) for number in range(3)]
    (tmp_path / 'mine.yaml').write_text('name: mine\ncomposition: []\nstructure: []\nlandscape: []\n')
    (tmp_path / 'overrides.yaml').write_text(
        'batch_size: 2\ndescriptors: {parameters: {layout: mine.yaml, landscape: true}}\n'
    )
    builder = FeaturizeWorkChain.get_builder_from_protocol(
        stand_in_code(), make_dataset(structures), 'fast', tmp_path / 'overrides.yaml'
    )
    builder.bvff.oxidation_states = orm.Dict({structures[1].uuid: [1, -1]})
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    table = outputs['descriptors']
    assert table.block_names == ['composition', 'structure', 'landscape']
    assert np.allclose(table.block_column('landscape', 'f'), [3.0, 3.3, 3.6])
    assert table.block_info('landscape')['layout']['name'] == 'mine'
    assert table.block_columns('structure')[2] == {'name': 'e', 'unit': '', 'meaning': 'nothing', 'block': 'first'}
    # The charges of the force field are those of the descriptors, unless these are given their own.
    assert table.column('charges').tolist() == ['[]', '[1.0, -1.0]', '[]']
    builder.descriptors.oxidation_states = orm.Dict({structures[0].uuid: [2, -2]})
    outputs, node = run_get_node(builder)
    assert outputs['descriptors'].column('charges').tolist() == ['[2.0, -2.0]', '[]', '[]']


@pytest.mark.parametrize(
    # A crash is tried again, an error that would come again is not.
    ('settings', 'status', 'words', 'n_jobs'),
    [
        ({'crash': 'bvff'}, 410, 'No bvff job brought anything back', 3),
        ({'error': 'descriptors'}, 410, 'the stand-in was told to give up', 2),
        ({'word': 'failed'}, 411, 'failed: 1', 2),
    ],
)
def test_a_featurization_without_any_answer_fails(stand_in_code, settings, status, words, n_jobs):
    outputs, node = launch(stand_in_code(**settings), make_dataset([make_structure()]))
    assert node.exit_status == status
    assert words in node.exit_message
    assert len(jobs(node)) == n_jobs
    assert ('descriptors' in outputs) == ('error' not in settings)


def test_an_empty_dataset_and_missing_structures_stop_at_once(stand_in_code):
    code = stand_in_code()
    _outputs, node = launch(code, make_dataset([]))
    assert (node.exit_status, node.exit_message) == (201, 'The dataset holds no structures.')
    missing = '00000000-0000-4000-8000-000000000001'
    dataset = DatasetData(name='gone', structures=[(make_structure().uuid, ''), (missing, 'mp-1')]).store()
    _outputs, node = launch(code, dataset)
    assert node.exit_status == 202
    assert f'1 structures of the dataset are no longer in the database, the first is {missing}' in node.exit_message
    assert jobs(node) == {}


@pytest.mark.parametrize('name', ['batch_size', 'max_concurrent', 'max_attempts'])
def test_numbers_must_be_positive(stand_in_code, name):
    with pytest.raises(ValueError, match='must be 1 or more'):
        launch(stand_in_code(), make_dataset([make_structure()]), **{name: orm.Int(0)})


def test_many_tables_are_joined_in_steps(monkeypatch):
    monkeypatch.setattr(_batches, 'JOIN_WIDTH', 2)
    dataset = make_dataset([make_structure() for _ in range(5)])
    pks = [make_descriptors([uuid]).store().pk for uuid in reversed(dataset.structure_uuids)]
    table, message = _batches.join_tables(pks, dataset)
    assert (table.ids, message) == (dataset.structure_uuids, '')
    assert len(table.creator.base.links.get_incoming(node_class=TableData).all()) == 2
    other = make_descriptors([dataset.structure_uuids[0]], landscape=True).store().pk
    table, message = _batches.join_tables([pks[0], other], dataset)
    assert table is None
    assert f"table {pks[0]} has no block 'landscape'" in message
