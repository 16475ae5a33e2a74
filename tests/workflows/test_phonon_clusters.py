"""From phonon files to clusters, run for real: crystals of springs through phonopy, with the real engine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine import run_get_node
from plugins_aiida import make_dataset, make_structure
from plugins_phonons import CRYSTALS, QUICK, make_phonon_node, make_structure_of, write_springs
from plugins_screening import make_labels
from plugins_springs import Springs

from aiida_limap.common.keys import structure_key
from aiida_limap.data.dataset import DatasetData
from aiida_limap.workflows.phonon_clusters import PhononClustersWorkChain

ENGINE = Path(__file__).with_name('engine_with_walltime.py')
OVERRIDES: dict[str, Any] = {
    'batch_size': 4,
    'max_concurrent': 2,
    'phonons': {'parameters': {**QUICK, 'densities': True}},
    'cluster': {'parameters': {'methods': ['ward', 'kmeans'], 'n_clusters': 2, 'resamples': 3}},
}


@pytest.fixture
def engine(aiida_code_installed, tmp_path) -> Callable[..., orm.Code]:
    """Return a function that gives a code of the real engine, whose first job is stopped if it is asked to be."""

    def make(stopped: bool = False) -> orm.Code:
        mark = tmp_path / f'mark-{uuid4().hex}'
        if not stopped:
            mark.touch()
        script = tmp_path / f'engine-{uuid4().hex}'
        script.write_text(f'#!/bin/sh\nWALLTIME_MARK={mark} exec {sys.executable} {ENGINE} "$@"\n')
        script.chmod(0o755)
        return aiida_code_installed(label=script.name, filepath_executable=str(script))

    return make


@pytest.fixture
def crystals(aiida_profile, tmp_path) -> dict[str, orm.StructureData]:
    """Return structures by name, with their phonon files in the profile; two of them cannot be computed."""
    found = {}
    for name, (spring, symbols) in {**CRYSTALS, 'sodium': (2.0, ('F', 'Na')), 'cut': (2.0, ('I', 'Li'))}.items():
        path = write_springs(tmp_path, name, spring, symbols)
        if name == 'cut':
            forces = path / 'FORCE_SETS'
            forces.write_text(forces.read_text()[:60])
        found[name] = make_structure_of(Springs(spring=spring, symbols=symbols))
        make_phonon_node(path, found[name])
    return found


def run(code: orm.Code, dataset: DatasetData, overrides: dict | None = None, **nodes: Any) -> tuple[dict, Any]:
    builder = PhononClustersWorkChain.get_builder_from_protocol(code, dataset, 'fast', overrides or OVERRIDES, **nodes)
    return run_get_node(builder)


def test_phonons_become_clusters_though_a_job_is_stopped(engine, crystals):
    stranger = make_structure()
    labels = make_labels(['a', 'b'], [1, 0])
    columns = {name: labels.column(name).tolist() for name in labels.column_names} | {'formula': ['LiCl', 'Li2O']}
    labels = type(labels).from_arrays(labels.ids, columns).store()
    dataset = make_dataset([*crystals.values(), stranger])
    # One after the other: else either of the first two jobs may be the one that is stopped.
    overrides = {**OVERRIDES, 'max_concurrent': 1}
    outputs, chain = run(engine(stopped=True), dataset, overrides, labels=labels)
    report = get_workchain_report(chain, 'REPORT')
    assert chain.exit_status == 710, report
    assert 'complete but for 1 compounds' in chain.exit_message
    assert '1 structures have no phonon files and are left out' in report
    assert 'They wait for another job' in report
    jobs = [job for job in chain.called if job.process_label == 'PhononsCalculation']
    assert sorted(job.exit_status for job in jobs) == [0, 0, 400]
    table = outputs['phonons']
    assert table.ids == [node.uuid for node in crystals.values()]
    words = dict(zip(crystals, table.column('status').tolist(), strict=True))
    assert words == {**dict.fromkeys(CRYSTALS, 'ok'), 'sodium': 'no_mobile_ion', 'cut': 'unreadable'}
    centres = {name: table.row(node.uuid)['mobile_band_centre_THz'] for name, node in crystals.items()}
    assert centres['softer'] < centres['soft'] < centres['medium'] < centres['hard'] < centres['harder']
    assert set(outputs['densities']) == {structure_key(crystals[name].uuid) for name in CRYSTALS}
    dos = outputs['densities'][structure_key(crystals['hard'].uuid)]
    assert (dos.counts, dos.structure_uuid) == ({'F': 1, 'Li': 1}, crystals['hard'].uuid)
    clusters = outputs['clusters']
    found = {name: clusters.row(crystals[name].uuid)['cluster_ward'] for name in CRYSTALS}
    assert found['soft'] == found['softer'] == 0
    assert found['hard'] == found['harder'] == 1
    assert np.isnan(clusters.column('cluster_ward')[clusters.position(crystals['cut'].uuid)])
    assert clusters.row(crystals['soft'].uuid)['conductor'] == 1
    assert outputs['arrays'].get_array('linkage').shape == (4, 4)
    facts = outputs['output_parameters'].get_dict()
    assert facts['phonons']['unfinished'] == [stranger.uuid]
    assert facts['phonons']['counts_by_status'] == {'ok': 5, 'no_mobile_ion': 1, 'unreadable': 1}
    assert facts['clustering']['methods']['ward']['n_clusters'] == 2
    assert facts['clustering']['n_clustered'] == 5
    # Every row leads back to the files that it was computed from.
    (job,) = (job for job in jobs if 'table' in job.outputs and crystals['hard'].uuid in job.outputs.table.ids)
    file = job.inputs.phonons[structure_key(crystals['hard'].uuid)]
    assert file.base.attributes.get('structure_uuid') == crystals['hard'].uuid


def test_what_cannot_be_clustered_still_has_a_table(engine, crystals):
    outputs, chain = run(engine(), make_dataset([crystals['soft']]))
    assert chain.exit_status == 452
    assert 'cannot be clustered' in chain.exit_message
    assert set(outputs) == {'phonons', 'densities', 'output_parameters'}
    assert outputs['phonons'].counts_by_status == {'ok': 1}


def test_a_dataset_without_any_answer_says_why(engine, crystals):
    outputs, chain = run(engine(), make_dataset([crystals['cut'], crystals['sodium']]))
    assert chain.exit_status == 411
    assert 'no_mobile_ion: 1, unreadable: 1' in chain.exit_message
    assert len(outputs['phonons']) == 2
    outputs, chain = run(engine(), make_dataset([make_structure()]))
    assert (chain.exit_status, outputs) == (205, {})
    assert 'None of the 1 structures of the dataset has phonon files' in chain.exit_message
    outputs, chain = run(engine(), DatasetData(name='empty', structures=[]).store())
    assert chain.exit_status == 201


def test_too_many_failures_end_the_chain_early(engine, crystals):
    names = ('cut', 'sodium', 'soft', 'hard')
    dataset = make_dataset([crystals[name] for name in names])
    overrides = {**OVERRIDES, 'batch_size': 2, 'max_concurrent': 1, 'max_failed_fraction': 0.25}
    outputs, chain = run(engine(), dataset, overrides)
    assert chain.exit_status == 413
    assert '2 of 4' in chain.exit_message
    assert len(outputs['phonons']) == 2


def test_a_missing_engine_stops_everything(aiida_code_installed, crystals, tmp_path):
    script = tmp_path / 'gone'
    script.write_text('#!/bin/sh\necho "limap-engine: command not found"\nexit 127\n')
    script.chmod(0o755)
    code = aiida_code_installed(label=f'gone-{uuid4().hex}', filepath_executable=str(script))
    outputs, chain = run(code, make_dataset([crystals['soft'], crystals['hard']]), {'batch_size': 1})
    assert chain.exit_status == 320
    assert 'verdi code show' in chain.exit_message
    assert not outputs


@pytest.mark.parametrize('protocol', ['fast', 'balanced', 'stringent'])
def test_a_protocol_gives_the_stored_inputs(aiida_code_installed, protocol, check_snapshot):
    code = aiida_code_installed(label='snapshot-code', filepath_executable='/bin/true')
    dataset = make_dataset([make_structure()])
    builder = PhononClustersWorkChain.get_builder_from_protocol(code, dataset, protocol)
    check_snapshot(builder, 'phonon_clusters', protocol)


def test_wrong_overrides_are_refused(aiida_code_installed):
    code = aiida_code_installed(label='refusing-code', filepath_executable='/bin/true')
    for overrides, words in (
        ({'batches': 3}, "unknown key 'batches'"),
        ({'phonons': {'parameters': {'mesh': 3}}}, 'phonons.parameters: unknown parameter'),
        ({'cluster': {'parameters': {'methods': ['best']}}}, 'unknown method of clustering'),
    ):
        with pytest.raises(ValueError, match=words):
            PhononClustersWorkChain.get_builder_from_protocol(code, None, 'fast', overrides)
