"""From a screening that was run on a stand-in of the engine to its report."""

from __future__ import annotations

import dataclasses

import pytest
from aiida.engine import run_get_node
from plugins_screening import labelled, screening_code

from aiida_limap.formats.screening import read_screening, write_screening
from aiida_limap.tools.screening import screening_report
from aiida_limap.workflows.screen import ScreenWorkChain

__all__ = ['labelled', 'screening_code']


@pytest.fixture
def chain(screening_code, labelled):
    builder = ScreenWorkChain.get_builder_from_protocol(
        screening_code(), labels=labelled.labels, dataset=labelled.dataset, protocol='fast'
    )
    _outputs, node = run_get_node(builder)
    assert node.exit_status == 0
    return node


def test_a_screening_tells_its_hits_and_the_way_to_them(chain, tmp_path):
    table = chain.outputs.hits
    report = screening_report(table, title='Mine')
    assert (report.title, report.n_listed, report.n_hits) == ('Mine', 10, 10)
    assert list(report.hits)[:4] == ['formula', 'score', 'probability', 'agrees']
    assert report.words('formula') == table.ids
    assert report.hits['agrees'].values[:2] == ('no', 'no')
    assert report.hits['nearest_label'].values[-1] == 'fast'
    jobs = {node.uuid for node in chain.called if node.process_label == 'ScreenCalculation'}
    assert set(report.words('job_uuid')) == jobs
    found = {stage.name: stage.count for stage in report.funnel}
    assert (found['all'], found['neutral'], found['neutral_fast']) == (200, 20, 10)
    assert report.histograms[0].counts == (10, 4)
    roles = {node.role: node.uuid for node in report.nodes}
    assert roles['work chain'] == chain.uuid
    assert roles['hits'] == table.uuid
    assert roles['labels'] == chain.inputs.labels.uuid
    assert {'training', 'features of structures', 'model esML', 'model atom2vec', 'screening'} <= set(roles)
    assert report.facts['Hits that are kept'] == '10'
    assert 'doi = {10.1063/1.5093220}' in report.bibtex[0]
    assert any('10.1000/test' in entry for entry in report.bibtex)
    assert 'cannot be asked about ternary systems' in report.missing['ternary']
    assert report.missing['subsets'] == 'A search over subsets was not asked for.'
    path = tmp_path / 'screening.json'
    write_screening(path, report)
    assert dataclasses.asdict(read_screening(path)) == dataclasses.asdict(report)
    # A copy of the hits has nothing behind it, as after the import of a part of an archive.
    copy = table.clone().store()
    report = screening_report(copy)
    assert report.title == f'Screening {copy.pk}'
    assert report.missing['learning'] == 'No model was trained in this screening.'
    assert report.missing['ternary'] == 'The model that scored the compositions is not in this profile.'
    assert [node.role for node in report.nodes] == ['hits']
    assert 'job_uuid' not in report.hits
