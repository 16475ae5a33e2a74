"""A screening from labels to hits, run for real on a stand-in of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from plugins_aiida import FIXTURES, make_dataset, make_structure
from plugins_screening import known_map, labelled, make_labels, screened, screening_code

from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.tools.hits import models_of
from aiida_limap.workflows.screen import ScreenWorkChain

__all__ = ['known_map', 'labelled', 'screened', 'screening_code']

MODELS = FIXTURES / 'screen_train' / 'ok' / 'models'
#: What a screening of the stand-in finds when nothing goes wrong: every second system has a hit.
FORMULAS = [f'Li{number}S' for number in range(19, 0, -2)]


def models(*kinds: str) -> dict[str, ScreeningModelData]:
    return {kind: ScreeningModelData(MODELS / f'{kind}.safetensors').store() for kind in kinds}


def screen(code: orm.Code, overrides: dict[str, Any] | None = None, **nodes: Any) -> tuple[dict, orm.WorkChainNode]:
    builder = ScreenWorkChain.get_builder_from_protocol(code, protocol='fast', overrides=overrides, **nodes)
    outputs, node = run_get_node(builder)
    return outputs, node


def jobs_of(node: orm.WorkChainNode, label: str) -> list[orm.CalcJobNode]:
    found = [job for job in node.called_descendants if job.process_label == label]
    return sorted(found, key=lambda job: job.pk)


def test_labels_become_hits_beside_known_compounds(screening_code, labelled):
    outputs, node = screen(screening_code(), labels=labelled.labels, dataset=labelled.dataset)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert set(outputs) == {'hits', 'models', 'predictions', 'descriptors', 'output_parameters'}
    hits = outputs['hits']
    assert hits.ids == FORMULAS
    assert hits.column('score').tolist() == sorted(hits.column('score').tolist(), reverse=True)
    # Known compounds of the stand-in are Li1S to Li4S: the first is the compound itself.
    assert hits.row('Li1S')['nearest_distance'] == 0
    assert hits.row('Li3S')['nearest_formula'] == 'Li3S'
    uuids = [entry.uuid for entry in (*labelled.known, *labelled.others)]
    assert hits.row('Li3S')['nearest_uuid'] == uuids[2]
    assert hits.row('Li1S')['nearest_label'] == 1
    assert hits.row('Li19S')['nearest_formula'] == 'Li4S'
    assert outputs['descriptors'].ids == uuids
    assert {name: model.kind for name, model in outputs['models'].items()} == {
        'sml': 'sml', 'esml': 'esml', 'atom2vec': 'atom2vec',
    }  # fmt: skip
    facts = outputs['output_parameters'].get_dict()
    assert facts['screen']['counts'] == [['all', 200], ['neutral', 20], ['neutral_fast', 10]]
    assert facts['screen']['tallies'] == {'score': {'edges': [0, 1, 2], 'neutral': [10, 4]}}
    assert (facts['screen']['n_systems'], facts['number_of_hits'], facts['train']['n_labelled']) == (20, 10, 2)
    assert facts['agreement'] == pytest.approx(0.3)
    report = get_workchain_report(node, 'REPORT')
    assert '2 labelled structures and 2 without a label' in report
    assert '10 hits, of which 10 are kept' in report
    first, second = jobs_of(node, 'ScreenCalculation')
    assert [job.inputs.parameters['part'] for job in (first, second)] == [[0, 2], [1, 2]]
    assert all(job.inputs.parameters['best_total'] == 1000 for job in (first, second))
    assert first.inputs.model.uuid == outputs['models']['esml'].uuid


def test_what_a_stopped_job_left_is_screened_by_another(screening_code, labelled):
    outputs, node = screen(screening_code(screens='stopped'), labels=labelled.labels)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert outputs['hits'].ids == FORMULAS
    assert outputs['output_parameters']['screen']['counts'] == [['all', 200], ['neutral', 20], ['neutral_fast', 10]]
    found = [(job.exit_status, job.inputs.parameters.get_dict()) for job in jobs_of(node, 'ScreenCalculation')]
    assert sorted(status for status, _given in found) == [0, 0, 400]
    (rest,) = (given for _status, given in found if 'first' in given)
    assert (rest['first'], rest['last']) in {(5, 10), (15, 20)}
    assert 'Another job goes on with them' in get_workchain_report(node, 'REPORT')


def test_a_crashed_job_is_repeated_and_given_up_after_some_jobs(screening_code, labelled):
    given = models('esml')
    overrides = {'jobs': 1, 'max_attempts': 2}
    outputs, node = screen(screening_code(screens='stopped,crash,crash'), overrides, models=given)
    assert node.exit_status == 711
    assert 'but for 15 chemical systems' in node.exit_message
    assert outputs['hits'].ids == ['Li3S', 'Li1S']
    outputs, node = screen(screening_code(screens='crash,crash'), overrides, models=given)
    assert node.exit_status == 410
    assert 'brought anything back' in node.exit_message
    assert not outputs


@pytest.mark.parametrize(
    ('settings', 'status', 'words'),
    [
        ({'screens': 'refused'}, 340, 'screen: this cannot be done'),
        ({'screens': 'gone'}, 320, 'verdi code show'),
        ({'hits': '0'}, 414, "the stage 'neutral' left none of 200"),
    ],
)
def test_a_screening_that_cannot_go_on_says_why(screening_code, labelled, settings, status, words):
    outputs, node = screen(screening_code(**settings), {'jobs': 1}, models=models('esml'))
    assert node.exit_status == status, node.exit_message
    assert words in node.exit_message
    assert ('hits' in outputs) == (status == 414)
    assert len(jobs_of(node, 'ScreenCalculation')) == 1


@pytest.mark.parametrize(
    ('settings', 'status', 'words', 'n_jobs'),
    [
        ({'trained': 'crash'}, 0, '', 2),
        ({'kinds': 'sml'}, 450, 'none of the models sml can score compositions', 1),
    ],
)
def test_a_failed_training_is_named(screening_code, labelled, settings, status, words, n_jobs):
    _outputs, node = screen(screening_code(**settings), {'jobs': 1}, labels=labelled.labels)
    assert node.exit_status == status, node.exit_message
    assert words in (node.exit_message or '')
    assert len(jobs_of(node, 'ScreenTrainCalculation')) == n_jobs


def test_trained_models_spare_the_training_and_bring_their_known_compounds(screening_code, screened):
    given = models_of(screened.hits)
    outputs, node = screen(screening_code(), {'jobs': 1, 'max_hits': 3}, models=given)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert set(outputs) == {'hits', 'output_parameters'}
    assert outputs['hits'].ids == FORMULAS[:3]
    assert (outputs['hits'].metadata['n_hits'], outputs['hits'].metadata['n_kept']) == (10, 3)
    assert outputs['hits'].row('Li19S')['nearest_formula'] == 'Li4S'
    assert 'agrees' in outputs['hits'].column_names
    assert {job.process_label for job in node.called} == {'ScreenCalculation', 'gather_hits', 'summarize_screen'}


def test_hits_are_placed_on_a_map(screening_code, known_map):
    given = {'models': models('esml'), 'parent_map': known_map}
    outputs, node = screen(screening_code(), {'jobs': 1, 'max_hits': 2}, **given)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    row = outputs['hits'].row('Li19S')
    assert row['x_comp'] == 0.9
    assert (row['map_nearest_formula'], row['map_nearest_uuid']) == ('Li3PS4', known_map.ids[1])
    assert row['map_nearest_distance'] == pytest.approx(0.1)
    assert row['map_nearest_migration_energy_eV'] == 0.2
    assert row['map_neighbours'] == 'Li3PS4 Li2O LiCl'
    # Without a code there is no place.
    assert outputs['hits'].row('Li17S')['map_nearest_formula'] is None
    outputs, node = screen(screening_code(placed='crash'), {'jobs': 1}, **given)
    assert node.exit_status == 712
    assert outputs['hits'].ids == FORMULAS


def test_what_cannot_be_learnt_from_is_refused_before_anything_is_submitted(screening_code, labelled):
    code = screening_code()
    bare = make_labels(['a', 'b'], [1, 0])
    for nodes, words in (
        ({}, 'give labels'),
        ({'labels': labelled.labels, 'models': models('esml')}, 'not both'),
        ({'labels': make_labels(labelled.known, [1, 1])}, 'all 2 labelled rows are fast'),
        ({'labels': make_labels(labelled.known, [None, None])}, 'no row of the table has a label'),
        ({'labels': make_labels(labelled.known, [1, 2])}, 'not 2'),
        ({'labels': bare}, 'none of the 2 compounds has a structure'),
        ({'models': models('sml')}, 'none of sml can score compositions; give esml or eml'),
        ({'models': {'eml': models('esml')['esml']}}, "the model 'eml' is of kind esml"),
    ):
        with pytest.raises(ValueError, match=words):
            screen(code, **nodes)
    for overrides, words in (
        ({'colour': 'red'}, "unknown key 'colour'; known are jobs"),
        ({'screen': {'parameters': {'step_percents': 1}}}, "did you mean 'step_percent'"),
        ({'screen': {'parameters': {'sizes': [5]}}}, 'names an unknown size 5'),
        ({'train': {'parameters': {'models': ['best']}}}, "unknown model 'best'"),
        ({'train': {'parameters': {'models': ['sml']}}}, 'none of the models sml can score compositions; add esml'),
        ({'featurize': {'bvff': {}}}, "unknown key 'featurize.bvff'"),
        ({'jobs': 0}, 'jobs must be 1 or more'),
    ):
        with pytest.raises(ValueError, match=words):
            screen(code, overrides, labels=labelled.labels)


def test_a_range_of_systems_is_left_to_one_job(screening_code):
    overrides = {'screen': {'parameters': {'first': 5, 'last': 15}}}
    outputs, node = screen(screening_code(), overrides, models=models('esml'))
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert outputs['output_parameters']['screen']['done'] == [[5, 15]]
    assert outputs['hits'].ids == [f'Li{number}S' for number in range(13, 4, -2)]


def test_labelled_and_unlabelled_structures_are_described_once(screening_code, labelled):
    both = make_dataset([*labelled.known[:1], *labelled.others])
    # A structure that nobody measured may stand among the labels; it is not described for that.
    table = make_labels([*labelled.known, make_structure(5.0)], [1, 0, None])
    outputs, node = screen(screening_code(), {'jobs': 1}, labels=table, dataset=both)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert len(outputs['descriptors']) == 4
    assert len(outputs['descriptors']) == len(set(outputs['descriptors'].ids))
    (chosen,) = (step.outputs.result for step in node.called if step.process_label == 'screening_structures')
    assert chosen.filter['labelled'] == 2
    assert np.isfinite(outputs['predictions'].column('label')).sum() == 2


@pytest.mark.parametrize('protocol', ['fast', 'balanced', 'stringent'])
def test_a_protocol_gives_the_stored_inputs(protocol, aiida_code_installed, labelled, check_snapshot):
    code = aiida_code_installed(label='snapshot-code', filepath_executable='/bin/true')
    builder = ScreenWorkChain.get_builder_from_protocol(code, labelled.labels, labelled.dataset, protocol)
    check_snapshot(builder, 'screen', protocol)
