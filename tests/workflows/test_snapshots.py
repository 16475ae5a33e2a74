"""What each protocol gives each work chain, against stored files.

After a change that is meant, renew the files and look at their difference before they are committed::

    LIMAP_RENEW_SNAPSHOTS=1 pytest tests/workflows/test_snapshots.py
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiida import orm
from plugins_aiida import make_dataset, make_descriptors, make_energies, make_structure

from aiida_limap.workflows.bvff import BvffBaseWorkChain
from aiida_limap.workflows.featurize import FeaturizeWorkChain
from aiida_limap.workflows.map import MapWorkChain
from aiida_limap.workflows.train import TrainBaseWorkChain

SNAPSHOTS = Path(__file__).parent / 'snapshots'
PROTOCOLS = ('fast', 'balanced', 'stringent')


def arguments_of_bvff() -> tuple:
    return (make_structure(),)


def arguments_of_train() -> tuple:
    return make_descriptors(['a']), make_energies(['a'], [0.1])


def arguments_of_dataset() -> tuple:
    return (make_dataset([make_structure()]),)


CHAINS = {
    'bvff.base': (BvffBaseWorkChain, arguments_of_bvff),
    'train.base': (TrainBaseWorkChain, arguments_of_train),
    'featurize': (FeaturizeWorkChain, arguments_of_dataset),
    'map': (MapWorkChain, arguments_of_dataset),
}


def plain(value: Any) -> Any:
    """Return inputs of a builder as plain values; of nodes that the user gives only the class."""
    if isinstance(value, Mapping):
        # The key of a structure is its UUID, another one in every run.
        entries = {('structure' if isinstance(v, orm.StructureData) else k): plain(v) for k, v in value.items()}
        return {key: entry for key, entry in sorted(entries.items()) if entry != {}}
    if isinstance(value, orm.Dict):
        return {'Dict': value.get_dict()}
    if isinstance(value, (orm.Int, orm.Float, orm.Bool, orm.Str)):
        return {type(value).__name__: value.value}
    return f'a {type(value).__name__}' if isinstance(value, orm.Node) else value


@pytest.fixture
def code(aiida_code_installed):
    return aiida_code_installed(label='snapshot-code', filepath_executable='/bin/true')


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('name', CHAINS)
def test_a_protocol_gives_the_stored_inputs(code, name, protocol):
    process, arguments = CHAINS[name]
    builder = process.get_builder_from_protocol(code, *arguments(), protocol)
    found = plain(builder._inputs(prune=True))
    path = SNAPSHOTS / f'{name}.{protocol}.yaml'
    if os.environ.get('LIMAP_RENEW_SNAPSHOTS'):
        path.write_text(yaml.safe_dump(found, sort_keys=True, allow_unicode=True))
    assert found == yaml.safe_load(path.read_text()), f'renew {path.name} if this is meant, see the top of this file'


def test_no_snapshot_is_left_over():
    expected = {f'{name}.{protocol}.yaml' for name in CHAINS for protocol in PROTOCOLS}
    assert {path.name for path in SNAPSHOTS.iterdir()} == expected


def test_every_work_chain_with_protocols_has_snapshots():
    from importlib.metadata import entry_points

    registered = {
        entry.name.removeprefix('limap.')
        for entry in entry_points(group='aiida.workflows')
        if entry.name.startswith('limap.') and hasattr(entry.load(), 'get_available_protocols')
    }
    assert registered - {'encode'} == set(CHAINS) - {'encode'}
