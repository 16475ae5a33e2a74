"""The frozen element values, compared with the libraries that they come from."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from aiida_limap.engines.descriptors.elements import SYMBOLS, ElementDataError
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.element_properties import (
    ELEMENT_PROPERTIES,
    complete_elements,
    element_property_table,
    incomplete_elements,
    property_sources,
)

#: What pymatgen calls them; densities come from Magpie, since pymatgen has none of gases.
PYMATGEN = {
    'atomic_number': lambda element: element.Z,
    'group': lambda element: element.group,
    'period': lambda element: element.row,
    'electronegativity': lambda element: element.X,
    'electron_affinity_eV': lambda element: element.electron_affinity,
    'boiling_temperature_K': lambda element: element.boiling_point,
    'melting_temperature_K': lambda element: element.melting_point,
    'ionization_energy_eV': lambda element: element.ionization_energy,
}
#: Element and property that pymatgen has no value of.
FILLED = {('electronegativity', symbol) for symbol in ('He', 'Ne', 'Ar')} | {('boiling_temperature_K', 'Pa')}


def magpie(name: str) -> list[float | None]:
    import matminer

    path = Path(matminer.__file__).parent / 'utils' / 'data_files' / 'magpie_elementdata' / f'{name}.table'
    words = [line.strip() for line in path.read_text().splitlines()]
    return [None if word.startswith('Missing') or word in {'', 'None'} else float(word) for word in words]


def test_lithium_has_92_complete_partners():
    assert incomplete_elements() == dict.fromkeys(('At', 'Fr'), ('boiling_temperature_K', 'density_g_per_cm3'))
    assert complete_elements() == tuple(symbol for symbol in SYMBOLS[:95] if symbol not in {'At', 'Fr'})
    assert len(set(complete_elements()) - {'Li'}) == 92
    assert np.isfinite(element_property_table(complete_elements())).all()


@pytest.mark.parametrize('name', PYMATGEN)
def test_the_values_are_those_of_pymatgen(name):
    from pymatgen.core import Element

    symbols = [symbol for symbol in complete_elements() if (name, symbol) not in FILLED]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        theirs = [float(PYMATGEN[name](Element(symbol))) for symbol in symbols]
    ours = element_property_table(symbols, [name])[:, 0]
    # Four decimals are kept of energies.
    assert np.abs(ours - theirs).max() <= 5.1e-5


def test_densities_and_gaps_are_filled_from_magpie():
    densities, boiling, allen = (magpie(name) for name in ('Density', 'BoilingT', 'AllenElectronegativity'))
    for symbol in complete_elements():
        ours = element_property_table([symbol], ['density_g_per_cm3'])[0, 0]
        assert ours == pytest.approx(densities[SYMBOLS.index(symbol)] / 1000, rel=1e-9)
    assert element_property_table(['Pa'], ['boiling_temperature_K'])[0, 0] == boiling[90]
    for symbol in ('He', 'Ne', 'Ar'):
        ours = element_property_table([symbol], ['electronegativity'])[0, 0]
        assert ours == allen[SYMBOLS.index(symbol)]


def test_densities_of_solids_agree_with_pymatgen_within_five_per_cent():
    from pymatgen.core import Element

    compared = 0
    for symbol in complete_elements():
        theirs = Element(symbol).data.get('Density of solid')
        if theirs is not None:
            compared += 1
            assert element_property_table([symbol], ['density_g_per_cm3'])[0, 0] == pytest.approx(
                theirs / 1000, rel=0.05
            )
    assert compared >= 75


def test_some_values_as_textbooks_have_them():
    # Li: 0.534 g/cm3, 5.39 eV, 0.618 eV; O2 gas: 1.43 g/L; La counts as group 3, period 6.
    assert element_property_table(['Li']).round(2).tolist() == [[3, 1, 2, 0.98, 0.62, 1615, 453.69, 0.54, 5.39]]
    assert element_property_table(['O'], ['density_g_per_cm3'])[0, 0] == pytest.approx(1.43e-3, abs=1e-5)
    assert element_property_table(['La', 'U'], ['group', 'period']).tolist() == [[3, 6], [3, 7]]


def test_every_property_names_its_source():
    sources = property_sources()
    assert tuple(sources) == ELEMENT_PROPERTIES
    assert 'Allen' in sources['electronegativity']
    assert all(len(words) > 10 for words in sources.values())


def test_a_missing_value_is_an_error_that_names_it():
    with pytest.raises(ElementDataError, match='no boiling_temperature_K of At is known; leave out At'):
        element_property_table(['Li', 'At'])
    assert element_property_table(['At'], ['electronegativity']).tolist() == [[2.2]]
    with pytest.raises(ElementDataError, match="'Cm' lies beyond the table, which ends with americium"):
        element_property_table(['Cm'])
    with pytest.raises(ElementDataError, match="'Xx' is no element"):
        element_property_table(['Xx'])


@pytest.mark.parametrize(
    ('properties', 'words'),
    [(['colour'], "unknown property 'colour'; known are atomic_number"), (['group', 'group'], 'twice'), ([], 'a list')],
)
def test_wrong_properties_are_refused(properties, words):
    with pytest.raises(InputError, match=words):
        element_property_table(['Li'], properties)
