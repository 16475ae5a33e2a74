"""Families of stored structures: found once, kept with the node, found again where the library changed."""

from __future__ import annotations

import pytest

from aiida_limap.engines.chemistry import families, family_references
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.tools.families import EXTRA, families_of, family_properties, kept_families

pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')


@pytest.fixture
def nodes(aiida_profile):
    """Return three stored structures: rock salt, one that says its family itself, and one that is nothing."""
    from pymatgen.core import Lattice, Structure

    from aiida_limap.common.conversion import node_from_pymatgen

    prototypes = {prototype.name: prototype for prototype in load_prototypes()}
    strange = Structure(Lattice.cubic(5), ['Li', 'Mg', 'O'], [[0, 0, 0], [0.1, 0.4, 0.3], [0.5, 0.5, 0.5]])
    stated = {'db_name': 'elsewhere', 'id': 'x', 'extras': {'family': 'phosphate', 'prototype': 'Li3AsO4'}}
    return [
        node_from_pymatgen(prototypes['LiScO2'].structure()).store(),
        node_from_pymatgen(prototypes['Li2O'].structure(), stated).store(),
        node_from_pymatgen(strange).store(),
    ]


def test_families_are_found_once_and_kept(nodes, monkeypatch):
    uuids = [node.uuid for node in nodes]
    assert list(kept_families(uuids)) == [uuids[1]]
    totals, steps = [], []
    found = families_of(uuids, on_start=totals.append, on_progress=steps.append)
    assert [found[uuid]['family'] for uuid in uuids] == ['rock-salt ordered', 'phosphate', 'unknown']
    assert (totals, steps) == ([2], [1, 1])
    assert nodes[0].base.extras.get(EXTRA)['prototype'] == 'LiScO2'
    assert EXTRA not in nodes[1].base.extras

    def never(*_arguments, **_options):
        raise AssertionError('nothing is left to compare')

    monkeypatch.setattr(families, 'find_family', never)
    assert families_of(uuids) == found


def test_a_changed_library_compares_again(nodes, monkeypatch):
    uuids = [node.uuid for node in nodes]
    families_of(uuids)
    monkeypatch.setattr(family_references, 'families_checksum', lambda: 'another')
    assert list(kept_families(uuids)) == [uuids[1]]
    assert families_of(uuids)[uuids[0]]['library'] == 'another'


def test_queries_filter_by_family(nodes):
    from aiida import orm

    families_of([node.uuid for node in nodes])
    query = orm.QueryBuilder().append(
        orm.StructureData,
        filters={f'extras.{EXTRA}.family': 'rock-salt ordered', 'id': {'in': [node.pk for node in nodes]}},
    )
    assert query.all(flat=True) == [nodes[0]]


def test_properties_of_a_bundle(nodes, monkeypatch):
    uuids = [node.uuid for node in nodes]
    values, label, _description = family_properties(uuids)['family']
    assert (values, label) == (('rock-salt ordered', 'phosphate', 'unknown'), 'Structure family')
    assert family_properties(uuids)['prototype'][0] == ('LiScO2', 'Li3AsO4', None)
    assert family_properties([uuids[2]]) == {}


def test_a_page_does_not_wait_for_very_many(nodes, monkeypatch):
    from aiida_limap.tools import families as tools

    monkeypatch.setattr(tools, 'MOST_AT_ONCE', 1)
    uuids = [node.uuid for node in nodes]
    assert family_properties(uuids)['family'][0] == (None, 'phosphate', None)
