"""Densities of states from documents of the Materials Project."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import DisorderedStructureError
from aiida_limap.engines.phonons import DosInput, PhononOptions, phonon_quantities
from aiida_limap.engines.phonons.documents import dos_from_document
from aiida_limap.engines.phonons.errors import PhononSourceError

GRID = np.arange(0.0, 20.0, 0.05)


def bell(centre):
    return 3 * np.exp(-0.5 * ((GRID - centre) / 0.5) ** 2) / (0.5 * np.sqrt(2 * np.pi))


@pytest.fixture
def structure():
    # Lithium is the second and third site, whatever the order of the formula.
    return Structure(Lattice.cubic(4.0), ['O', 'Li', 'Li'], [[0, 0, 0], [0.25] * 3, [0.75] * 3])


@pytest.fixture
def content(structure):
    rows = [bell(6.0).tolist(), bell(11.0).tolist(), bell(13.0).tolist()]
    return {
        'frequencies': GRID.tolist(),
        'densities': np.sum(rows, axis=0).tolist(),
        'projected_densities': rows,
        'structure': structure,
    }


@pytest.fixture
def models():
    with warnings.catch_warnings():
        # The models of the client announce changes of pydantic as they are imported.
        warnings.simplefilter('ignore')
        import emmet.core.phonon as found
    return found


def checked(source):
    assert isinstance(source, DosInput)
    found = phonon_quantities(source, PhononOptions())[1]
    assert found.band_centre_THz == pytest.approx(12.0, abs=1e-6)
    assert found.total_band_centre_THz == pytest.approx(10.0, abs=1e-6)
    assert source.dos.counts == {'O': 1, 'Li': 2}


def test_a_document_of_the_client_is_read_by_the_elements_of_its_sites(models, content):
    checked(dos_from_document(models.PhononDOS(**content), 'mp-1'))


def test_the_object_of_pymatgen_that_the_client_makes_is_read_alike(models, content):
    checked(dos_from_document(models.PhononDOS(**content).to_pmg, 'mp-1'))


@pytest.mark.parametrize('plain', [True, False])
def test_mappings_are_read_also_inside_of_a_whole_document(content, structure, plain):
    part = {key: value for key, value in content.items() if key != 'structure'}
    whole = {'phonon_dos': part, 'structure': structure.as_dict() if plain else structure}
    checked(dos_from_document(whole, 'mp-1'))
    checked(dos_from_document(part, 'mp-1', structure=structure))


def test_without_densities_by_site_the_row_says_so(content):
    source = dos_from_document({**content, 'projected_densities': None}, 'mp-1')
    assert 'no densities by site' in source.notes[0]
    with pytest.raises(PhononSourceError, match=r'mp-1: .* no band centre of Li can be had'):
        phonon_quantities(source, PhononOptions())


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'densities': None}, 'holds no phonon density of states'),
        ({'structure': None}, 'nothing tells whose'),
        ({'projected_densities': [[0.0] * len(GRID)]}, 'densities of 1 sites, but the structure has 3'),
        ({'projected_densities': [[0.0], [0.0], [0.0]]}, 'not as long as the frequencies'),
        ({'frequencies': GRID[::-1].tolist()}, 'must increase'),
        ({'densities': [float('nan')] * len(GRID)}, 'mp-1: '),
    ],
)
def test_documents_that_do_not_fit_are_refused(content, change, words):
    with pytest.raises(PhononSourceError, match=words) as caught:
        dos_from_document({**content, **change}, 'mp-1')
    assert caught.value.status is Status.UNREADABLE


def test_shared_sites_are_refused(content):
    mixed = Structure(Lattice.cubic(4.0), ['O', {'Li': 0.5, 'Na': 0.5}, 'Li'], content['structure'].frac_coords)
    with pytest.raises(DisorderedStructureError, match='sites are shared'):
        dos_from_document({**content, 'structure': mixed}, 'mp-1')
