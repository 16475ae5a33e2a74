"""Disordered structures become ordered ones that are linked to them."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.plugins import CalculationFactory
from pymatgen.core import Lattice, Structure

from aiida_limap.calculations.ordering import EXIT_NOT_ORDERED, OrderingError, order_structure, plan_cell
from aiida_limap.common.conversion import node_from_pymatgen, pymatgen_from_node

STATES = {'Li': 1.0, 'Na': 1.0, 'Mg': 2.0, 'Cl': -1.0, 'O': -2.0}
LATTICE = Lattice.cubic(4.2)
CATIONS = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
ANIONS = [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0.5]]


def rock_salt(cation: object, anion: object = 'Cl', lattice: Lattice = LATTICE) -> Structure:
    return Structure(lattice, [cation] * 4 + [anion] * 4, CATIONS + ANIONS)


def run(structure: Structure, repetitions: tuple[int, int, int], **source: object) -> tuple:
    node = node_from_pymatgen(structure, source=source or None)
    node.label = 'salt'
    parameters = orm.Dict({'oxidation_states': STATES, 'repetitions': list(repetitions)})
    return order_structure.run_get_node(structure=node, parameters=parameters)


@pytest.mark.parametrize(
    ('structure', 'cells'),
    [
        (rock_salt({'Li': 0.5, 'Na': 0.5}), 1),
        (rock_salt({'Li': 0.25, 'Na': 0.75}), 1),
        (rock_salt({'Li': 0.125, 'Na': 0.875}), 2),
        # 4 atoms of 0.9 are 3.6, two cells hold 7.2 and three 10.8: in both the rounding is small enough to be taken.
        (rock_salt({'Li': 0.9, 'Na': 0.1}), 2),
        # Half of the sites of magnesium are empty: a whole number of them, and no charge.
        (rock_salt({'Mg': 0.5}), 1),
    ],
)
def test_the_smallest_cell_with_whole_atoms_is_planned(structure, cells):
    a, b, c = plan_cell(structure, STATES)
    assert a * b * c == cells


def test_a_cell_is_repeated_along_its_short_edges():
    flat = Lattice.orthorhombic(4.2, 17.0, 17.0)
    assert plan_cell(rock_salt({'Li': 0.05, 'Na': 0.95}, lattice=flat), STATES) == (4, 1, 1)


@pytest.mark.parametrize(
    ('structure', 'reason'),
    [
        (rock_salt({'Li': 0.5, 'K': 0.5}), 'no oxidation state for K'),
        # A charge is left whatever the size of the cell.
        (rock_salt({'Li': 0.5}), 'no cell of up to 400 sites'),
        # The element would be lost in every cell of up to the limit.
        (rock_salt({'Li': 0.0001, 'Na': 0.9999}), 'no cell of up to 400 sites'),
    ],
)
def test_occupancies_that_no_cell_can_hold_are_refused(structure, reason):
    with pytest.raises(OrderingError, match=reason):
        plan_cell(structure, STATES)
    with pytest.raises(OrderingError, match='no cell of up to 7 sites'):
        plan_cell(rock_salt({'Li': 0.5, 'Na': 0.5}), STATES, max_sites=7)


def test_an_ordered_structure_is_linked_to_the_disordered_one_and_names_its_origin(aiida_profile):
    source = {
        'db_name': 'tests', 'id': 'x-1', 'uri': 'file:///x', 'license': 'CC0', 'version': '3', 'source_md5': 'ab' * 16,
        'extras': {'doi': '10.1/x'},
    }  # fmt: skip
    child, node = run(rock_salt({'Li': 0.5, 'Na': 0.5}), (1, 1, 1), **source)
    assert node.is_finished_ok
    assert child.is_stored
    structure = pymatgen_from_node(child)
    assert structure.is_ordered
    assert structure.composition.get_el_amt_dict() == {'Li': 2.0, 'Na': 2.0, 'Cl': 4.0}
    assert child.base.links.get_incoming().one().node.base.links.get_incoming().get_node_by_label('structure').is_stored
    assert {key: child.source[key] for key in ('db_name', 'id', 'uri', 'license', 'version')} == {
        key: source[key] for key in ('db_name', 'id', 'uri', 'license', 'version')
    }
    # The sum is that of the bytes of the disordered structure.
    assert 'source_md5' not in child.source
    assert child.source['extras']['doi'] == '10.1/x'
    how = child.source['extras']['ordered']
    assert (how['by'], how['repetitions'], how['search']) == ('limap.order_structure', [1, 1, 1], 'exhaustive')
    assert (how['composition_before'], how['composition_after']) == ('Na2 Li2 Cl4', 'Na2 Li2 Cl4')
    assert how['arrangements'] == '6'
    assert child.label == 'salt (ordered)'


def test_the_arrangement_is_the_one_of_lowest_electrostatic_energy(aiida_profile):
    # Two vacancies on four sites: the farther the divalent cations are apart, the lower the energy.
    sites = [[0, 0, 0], [0, 0, 0.25], [0, 0, 0.5], [0, 0, 0.75]]
    chain = Structure(
        Lattice.orthorhombic(8.0, 8.0, 12.0), [{'Mg': 0.5}] * 4 + ['O'] * 2, [*sites, [0.5, 0.5, 0], [0.5, 0.5, 0.5]]
    )
    child, _node = run(chain, (1, 1, 1))
    heights = sorted(site.frac_coords[2] for site in pymatgen_from_node(child) if site.specie.symbol == 'Mg')
    assert heights[1] - heights[0] == pytest.approx(0.5)


def test_so_many_arrangements_are_built_step_by_step(aiida_profile):
    child, _node = run(rock_salt({'Li': 0.5, 'Na': 0.5}), (2, 2, 2))
    how = child.source['extras']['ordered']
    assert how['search'] == 'greedy'
    assert int(how['arrangements']) > 10_000
    assert len(child.sites) == 64


@pytest.mark.parametrize(
    ('structure', 'reason'),
    [
        (rock_salt({'Li': 0.1, 'Na': 0.9}), 'no whole atoms in a cell of this size'),
        (
            Structure(Lattice.cubic(5), [{'Li': 0.75, 'Na': 0.25}] * 4 + ['Cl'] * 4,
                      [[0, 0, 0], [0.1, 0, 0], [0.5, 0.5, 0], [0.5, 0.6, 0], *ANIONS]),
            'only 0.50 Å apart',
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_ordered_is_an_exit_code_with_a_sentence(aiida_profile, structure, reason):
    result, node = run(structure, (1, 1, 1))
    assert result == {}
    assert node.exit_status == EXIT_NOT_ORDERED
    assert node.exit_message.startswith('the structure cannot be ordered: ')
    assert reason in node.exit_message


def test_the_function_has_an_entry_point():
    assert CalculationFactory('limap.order_structure') is order_structure


def test_sets_of_sites_share_the_atoms_of_an_element_by_the_largest_remainders(aiida_profile):
    # Neither set holds whole atoms, but both together do.
    structure = Structure(
        Lattice.cubic(6.0), [{'Li': 0.7}, {'Li': 0.3}, 'Cl'], [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5]]
    )
    assert plan_cell(structure, STATES) == (1, 1, 1)
    child, node = run(structure, (1, 1, 1))
    assert node.is_finished_ok
    assert [site.frac_coords.round(3).tolist() for site in pymatgen_from_node(child) if site.specie.symbol == 'Li'] == [
        [0, 0, 0]
    ]
    assert child.source['extras']['ordered']['arrangements'] == '1'
