from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from aiida_limap.engines.descriptors import composition_descriptors, load_layout, structure_descriptors
from aiida_limap.engines.descriptors.voronoi import OpenCellError, face_solid_angles, voronoi_cell
from aiida_limap.engines.errors import DisorderedStructureError, OverlappingSitesError

LAYOUT = load_layout('yamaguchi2023')
RDF, ADF, VORONOI = (slice(*LAYOUT.blocks['structure'][name]) for name in ('rdf', 'adf', 'voronoi'))


def hard_faces():
    document = LAYOUT.as_dict()
    document['structure']['voronoi']['sigma'] = 0
    return load_layout(document)


def layout_of_g():
    document = LAYOUT.as_dict()
    document['structure']['rdf']['normalisation'] = 'g'
    return load_layout(document)


@pytest.fixture
def rock_salt():
    """MgO: O has 6 Mg at 2.1 Å, Mg has 12 Mg at 2.97 Å; the Voronoi cell is a cube."""
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture
def triclinic():
    """A small cell without symmetry, with all three site classes."""
    lattice = Lattice.from_parameters(5.1, 5.9, 6.4, 81, 97, 104)
    positions = np.random.default_rng(3).permutation(
        np.array([[x, y, z] for x in (0.1, 0.6) for y in (0.05, 0.55) for z in (0.0, 0.5)])
    )
    positions = positions + 0.06 * np.random.default_rng(4).standard_normal(positions.shape)
    return Structure(lattice, ['Li', 'Li', 'Li', 'P', 'O', 'O', 'O', 'O'], positions)


def equivalents(structure):
    rotation = Rotation.from_euler('xyz', [0.3, -0.7, 1.1]).as_matrix()
    rotated = Structure(Lattice(structure.lattice.matrix @ rotation.T), structure.species, structure.frac_coords)
    moved = Structure(structure.lattice, structure.species, structure.frac_coords + np.array([0.237, -1.61, 0.504]))
    order = np.random.default_rng(0).permutation(len(structure))
    shuffled = Structure.from_sites([structure[int(index)] for index in order])
    sheared = structure.copy()
    sheared.make_supercell([[1, 2, 0], [0, 1, 0], [0, 1, 1]])
    return [rotated, moved, shuffled, sheared, structure * (2, 1, 1), structure * (1, 2, 2)]


def column(name):
    return LAYOUT.labels('structure').index(name)


@pytest.mark.parametrize('name', ['rock_salt', 'triclinic'])
def test_invariance(name, request):
    structure = request.getfixturevalue(name)
    rows = structure_descriptors([structure, *equivalents(structure)])
    for row in rows[1:]:
        np.testing.assert_allclose(row, rows[0], atol=1e-8)
    assert np.abs(rows[0]).max() > 0.5


def test_small_strain_moves_little(triclinic):
    strained = triclinic.copy()
    strained.scale_lattice(triclinic.volume * (1 + 3e-6))
    one, other = structure_descriptors([triclinic, strained])
    assert 0 < np.abs(one[RDF] - other[RDF]).max() < 1e-3
    np.testing.assert_allclose(one[VORONOI], other[VORONOI])


def test_rock_salt_coordination(rock_salt):
    row = structure_descriptors([rock_salt])[0]
    # The shells of rock salt with a = 4.2 Å: unlike at 2.1 (6) and 3.64 (8), like at 2.97 (12) and 4.2 (6).
    unlike = row[column('rdf_O-M_0.05') : column('rdf_O-M_9.95') + 1]
    like = row[column('rdf_O-O_0.05') : column('rdf_O-O_9.95') + 1]
    assert unlike[:29].sum() == pytest.approx(6, abs=1e-6)
    assert unlike[29:42].sum() == pytest.approx(8, abs=1e-4)
    assert like[:36].sum() == pytest.approx(12, abs=1e-6)
    assert like[36:47].sum() == pytest.approx(6, abs=1e-3)
    lithium = [index for index, label in enumerate(LAYOUT.labels('structure')) if label.startswith('rdf_Li')]
    assert (row[lithium] == 0).all()


def test_g_tends_to_one_and_relates_to_the_count(triclinic):
    counts = structure_descriptors([triclinic])[0]
    g = structure_descriptors([triclinic], layout_of_g())[0]
    radius, density = 5.05, 4 / triclinic.volume
    index = column('rdf_Li-O_5.05')
    assert g[index] == pytest.approx(counts[index] / (4 * np.pi * radius**2 * 0.1 * density), rel=1e-12)
    far = g[column('rdf_Li-O_6.05') : column('rdf_Li-O_9.95') + 1]
    assert far.mean() == pytest.approx(1, abs=0.1)


def test_rock_salt_angles_and_faces(rock_salt):
    row = structure_descriptors([rock_salt], hard_faces())[0]
    angles = row[ADF]
    # Twelve right and three straight angles in an octahedron.
    assert angles.sum() == pytest.approx(1, abs=1e-9)
    assert angles[70:110].sum() == pytest.approx(0.8, abs=1e-6)
    assert angles[160:].sum() == pytest.approx(0.2, abs=1e-6)
    assert row[column('voronoi_O_6')] == 1
    assert row[column('voronoi_M_6')] == 1
    assert row[VORONOI].sum() == 2


@pytest.mark.parametrize(('group', 'faces'), [('Fm-3m', 12), ('Im-3m', 14), ('Pm-3m', 6)])
def test_cubic_voronoi_cells(group, faces):
    structure = Structure.from_spacegroup(group, Lattice.cubic(3.6), ['Li'], [[0, 0, 0]])
    row = structure_descriptors([structure], hard_faces())[0]
    assert row[column(f'voronoi_Li_{faces}')] == 1
    smeared = structure_descriptors([structure])[0][VORONOI]
    assert smeared.sum() == pytest.approx(1, abs=1e-12)
    assert smeared.argmax() == faces - 3
    assert smeared @ np.arange(3, 3 + len(smeared)) == pytest.approx(faces, abs=0.02)


def test_tetrahedral_angles():
    structure = Structure.from_spacegroup('F-43m', Lattice.cubic(5.4), ['Zn', 'S'], [[0, 0, 0], [0.25, 0.25, 0.25]])
    angles = structure_descriptors([structure])[0][ADF]
    assert np.average(np.arange(180) + 0.5, weights=angles) == pytest.approx(np.degrees(np.arccos(-1 / 3)), abs=0.01)


def test_solid_angles_of_a_box():
    # Neighbours along the axes of a box a x b x c: faces in pairs, 4 pi in all.
    vectors = np.vstack([np.diag([2.0, 2.4, 3.0]), -np.diag([2.0, 2.4, 3.0])])
    far = 10 * np.random.default_rng(1).standard_normal((40, 3))
    vectors = np.vstack([vectors, far[np.argsort(np.linalg.norm(far, axis=1))]])
    angles = face_solid_angles([voronoi_cell(vectors)])[0]
    assert angles.sum() == pytest.approx(4 * np.pi, rel=1e-9)
    np.testing.assert_allclose(angles[:3], angles[3:6], rtol=1e-9)
    a, b, c = 1.0, 1.2, 1.5
    expected = 4 * np.arctan(b * c / (a * np.sqrt(a * a + b * b + c * c)))
    assert angles[0] == pytest.approx(expected, rel=1e-9)


def test_open_cells():
    with pytest.raises(OpenCellError, match='surround'):
        voronoi_cell(np.eye(3))
    with pytest.raises(OpenCellError, match='more distant'):
        voronoi_cell(np.vstack([np.eye(3), -np.eye(3)]))


def test_a_sparse_structure_still_closes():
    structure = Structure(Lattice.cubic(14), ['Li'], [[0, 0, 0]])
    row = structure_descriptors([structure], hard_faces())[0]
    assert row[column('voronoi_Li_6')] == 1
    assert row[RDF].max() == 0


def test_refusals(rock_salt):
    shared = rock_salt.copy()
    shared[0] = {'Mg': 0.5, 'Zn': 0.5}
    with pytest.raises(DisorderedStructureError, match='disordered'):
        structure_descriptors([shared])
    close = Structure(Lattice.cubic(4), ['Li', 'O'], [[0, 0, 0], [0.05, 0, 0]])
    with pytest.raises(OverlappingSitesError, match=r'sites 0 and 1 are 0\.20 Å apart'):
        structure_descriptors([close])
    assert structure_descriptors([]).shape == (0, 858)


def test_real_oxides(shared_data):
    structures, groups = [], {}
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt') as handle:
        for line in handle:
            entry = json.loads(line)
            if not entry.get('paper_table1') and len(structures) >= 30:
                continue
            content = entry['structure']
            structure = Structure.from_dict(json.loads(content) if isinstance(content, str) else content)
            groups.setdefault(structure.composition.reduced_formula, []).append(len(structures))
            structures.append(structure)
    rows = structure_descriptors(structures)
    compositions = composition_descriptors([structure.composition for structure in structures])
    assert rows.shape == (len(structures), 858)
    assert np.isfinite(rows).all() and (rows >= 0).all()
    np.testing.assert_allclose(rows[:, ADF].sum(axis=1), 1, atol=1e-9)
    assert any(len(members) > 1 for members in groups.values())
    for members in groups.values():
        assert (compositions[members] == compositions[members[0]]).all()
