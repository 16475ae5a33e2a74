"""Paths between the ions: exact windows and voids, fields that keep off cations, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.spatial import Voronoi

from aiida_limap.engines.descriptors.blocks import read_block
from aiida_limap.engines.descriptors.channels import Channels
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.framework import Framework
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.errors import InputError, LimapError, NoMobileIonError
from aiida_limap.engines.percolation.thresholds import percolate

CLASSES = ClassSpec([{'name': 'Li', 'elements': ['Li']}, {'name': 'anion', 'role': 'anion'}], 'cation')
A = 4.0


def geometry_of(structure):
    return Geometry(structure, CLASSES, 9.0)


def numbers(structure, *field):
    block = Channels(fields=(field or (0.0, 0.0),))
    row = block.row(geometry_of(structure))
    names = [column.name for column in block.columns(CLASSES)]
    assert len(names) == len(row) == 7
    return {name.split('_', 3)[3]: value for name, value in zip(names, row, strict=True)}


def sites(lattice, species, places):
    return Structure(lattice, species, places)


def antifluorite():
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(A), ['O', 'Li'], [[0, 0, 0], [0.25] * 3])


def rock_salt():
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(A), ['Li', 'F'], [[0.5] * 3, [0, 0, 0]])


def simple_cubic():
    return sites(Lattice.cubic(A), ['Cl', 'Li'], [[0, 0, 0], [0.5] * 3])


@pytest.mark.parametrize('structure', [antifluorite(), rock_salt()])
def test_paths_in_close_packed_anions_pass_triangles(structure):
    found = numbers(structure)
    # The circle through three anions that touch, a / sqrt(2) apart.
    window = A / np.sqrt(6)
    np.testing.assert_allclose([found['1d'], found['2d'], found['3d']], window, rtol=1e-9)
    assert found['void'] == pytest.approx(A / 2, rel=1e-9)


def test_sites_know_how_much_room_they_have():
    found = numbers(antifluorite())
    tetrahedral = A * np.sqrt(3) / 4
    np.testing.assert_allclose([found['site_least'], found['site_mean'], found['site_most']], tetrahedral, rtol=1e-9)
    assert numbers(rock_salt())['site_mean'] == pytest.approx(A / 2, rel=1e-9)


def test_windows_of_a_simple_cubic_framework_are_squares():
    found = numbers(simple_cubic())
    np.testing.assert_allclose([found['1d'], found['2d'], found['3d']], A / np.sqrt(2), rtol=1e-9)
    assert found['void'] == pytest.approx(A * np.sqrt(3) / 2, rel=1e-9)


def test_dimensions_differ_in_an_orthorhombic_framework():
    a, b, c = 3.0, 4.0, 5.0
    structure = sites(Lattice.orthorhombic(a, b, c), ['Cl', 'Li'], [[0, 0, 0], [0.5] * 3])
    found = numbers(structure)
    # Windows across each axis; the widest one opens first.
    expected = [np.hypot(b, c) / 2, np.hypot(a, c) / 2, np.hypot(a, b) / 2]
    np.testing.assert_allclose([found['1d'], found['2d'], found['3d']], expected, rtol=1e-9)


def caesium_chloride():
    return sites(Lattice.cubic(A), ['Li', 'Cs', 'Cl', 'Cl'], [[0.5, 0.5, 0], [0.5] * 3, [0, 0, 0], [0, 0, 0.5]])


def test_cations_keep_paths_further_off():
    structure = caesium_chloride()
    distances = [numbers(structure, offset, 0.0)['2d'] for offset in (0.0, 0.5, 1.0, 2.0)]
    assert all(np.diff(distances) < 0)
    # An ion of charge one is offset alike by both numbers of a field.
    assert numbers(structure, 0.0, 1.0) == pytest.approx(numbers(structure, 1.0, 0.0))


def test_a_field_is_met_by_a_grid():
    structure = caesium_chloride()
    rng = np.random.default_rng(7)
    for site in range(4):
        structure.translate_sites([site], 0.05 * rng.standard_normal(3))
    framework = Framework(geometry_of(structure), 'Li')
    weights = np.where(framework.charges > 0, 1.5, 0.0)
    passages = framework.diagram(weights).passages()
    points = np.stack(np.meshgrid(*[np.arange(48) / 48] * 3, indexing='ij'), axis=-1).reshape(-1, 3)
    field = np.full(len(points), np.inf)
    for site, weight in zip(framework.sites, weights, strict=True):
        away = structure.lattice.get_all_distances(points, structure.frac_coords[site])[:, 0]
        field = np.minimum(field, away**2 - weight)
    found = -np.array(percolate(-field.reshape(48, 48, 48)).thresholds)
    # Points are 0.08 Å apart, and the field changes by some 4 Å2 per Å.
    np.testing.assert_allclose(found, passages.thresholds, atol=0.3)
    assert field.max() == pytest.approx(passages.largest, abs=0.3)
    assert field.max() <= passages.largest + 1e-9


def voronoi_network(cell, positions):
    """Return vertices modulo the lattice and edges (radius of the window, two vertices, cells between) after Qhull."""
    cells = np.array(np.meshgrid(*(np.arange(-3, 4),) * 3)).reshape(3, -1).T
    points = (positions % 1 + cells[:, None]).reshape(-1, 3) @ cell
    diagram = Voronoi(points)
    places = diagram.vertices @ np.linalg.inv(cell)
    kept, names, images = [], {}, {}
    for vertex in np.flatnonzero(((places > -1.5) & (places < 2.5)).all(axis=1)):
        apart = places[vertex] - np.array(kept or [[9.1, 9.1, 9.1]])
        away = np.linalg.norm((apart - np.rint(apart)) @ cell, axis=1)
        if not kept or away.min() > 1e-5:
            kept.append(places[vertex])
        names[vertex] = int(away.argmin()) if away.min() < 1e-5 else len(kept) - 1
        images[vertex] = np.rint(places[vertex] - kept[names[vertex]]).astype(int)
    edges = []
    for (point, _), ridge in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        for one, other in zip(ridge, ridge[1:] + ridge[:1], strict=True):
            if one in names and other in names:
                start, along = diagram.vertices[one] - points[point], diagram.vertices[other] - diagram.vertices[one]
                part = np.clip(-(start @ along) / max(along @ along, 1e-20), 0, 1)
                radius = np.linalg.norm(start + part * along)
                edges.append((radius, names[one], names[other], images[other] - images[one]))
    return len(kept), sorted(edges, key=lambda edge: -edge[0])


def literal_passages(cell, positions):
    """Return the radii at which edges, the widest first, make a component repeat along one, two and three vectors."""
    count, edges = voronoi_network(cell, positions)
    component, place = np.arange(count), np.zeros((count, 3), dtype=int)
    loops, found = {index: np.zeros((1, 3), dtype=int) for index in range(count)}, []
    for radius, one, other, step in edges:
        mine, theirs = component[one], component[other]
        jump = place[one] + step - place[other]
        loops[mine] = np.concatenate([loops[mine], [jump] if mine == theirs else loops[theirs]])[-200:]
        if mine != theirs:
            moved = component == theirs
            component[moved], place[moved] = mine, place[moved] + jump
        found += [radius] * (np.linalg.matrix_rank(loops[mine]) - len(found))
        loops[mine] = loops[mine][np.unique(loops[mine], axis=0, return_index=True)[1]]
        if len(found) == 3:
            break
    return found


@pytest.mark.parametrize('seed', range(4))
def test_paths_are_those_on_the_voronoi_network_of_qhull(seed):
    rng = np.random.default_rng(seed)
    cell = 5.5 * np.eye(3) + rng.uniform(-1.5, 1.5, (3, 3))
    structure = Structure(Lattice(cell), ['Li'], [[0, 0, 0]])
    while len(structure) < 6:
        place = rng.uniform(0, 1, 3)
        if structure.lattice.get_all_distances(place, structure.frac_coords).min() > 1.5:
            structure.append('O', place)
    structure.add_oxidation_state_by_site([10, *[-2] * 5])
    found = numbers(structure, 0, 0)
    np.testing.assert_allclose(
        [found['1d'], found['2d'], found['3d']], literal_passages(cell, structure.frac_coords[1:]), atol=1e-8
    )


def test_blocked_paths_go_on_smoothly_below_zero():
    structure = caesium_chloride()
    offsets = np.linspace(2.0, 9.0, 141)
    rows = np.array([numbers(structure, offset, 0.0)['3d'] for offset in offsets])
    assert rows[-1] < 0 < rows[0]
    assert np.abs(np.diff(rows)).max() <= 1.01 * (offsets[1] - offsets[0])


def test_a_framework_with_voids_beyond_the_first_neighbours_is_searched_further():
    structure = sites(Lattice.cubic(16.0), ['Cl', 'Li'], [[0, 0, 0], [0, 0, 0.15]])
    assert numbers(structure)['1d'] == pytest.approx(16 / np.sqrt(2), rel=1e-9)


def test_an_empty_cell_is_refused():
    structure = sites(Lattice.cubic(70.0), ['Cl', 'Li'], [[0, 0, 0], [0, 0, 0.03]])
    with pytest.raises(LimapError, match='leave a void wider than'):
        numbers(structure)


def test_a_crystal_of_mobile_sites_alone_is_refused():
    structure = sites(Lattice.cubic(A), ['O'], [[0, 0, 0]])
    classes = ClassSpec([{'name': 'O', 'elements': ['O']}], 'M')
    with pytest.raises(LimapError, match='all sites are of the class O'):
        Framework(Geometry(structure, classes, 9.0), 'O')


def test_a_crystal_without_mobile_sites_is_refused():
    with pytest.raises(NoMobileIonError, match='NaCl has no site of the class Li'):
        numbers(Structure.from_spacegroup('Fm-3m', Lattice.cubic(5.6), ['Na', 'Cl'], [[0.5] * 3, [0, 0, 0]]))


@pytest.mark.parametrize(
    ('fields', 'message'),
    [([], 'two numbers'), ([[1.0]], 'two numbers'), ([[1, 0], [1.0, 0.0]], 'stands twice')],
)
def test_wrong_fields_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        read_block('structure', {'kind': 'channels', 'fields': fields})


def test_an_unknown_class_is_refused():
    with pytest.raises(InputError, match="unknown class 'Na'"):
        Channels(fields=((0, 0),), mobile='Na').columns(CLASSES)
