"""What each protocol gives each work chain, against stored files.

After a change that is meant, renew the files and look at their difference before they are committed::

    LIMAP_RENEW_SNAPSHOTS=1 pytest tests/workflows -k stored_inputs
"""

from __future__ import annotations

from pathlib import Path

import pytest
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
#: Those that need more than structures stand with their tests.
ELSEWHERE = ('encode', 'phonon_clusters', 'screen')


@pytest.fixture
def code(aiida_code_installed):
    return aiida_code_installed(label='snapshot-code', filepath_executable='/bin/true')


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize('name', CHAINS)
def test_a_protocol_gives_the_stored_inputs(code, name, protocol, check_snapshot):
    process, arguments = CHAINS[name]
    check_snapshot(process.get_builder_from_protocol(code, *arguments(), protocol), name, protocol)


def test_no_snapshot_is_left_over():
    expected = {f'{name}.{protocol}.yaml' for name in (*CHAINS, *ELSEWHERE) for protocol in PROTOCOLS}
    assert {path.name for path in SNAPSHOTS.iterdir()} == expected


def test_every_work_chain_with_protocols_has_snapshots():
    from importlib.metadata import entry_points

    registered = {
        entry.name.removeprefix('limap.')
        for entry in entry_points(group='aiida.workflows')
        if entry.name.startswith('limap.') and hasattr(entry.load(), 'get_available_protocols')
    }
    assert registered == {*CHAINS, *ELSEWHERE}
