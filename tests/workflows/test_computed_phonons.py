"""From structures to clusters of their computed phonons, run for real with a cheap calculator of the tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from plugins_aiida import make_dataset
from plugins_calculators import QUICK, alloy, path_with_calculators

pytest.importorskip('ase', reason='calculators need ASE, of the extra mlip')

from aiida_limap.calculations._phonon_files import find_phonon_files
from aiida_limap.calculations.phonons import PhononsCalculation
from aiida_limap.common.conversion import node_from_pymatgen
from aiida_limap.common.keys import structure_key
from aiida_limap.data.dataset import DatasetData
from aiida_limap.tools.phonons import compound, load_phonon_clusters
from aiida_limap.workflows.phonon_clusters import PhononClustersWorkChain

ENGINE = Path(__file__).with_name('engine_with_walltime.py')
OVERRIDES: dict[str, Any] = {
    'batch_size': 3,
    'max_concurrent': 2,
    'phonons': {'parameters': QUICK},
    'cluster': {
        'parameters': {
            'methods': ['ward'],
            'n_clusters': 2,
            'resamples': 0,
            'features': ['mobile_band_centre_THz'],
            'gap_references': 2,
        }
    },
}
ALLOYS = ('Al', 'Au', 'Mg', 'Ag')


@pytest.fixture
def code(aiida_code_installed, tmp_path) -> orm.Code:
    """Return a code of the real engine, which knows the calculator; its first job is stopped after one compound."""
    script = tmp_path / f'engine-{uuid4().hex}'
    lines = (
        '#!/bin/sh',
        f'export PYTHONPATH={path_with_calculators()} WALLTIME_MARK={tmp_path}/mark',
        f'exec {sys.executable} {ENGINE} "$@"',
    )
    script.write_text('\n'.join(lines) + '\n')
    script.chmod(0o755)
    return aiida_code_installed(label=script.name, filepath_executable=str(script))


@pytest.fixture
def structures(aiida_profile) -> dict[str, orm.StructureData]:
    """Return alloys by name, one with an element that the calculator does not know, and a slab."""
    found = {}
    for name in (*ALLOYS, 'Cs'):
        source = {'db_name': 'invented', 'id': f'alloy-{name}'}
        found[name] = node_from_pymatgen(alloy(name, share=1 if name == 'Ag' else 3), source).store()
    slab = orm.StructureData(cell=np.eye(3).tolist(), pbc=(True, True, False))
    slab.append_atom(position=(0.0, 0.0, 0.0), symbols='Li')
    return {**found, 'slab': slab.store()}


def run(code: orm.Code, dataset: DatasetData, overrides: dict | None = None) -> tuple[dict, Any]:
    builder = PhononClustersWorkChain.get_builder_from_protocol(code, dataset, 'fast', overrides or OVERRIDES)
    return run_get_node(builder)


def jobs_of(chain: orm.WorkChainNode) -> list[orm.CalcJobNode]:
    return [job for job in chain.called if job.process_label == 'PhononsCalculation']


def test_structures_become_clusters_though_a_job_is_stopped(code, structures):
    dataset = make_dataset(list(structures.values()))
    # One batch after the other: the first one, of which every compound has phonons, is the one that is stopped.
    outputs, chain = run(code, dataset, {**OVERRIDES, 'max_concurrent': 1})
    report = get_workchain_report(chain, 'REPORT')
    assert chain.exit_status == 710, report
    assert 'it is not periodic in three directions' in report
    # What the stopped job had finished is not computed again.
    jobs = sorted(jobs_of(chain), key=lambda job: -job.exit_status)
    assert [job.exit_status for job in jobs] == [400, 0, 0]
    (done,) = jobs[0].outputs.table.ids
    assert all(structure_key(done) not in job.inputs.structures for job in jobs[1:])
    table = outputs['phonons']
    words = {name: table.row(node.uuid)['status'] for name, node in structures.items() if name != 'slab'}
    assert words == {**dict.fromkeys(ALLOYS, 'ok'), 'Cs': 'unknown_element'}
    assert table.row(structures['Al'].uuid)['source_id'] == 'alloy-Al'
    assert table.metadata['calculator']['model'] == 'lennard-jones'
    centres = {name: table.row(structures[name].uuid)['mobile_band_centre_THz'] for name in ALLOYS}
    assert all(1.0 < centre < 20.0 for centre in centres.values())
    assert outputs['clusters'].row(structures['Al'].uuid)['cluster_ward'] in {0, 1}
    keys = {structure_key(structures[name].uuid) for name in ALLOYS}
    assert set(outputs['forces']) == set(outputs['relaxed']) == keys
    # From the row back to forces and relaxed crystal, and from the forces to the same numbers.
    steps = [step.role for step in compound('alloy-Al', load_phonon_clusters(chain.pk)).steps]
    assert steps[:4] == ['the structure', 'the computation', 'its relaxed crystal', 'its forces']
    key = structure_key(structures['Al'].uuid)
    assert not find_phonon_files([structures['Al'].uuid])
    parameters = {name: value for name, value in QUICK.items() if name != 'calculator'}
    again, job = run_get_node(
        PhononsCalculation, code=code, phonons={key: outputs['forces'][key]}, parameters=orm.Dict(parameters)
    )
    assert job.exit_status == 0
    assert again['table'].row(structures['Al'].uuid)['mobile_band_centre_THz'] == pytest.approx(centres['Al'], 1e-6)
    # The same once more: batches that were complete come from the cache, and all numbers are the same.
    with enable_caching():
        same, chain = run(code, dataset)
    assert chain.exit_status == 710
    assert sorted(job.base.caching.is_created_from_cache for job in jobs_of(chain)) == [False, True]
    for name in ('mobile_band_centre_THz', 'energy_per_atom_eV', 'asymmetry'):
        assert same['phonons'].column(name).tobytes() == table.column(name).tobytes(), name


def test_a_calculator_that_is_not_installed_ends_the_chain_at_once(code, structures):
    overrides = {**OVERRIDES, 'batch_size': 1, 'max_concurrent': 1}
    overrides['phonons'] = {'parameters': {'calculator': {'name': 'absent'}}}
    outputs, chain = run(code, make_dataset([structures['Al'], structures['Mg']]), overrides)
    assert chain.exit_status == 320, get_workchain_report(chain, 'REPORT')
    assert [job.exit_status for job in jobs_of(chain)] == [322]
    assert "the calculator 'absent' needs a package that is not installed" in chain.exit_message
    assert f'in the environment of {code.full_label} on localhost' in chain.exit_message
    assert not outputs
