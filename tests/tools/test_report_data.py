"""From a map node to what its report says."""

from __future__ import annotations

import pytest
from plugins_graph import CITATION
from plugins_placed import placed

from aiida_limap.tools._report_jobs import protocol_of
from aiida_limap.tools.bundle import map_bundle
from aiida_limap.tools.report_data import map_report
from aiida_limap.visualisation.report import report_html
from aiida_limap.workflows.map import MapWorkChain

__all__ = ['placed']


@pytest.fixture
def report(graph):
    return map_report(graph.map, map_bundle(graph.map))


def test_dataset_losses_and_what_to_do_are_told(graph, report):
    assert (report.dataset.identifier, report.dataset.number) == (graph.dataset.uuid, 5)
    assert report.dataset.chosen_by == {'importer': 'tests'}
    energies = report.rows[0]
    assert energies.title == 'Migration energies'
    assert energies.counts == {'ok': 4, 'no_mobile_ion': 1}
    (loss,) = energies.losses
    assert (loss.status, loss.number) == ('no_mobile_ion', 1)
    assert 'mobile_ion' in loss.next_step


def test_the_jobs_are_those_of_the_graph_with_their_parameters(graph, report):
    jobs = {job.title: job for job in report.jobs}
    assert list(jobs) == ['Migration energies', 'Descriptors', 'Training', 'Codes and predictions']
    made = {node.uuid for node in graph.chain.called_descendants if node.process_label == 'BvffCalculation'}
    assert set(jobs['Migration energies'].identifiers) == made
    assert jobs['Migration energies'].parameters['preset'] == 'bvff'
    assert jobs['Migration energies'].facts['Code'] == graph.code.full_label
    assert jobs['Training'].parameters['preset'] == 'quick'


def test_the_protocol_that_the_parameters_agree_with_is_named(graph, report):
    assert report.protocol == ''
    fast = MapWorkChain.get_protocol_inputs('fast')
    # The size of the grid was set otherwise than in the protocol.
    assert 'no protocol' in protocol_of(graph.chain, {'fast': fast})
    fast['encode']['parameters']['grid_size'] = 5
    assert "the protocol 'fast'" in protocol_of(graph.chain, {'fast': fast})


def test_every_node_has_the_command_that_shows_it(graph, report):
    commands = {node.identifier: node.command for node in report.nodes}
    assert commands[graph.map.uuid] == f'verdi data limap show {graph.map.uuid}'
    assert commands[graph.chain.uuid] == f'verdi process show {graph.chain.uuid}'


def test_the_citations_hold_methods_programs_and_data(report):
    keys = [entry[entry.index('{') + 1 : entry.index(',')] for entry in report.bibtex]
    assert len(keys) == len(set(keys))
    assert {'aiida_limap', 'yamaguchi2023', 'huber2020', 'ong2013'} <= set(keys)
    assert any(CITATION in entry for entry in report.bibtex)
    for entry in report.bibtex:
        assert entry.count('{') == entry.count('}')


def test_a_map_that_no_calculation_made_says_what_is_not_known(bare_map):
    report = map_report(bare_map, map_bundle(bare_map))
    assert {'dataset', 'rows', 'jobs', 'training', 'meaning', 'force_field', 'quality'} <= set(report.missing)
    assert report.rows[0].counts == {'ok': 1}
    text = report_html(report)
    for reason in report.missing.values():
        assert reason.endswith('.')
    assert 'not in this profile' in text


def test_a_map_with_new_points_counts_old_and_new_structures(graph, placed):
    report = map_report(placed.map, map_bundle(placed.map))
    assert report.facts['Placed on the map'] == graph.map.uuid
    assert report.facts['New points'] == '2'
    assert sum(report.rows[0].counts.values()) == 7
    (energies,) = (job for job in report.jobs if job.title == 'Migration energies')
    assert len(energies.identifiers) > 1
    assert graph.map.uuid in {node.identifier for node in report.nodes}
    assert '2 new on an older map' in report_html(report)
