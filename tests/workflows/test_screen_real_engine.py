"""A small screening with the real engine: embedded crystals, five elements, one job stopped half way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from plugins_aiida import make_dataset
from plugins_screening import make_labels

from aiida_limap.common.conversion import node_from_pymatgen
from aiida_limap.tools.hits import hit
from aiida_limap.workflows.screen import ScreenWorkChain

ENGINE = Path(__file__).with_name('engine_screen_with_walltime.py')
ELEMENTS = ['Li', 'O', 'S', 'P', 'Cl']
OVERRIDES: dict[str, Any] = {
    'jobs': 1,
    'train': {'parameters': {'models': ['esml', 'atom2vec'], 'repeats': 1, 'epochs': 2}},
    'screen': {
        'parameters': {'elements': ELEMENTS, 'step_percent': 10, 'block_systems': 4, 'anion_classes': [], 'threads': 1}
    },
}


@pytest.fixture
def code(aiida_code_installed, tmp_path) -> orm.Code:
    script = tmp_path / 'engine'
    script.write_text(f'#!/bin/sh\nWALLTIME_MARK={tmp_path}/mark exec {sys.executable} {ENGINE} "$@"\n')
    script.chmod(0o755)
    return aiida_code_installed(label='stopped-engine', filepath_executable=str(script))


def crystals() -> tuple[list[orm.StructureData], list[orm.StructureData], list[float]]:
    """Return the measured crystals of the package and others, with the labels of the first."""
    from aiida_limap.engines.chemistry.prototypes import load_prototypes
    from aiida_limap.engines.screening.labels import embedded_conductivities

    rows = [row for row in embedded_conductivities() if row.structure is not None and row.label is not None]
    fast = [row for row in rows if row.label == 1][:6]
    chosen = fast + [row for row in rows if row.label == 0][:10]
    known = [node_from_pymatgen(row.structure, None).store() for row in chosen]
    others = [node_from_pymatgen(entry.structure(), None).store() for entry in load_prototypes()[:10]]
    return known, others, [float(row.label) for row in chosen]


def test_a_stopped_job_costs_only_its_block_and_the_hits_are_the_same(code):
    known, others, labels = crystals()
    table = make_labels(known, labels)
    builder = ScreenWorkChain.get_builder_from_protocol(code, table, make_dataset(others), 'fast', OVERRIDES)
    outputs, chain = run_get_node(builder)
    assert chain.exit_status == 0, get_workchain_report(chain, 'REPORT')
    jobs = sorted((job for job in chain.called if job.process_label == 'ScreenCalculation'), key=lambda job: job.pk)
    assert [job.exit_status for job in jobs] == [400, 0]
    first, second = (job.outputs.output_parameters.get_dict() for job in jobs)
    assert (first['done'], first['systems_left']) == ([[0, 4]], [[4, 10]])
    assert second['done'] == [[4, 10]]
    found, facts = outputs['hits'], outputs['output_parameters'].get_dict()
    assert facts['screen']['n_compositions'] == 6 * 36 + 4 * 84
    assert {name for name, _count in facts['screen']['counts']} >= {'all', 'neutral', 'neutral_fast', 'light'}
    assert set(found.column_names) >= {'score', 'oxidation_states', 'agrees', 'nearest_formula', 'cost_usd_per_kg'}
    assert len(outputs['predictions']) == len(known) + len(others)
    # A job that nobody stops finds the same, with the models of the first screening.
    again = ScreenWorkChain.get_builder_from_protocol(
        code, protocol='fast', overrides={**OVERRIDES, 'train': {}}, models=dict(outputs['models'].items())
    )
    again.models.pop('sml')
    same, chain = run_get_node(again)
    assert chain.exit_status == 0, get_workchain_report(chain, 'REPORT')
    assert same['hits'].ids == found.ids
    for name in found.column_names:
        assert same['hits'].column(name).tobytes() == found.column(name).tobytes(), name
    for name in ('counts', 'integer_counts', 'tallies', 'n_systems'):
        assert same['hits'].metadata[name] == found.metadata[name], name
    # From a hit back to what was measured.
    answer = hit(found.ids[0], same['hits'])
    assert answer.labels_uuid == table.uuid
    assert set(answer.labelled_structures) == {node.uuid for node in known}
