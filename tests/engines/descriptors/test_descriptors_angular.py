from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.special import ndtr

from aiida_limap.engines.descriptors.angular import AngularDistribution
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.layout import load_layout
from aiida_limap.engines.errors import InputError, LimapError

CLASSES = load_layout('yamaguchi2023').classes


def block(**options):
    defaults = {'bins': 180, 'sigma': 2.0, 'inner_ratio': 1.2, 'outer_ratio': 1.4}
    return AngularDistribution(**(defaults | options))


def row_of(structure, reach=6.0, **options):
    return block(**options).row(Geometry(structure, CLASSES, reach))


def share(row, low, high):
    return row[low:high].sum()


def mean(row, low, high):
    return np.average(np.arange(low, high) + 0.5, weights=row[low:high])


@cache
def rock_salt(edge=4.2):
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(edge), ['Li', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_rock_salt():
    # Twelve right and three straight angles in an octahedron.
    row = row_of(rock_salt())
    assert row.sum() == pytest.approx(1, abs=1e-9)
    assert share(row, 70, 110) == pytest.approx(0.8, abs=1e-9)
    assert mean(row, 70, 110) == pytest.approx(90, abs=1e-6)
    assert share(row, 160, 180) == pytest.approx(0.2, abs=1e-9)
    assert row[160:].argmax() == 19


def test_zinc_blende():
    row = row_of(Structure.from_spacegroup('F-43m', Lattice.cubic(5.4), ['Zn', 'S'], [[0, 0, 0], [0.25] * 3]))
    assert mean(row, 0, 180) == pytest.approx(np.degrees(np.arccos(-1 / 3)), abs=1e-3)
    assert share(row, 90, 130) == pytest.approx(1, abs=1e-9)


def test_close_packing():
    # 66 pairs of twelve neighbours: 24 at 60, 12 at 90, 24 at 120 and 6 at 180 degrees.
    row = row_of(Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.0), ['Al'], [[0, 0, 0]]))
    for low, high, number in [(45, 75, 24), (76, 104, 12), (106, 134, 24), (166, 180, 6)]:
        assert share(row, low, high) == pytest.approx(number / 66, abs=1e-9)
    assert mean(row, 45, 75) == pytest.approx(60, abs=1e-6)
    assert mean(row, 106, 134) == pytest.approx(120, abs=1e-6)


def test_straight_angles_count_as_much_as_others():
    # Chains: every site has two neighbours in line; narrow and very wide Gaussians lose nothing at the end.
    chains = Structure(Lattice.from_parameters(2.0, 6.0, 6.0, 90, 90, 90), ['Li'], [[0, 0, 0]])
    for sigma in (0.5, 2.0, 90.0):
        row = row_of(chains, sigma=sigma)
        assert row.sum() == pytest.approx(1, abs=1e-9)
        assert row.argmax() == 179


@pytest.mark.parametrize('strain', [1e-6, -1e-6])
def test_a_strain_of_a_millionth_bends_straight_angles_little(strain):
    # A bent chain: the middle of each Li-O-Li lies off the line by next to nothing, and by nothing.
    for bend in (0.0, 1e-7, 1e-4):
        positions = [[0, 0, 0], [0.5, bend, 0]]
        structure = Structure(Lattice.from_parameters(4, 7, 7, 90, 90, 90), ['Li', 'O'], positions)
        sheared = structure.lattice.matrix @ (np.eye(3) + strain * np.array([[1, 1, 0], [1, -1, 1], [0, 1, 0]]))
        shifted = structure.frac_coords + np.array([[0, 0, 0], [0, strain, 0]])
        other = Structure(Lattice(sheared), structure.species, shifted)
        row, moved = row_of(structure), row_of(other)
        assert np.abs(moved - row).max() < 1e-5 * row.max()


def test_a_site_leaves_the_average_gradually():
    # O has one Li at 2 Å and another one further away, which passes the end of its shell at 2.8 Å.
    def crystal(length):
        lattice = Lattice.from_parameters(2 + length, 9, 9, 90, 90, 90)
        return Structure(lattice, ['O', 'Li'], [[0, 0, 0], [2 / (2 + length), 0, 0]])

    sums = np.array([row_of(crystal(length)).sum() for length in np.linspace(2, 3, 201)])
    assert sums[0] == pytest.approx(1, abs=1e-9)
    assert sums[-1] == 0
    assert (np.diff(sums) <= 1e-9).all()
    assert np.abs(np.diff(sums)).max() < 0.02


def test_triplets_name_ends_and_centre():
    structure = rock_salt()
    triplets = (('O', 'Li', 'O'), ('Li', 'Li', 'O'), ('Li', 'Li', 'Li'), ('M', 'O', 'M'), ('O', 'M', 'O'))
    rows = row_of(structure, triplets=triplets).reshape(5, 180)
    np.testing.assert_allclose(rows[0], row_of(structure), atol=1e-12)
    # Li-Li-O: 12 x 6 pairs, an Li on an edge centre sees 2 O each at 45, 90 and 135 degrees.
    for low, high in [(30, 60), (75, 105), (120, 150)]:
        assert share(rows[1], low, high) == pytest.approx(1 / 3, abs=1e-9)
    # The shell of an Li begins at the nearest Li, not at the nearer O.
    assert share(rows[2], 45, 75) == pytest.approx(24 / 66, abs=1e-9)
    assert not rows[3:].any()


def literal_angles(structure, options, ends, centre):
    """Return the distribution by the definition: every triplet, Gaussians by error functions, mirrored at the ends."""
    edges, total = np.linspace(0, 180, options['bins'] + 1), np.zeros(options['bins'])
    low, high = options['inner_ratio'], options['outer_ratio']
    sites = [site for site in structure if site.specie.symbol == centre]
    for site in sites:
        shells = []
        for end in ends:
            near = [other for other in structure.get_neighbors(site, 6.0) if other.specie.symbol == end]
            ratios = np.array([other.nn_distance for other in near]) / min(other.nn_distance for other in near)
            fades = 0.5 + 0.5 * np.cos(np.pi * np.clip((ratios - low) / (high - low), 0, 1))
            shells.append([(w, other.coords - site.coords) for w, other in zip(fades, near, strict=True) if w > 0])
        pairs = itertools.combinations(shells[0], 2) if ends[0] == ends[1] else itertools.product(*shells)
        row, norm = np.zeros(options['bins']), 0.0
        for (one_weight, one), (other_weight, other) in pairs:
            cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            norm += one_weight * other_weight
            for image in (angle, -angle, 360 - angle):
                row += one_weight * other_weight * np.diff(ndtr((edges - image) / options['sigma']))
        total += row / max(norm, 1.0)
    return total / len(sites)


@pytest.mark.parametrize('ends', [('O', 'O'), ('O', 'Li'), ('Li', 'Li')])
def test_every_triplet_counts_by_its_weights(ends):
    structure = rock_salt().copy()
    rng = np.random.default_rng(2)
    for site in range(len(structure)):
        structure.translate_sites([site], 0.15 * rng.standard_normal(3), frac_coords=False)
    options = {'bins': 90, 'sigma': 3.0, 'inner_ratio': 1.1, 'outer_ratio': 1.6}
    row = row_of(structure, **options, triplets=((ends[0], 'Li', ends[1]),))
    np.testing.assert_allclose(row, literal_angles(structure, options, ends, 'Li'), atol=1e-10)


def test_triplets_of_roles():
    document = load_layout('yamaguchi2023').as_dict()
    document['classes'] = {
        'named': [{'name': 'Li', 'elements': ['Li']}, {'name': 'anion', 'role': 'anion'}],
        'rest': 'cation',
    }
    triplets = [['anion', 'Li', 'anion'], ['Li', 'anion', 'Li']]
    document['structure'] = [{'kind': 'adf', 'bins': 90, 'sigma': 2, 'inner_ratio': 1.2, 'outer_ratio': 1.4}]
    document['structure'][0]['triplets'] = triplets
    layout = load_layout(document)
    labels = layout.labels('structure')
    assert len(labels) == 180
    assert (labels[0], labels[90]) == ('adf_anion-Li-anion_1', 'adf_Li-anion-Li_1')
    row = layout.parts['structure'][0].row(Geometry(rock_salt(), layout.classes, layout.reach))
    assert row.reshape(2, 90).sum(axis=1) == pytest.approx([1, 1], abs=1e-9)


@pytest.mark.parametrize('reach', [1.0, 6.0, 9.0, 16.0])
def test_shells_are_found_however_far_the_search_went(reach):
    for edge in (4.2, 13.0):
        near = row_of(rock_salt(edge), reach=14.0)
        np.testing.assert_allclose(row_of(rock_salt(edge), reach=reach), near, atol=1e-12)
        triplets = (('Li', 'Li', 'Li'),)
        far = row_of(rock_salt(edge), reach=14.0, triplets=triplets)
        np.testing.assert_allclose(row_of(rock_salt(edge), reach=reach, triplets=triplets), far, atol=1e-12)


def test_refusals():
    with pytest.raises(LimapError, match=r'the neighbours of site 0 \(Li\) are so distant'):
        row_of(Structure(Lattice.cubic(50), ['Li'], [[0, 0, 0]]))
    for options, sentence in [
        ({'outer_ratio': 1.1}, 'inner_ratio < outer_ratio'),
        ({'sigma': 0.001}, 'sigma is a hundredth'),
        ({'triplets': (('Li', 'O'),)}, 'each triplet names three classes'),
        ({'triplets': ('Li',)}, 'each triplet names three classes'),
        ({'triplets': (('Li', 'O', 'M'), ('M', 'O', 'Li'))}, 'each triplet stands once'),
    ]:
        with pytest.raises(InputError, match=sentence):
            block(**options)
    with pytest.raises(InputError, match="adf names the unknown class 'Na'"):
        block(triplets=(('Li', 'Na', 'Li'),)).columns(CLASSES)
