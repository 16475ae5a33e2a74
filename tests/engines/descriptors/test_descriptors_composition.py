from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Composition

from aiida_limap.common.status import Status
from aiida_limap.engines.descriptors import composition_descriptors, load_layout
from aiida_limap.engines.descriptors.elements import CompositionError, ElementDataError, element_property

PAPER = 'Li O Mg Ca Sr Ba Sc Y La Ti Zr Hf Nb Ta Zn B Al Ga In C Si Ge Sn P As Sb S'.split(' ')  # noqa: SIM905


def test_every_element_of_the_paper_is_covered():
    rows = composition_descriptors(PAPER)
    assert rows.shape == (27, 1782)
    for start, stop in load_layout('yamaguchi2023').blocks('composition').values():
        np.testing.assert_allclose(rows[:, start:stop].sum(axis=1), 1, atol=1e-12)
    assert (rows >= 0).all()


def test_a_row_is_the_mean_over_the_atoms():
    lithium, oxygen, oxide = composition_descriptors(['Li', 'O2', 'Li2O'])
    np.testing.assert_allclose(oxide, (2 * lithium + oxygen) / 3, atol=1e-15)


def test_histogram_means_are_the_mean_properties():
    # Away from the ends of a range the first moment of a smeared histogram is the property itself.
    layout = load_layout('yamaguchi2023')
    row = composition_descriptors(['Zr'], layout)[0]
    spec = layout.parts['composition'][0]
    assert row[:140] @ spec.centres == pytest.approx(element_property('Zr', spec.quantity), abs=1e-3)
    assert row[1680 + 40 - 1] == 1


@pytest.mark.parametrize(
    ('one', 'other'),
    [('Li2O', 'Li4O2'), ('LiLa3Ti4O12', 'O12Ti4La3Li'), ('Li7La3Zr2O12', 'Li56La24Zr16O96')],
)
def test_polymorphs_give_the_same_bits(one, other):
    first, second = composition_descriptors([one, other])
    assert (first == second).all()


def test_what_a_composition_may_be():
    rows = composition_descriptors([Composition('Li2O'), 'Li2O', {'Li': 2, 'O': 1}, {'Li': 2 / 3, 'O': 1 / 3}])
    np.testing.assert_allclose(rows, np.tile(rows[:1], (4, 1)), atol=1e-14)
    assert composition_descriptors([]).shape == (0, 1782)
    charged = Composition({'Li+': 2, 'O2-': 1})
    assert (composition_descriptors([charged])[0] == rows[0]).all()


def test_refusals_name_element_and_property():
    with pytest.raises(ElementDataError, match=r'electronegativity of F, 3\.98.*all_elements'):
        composition_descriptors(['LiF'], _only('electronegativity'))
    with pytest.raises(ElementDataError, match='electronegativity is tabulated for He'):
        composition_descriptors(['He'], _only('electronegativity'))
    with pytest.raises(CompositionError, match='cannot be read') as found:
        composition_descriptors(['not a formula'])
    assert found.value.status is Status.FAILED
    with pytest.raises(CompositionError, match='holds no element'):
        composition_descriptors([{}])


def test_refusals_name_the_layouts_that_would_do():
    with pytest.raises(ElementDataError, match=r'the layout screening holds all elements of the composition$') as found:
        composition_descriptors(['LiOH'], 'modern')
    assert found.value.status is Status.UNKNOWN_ELEMENT
    with pytest.raises(ElementDataError, match='no layout of the package holds all elements of the composition'):
        composition_descriptors(['LiHFr'], 'modern')
    # A layout of one's own has other names than those of the package.
    own = {**load_layout('modern').as_dict(), 'name': 'own'}
    with pytest.raises(ElementDataError, match='is tabulated for H; the layout screening holds'):
        composition_descriptors(['LiOH'], load_layout(own))


def test_wide_layout_takes_halides_and_sulfides():
    rows = composition_descriptors(['LiF', 'Li6PS5Cl', 'Li3YBr6', 'LiFePO4', 'Li3Bi'], 'all_elements')
    assert rows.shape == (5, 1782)
    assert np.isfinite(rows).all()


def test_hard_bins():
    document = load_layout('yamaguchi2023').as_dict()
    for entry in document['composition'][:-1]:
        entry['sigma'] = 0
    row = composition_descriptors(['O'], load_layout(document))[0]
    assert sorted(set(row)) == [0.0, 1.0]
    assert row.sum() == 13


def _only(name):
    document = load_layout('yamaguchi2023').as_dict()
    kept = [entry for entry in document['composition'] if entry.get('quantity') == name]
    document['composition'] = kept
    return load_layout(document)
