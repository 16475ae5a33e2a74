"""Nodes of densities of states."""

from __future__ import annotations

import numpy as np
import pytest
from aiida.common.exceptions import ValidationError
from aiida.orm import QueryBuilder, load_node

from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.formats.phonon_files import DosArrays, dos_bytes


@pytest.fixture
def dos() -> DosArrays:
    by_element = np.array([[0.0, 0.5, 0.5], [0.0, 0.5, 1.5]])
    return DosArrays(np.array([-0.5, 0.0, 2.0]), by_element.sum(axis=0), ('Li', 'O'), by_element, (2, 1))


def test_a_node_gives_back_what_it_was_made_of(aiida_profile, dos):
    node = load_node(PhononDosData(dos, structure_uuid='abc').store().pk)
    assert (node.elements, node.counts, node.structure_uuid) == (['Li', 'O'], {'Li': 2, 'O': 1}, 'abc')
    assert np.array_equal(node.frequencies_THz, dos.frequencies_THz)
    assert np.array_equal(node.density(), dos.total)
    assert np.array_equal(node.density('O'), dos.by_element[1])
    with pytest.raises(KeyError, match='no projection on Na; it has Li, O'):
        node.density('Na')
    with pytest.raises(ValueError, match='read-only'):
        node.density()[0] = 1.0
    query = QueryBuilder().append(PhononDosData, filters={'attributes.elements': {'contains': ['Li']}}, project='uuid')
    assert node.uuid in query.all(flat=True)


def test_equal_densities_have_equal_checksums(aiida_profile, dos):
    other = DosArrays(dos.frequencies_THz, 2 * dos.total, dos.elements, dos.by_element, dos.counts)
    assert PhononDosData(dos).checksum == PhononDosData(dos).checksum != PhononDosData(other).checksum


def test_a_node_needs_densities(aiida_profile):
    with pytest.raises(ValueError, match='made of DosArrays'):
        PhononDosData()


def test_a_damaged_node_is_not_stored(aiida_profile, dos):
    node = PhononDosData(dos)
    node.base.repository.put_object_from_bytes(dos_bytes(dos)[:50], PhononDosData.FILE)
    with pytest.raises(ValidationError, match='missing or damaged'):
        node.store()
    other = DosArrays(dos.frequencies_THz, 2 * dos.total, dos.elements, dos.by_element, dos.counts)
    node = PhononDosData(dos)
    node.base.repository.put_object_from_bytes(dos_bytes(other), PhononDosData.FILE)
    with pytest.raises(ValidationError, match='does not fit its checksum'):
        node.store()
