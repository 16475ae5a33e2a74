from __future__ import annotations

from itertools import pairwise
from math import erf

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.descriptors import kernels
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.layout import load_layout
from aiida_limap.engines.descriptors.radial import RadialDistribution
from aiida_limap.engines.errors import InputError

CLASSES = load_layout('yamaguchi2023').classes


def block(**options):
    defaults = {'pairs': (('Li', 'O'),), 'maximum': 10.0, 'bins': 100, 'sigma': 0.05, 'normalisation': 'count'}
    return RadialDistribution(**(defaults | options))


def row_of(structure, **options):
    rdf = block(**options)
    return rdf.row(Geometry(structure, CLASSES, rdf.reach))


def cubic(group, edge, *sites):
    symbols, positions = zip(*sites, strict=True)
    return Structure.from_spacegroup(group, Lattice.cubic(edge), symbols, positions)


ROCK_SALT = ('Fm-3m', ('Li', (0, 0, 0)), ('O', (0.5, 0.5, 0.5)))
CSCL = ('Pm-3m', ('Li', (0, 0, 0)), ('O', (0.5, 0.5, 0.5)))
ZINC_BLENDE = ('F-43m', ('Li', (0, 0, 0)), ('O', (0.25, 0.25, 0.25)))
ANTIFLUORITE = ('Fm-3m', ('O', (0, 0, 0)), ('Li', (0.25, 0.25, 0.25)))
#: Prototype, pair, shells as (number, distance in edges).
SHELLS = {
    'rock salt, unlike': (ROCK_SALT, 'Li', 'O', [(6, 0.5), (8, 0.75**0.5)]),
    'rock salt, like': (ROCK_SALT, 'O', 'O', [(12, 0.5**0.5), (6, 1.0)]),
    'caesium chloride': (CSCL, 'Li', 'O', [(8, 0.75**0.5), (24, 2.75**0.5)]),
    'zinc blende': (ZINC_BLENDE, 'Li', 'O', [(4, 3**0.5 / 4), (12, 11**0.5 / 4)]),
    'antifluorite, O': (ANTIFLUORITE, 'O', 'Li', [(8, 3**0.5 / 4)]),
    'antifluorite, Li': (ANTIFLUORITE, 'Li', 'O', [(4, 3**0.5 / 4)]),
}


@pytest.mark.parametrize('name', SHELLS)
def test_coordination_numbers(name):
    (group, *sites), first, second, shells = SHELLS[name]
    edge = 4.23
    row = row_of(cubic(group, edge, *sites), pairs=((first, second),))
    centres = block().centres
    for number, distance in shells:
        near = np.abs(centres - edge * distance) < 0.4
        assert row[near].sum() == pytest.approx(number, abs=1e-9)
        assert np.average(centres[near], weights=row[near]) == pytest.approx(edge * distance, abs=1e-3)
    assert row[centres < edge * shells[0][1] - 0.4].max() < 1e-9


@pytest.mark.parametrize(('bins', 'sigma'), [(100, 0.1), (100, 0.01), (40, 0.2), (300, 0.05), (7, 0.02), (50, 1.5)])
def test_the_sum_of_exact_gaussians(bins, sigma):
    structure = cubic('Fm-3m', 4.2, ('Li', (0, 0, 0)), ('O', (0.5, 0.5, 0.5)))
    structure.perturb(0.1, min_distance=0.02, seed=3)
    edges = np.linspace(0, 6, bins + 1)
    for pair in (('Li', 'O'), ('O', 'O')):
        rdf = block(pairs=(pair,), maximum=6.0, bins=bins, sigma=sigma)
        geometry = Geometry(structure, CLASSES, rdf.reach)
        found, symbols = geometry.neighbours, np.array(geometry.symbols)
        wanted = (symbols[found.centres] == pair[0]) & (symbols[found.indices] == pair[1])
        expected = np.zeros(bins)
        for distance in found.distances[wanted]:
            parts = [erf((edge - distance) / (sigma * 2**0.5)) / 2 for edge in edges]
            expected += [after - before for before, after in pairwise(parts)]
        np.testing.assert_allclose(rdf.row(geometry), expected / 4, atol=1e-10)


def test_g_tends_to_one_and_relates_to_the_count():
    structure = cubic('Fm-3m', 4.2, ('Li', (0, 0, 0)), ('O', (0.5, 0.5, 0.5)))
    structure.perturb(0.4, seed=1)
    counts = row_of(structure, maximum=20.0, bins=200, sigma=0.3)
    g = row_of(structure, maximum=20.0, bins=200, sigma=0.3, normalisation='g')
    radius, density = 5.05, 4 / structure.volume
    assert g[50] == pytest.approx(counts[50] / (4 * np.pi * radius**2 * 0.1 * density), rel=1e-12)
    assert g[150:].mean() == pytest.approx(1, abs=0.01)


def test_both_orders_of_a_pair_count_the_same_pairs():
    structure = cubic('Fm-3m', 4.5, ('O', (0, 0, 0)), ('Li', (0.25, 0.25, 0.25)))
    np.testing.assert_allclose(
        row_of(structure, pairs=(('Li', 'O'),)) * 8, row_of(structure, pairs=(('O', 'Li'),)) * 4, rtol=1e-12, atol=1e-12
    )


def test_the_last_bins_do_not_depend_on_how_far_the_search_goes():
    structure = cubic('Fm-3m', 4.2, ('Li', (0, 0, 0)), ('O', (0.5, 0.5, 0.5)))
    rdf = block()
    near, far = (rdf.row(Geometry(structure, CLASSES, reach)) for reach in (rdf.reach, rdf.reach + 3))
    np.testing.assert_allclose(far, near, atol=1e-10)


def test_absent_classes_give_zeros():
    structure = cubic('Fm-3m', 4.2, ('Mg', (0, 0, 0)), ('O', (0.5, 0.5, 0.5)))
    rows = row_of(structure, pairs=(('Li', 'Li'), ('Li', 'O'), ('O', 'M'))).reshape(3, 100)
    assert not rows[:2].any()
    assert rows[2].any()


def test_a_strain_of_a_millionth_moves_little():
    structure = cubic('Fm-3m', 4.2, ('Li', (0, 0, 0)), ('O', (0.5, 0.5, 0.5)))
    strained = structure.copy().apply_strain(1e-6)
    row, other = (row_of(case, sigma=0.1) for case in (structure, strained))
    assert 0 < np.abs(other - row).max() < 1e-4 * row.max()


def test_refusals():
    for options, sentence in [
        ({'normalisation': 'G'}, 'normalisation is one of g, count'),
        ({'bins': 0}, 'needs maximum > 0'),
        ({'sigma': 1e-5}, 'sigma is a hundredth to a hundred times the width of the bins'),
        ({'pairs': (('Li', 'O'), ('O', 'Li'))}, 'each pair names two classes and stands once'),
    ]:
        with pytest.raises(InputError, match=sentence):
            block(**options)
    with pytest.raises(InputError, match="rdf names the unknown class 'Na'"):
        block(pairs=(('Li', 'Na'),)).columns(CLASSES)


@pytest.mark.parametrize('ratio', [0.01, 0.3, 1.0, 5.0, 100.0])
def test_the_table_shares_out_the_whole_weight(ratio):
    table = kernels.smear_table(ratio, 1.0)
    for x in (0.0, 0.37, 1.0):
        shares = table[:, 3] * x**3 + table[:, 2] * x**2 + table[:, 1] * x + table[:, 0]
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-11)
