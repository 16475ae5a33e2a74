"""Maps that read phonons: what ``launch map --phonons`` and ``launch encode --phonons`` take and refuse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plugins_placed import placed

from aiida_limap.cli.choosing import dataset_of_group
from aiida_limap.data.table import TableData

__all__ = ['placed']
COLUMN = 'mobile_band_centre_THz'


@pytest.fixture
def submitted(monkeypatch) -> list:
    """Keep the builders that would be submitted."""
    builders: list = []

    def submit(builder: Any) -> SimpleNamespace:
        builders.append(builder)
        return SimpleNamespace(pk=4711)

    for module in ('launch', 'launch_encode'):
        monkeypatch.setattr(f'aiida_limap.cli.{module}.require_daemon', lambda: None)
    monkeypatch.setattr('aiida.engine.submit', submit)
    return builders


@pytest.fixture
def group(run, library) -> str:
    """Return the label of a group that is large enough for a map."""
    run('import', 'prototypes', '--name', 'twelve')
    return 'limap/twelve'


def make_phonons(uuids: list[str]) -> TableData:
    """Return a stored table of one column and one vector."""
    return TableData.from_arrays(
        uuids,
        {COLUMN: np.arange(len(uuids)) + 5.0},
        blocks={'mobile_dos': np.ones((len(uuids), 3))},
    ).store()


def test_a_map_is_launched_with_phonons(run, graph, group, submitted):
    uuids = dataset_of_group(group).structure_uuids
    table = make_phonons(uuids[1:])
    options = ('launch', 'map', '--group', group, '--code', graph.code.full_label, '--phonons', table.pk)
    answer = run(*options, '--phonon-columns', 'mobile_dos', '--phonon-columns', COLUMN)
    assert answer.stderr.splitlines()[0] == f'1 of {len(uuids)} structures have no phonons and are left out of the map'
    (builder,) = submitted
    assert builder.phonons.pk == table.pk
    assert builder.phonon_columns.get_list() == ['mobile_dos', COLUMN]
    run('launch', 'map', '--group', group, '--code', graph.code.full_label)
    assert not {'phonons', 'phonon_columns'} & set(submitted[1]._inputs(prune=True))


def test_phonons_that_are_of_no_use_are_refused(fails, graph, group, submitted):
    uuids = dataset_of_group(group).structure_uuids
    options = ('launch', 'map', '--group', group, '--code', graph.code.full_label)
    few = make_phonons(uuids[:9])
    sentence = fails(*options, '--phonons', few.pk, '--phonon-columns', COLUMN)
    assert (
        f'9 of the {len(uuids)} structures of the dataset have complete phonons in table {few.pk}; a map needs'
        in sentence
    )
    assert "no column of numbers or block 'width'" in fails(*options, '--phonons', few.pk, '--phonon-columns', 'width')
    assert 'name their table with --phonons' in fails(*options, '--phonon-columns', COLUMN)
    assert 'no phonon clusters 999999' in fails(*options, '--phonons', '999999')
    other = graph.map.creator.inputs.descriptors.pk
    assert f'table {other} holds no phonon quantities' in fails(*options, '--phonons', other)
    assert submitted == []


def test_a_map_that_reads_no_phonons_is_given_none(fails, graph, placed, submitted):
    table = make_phonons(placed.dataset.structure_uuids)
    options = ('launch', 'encode', '--map', graph.map.pk, '--group', 'new', '--code', graph.code.full_label)
    assert 'phonons: the model of the map reads none; leave them out' in fails(*options, '--phonons', table.pk)
    assert submitted == []
