"""A wrong input is refused with a sentence before anything is submitted."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from aiida import orm
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager
from plugins_aiida import make_dataset, make_descriptors, make_energies, make_structure

from aiida_limap.data.dataset import DatasetData
from aiida_limap.workflows.bvff import BvffBaseWorkChain
from aiida_limap.workflows.featurize import FeaturizeWorkChain
from aiida_limap.workflows.map import MapWorkChain
from aiida_limap.workflows.train import TrainBaseWorkChain

STRANGER = '00000000-0000-4000-8000-000000000001'


@pytest.fixture
def code(aiida_code_installed):
    return aiida_code_installed(label=f'checked-{uuid4().hex}', filepath_executable='/bin/true')


def check(builder: Any) -> Any:
    """Validate the inputs as submission does."""
    return instantiate_process(get_manager().get_runner(), builder)


def put(builder: Any, path: str, value: Any) -> None:
    *spaces, name = path.split('.')
    for space in spaces:
        builder = builder[space]
    builder[name] = value


STATES = {STRANGER: [1, -2]}
COMMON = [
    ('batch_size', 0, 'batch_size must be 1 or more, not 0'),
    ('max_concurrent', -1, 'max_concurrent must be 1 or more, not -1'),
    ('batch_size', 'many', "value 'batch_size' is not of the right type"),
    ('max_failed_fraction', 1.5, 'max_failed_fraction must be from 0 to 1, not 1.5'),
    ('max_failed_fraction', 'half', 'not of the right type'),
    ('clean_workdir', 3, 'not of the right type'),
    ('handler_overrides', {'nothing': {'enabled': False}}, "no handler 'nothing'; known are stop_where_no_job_can_run"),
    ('handler_overrides', {'resubmit_killed': False}, 'can be switched off with'),
    ('options', {'queue_name': 'x'}, 'options: resources are missing, e.g. resources: {num_machines: 1'),
    ('options', {'queue': 'x'}, "options: there is no scheduler option 'queue'; known are "),
    ('options', {'resources': {'machines': 1}}, "resources: not what the scheduler of 'localhost.*takes"),
    ('options', {'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 0}}, 'greater than or equal to one'),
    ('options', {'resources': {'num_machines': 1}, 'max_wallclock_seconds': 'long'}, 'options.max_wallclock_seconds'),
    ('bvff.parameters', {'mobile': 'Na+'}, "unknown parameter 'mobile'|did you mean 'mobile_ion'"),
    ('bvff.oxidation_states', STATES, f'bvff.oxidation_states: there is no structure {STRANGER} in the dataset'),
    ('descriptors.oxidation_states', STATES, f'descriptors.oxidation_states: there is no structure {STRANGER}'),
    ('bvff.oxidation_states', {'mp-1': [1]}, "the key 'mp-1' is not the UUID of a structure"),
]


@pytest.mark.parametrize(('path', 'value', 'words'), COMMON)
@pytest.mark.parametrize(('process', 'prefix'), [(FeaturizeWorkChain, ''), (MapWorkChain, 'featurize.')])
def test_a_wrong_featurization_gets_a_sentence(code, process, prefix, path, value, words):
    builder = process.get_builder_from_protocol(code, make_dataset([make_structure()]))
    with pytest.raises(ValueError, match=words) as error:
        put(builder, prefix + path, value)
        check(builder)
    assert 'Traceback' not in str(error.value)


@pytest.mark.parametrize(
    ('path', 'value', 'words'),
    [
        ('train.options', {'queue_name': 'x'}, 'train.options: resources are missing'),
        ('encode.options', {'queue': 'x'}, "encode.options: there is no scheduler option 'queue'"),
        ('train.max_iterations', 0, 'must be 1 or more'),
        ('train.handler_overrides', {'nothing': {}}, 'is not a process handler'),
        ('clean_workdir', 'yes', 'not of the right type'),
        ('dataset', 7, 'not of the right type|invalid type'),
    ],
)
def test_a_wrong_map_gets_a_sentence(code, path, value, words):
    builder = MapWorkChain.get_builder_from_protocol(code, make_dataset([make_structure()]))
    with pytest.raises((ValueError, TypeError), match=words):
        put(builder, path, value)
        check(builder)


def test_a_map_of_a_column_that_there_is_not_is_refused_before_anything_is_computed(code):
    overrides = {'train': {'parameters': {'target': 'barrier_9d_eV'}}}
    builder = MapWorkChain.get_builder_from_protocol(code, make_dataset([make_structure()]), overrides=overrides)
    with pytest.raises(
        ValueError, match=r"no migration energy 'barrier_9d_eV' to learn; known are barrier_1d_eV, barr"
    ):
        check(builder)


def test_the_columns_that_a_map_may_show_are_those_of_the_engine():
    from pymatgen.core import Lattice, Structure

    from aiida_limap.engines.bvff.options import BvffOptions
    from aiida_limap.engines.bvff.task import compute_items
    from aiida_limap.workflows._checks import TARGETS

    cell = Structure(
        Lattice([[0, 2.3, 2.3], [2.3, 0, 2.3], [2.3, 2.3, 0]]),
        ['Li', 'Li', 'O'],
        [[0.25, 0.25, 0.25], [0.75, 0.75, 0.75], [0, 0, 0]],
    )
    (item,) = compute_items([('a', lambda: cell)], BvffOptions(spacing_angstrom=0.5), threads=1)
    assert set(TARGETS) <= set(item.values)


def test_landscapes_that_cleaning_would_delete_are_refused(code):
    for process, prefix in ((FeaturizeWorkChain, ''), (MapWorkChain, 'featurize.')):
        builder = process.get_builder_from_protocol(code, make_dataset([make_structure()]))
        put(builder, prefix + 'bvff.parameters', {'landscapes': True})
        check(builder)
        builder.clean_workdir = True
        with pytest.raises(ValueError, match=f'delete the landscapes.*give {prefix}bvff.retrieve_landscapes too'):
            check(builder)
        put(builder, prefix + 'bvff.retrieve_landscapes', True)
        check(builder)


def build(process: Any, code: orm.AbstractCode) -> Any:
    if process is BvffBaseWorkChain:
        return process.get_builder_from_protocol(code, make_structure())
    if process is TrainBaseWorkChain:
        tables = make_descriptors(['a']), make_energies(['a'], [0.1])
        return process.get_builder_from_protocol(code, *tables)
    return process.get_builder_from_protocol(code, make_dataset([make_structure()]))


ALL = [BvffBaseWorkChain, TrainBaseWorkChain, FeaturizeWorkChain, MapWorkChain]


@pytest.mark.parametrize('process', ALL)
def test_a_code_that_cannot_run_the_engine_is_refused(process, aiida_localhost, aiida_computer, tmp_path):
    other = orm.InstalledCode(
        label=f'add-{uuid4().hex}',
        computer=aiida_localhost,
        filepath_executable='/bin/bash',
        default_calc_job_plugin='core.arithmetic.add',
    ).store()
    with pytest.raises(ValueError, match=r'is a code of core\.arithmetic\.add; give one that runs limap-engine'):
        check(build(process, other))
    (tmp_path / 'engine').write_text('#!/bin/sh\n')
    portable = orm.PortableCode(label=f'portable-{uuid4().hex}', filepath_executable='engine', filepath_files=tmp_path)
    with pytest.raises(ValueError, match='no computer'):
        check(build(process, portable.store()))
    bare = orm.Computer(
        label=f'bare-{uuid4().hex}',
        hostname='localhost',
        transport_type='core.local',
        scheduler_type='core.direct',
        workdir=str(tmp_path),
    ).store()
    unready = orm.InstalledCode(label=f'engine-{uuid4().hex}', computer=bare, filepath_executable='/bin/true').store()
    with pytest.raises(ValueError, match=f'is not configured; run `verdi computer configure core.local {bare.label}`'):
        check(build(process, unready))
    bare.configure()
    check(build(process, unready))
    bare.get_authinfo(orm.User.collection.get_default()).enabled = False
    with pytest.raises(ValueError, match=f'is disabled; run `verdi computer enable {bare.label}`'):
        check(build(process, unready))


def test_states_of_a_structure_outside_the_batch_are_refused(code):
    builder = BvffBaseWorkChain.get_builder_from_protocol(code, make_structure())
    builder.bvff.oxidation_states = STATES
    with pytest.raises(ValueError, match=f'bvff.oxidation_states: there is no structure {STRANGER} in the batch'):
        check(builder)


def test_plain_values_become_nodes_and_an_unstored_dataset_is_stored(code):
    structure = make_structure()
    dataset = DatasetData(name='new', structures=[(structure.uuid, '')])
    builder = FeaturizeWorkChain.get_builder_from_protocol(code, dataset)
    builder.max_failed_fraction = 1
    builder.clean_workdir = True
    builder.handler_overrides = {'resubmit_killed': {'enabled': False}}
    process = check(builder)
    assert process.inputs.dataset.is_stored
    assert (process.inputs.max_failed_fraction.value, process.inputs.clean_workdir.value) == (1.0, True)


def test_a_structure_without_sites_gets_a_sentence(code):
    with pytest.raises(ValueError, match='has no sites'):
        check(BvffBaseWorkChain.get_builder_from_protocol(code, orm.StructureData()))
