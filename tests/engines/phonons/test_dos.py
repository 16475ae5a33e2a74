"""Densities of states and fingerprints keep the number of modes."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_limap.engines.errors import InputError, NoMobileIonError
from aiida_limap.engines.phonons.dos import PhononDos, density_of_states, gaussian_density, trapezoid_weights
from aiida_limap.engines.phonons.fingerprint import FINGERPRINT_FREQUENCIES_THZ, dos_fingerprint
from aiida_limap.engines.phonons.modes import phonon_modes


@pytest.fixture
def modes(springs):
    return phonon_modes(springs.phonopy(), mesh=(4, 4, 4))


def test_integral_and_parts(modes):
    dos = density_of_states(modes, smearing_THz=0.2)
    weights = trapezoid_weights(dos.frequencies_THz)
    assert weights @ dos.total == pytest.approx(6, abs=1e-6)
    assert weights @ dos.density('Li') == pytest.approx(3, abs=1e-6)
    assert dos.by_element['Li'] + dos.by_element['F'] == pytest.approx(dos.total)
    assert dos.counts == {'F': 1, 'Li': 1}
    assert weights @ (dos.density('Li') * dos.frequencies_THz) == pytest.approx(
        (modes.weights[:, None] * modes.shares('Li') * modes.frequencies_THz).sum(), rel=1e-6
    )


def test_gaussians_are_those_of_the_formula():
    rng = np.random.default_rng(3)
    lines, weights, grid = rng.uniform(-2, 9, (7, 5)), rng.uniform(0, 1, (2, 7, 5)), np.sort(rng.uniform(-3, 10, 400))
    expected = [
        (row.ravel() * np.exp(-0.5 * ((grid[:, None] - lines.ravel()) / 0.3) ** 2)).sum(axis=1)
        / 0.3
        / np.sqrt(2 * np.pi)
        for row in weights
    ]
    assert gaussian_density(lines, weights, grid, 0.3) == pytest.approx(np.array(expected), abs=1e-7)


def test_at_chosen_frequencies(modes):
    grid = [0.0, 5.0, 9.0]
    assert density_of_states(modes, frequencies_THz=grid).frequencies_THz.tolist() == grid


def test_fingerprint_has_its_range_and_norm(modes):
    assert len(FINGERPRINT_FREQUENCIES_THZ) == 180
    assert FINGERPRINT_FREQUENCIES_THZ[[0, 1, -1]].tolist() == [-10, -9.75, 34.75]
    for element in ('Li', 'F', None):
        vector = dos_fingerprint(modes, element)
        assert vector.sum() * 0.25 == pytest.approx(3, abs=1e-9)
        assert (vector >= 0).all()
        assert dos_fingerprint(density_of_states(modes), element) == pytest.approx(vector, abs=0.02 * vector.max())


def test_fingerprint_of_a_density_that_is_outside_or_of_another_norm():
    grid = np.array([30.0, 40.0])
    dos = PhononDos(grid, np.array([1.0, 1.0]))
    vector = dos_fingerprint(dos)
    assert vector.sum() * 0.25 == pytest.approx(3 * 4.875 / 10)
    assert not vector[FINGERPRINT_FREQUENCIES_THZ < 29.5].any()
    with pytest.raises(NoMobileIonError):
        dos_fingerprint(PhononDos(grid, np.zeros(2)))


def test_unusable_densities_are_refused(modes):
    with pytest.raises(InputError, match='increase'):
        PhononDos([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(InputError, match='row of 2 numbers'):
        PhononDos([0.0, 1.0], [1.0, 1.0, 1.0])
    with pytest.raises(InputError, match='not finite'):
        PhononDos([0.0, np.nan], [1.0, 1.0])
    with pytest.raises(InputError, match='numbers of atoms'):
        PhononDos([0.0, 1.0], [1.0, 1.0], {'Li': [1.0, 1.0]}, {'O': 1})
    with pytest.raises(InputError, match='no projection on Li'):
        PhononDos([0.0, 1.0], [1.0, 1.0]).density('Li')
    with pytest.raises(InputError, match='above zero'):
        density_of_states(modes, smearing_THz=0.0)
    with pytest.raises(NoMobileIonError, match='holds no K'):
        dos_fingerprint(modes, 'K')
