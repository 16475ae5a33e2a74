"""The work chain of one batch of migration energies, run for real on a stand-in of the engine."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from plugins_aiida import make_structure

from aiida_limap import __version__
from aiida_limap.common.keys import structures_by_key
from aiida_limap.tools.provenance import jobs_by_row
from aiida_limap.workflows.bvff import BvffBaseWorkChain


def make_structures(count: int) -> list[orm.StructureData]:
    """Return structures in the order of their UUIDs, which is that of a job; the n-th cell is 3 + n/10 Å wide."""
    unstored = [orm.StructureData() for _ in range(count)]
    unstored.sort(key=lambda node: node.uuid)
    for number, node in enumerate(unstored):
        node.set_cell((np.eye(3) * (3 + number / 10)).tolist())
        node.append_atom(position=[0, 0, 0], symbols='Li')
    return [node.store() for node in unstored]


def launch(code: orm.Code, structures: Any, overrides: dict | None = None) -> tuple[dict, orm.WorkChainNode, list]:
    builder = BvffBaseWorkChain.get_builder_from_protocol(code, structures, 'fast', overrides)
    outputs, node = run_get_node(builder)
    links = node.base.links.get_outgoing(node_class=orm.CalcJobNode).all()
    return outputs, node, [link.node for link in sorted(links, key=lambda link: link.link_label)]


def test_one_structure_needs_no_namespace_and_no_second_job(stand_in_code):
    (structure,) = make_structures(1)
    outputs, node, jobs = launch(stand_in_code(), structure)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    (job,) = jobs
    assert job.base.links.get_incoming(node_class=orm.StructureData).all_link_labels() == [
        f'structures__s{structure.uuid.replace("-", "")}'
    ]
    # The outputs are those of the job itself.
    assert outputs['table'].uuid == job.outputs.table.uuid
    assert outputs['output_parameters'].uuid == job.outputs.output_parameters.uuid
    assert outputs['table'].row(structure.uuid)['barrier_2d_eV'] == pytest.approx(0.3)
    assert job.inputs.parameters['spacing_angstrom'] == 0.3


def test_only_what_a_stopped_job_left_is_submitted_again(stand_in_code):
    structures = make_structures(5)
    outputs, node, jobs = launch(stand_in_code(stop_after=2), structures)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert [job.exit_status for job in jobs] == [400, 400, 0]
    assert [len(job.inputs.structures) for job in jobs] == [5, 3, 1]
    table = outputs['table']
    assert table.ids == [structure.uuid for structure in structures]
    assert np.allclose(table.column('barrier_2d_eV'), [0.30, 0.31, 0.32, 0.33, 0.34])
    assert outputs['output_parameters'].get_dict() == {
        'number_of_structures': 5,
        'number_of_rows': 5,
        'counts_by_status': {'ok': 5},
        'unfinished': [],
        'engine_version': __version__,
        'complete': True,
    }
    # The job that computed a row is found behind the joined table.
    steps = jobs_by_row(table, 'migration energy')
    assert [steps[structure.uuid].pk for structure in structures] == [jobs[index].pk for index in (0, 0, 1, 1, 2)]


def test_a_structure_that_stops_every_job_is_found_and_given_up(stand_in_code):
    structures = make_structures(4)
    outputs, node, jobs = launch(stand_in_code(poison='3.1'), structures)
    assert node.exit_status == 710
    assert 'complete but for 1 structures' in node.exit_message
    # All four, the first two, the last two, the first, the second, and the second once more.
    assert [len(job.inputs.structures) for job in jobs] == [4, 2, 2, 1, 1, 1]
    assert sorted(outputs['table'].ids) == [structures[index].uuid for index in (0, 2, 3)]
    parameters = outputs['output_parameters'].get_dict()
    assert (parameters['unfinished'], parameters['complete']) == ([structures[1].uuid], False)
    assert 'It is given up after 2 jobs of its own' in get_workchain_report(node, 'REPORT')


def test_the_number_of_jobs_is_bounded(stand_in_code):
    outputs, node, jobs = launch(stand_in_code(stop_after=1), make_structures(3), {'max_iterations': 2})
    assert (node.exit_status, len(jobs)) == (710, 2)
    assert 'exit status 400' in node.exit_message
    assert '1 structures are given up after 2 jobs' in get_workchain_report(node, 'REPORT')
    assert len(outputs['table']) == 2
    with pytest.raises(ValueError, match='must be 1 or more'):
        launch(stand_in_code(), make_structures(1), {'max_iterations': 0})


def test_a_partial_table_of_the_only_job_is_passed_on(stand_in_code):
    structures = make_structures(2)
    outputs, node, (job,) = launch(stand_in_code(stop_after=1), structures, {'max_iterations': 1})
    assert node.exit_status == 710
    assert outputs['table'].uuid == job.outputs.table.uuid
    assert outputs['output_parameters']['unfinished'] == [structures[1].uuid]


@pytest.mark.parametrize(
    ('settings', 'status', 'words', 'n_jobs'),
    [
        ({'crash': 'bvff'}, 410, 'No job brought anything back; the last one ended with: exit status 303', 2),
        ({'error': 'bvff'}, 340, 'the stand-in was told to give up', 1),
        ({'word': 'failed'}, 411, 'failed: 1', 1),
        ({'word': 'no_mobile_ion'}, 210, 'None of the structures holds the mobile ion', 1),
    ],
)
def test_a_batch_without_any_answer_fails(stand_in_code, settings, status, words, n_jobs):
    outputs, node, jobs = launch(stand_in_code(**settings), make_structures(1))
    assert (node.exit_status, len(jobs)) == (status, n_jobs)
    assert words in node.exit_message
    assert ('table' in outputs) == (status in {210, 411})


def test_a_handler_can_be_switched_off(stand_in_code):
    builder = BvffBaseWorkChain.get_builder_from_protocol(stand_in_code(stop_after=1), make_structures(2))
    builder.handler_overrides = {'go_on_after_walltime': {'enabled': False}}
    _outputs, node = run_get_node(builder)
    assert node.exit_status == BvffBaseWorkChain.exit_codes.ERROR_UNHANDLED_FAILURE.status
    whole = BvffBaseWorkChain.get_builder_from_protocol(stand_in_code(), make_structures(2))
    whole.handler_overrides = builder.handler_overrides
    _outputs, node = run_get_node(whole)
    assert node.exit_status == 0


@pytest.mark.parametrize('retrieve', [False, True])
def test_networks_come_back_and_landscapes_on_request(stand_in_code, retrieve):
    (structure,) = make_structures(1)
    job = {'parameters': {'landscapes': True, 'networks': True}, 'retrieve_landscapes': retrieve}
    outputs, node, (calculation,) = launch(stand_in_code(), structure, {'bvff': job})
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    retrieved = calculation.outputs.retrieved.base.repository
    network = json.loads(retrieved.get_object_content(f'networks/{structure.uuid}.json'))
    assert network == {'id': structure.uuid}
    name = f'landscapes/{structure.uuid}.npz'
    assert outputs['table'].row(structure.uuid)['landscape'] == name
    assert ('landscapes' in retrieved.list_object_names()) is retrieve
    assert f'{structure.uuid}.npz' in calculation.outputs.remote_folder.listdir('landscapes')


def test_landscapes_that_are_not_written_cannot_come_back(stand_in_code):
    with pytest.raises(ValueError, match='no landscapes are written unless parameters has landscapes: true'):
        launch(stand_in_code(), make_structures(1), {'bvff': {'retrieve_landscapes': True}})


def test_cleaning_must_not_delete_landscapes(stand_in_code):
    (structure,) = make_structures(1)
    job = {'parameters': {'landscapes': True}}
    with pytest.raises(ValueError, match='clean_workdir would delete the landscapes'):
        launch(stand_in_code(), structure, {'clean_workdir': True, 'bvff': job})
    job['retrieve_landscapes'] = True
    _outputs, node, (calculation,) = launch(stand_in_code(), structure, {'clean_workdir': True, 'bvff': job})
    assert node.exit_status == 0
    assert calculation.outputs.remote_folder.is_cleaned
    assert 'landscapes' in calculation.outputs.retrieved.base.repository.list_object_names()


def test_exit_codes_of_the_base_class_are_left_alone():
    from aiida.engine import BaseRestartWorkChain

    taken = {code.status: code.message for code in BaseRestartWorkChain.spec().exit_codes.values()}
    own = {code.status: code.message for code in BvffBaseWorkChain.spec().exit_codes.values()}
    assert {301, 302, 401, 402} <= set(taken)
    assert {status: own[status] for status in taken} == taken


def test_structures_have_keys_one_by_one_or_together():
    first, second = make_structure(), make_structure()
    assert structures_by_key(first) == {f's{first.uuid.replace("-", "")}': first}
    assert list(structures_by_key([first, second]).values()) == [first, second]
