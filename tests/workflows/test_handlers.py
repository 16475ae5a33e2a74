"""What becomes of structures that a job did not finish, by the kind of failure, and that the documentation says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import BaseRestartWorkChain, ExitCode, run_get_node
from plugins_aiida import make_dataset, make_structure

from aiida_limap.calculations.base import StructuresCalculation
from aiida_limap.calculations.phonons import PhononsCalculation
from aiida_limap.data.table import TableData
from aiida_limap.parsers.base import EngineParser
from aiida_limap.workflows._rules import RULES
from aiida_limap.workflows._tolerance import exceeds, most_common_reason, too_many_failed
from aiida_limap.workflows.bvff import BvffBaseWorkChain
from aiida_limap.workflows.featurize import FeaturizeWorkChain
from aiida_limap.workflows.map import MapWorkChain
from aiida_limap.workflows.train import TrainBaseWorkChain

DOCUMENT = Path(__file__).parents[2] / 'docs' / 'topics' / 'work_chains.md'


@pytest.fixture
def first_jobs_end(monkeypatch) -> Callable[..., None]:
    """Return a function that lets the first jobs bring nothing and end with exit statuses, one after the other."""

    def arrange(*statuses: int) -> None:
        waiting, parse = list(statuses), EngineParser.parse

        def end(parser: EngineParser, **kwargs: Any) -> ExitCode | None:
            return ExitCode(waiting.pop(0), 'It was told to.') if waiting else parse(parser, **kwargs)

        monkeypatch.setattr(EngineParser, 'parse', end)

    return arrange


def jobs_of(node: orm.WorkChainNode) -> list[orm.CalcJobNode]:
    links = node.base.links.get_outgoing(node_class=orm.CalcJobNode).all()
    return [link.node for link in sorted(links, key=lambda link: link.link_label)]


def run_batch(code: orm.Code, count: int, **inputs: Any) -> tuple[dict, orm.WorkChainNode, list[orm.CalcJobNode]]:
    structures = [make_structure(1 + number / 10) for number in range(count)]
    builder = BvffBaseWorkChain.get_builder_from_protocol(code, structures, 'fast')
    for name, value in inputs.items():
        builder[name] = value
    outputs, node = run_get_node(builder)
    return outputs, node, jobs_of(node)


def run_dataset(code: orm.Code, count: int, **inputs: Any) -> tuple[dict, orm.WorkChainNode, list[orm.CalcJobNode]]:
    dataset = make_dataset([make_structure(1 + number / 10) for number in range(count)])
    builder = FeaturizeWorkChain.get_builder_from_protocol(code, dataset, 'fast')
    builder.with_descriptors = False
    for name, value in inputs.items():
        builder[name] = value
    outputs, node = run_get_node(builder)
    return outputs, node, jobs_of(node)


BOTH = pytest.mark.parametrize('launch', [run_batch, run_dataset])


def threads(job: orm.CalcJobNode) -> str | None:
    return (job.get_option('environment_variables') or {}).get('OMP_NUM_THREADS')


@pytest.mark.parametrize(('launch', 'status'), [(run_batch, 120), (run_batch, 304), (run_dataset, 140)])
def test_a_batch_that_brought_nothing_is_divided(stand_in_code, first_jobs_end, launch, status):
    first_jobs_end(status)
    outputs, node, jobs = launch(stand_in_code(), 2)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert [(job.exit_status, len(job.inputs.structures)) for job in jobs] == [(status, 2), (0, 1), (0, 1)]
    assert [threads(job) for job in jobs] == [None, None, None]
    assert 'They are divided in two' in get_workchain_report(node, 'REPORT')
    assert len(next(iter(outputs.values()))) >= 2


@BOTH
def test_a_job_out_of_memory_is_never_repeated_as_it_was(stand_in_code, first_jobs_end, launch):
    # The batch, then each structure: the first fails once more with one thread and is given up.
    first_jobs_end(110, 110)
    _outputs, node, jobs = launch(stand_in_code(), 2)
    assert node.exit_status == 710, get_workchain_report(node, 'REPORT')
    first, *others = [(job.exit_status, len(job.inputs.structures)) for job in jobs]
    # The two may run at once, and either may be read first.
    assert (first, sorted(others)) == ((110, 2), [(0, 1), (110, 1)])
    assert [threads(job) for job in jobs] == [None, '1', '1']
    assert 'does not fit into the memory with one thread either' in get_workchain_report(node, 'REPORT')


@pytest.mark.parametrize(
    ('launch', 'status', 'words'),
    [
        (run_batch, 320, '`verdi code show '),
        (run_dataset, 131, 'Give an account that you may use'),
        (run_dataset, 321, 'Install the release'),
    ],
)
def test_where_no_job_can_run_nothing_is_repeated(stand_in_code, first_jobs_end, launch, status, words):
    first_jobs_end(status)
    inputs = {'batch_size': 1, 'max_concurrent': 1} if launch is run_dataset else {}
    outputs, node, jobs = launch(stand_in_code(), 2, **inputs)
    assert (node.exit_status, len(jobs), outputs) == (320, 1, {})
    assert 'so none was repeated: exit status' in node.exit_message
    assert words in node.exit_message


def test_rows_from_before_are_handed_out_where_no_job_can_run(stand_in_code, monkeypatch):
    parse, seen = EngineParser.parse, []

    def end(parser: EngineParser, **kwargs: Any) -> ExitCode | None:
        seen.append(parser.node.pk)
        return ExitCode(320, 'No engine.') if len(seen) == 2 else parse(parser, **kwargs)

    monkeypatch.setattr(EngineParser, 'parse', end)
    outputs, node, jobs = run_dataset(stand_in_code(), 3, batch_size=1, max_concurrent=1)
    assert (node.exit_status, len(jobs), len(outputs['migration_energies'])) == (320, 2, 1)
    assert len(outputs['output_parameters']['migration_energies']['unfinished']) == 2


def test_a_rule_that_is_switched_off_is_not_followed(stand_in_code, first_jobs_end):
    first_jobs_end(140)
    overrides = {'resubmit_after_crash': {'enabled': False}}
    _outputs, node, jobs = run_dataset(stand_in_code(), 2, batch_size=1, handler_overrides=overrides)
    assert (node.exit_status, len(jobs)) == (710, 2)
    assert 'The rule resubmit_after_crash is switched off' in get_workchain_report(node, 'REPORT')


def test_an_unhandled_failure_can_be_tried_once_more(stand_in_code, first_jobs_end):
    first_jobs_end(140)
    overrides = {'resubmit_after_crash': {'enabled': False}}
    _outputs, node, jobs = run_batch(
        stand_in_code(), 1, handler_overrides=overrides, on_unhandled_failure=orm.Str('restart_once')
    )
    assert (node.exit_status, [job.exit_status for job in jobs]) == (0, [140, 0])


@BOTH
def test_folders_are_cleaned_at_the_end_also_where_a_job_never_had_one(stand_in_code, monkeypatch, launch):
    write, seen = StructuresCalculation.write_inputs, []

    def fail_once(job: StructuresCalculation, directory: Path) -> dict[str, str]:
        seen.append(job)
        if len(seen) == 1:
            raise OSError('the disk is full')
        return write(job, directory)

    monkeypatch.setattr(StructuresCalculation, 'write_inputs', fail_once)
    _outputs, node, jobs = launch(stand_in_code(), 2, clean_workdir=orm.Bool(True))
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert [job.is_excepted for job in jobs] == [True, False, False]
    assert 'remote_folder' not in jobs[0].outputs
    assert all(job.outputs.remote_folder.is_empty for job in jobs[1:])
    assert 'cleaned the work folders of 2 jobs' in get_workchain_report(node, 'REPORT')


def test_too_many_failed_structures_end_a_featurization_early(stand_in_code):
    inputs = {'batch_size': 1, 'max_concurrent': 1, 'max_failed_fraction': 0.25}
    outputs, node, jobs = run_dataset(stand_in_code(word='disordered'), 5, **inputs)
    # One of five may fail, the second ends it.
    assert (node.exit_status, len(jobs)) == (413, 2), get_workchain_report(node, 'REPORT')
    assert node.exit_message.startswith(
        '2 of 5 structures have no answer in bvff (disordered: 2), more than max_failed'
    )
    assert 'The most common reason is disordered.' in node.exit_message
    assert len(outputs['migration_energies']) == 2
    assert len(outputs['output_parameters']['migration_energies']['unfinished']) == 3


def test_too_many_failed_structures_end_a_batch_early(stand_in_code):
    settings = {'word': 'disordered', 'stop_after': 1}
    outputs, node, jobs = run_batch(stand_in_code(**settings), 4, max_failed_fraction=0.3)
    assert (node.exit_status, len(jobs), len(outputs['table'])) == (413, 2, 2)
    assert '2 of 4 structures have no answer' in node.exit_message


def test_a_map_says_that_too_many_structures_failed(stand_in_code):
    overrides = {'featurize': {'max_failed_fraction': 0.0, 'batch_size': 1}, 'clean_workdir': True}
    dataset = make_dataset([make_structure()])
    builder = MapWorkChain.get_builder_from_protocol(stand_in_code(word='too_large'), dataset, 'fast', overrides)
    outputs, node = run_get_node(builder)
    assert node.exit_status == 413
    assert 'No map is drawn: 1 of 1 structures have no answer in bvff (too_large: 1)' in node.exit_message
    assert set(outputs) == {'migration_energies', 'descriptors'}
    jobs = [job for job in node.called_descendants if isinstance(job, orm.CalcJobNode)]
    assert len(jobs) == 2
    assert all(job.outputs.remote_folder.is_cleaned for job in jobs)


def test_the_most_common_reason_is_that_of_the_most_common_word():
    columns = {
        'status': ['no_parameters', 'no_parameters', 'too_large', 'ok'],
        'message': ['no Xe', 'no Xe', '900 sites', ''],
    }
    pks = [TableData.from_arrays(['a', 'b', 'c', 'd'], columns).store().pk]
    counts = {'no_parameters': 2, 'too_large': 1}
    assert most_common_reason(pks, 'bvff', counts, '') == 'no_parameters: no Xe'
    assert most_common_reason(pks, 'bvff', {'unfinished': 3}, 'it was killed.').endswith('last one with it was killed.')
    name, fields = too_many_failed(counts, 4, 0.5, 'bvff', 'x')
    assert name in FeaturizeWorkChain.exit_codes
    assert fields['counts'] == 'no_parameters: 2, too_large: 1'


@pytest.mark.parametrize(
    ('failed', 'total', 'fraction', 'is_too_many'),
    [(0, 10, 0.0, False), (1, 10, 0.0, True), (29, 100, 0.29, False), (30, 100, 0.29, True), (10, 10, 1.0, False)],
)
def test_a_fraction_is_what_may_fail(failed, total, fraction, is_too_many):
    assert exceeds({'failed': failed}, total, fraction) is is_too_many


def handlers(process: type[BaseRestartWorkChain]) -> dict[str, int]:
    return {handler.__name__: handler.priority for handler in process.get_process_handlers()}


def rows_of(heading: str) -> dict[str, list[str]]:
    """Return the rows of the table of handlers below a heading of the documentation, by handler."""
    section = DOCUMENT.read_text().split(f'\n## {heading}\n')[1].split('\n## ')[0]
    rows = re.findall(r'^\| `(\w+)` \| (\d+) \| ([^|]*) \| ([^|]*) \|$', section, re.MULTILINE)
    return {name: list(cells) for name, *cells in rows}


@pytest.mark.parametrize(
    ('heading', 'process'), [('limap.bvff.base', BvffBaseWorkChain), ('limap.train.base', TrainBaseWorkChain)]
)
def test_the_table_of_handlers_is_that_of_the_code(heading, process):
    rows = rows_of(heading)
    assert {name: int(cells[0]) for name, cells in rows.items()} == handlers(process)
    assert list(rows) == sorted(rows, key=lambda name: -int(rows[name][0])), 'the order is that of the priorities'
    jobs = [process._process_class]
    if process is BvffBaseWorkChain:
        # Work chains that submit batches of other jobs themselves follow the same rules.
        jobs.append(PhononsCalculation)
    known = {code.status for job in jobs for code in job.exit_codes.values()}
    for name, (_priority, statuses, text) in rows.items():
        mentioned = {int(status) for status in re.findall(r'\d{3}', statuses)}
        assert mentioned <= known, f'{name}: {mentioned - known} are no exit codes of the job'
        assert len(text.split()) > 4


def test_the_table_names_the_exit_codes_of_every_rule():
    rows = rows_of('limap.bvff.base')
    for name, rule in RULES.items():
        found = {int(status) for status in re.findall(r'\d{3}', rows[name][1])}
        assert found == set(rule.statuses), f'{name} holds for {rule.statuses}'
