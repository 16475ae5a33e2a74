"""``aiida-limap launch bvff`` and the commands that show what it computed."""

from __future__ import annotations

import json
import logging
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiida import orm
from aiida.engine import run_get_node
from click.testing import CliRunner
from plugins_aiida import make_dataset, make_structure

from aiida_limap.cli.verdi_data import data_limap
from aiida_limap.tools.progress import Stage, stages_of

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'submit_migration_energies.py'


@pytest.fixture
def submitted(monkeypatch) -> list[Any]:
    """Let the command submit: what it submits is run at once, by this process."""
    builders: list[Any] = []

    def submit(builder: Any) -> orm.WorkChainNode:
        builders.append(builder)
        # Reports of processes go to the daemon otherwise, and not between the lines of the command.
        logging.disable(logging.CRITICAL)
        try:
            return run_get_node(builder)[1]
        finally:
            logging.disable(logging.NOTSET)

    monkeypatch.setattr('aiida.engine.submit', submit)
    monkeypatch.setattr('aiida_limap.cli.launch_bvff.require_daemon', lambda: None)
    return builders


@pytest.fixture
def crystals(stand_in_code) -> SimpleNamespace:
    structures = [make_structure(1 + number / 10) for number in range(3)]
    return SimpleNamespace(
        structures=structures, dataset=make_dataset(structures), code=stand_in_code().full_label, make=stand_in_code
    )


def test_single_structures_go_into_one_batch(run, submitted, crystals):
    first, second, _third = crystals.structures
    lines = run('launch', 'bvff', first.pk, second.uuid, first.uuid, '--code', crystals.code).stdout.splitlines()
    (builder,) = submitted
    assert builder.process_class.__name__ == 'BvffBaseWorkChain'
    assert {node.pk for node in builder.bvff.structures.values()} == {first.pk, second.pk}
    assert builder.bvff.parameters.get_dict() == {'mobile_ion': 'Li+', 'preset': 'bvff', 'spacing_angstrom': 0.2}
    chain = int(lines[0].removeprefix('submitted work chain ').split()[0])
    assert lines[0].endswith('of 2 structures')
    assert lines[1:] == [
        f'progress: aiida-limap status {chain} --watch',
        f'barriers, when it is finished: verdi data limap barriers {chain}',
    ]
    assert stages_of(orm.load_node(chain)) == [Stage('migration energies', 2, 2, unit='structures', rows={'ok': 2})]
    status = run('status', chain).stdout.splitlines()
    assert status[0].startswith(f'work chain of migration energies {chain}, finished, started ')
    assert status[1].endswith('2 of 2 structures')
    assert run('report', chain).stdout.splitlines()[-1] == 'migration energies: 2 ok'


def test_options_come_after_overrides_and_protocol(run, submitted, crystals, tmp_path):
    (tmp_path / 'my.yaml').write_text(
        'max_iterations: 3\n'
        'bvff:\n'
        '  parameters: {preset: bvff, cutoff_angstrom: 9.0, networks: true}\n'
        '  metadata: {options: {max_wallclock_seconds: 60}}\n'
    )
    options = ('--protocol', 'fast', '--overrides', 'my.yaml', '--preset', 'bvse', '--mobile-ion', 'Na+')
    options += ('--max-failed-fraction', '0.5')
    pk = run(
        'launch', 'bvff', crystals.structures[0].pk, '-X', crystals.code, *options, '--retrieve-landscapes', '--raw'
    ).stdout
    (builder,) = submitted
    assert builder.bvff.parameters.get_dict() == {
        'mobile_ion': 'Na+',
        'preset': 'bvse',
        'spacing_angstrom': 0.3,
        'cutoff_angstrom': 9.0,
        'networks': True,
        'landscapes': True,
    }
    assert builder.bvff.retrieve_landscapes.value is True
    assert builder.max_iterations.value == 3
    assert builder.max_failed_fraction.value == 0.5
    assert builder.bvff.metadata.options['max_wallclock_seconds'] == 60
    (job,) = (node for node in orm.load_node(int(pk)).called if isinstance(node, orm.CalcJobNode))
    assert {'landscapes', 'networks'} <= set(job.outputs.retrieved.base.repository.list_object_names())


def test_a_large_dataset_goes_through_in_batches(run, submitted, crystals, tmp_path):
    (tmp_path / 'my.yaml').write_text(
        'max_failed_fraction: 0.75\nbvff: {metadata: {options: {max_wallclock_seconds: 60}}}'
    )
    document = json.loads(
        run(
            'launch', 'bvff', '--dataset', crystals.dataset.pk, '-X', crystals.code, '--batch-size', 2,
            '--spacing', 0.4, '--overrides', 'my.yaml', '--json',
        ).stdout
    )  # fmt: skip
    chain = orm.load_node(document['uuid'])
    assert (document['pk'], document['number_of_structures']) == (chain.pk, 3)
    assert chain.inputs.max_failed_fraction.value == 0.75
    jobs = [node for node in chain.called if isinstance(node, orm.CalcJobNode)]
    assert [node.process_label for node in jobs] == ['BvffCalculation'] * 2
    assert all(node.inputs.parameters['spacing_angstrom'] == 0.4 for node in jobs)
    assert all(node.get_option('max_wallclock_seconds') == 60 for node in jobs)
    assert chain.outputs.migration_energies.ids == crystals.dataset.structure_uuids
    assert stages_of(chain) == [Stage('migration energies', 2, 2, unit='batches', rows={'ok': 3})]


def test_waiting_prints_the_barriers(run, submitted, crystals):
    uuids = [structure.uuid for structure in crystals.structures]
    arguments = ('launch', 'bvff', *uuids, '-X', crystals.code, '--wait')
    lines = run(*arguments).stdout.splitlines()
    heading = next(index for index, line in enumerate(lines) if line.startswith('structure '))
    rows = {line.split()[0]: line.split()[1:] for line in lines[heading + 1 : heading + 4]}
    assert rows[uuids[0]] == ['-', '0.300', '-', '0.010', 'ok']
    rows = [line.split('\t') for line in run(*arguments, '--raw').stdout.splitlines()]
    assert sorted(row[0] for row in rows) == sorted(uuids)
    assert {row[0]: row[1:] for row in rows}[uuids[0]] == ['ok', '', '0.300', '', '0.010']
    document = json.loads(run(*arguments, '--json').stdout)
    assert {row['structure_uuid']: row['barrier_2d_eV'] for row in document}[uuids[2]] == pytest.approx(0.36)


def test_what_ended_without_an_answer_fails_and_what_is_partial_warns(run, fails, submitted, crystals):
    (first, second, _third) = crystals.structures
    code = crystals.make(word='no_parameters').full_label
    sentence = fails('launch', 'bvff', first.pk, '-X', code, '--wait')
    assert 'there are no migration energies: No structure gave an answer (no_parameters: 1)' in sentence
    code = crystals.make(error='bvff').full_label
    assert 'the stand-in was told to give up' in fails('launch', 'bvff', first.pk, '-X', code, '--wait')
    code = crystals.make(poison='3.3').full_label
    done = run('launch', 'bvff', first.pk, second.pk, '-X', code, '--wait', '--raw')
    assert [line.split('\t')[0] for line in done.stdout.splitlines()] == [first.uuid]
    assert 'Warning: The table is complete but for 1 structures' in done.stderr


def test_what_is_not_periodic_is_named_and_left_out(run, fails, submitted, crystals):
    slab = orm.StructureData(cell=[[3, 0, 0], [0, 3, 0], [0, 0, 3]], pbc=(True, True, False))
    slab.append_atom(position=[0, 0, 0], symbols='Li')
    slab.store()
    done = run('launch', 'bvff', crystals.structures[0].pk, slab.pk, '-X', crystals.code)
    assert f'structure {slab.uuid} is left out: it is not periodic' in done.stderr
    assert len(submitted[0].bvff.structures) == 1
    assert 'none of the structures can be computed' in fails('launch', 'bvff', slab.pk, '-X', crystals.code)


def test_a_wrong_launch_is_refused_in_one_sentence(fails, crystals, tmp_path):
    first = crystals.structures[0].pk
    launch = ('launch', 'bvff', first, '--code', crystals.code)
    assert 'name structures, or --group, or --dataset' in fails('launch', 'bvff')
    assert 'name structures, or --group, or --dataset' in fails(*launch, '--group', 'oxides')
    assert "no structure 'mp-0'" in fails('launch', 'bvff', 'mp-0')
    assert "no group 'nothing'" in fails('launch', 'bvff', '--group', 'nothing')
    assert 'holds no structures' in fails('launch', 'bvff', '--dataset', make_dataset([]).pk)
    assert "no code 'no@where'" in fails('launch', 'bvff', first, '--code', 'no@where')
    assert "unknown protocol 'lazy'" in fails(*launch, '--protocol', 'lazy')
    assert 'choose --raw or --json' in fails(*launch, '--raw', '--json')
    fails(*launch, '--spacing', '0')
    fails(*launch, '--preset', 'best')
    for text, words in (
        ('colour: red', "unknown key 'colour'"),
        ('bvff: {parameters: {radii: shannon}}', 'must be cordero or softbv'),
        ('[1, 2]', 'must be a mapping'),
    ):
        (tmp_path / 'my.yaml').write_text(text)
        assert words in fails(*launch, '--overrides', tmp_path / 'my.yaml')
    (tmp_path / 'my.yaml').write_text('clean_workdir: true')
    batches = ('launch', 'bvff', '-D', crystals.dataset.pk, '-X', crystals.code, '--batch-size', 2)
    assert 'clean_workdir works for one batch only' in fails(*batches, '--overrides', tmp_path / 'my.yaml')
    assert 'no message broker' in fails(*launch)


def test_barriers_are_printed_again(submitted, run, crystals):
    pk = int(run('launch', 'bvff', crystals.structures[0].pk, '-X', crystals.code, '--raw').stdout)
    chain = orm.load_node(pk)
    verdi = CliRunner()
    expected = [crystals.structures[0].uuid, 'ok', '', '0.300', '', '0.010']
    for node in (pk, chain.outputs.table.pk, chain.called[0].pk):
        done = verdi.invoke(data_limap, ['barriers', str(node), '--raw'])
        assert done.stdout.rstrip('\n').split('\t') == expected
    for node, words in (
        (99999999, 'there is no node 99999999'),
        (crystals.dataset.pk, 'is no table of migration energies'),
    ):
        done = verdi.invoke(data_limap, ['barriers', str(node)])
        assert done.exit_code != 0
        assert words in done.stderr


def test_the_example_submits_structures_and_shows_their_jobs(submitted, crystals, monkeypatch, capsys):
    first, second, _third = crystals.structures
    load_code = orm.load_code
    monkeypatch.setattr('aiida.load_profile', lambda: None)
    monkeypatch.setattr(
        'aiida.orm.load_code', lambda label: load_code(crystals.code if label == 'limap@localhost' else label)
    )

    def example(*arguments: object) -> list[str]:
        monkeypatch.setattr(sys, 'argv', ['submit_migration_energies.py', *(str(argument) for argument in arguments)])
        runpy.run_path(str(EXAMPLE), run_name='__main__')
        return capsys.readouterr().out.splitlines()

    assert example()[-1].startswith('name structures')
    chain = int(example(first.pk, second.uuid)[0].removeprefix('submitted work chain ').split()[0])
    assert submitted[0].bvff.parameters['spacing_angstrom'] == 0.15
    assert submitted[0].max_iterations.value == 5
    lines = example('--show', chain)
    (job,) = (node for node in orm.load_node(chain).called if isinstance(node, orm.CalcJobNode))
    assert f'{first.uuid}  ok  2D barrier 0.3 eV, computed by job {job.pk}' in lines


def test_what_validators_refuse_is_one_sentence(fails, submitted, crystals, aiida_code_installed, tmp_path):
    """The inputs of a process are checked when it is submitted, by functions that raise errors of Python."""
    arguments = ('launch', 'bvff', crystals.structures[0].pk)
    other = aiida_code_installed(
        label='adds', filepath_executable='/bin/true', default_calc_job_plugin='core.arithmetic.add'
    )
    sentence = fails(*arguments, '-X', other.full_label)
    assert sentence.startswith(f'Error: code: {other.full_label} is a code of core.arithmetic.add; give one that runs')
    arguments += ('-X', crystals.code)
    assert 'nan is not a finite number' in fails(*arguments, '--spacing', 'nan')
    assert '50.0 is not in the range 0.01<=x<=1' in fails(*arguments, '--spacing', '50')
    assert "(did you mean 'Li+'?)" in fails(*arguments, '--mobile-ion', 'Li')
    for content, words in (
        (b'bvff: {parameters: {spacing_angstrom: .nan}}', 'must be a number (largest distance of grid points'),
        (b'bvff: {parameters: {energy_cap_eV: .inf}}', 'an input cannot be stored: '),
        (b'bvff: {parameters: {cutoff_angstrom: 2}}', 'must be from 4 to 30, not 2'),
        (b'\xff\xfe\x00', 'the file of overrides my.yaml is no text in UTF-8'),
        (b'bvff:\n\tparameters: 1', 'the file of overrides my.yaml is not YAML'),
    ):
        (tmp_path / 'my.yaml').write_bytes(content)
        assert words in fails(*arguments, '--overrides', 'my.yaml')
