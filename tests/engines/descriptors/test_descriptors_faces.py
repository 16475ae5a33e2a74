from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.descriptors.faces import VoronoiFaces
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.layout import load_layout
from aiida_limap.engines.errors import InputError, LimapError

CLASSES = load_layout('yamaguchi2023').classes


def block(**options):
    defaults = {'minimum_faces': 3, 'maximum_faces': 28, 'small_face_ratio': 0.02, 'sigma': 1.0}
    return VoronoiFaces(**(defaults | options))


def faces_of(structure, **options):
    return block(**options).numbers_of_faces(Geometry(structure, CLASSES, 5.5).voronoi)


def tetragonal(ratio):
    return Structure(Lattice.tetragonal(3.6, 3.6 * ratio), ['Li', 'Li'], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.mark.parametrize(('group', 'faces'), [('Fm-3m', 12), ('Im-3m', 14), ('Pm-3m', 6)])
def test_cubic_cells(group, faces):
    structure = Structure.from_spacegroup(group, Lattice.cubic(3.6), ['Li'], [[0, 0, 0]])
    geometry = Geometry(structure, CLASSES, 5.5)
    hard = block(sigma=0).row(geometry).reshape(3, 26)
    assert hard[0, faces - 3] == pytest.approx(1, abs=1e-12)
    assert not hard[1:].any()
    smeared = block().row(geometry).reshape(3, 26)[0]
    assert smeared.sum() == pytest.approx(1, abs=1e-12)
    assert smeared @ np.arange(3, 29) == pytest.approx(faces, abs=0.02)


def test_two_classes():
    structure = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    row = block(sigma=0).row(Geometry(structure, CLASSES, 5.5))
    labels = [column.name for column in block().columns(CLASSES)]
    found = {labels[index]: row[index] for index in np.flatnonzero(row > 1e-9)}
    assert found == {'voronoi_O_6': pytest.approx(1), 'voronoi_M_6': pytest.approx(1)}


def test_faces_fade_on_the_way_from_bcc_to_fcc():
    # The Bain path: two of the fourteen faces shrink to nothing.
    numbers = np.array([faces_of(tetragonal(ratio))[0] for ratio in np.linspace(1, 2**0.5, 400)])
    assert numbers[0] == pytest.approx(14, abs=1e-9)
    assert numbers[-1] == pytest.approx(12, abs=1e-9)
    assert (np.diff(numbers) <= 1e-9).all()
    # Two faces go over many steps, none of which is a jump.
    assert np.abs(np.diff(numbers)).max() < 0.2
    assert ((numbers > 12.01) & (numbers < 13.99)).sum() > 10


def test_no_face_jumps_under_a_strain_of_a_millionth():
    fading = [ratio for ratio in np.linspace(1, 2**0.5, 400) if 12.1 < faces_of(tetragonal(ratio))[0] < 13.9]
    for ratio in fading[::3]:
        rows = [block().row(Geometry(tetragonal(ratio * (1 + strain)), CLASSES, 5.5)) for strain in (0, 1e-6)]
        assert 0 < np.abs(rows[1] - rows[0]).max() < 2e-4


def test_refusals():
    structure = Structure.from_spacegroup('Pm-3m', Lattice.cubic(3.6), ['Li'], [[0, 0, 0]])
    with pytest.raises(LimapError, match=r'site 0 \(Li\) has 6\.0 faces, outside of the bins 10 to 28'):
        block(minimum_faces=10).row(Geometry(structure, CLASSES, 5.5))
    for wrong in ({'sigma': -1}, {'small_face_ratio': 1}, {'minimum_faces': 0}, {'maximum_faces': 2}):
        with pytest.raises(InputError, match='layout: voronoi: needs 0 < minimum_faces'):
            block(**wrong)
