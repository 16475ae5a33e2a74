from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.structures import StructureRecord, read_structures, write_structures

finite = st.floats(-20, 20, allow_nan=False)


@st.composite
def records(draw: st.DrawFn, identifier: str) -> StructureRecord:
    n_sites = draw(st.integers(1, 5))
    cell = np.diag(draw(st.lists(st.floats(2, 12), min_size=3, max_size=3)))
    cell[1, 0] = draw(st.floats(-1, 1))
    species = draw(
        st.lists(
            st.dictionaries(st.sampled_from(['Li', 'O', 'Zr', 'P']), st.floats(0.1, 0.5), min_size=1, max_size=2),
            min_size=n_sites,
            max_size=n_sites,
        )
    )
    positions = draw(st.lists(st.lists(finite, min_size=3, max_size=3), min_size=n_sites, max_size=n_sites))
    states = draw(st.one_of(st.none(), st.lists(finite, min_size=n_sites, max_size=n_sites)))
    return StructureRecord(identifier, cell, tuple(species), positions, None if states is None else tuple(states))


@st.composite
def collections(draw: st.DrawFn) -> list[StructureRecord]:
    return [draw(records(f's{index}')) for index in range(draw(st.integers(0, 3)))]


@given(structures=collections())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(tmp_path, structures):
    path = tmp_path / 'structures.json'
    write_structures(path, structures)
    again = read_structures(path)
    assert [record.as_dict() for record in again] == [record.as_dict() for record in structures]


def rock_salt(identifier: str = 'a', **changes) -> StructureRecord:
    values = {
        'cell': np.eye(3) * 4.0,
        'species': ({'Li': 1.0}, {'O': 1.0}),
        'positions': [[0, 0, 0], [0.5, 0.5, 0.5]],
        **changes,
    }
    return StructureRecord(identifier, **values)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'cell': np.zeros((3, 3))}, 'no volume'),
        ({'cell': np.eye(2)}, r'cell has shape \(2, 2\), expected \(3, 3\)'),
        ({'positions': [[0, 0, 0]]}, r'positions has shape \(1, 3\), expected \(2, 3\)'),
        ({'positions': [[0, 0, float('nan')], [0.5, 0.5, 0.5]]}, 'not finite'),
        ({'species': ({'Li': 1.0}, {'O': 1.4})}, 'site 1 needs occupancies'),
        ({'species': ()}, 'no sites'),
        ({'oxidation_states': (1.0,)}, '1 oxidation states for 2 sites'),
    ],
)
def test_wrong_structures_are_refused_by_name(changes, words):
    with pytest.raises(FormatError, match=f'structure a: .*{words}'):
        rock_salt(**changes)


def test_a_repeated_id_is_refused(tmp_path):
    with pytest.raises(FormatError, match="'a' stands for two structures"):
        write_structures(tmp_path / 'structures.json', [rock_salt(), rock_salt()])


def test_an_altered_file_is_refused(tmp_path):
    path = tmp_path / 'structures.json'
    write_structures(path, [rock_salt()])
    document = json.loads(path.read_text())
    document['structures'][0]['cell'][0][0] = 5.0
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError, match='altered or damaged'):
        read_structures(path)


def test_order_and_disorder_are_told_apart():
    assert rock_salt().is_ordered
    assert not rock_salt(species=({'Li': 0.5, 'Zr': 0.5}, {'O': 1.0})).is_ordered
    assert not rock_salt(species=({'Li': 0.5}, {'O': 1.0})).is_ordered
