"""Sums of structures, and what is stored of a database."""

from __future__ import annotations

from uuid import uuid4

from pymatgen.core import Lattice, Structure

from aiida_limap.importers.base import Candidate, known_structures, store_dataset, structure_md5

CELL = Lattice.orthorhombic(3.0, 4.0, 5.0)


def crystal(x: float = 0.25, species: object = 'O') -> Structure:
    return Structure(CELL, ['Li', species], [[0, 0, 0], [x, 0.5, 0.5]])


def test_the_sum_of_a_structure_does_not_feel_rounding_images_or_charges():
    expected = structure_md5(crystal())
    assert structure_md5(crystal(0.25 + 1e-8)) == expected
    assert structure_md5(crystal(1.25)) == expected
    assert structure_md5(Structure(CELL, ['Li', 'O'], [[1 - 1e-9, -1e-9, -0.0], [0.25, 0.5, 0.5]])) == expected
    assert structure_md5(crystal(species='O2-')) == expected
    assert structure_md5(crystal().copy(site_properties={'magmom': [0.0, 1.0]})) == expected


def test_the_sum_of_a_structure_feels_what_makes_it_another_one():
    sums = {
        structure_md5(crystal()),
        structure_md5(crystal(0.25001)),
        structure_md5(crystal(species='S')),
        structure_md5(crystal(species={'O': 0.5})),
        structure_md5(crystal(species={'O': 0.5, 'S': 0.5})),
        structure_md5(Structure(CELL.scale(61.0), ['Li', 'O'], [[0, 0, 0], [0.25, 0.5, 0.5]])),
    }
    assert len(sums) == 6


def test_stored_structures_are_found_by_their_ids_with_version_and_sum(aiida_profile):
    database, other = uuid4().hex, uuid4().hex

    def entry(db_name: str, identifier: str, **more: str) -> Candidate:
        return Candidate(crystal(), {'db_name': db_name, 'id': identifier, **more}, identifier)

    report = store_dataset(
        [
            entry(database, 'a', source_md5='1', version='2025'),
            entry(database, 'a', source_md5='2', version='2026'),
            entry(database, 'b', source_md5='3'),
            entry(other, 'c', source_md5='4'),
        ],
        name=database,
        chosen_by={},
    )
    uuids = report.dataset.structure_uuids
    found = known_structures(database, ['a', 'b', 'c', 'd'])
    assert {name: [(known.uuid, known.version, known.source_md5) for known in found[name]] for name in found} == {
        'a': [(uuids[0], '2025', '1'), (uuids[1], '2026', '2')],
        'b': [(uuids[2], '', '3')],
    }
    # So many identifiers do not fit into one query.
    many = known_structures(database, [*(f'none-{index}' for index in range(1000)), 'b'])
    assert list(many) == ['b']
    assert known_structures(database, []) == {}
    assert known_structures('no such database', ['a']) == {}
