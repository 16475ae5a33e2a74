"""``aiida-limap report``: in words what failed, and what to do."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from aiida.common import LinkType
from plugins_aiida import make_dataset, make_structure

from aiida_limap.common.status import ANSWERS, Status
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData
from aiida_limap.tools.advice import STATUS_ADVICE


def test_a_map_names_failed_jobs_and_structures_with_reason_and_next_step(run, graph):
    lines = run('report', graph.chain.pk).stdout.splitlines()
    assert lines[0] == f'map work chain {graph.chain.pk}: finished'
    (job,) = (line for line in lines if 'BvffCalculation' in line)
    assert 'ended with exit status' in job
    assert lines[lines.index(job) + 1].startswith('    next: ')
    counts = lines.index('migration energies: 4 ok, 1 no_mobile_ion')
    assert lines[counts + 1] == '  no_mobile_ion: 1 structure: there is no Li+ in it'
    assert lines[counts + 2].startswith('    next: leave them out')
    assert lines[counts + 3] == '    MgO no-lithium'
    assert 'descriptors: 5 ok' in lines
    document = json.loads(run('report', graph.chain.pk, '--json').stdout)
    assert document['tables']['migration energies']['counts_by_status'] == {'ok': 4, 'no_mobile_ion': 1}
    (failed,) = document['tables']['migration energies']['failed']
    assert (failed['status'], failed['count'], failed['reason']) == ('no_mobile_ion', 1, 'there is no Li+ in it')
    assert failed['structures'][0]['uuid'] == graph.uuids['no-lithium']
    assert [group['label'] for group in document['failed_processes']] == ['BvffCalculation']


def test_a_single_job_and_a_table_have_a_report(run, graph):
    jobs = [node for node in graph.chain.called_descendants if node.process_label == 'BvffCalculation']
    (job,) = (node for node in jobs if not node.is_finished_ok)
    text = run('report', job.pk).stdout
    assert text.startswith(f'BvffCalculation {job.pk}: ended with exit status {job.exit_status}')
    assert 'migration energies: ' in text
    (encoding,) = (node for node in graph.chain.called if node.process_label == 'EncodeCalculation')
    assert run('report', encoding.pk).stdout == f'EncodeCalculation {encoding.pk}: finished\n'
    table = encoding.inputs.migration_energies
    assert f'table {table.pk}: 4 ok, 1 no_mobile_ion' in run('report', table.pk).stdout
    assert json.loads(run('report', table.uuid, '--json').stdout)['counts_by_status']['ok'] == 4


def test_the_most_common_reason_stands_first_and_the_rest_is_counted(run):
    structures = [make_structure(2 + number / 10) for number in range(8)]
    messages = ['no parameters for Pt4+'] * 5 + ['no parameters for Xe2+'] * 2 + ['']
    words = ['no_parameters'] * 7 + ['ok']
    table = TableData.from_arrays([node.uuid for node in structures], {'status': words, 'message': messages}).store()
    text = run('report', table.pk).stdout
    assert 'no_parameters: 7 structures: most often (5 of 7) no parameters for Pt4+' in text
    assert 'next: give a parameter set that holds these ions: aiida-limap install parameters FILE' in text
    assert 'and 2 more (--all names them)' in text
    every = run('report', table.pk, '--all').stdout
    assert f'    {structures[6].uuid}: no parameters for Xe2+' in every


def test_reasons_that_differ_by_the_formula_only_count_as_one(run):
    structures = [make_structure(2 + number / 10) for number in range(5)]
    messages = (
        [f'{formula}: no states' for formula in ('Li7La3(ZrO6)2', 'Li0.5O1.5')] + ['short of time', 'slow'] + ['']
    )
    words = ['no_oxidation_states'] * 2 + ['out_of_time'] * 2 + ['ok']
    table = TableData.from_arrays([node.uuid for node in structures], {'status': words, 'message': messages}).store()
    lines = run('report', table.pk).stdout.splitlines()
    assert '  no_oxidation_states: 2 structures: no states' in lines
    # What each of them was told is not said twice.
    assert f'    {structures[0].uuid}' in lines
    assert '  out_of_time: 2 structures: for example short of time' in lines
    assert f'    {structures[3].uuid}: slow' in lines


def test_elements_that_a_layout_lacks_are_no_fault_to_report(run):
    message = 'no mean ionic radius is tabulated for H; the layout screening holds all elements of the composition'
    columns = {'status': ['unknown_element'], 'message': [message]}
    table = TableData.from_arrays([make_structure().uuid], columns).store()
    text = run('report', table.pk).stdout
    assert f'unknown_element: 1 structure: {message}' in text
    assert 'next: leave them out, or take another layout or calculator, which knows the element' in text
    assert 'report' not in text.split('next:', 1)[1]


def test_every_word_without_an_answer_has_advice():
    assert set(STATUS_ADVICE) == set(Status) - ANSWERS


@pytest.fixture
def broken_chain(aiida_localhost):
    """Return a work chain of migration energies with jobs that ended in every bad way, and a paused one."""
    chain = orm.WorkChainNode()
    chain.set_process_label('FeaturizeWorkChain')
    chain.set_process_state('waiting')
    chain.store()
    ways = {
        'killed': {},
        'excepted': {'exception': 'Traceback (most recent call last):\n  somewhere\nValueError: it is wrong'},
        'finished': {'exit_status': 320, 'exit_message': 'The engine could not be started; command not found'},
        'waiting': {'paused': True, 'process_status': 'Pausing after failed transport task: upload failed 5 times'},
    }
    jobs = {}
    for number, (state, attributes) in enumerate(ways.items()):
        job = orm.CalcJobNode(computer=aiida_localhost, process_type='aiida.calculations:limap.bvff')
        job.set_process_label('BvffCalculation')
        job.set_process_state(state)
        for key, value in attributes.items():
            job.base.attributes.set(key, value)
        job.base.links.add_incoming(chain, LinkType.CALL_CALC, f'bvff_{number:04d}')
        jobs[state] = job.store()
    yield chain, jobs
    for node in (chain, jobs['waiting']):
        node.set_process_state('killed')


def test_each_way_to_fail_has_its_next_step(run, broken_chain):
    chain, jobs = broken_chain
    text = run('report', chain.pk).stdout
    assert f'BvffCalculation {jobs["killed"].pk}: killed\n    next: if nobody wanted that, launch it again' in text
    assert 'excepted: ValueError: it is wrong' in text
    assert f'verdi process report {jobs["excepted"].pk}' in text
    assert '`pip install aiida-limap` brings the engine' in text
    computer = jobs['waiting'].computer.label
    assert (
        f'{jobs["waiting"].pk} is paused; next: the computer {computer} could not be used: '
        f'verdi computer test {computer}, then verdi process play {jobs["waiting"].pk}'
    ) in text
    status = run('status', chain.pk)
    assert 'is paused (Pausing after failed transport task: upload failed 5 times)' in status.stdout
    assert 'verdi daemon start' in status.stderr


def test_unfinished_structures_are_named_with_what_to_do(run):
    structure = make_structure(7.7)
    chain = orm.WorkChainNode()
    chain.set_process_label('FeaturizeWorkChain')
    chain.set_process_state('finished')
    chain.set_exit_status(710)
    chain.set_exit_message('The tables are complete but for 1 structures.')
    chain.store()
    summary = orm.Dict({'migration_energies': {'unfinished': [structure.uuid]}, 'descriptors': {'unfinished': []}})
    summary.store().base.links.add_incoming(chain, LinkType.RETURN, 'output_parameters')
    text = run('report', chain.pk).stdout
    assert 'ended with exit status 710: The tables are complete but for 1 structures.' in text
    assert f'1 structures were finished by no job: {structure.uuid}' in text
    assert 'with caching switched on what is finished is not computed twice' in text


def test_an_import_tells_what_it_refused(run, cif):
    bad = cif.parent / 'broken.cif'
    bad.write_text('no crystal')
    run('import', 'files', cif.parent, '--name', 'with-a-broken-file')
    text = run('report', 'with-a-broken-file').stdout
    assert "'with-a-broken-file': 1 structures" in text
    assert 'refused, 1: ' in text
    assert 'broken.cif' in text
    assert 'next: mend what the reason names' in text
    document = json.loads(run('report', 'with-a-broken-file', '--json').stdout)
    assert 'broken.cif' in document['import']['refused'][0]['name']
    plain = make_dataset([make_structure(8.8)])
    assert isinstance(plain, DatasetData)
    assert 'no importer made it' in run('report', plain.pk).stdout


def test_what_has_no_report_gets_a_sentence(fails, graph):
    assert 'there is no node 999999' in fails('report', '999999')
    assert 'there is no node nothing and no group' in fails('report', 'nothing')
    assert f'node {graph.map.pk} is a MapData, not a work chain or job' in fails('report', graph.map.pk)
    assert 'there is no node 999999' in fails('status', '999999')
    assert f'node {graph.map.pk} is a MapData, not the work chain of a map' in fails('status', graph.map.pk)
    fails('status', 'oxides')
