"""Element values, their sources, and what a second source says."""

from __future__ import annotations

import warnings

import pytest

from aiida_limap.engines.descriptors.elements import PROPERTIES, SYMBOLS, ElementDataError, element_property

#: The elements of Yamaguchi et al. (2023).
_WORDS = 'Li B C O Mg Al Si P S Ca Sc Ti Zn Ga Ge As Sr Y Zr Nb In Sn Sb Ba La Hf Ta'
ELEMENTS = _WORDS.split()


@pytest.mark.parametrize('name', PROPERTIES)
def test_every_property_says_where_it_comes_from_and_holds_for_the_elements_of_the_paper(name):
    known = PROPERTIES[name]
    assert known.meaning
    assert any(word in known.source for word in ('https://', 'pymatgen', 'definition'))
    for symbol in ELEMENTS:
        assert isinstance(element_property(symbol, name), float)


@pytest.mark.parametrize(
    ('symbol', 'name', 'value'),
    [
        ('Zn', 'valence_electrons', 2),
        ('Ga', 'valence_electrons', 3),
        ('Hf', 'valence_electrons', 4),
        ('Pd', 'valence_electrons', 10),
        ('O', 'valence_electrons', 6),
        ('He', 'valence_electrons', 2),
        ('Ta', 'd_valence_electrons', 3),
        ('Ga', 'd_valence_electrons', 10),
        ('O', 'highest_oxidation_state', -2),
        ('S', 'highest_oxidation_state', 6),
        ('S', 'lowest_oxidation_state', -2),
        ('Nb', 'highest_state_radius', 0.78),
        ('O', 'highest_state_radius', 1.26),
        ('Li', 'ionisation_energy', 5.3917),
        ('Ce', 'group', 3),
        ('Ta', 'period', 6),
    ],
)
def test_values_against_the_literature(symbol, name, value):
    assert element_property(symbol, name) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(('symbol', 'name'), [('Cr', 'highest_state_radius'), ('Ar', 'highest_oxidation_state')])
def test_missing_values_are_named(symbol, name):
    with pytest.raises(ElementDataError, match=f'no {PROPERTIES[name].meaning} is tabulated for {symbol}'):
        element_property(symbol, name)


def test_no_property_gives_a_silent_gap():
    for name in PROPERTIES:
        for symbol in SYMBOLS:
            try:
                value = element_property(symbol, name)
            except ElementDataError as error:
                assert symbol in str(error)
            else:
                assert value == value


@pytest.fixture(scope='module')
def second_source():
    pytest.importorskip('mendeleev', reason='the package mendeleev, a second source, is not installed')
    from mendeleev.db import get_session
    from mendeleev.models import Element

    # One query for all: mendeleev.element sends a dozen for each.
    with get_session() as session:
        yield {element.symbol: element for element in session.query(Element).filter(Element.symbol.in_(ELEMENTS))}


def electrons(orbital):
    return lambda element: sum(count for (_, kind), count in element.ec.conf.items() if kind == orbital)


@pytest.mark.parametrize(
    ('name', 'read', 'tolerance', 'differing'),
    [
        ('atomic_number', lambda element: element.atomic_number, 0, ''),
        ('atomic_weight', lambda element: element.atomic_weight, 2e-3, ''),
        ('electronegativity', lambda element: element.en_pauling, 0, ''),
        ('melting_point', lambda element: element.melting_point, 2e-3, 'C O P S Y Sn'),
        ('boiling_point', lambda element: element.boiling_point, 5e-3, 'B C Si P Ga In Sn Ba'),
        ('atomic_radius', lambda element: element.atomic_radius / 100, 0, ''),
        ('covalent_radius', lambda element: element.covalent_radius_cordero / 100, 0, ''),
        ('ionisation_energy', lambda element: element.ionenergies[1], 1e-6, ''),
        ('electron_affinity', lambda element: element.electron_affinity, 0.06, 'Mg Zn Ga In La Hf Sr'),
        ('s_electrons', electrons('s'), 0, ''),
        ('p_electrons', electrons('p'), 0, ''),
        ('d_electrons', electrons('d'), 0, ''),
        ('f_electrons', electrons('f'), 0, ''),
        ('mendeleev_number', lambda element: element.pettifor_number, 0, 'Sc Y Nb Ta'),
    ],
)
def test_values_against_a_second_source(second_source, name, read, tolerance, differing):
    """Elements where the sources are known to differ, or the second one has several allotropes, are named."""
    different = set()
    for symbol, element in second_source.items():
        with warnings.catch_warnings():
            # It warns, and gives None, where allotropes differ.
            warnings.simplefilter('ignore')
            other = read(element)
        if other is None or element_property(symbol, name) != pytest.approx(other, rel=tolerance, abs=1e-9):
            different.add(symbol)
    assert different <= set(differing.split())


def test_ionic_radii_are_the_crystal_radii_of_shannon(second_source):
    from pymatgen.core import Element

    for symbol, element in second_source.items():
        radii = {
            radius.charge: radius.crystal_radius / 100 for radius in element.ionic_radii if radius.coordination == 'VI'
        }
        ours = {charge: float(value) for charge, value in Element(symbol).ionic_radii.items()}
        # Sb(V) is 0.76 in pymatgen.
        wrong = {charge for charge, value in ours.items() if abs(radii[charge] - value) > 0.006}
        assert wrong <= ({5} if symbol == 'Sb' else set())
        assert element_property(symbol, 'ionic_radius') == pytest.approx(sum(ours.values()) / len(ours))


def test_valence_electrons_are_those_of_magpie():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from matminer.utils.data import MagpieData
        from pymatgen.core import Element
    data = MagpieData(impute_nan=False)
    for symbol in SYMBOLS[:96]:
        for orbital in 'spdf':
            theirs = data.get_elemental_property(Element(symbol), f'N{orbital}Valence')
            assert element_property(symbol, f'{orbital}_valence_electrons') == theirs
