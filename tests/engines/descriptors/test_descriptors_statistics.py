"""Statistics of element properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pymatgen.core import Composition

from aiida_limap.engines.descriptors import composition_descriptors, load_layout
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.composition import atomic_fractions
from aiida_limap.engines.descriptors.elements import ElementDataError
from aiida_limap.engines.descriptors.statistics import STATISTICS, ElementStatistics
from aiida_limap.engines.errors import InputError

QUANTITIES = ('electronegativity', 'atomic_number', 'ionic_radius')


def layout_with(**options):
    document = load_layout('compact').as_dict()
    document['composition'] = [{'kind': 'element_statistics', 'quantities': list(QUANTITIES), **options}]
    return load_layout(document)


def test_values_by_hand():
    block = ElementStatistics(quantities=('atomic_number',))
    mean = (2 * 3 + 8) / 3
    spread = math.sqrt((2 * (3 - mean) ** 2 + (8 - mean) ** 2) / 3)
    assert block.row(atomic_fractions('Li2O')) == pytest.approx([mean, spread, 3, 8, 5], abs=1e-12)


def test_columns_say_what_they_are_and_each_property_has_its_scale():
    layout = layout_with()
    columns = layout.columns('composition')
    assert len(columns) == len(QUANTITIES) * len(STATISTICS)
    assert columns[0].name == 'element_statistics_electronegativity_mean'
    assert columns[-1].name == 'element_statistics_ionic_radius_range'
    assert columns[-1].unit == 'Å'
    assert 'largest minus smallest mean ionic radius' in columns[-1].meaning
    assert list(layout.scales('composition').values()) == [[0, 5], [5, 10], [10, 15]]
    assert load_layout(layout.as_dict()).checksum == layout.checksum
    assert layout_with(statistics=['mean']).checksum != layout.checksum


def test_polymorphs_have_equal_bits():
    rows = composition_descriptors(
        ['Li3PO4', Composition({'O': 16, 'P': 4, 'Li': 12}), {'P': 1, 'O': 4, 'Li': 3}], layout_with()
    )
    assert rows[0].tobytes() == rows[1].tobytes() == rows[2].tobytes()


def test_a_trace_moves_mean_and_spread_little_but_lets_the_extremes_jump():
    block = ElementStatistics(quantities=('atomic_number',))
    pure = block.row(atomic_fractions('Li2O'))
    doped = block.row(atomic_fractions({'Li': 2, 'O': 1, 'Ta': 1e-6}))
    names = list(STATISTICS)
    assert np.abs(pure - doped)[[names.index('mean'), names.index('std')]].max() < 1e-3
    assert doped[names.index('maximum')] == 73
    assert doped[names.index('range')] == 70


def test_pure_elements_have_no_spread():
    row = ElementStatistics(quantities=('atomic_weight',), statistics=('std', 'range')).row({'Li': 1.0})
    assert row.tolist() == [0, 0]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'quantities': ['beauty']}, "unknown name 'beauty' in quantities; known are atomic_number"),
        ({'quantities': []}, 'quantities is a list of names'),
        ({'quantities': 'group'}, 'quantities is a list of words'),
        ({'quantities': ['group', 'group']}, 'quantities names something twice'),
        ({'statistics': ['mode']}, "unknown name 'mode' in statistics; known are mean"),
        ({'statistic': ['mean']}, "unknown key 'statistic'"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(InputError, match=f'element_statistics: {words}'):
        layout_with(**options)


def test_quantities_are_needed():
    document = load_layout('compact').as_dict()
    document['composition'] = [{'kind': 'element_statistics'}]
    with pytest.raises(InputError, match="the key 'quantities' is missing"):
        load_layout(document)


def test_missing_element_values_are_named():
    with pytest.raises(ElementDataError, match='no Pauling electronegativity is tabulated for Ar'):
        composition_descriptors(['LiAr'], layout_with())


def test_columns_need_no_classes():
    assert len(ElementStatistics(quantities=QUANTITIES).columns(ClassSpec([], 'M'))) == 15
