"""Modes of springs, which are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from plugins_springs import THZ
from scipy.constants import angstrom, atomic_mass, e, epsilon_0

from aiida_limap.engines.errors import InputError, StructureTooLargeError
from aiida_limap.engines.phonons import modes as modes_module
from aiida_limap.engines.phonons.errors import PhononSourceError
from aiida_limap.engines.phonons.modes import element_of, mesh_numbers, phonon_modes


def mean(modes, values, element='Li'):
    weights = modes.weights[:, None] * modes.shares(element)
    return (weights * values).sum() / weights.sum()


@pytest.mark.parametrize('refinements', [0, 1, 3])
def test_norm_and_second_moment_are_exact_on_any_mesh(springs, refinements):
    # The mean of the squares is the trace of the dynamical matrix over the sites of an element, at every q-point.
    for mesh in ((1, 1, 1), (3, 3, 3), (4, 4, 4), (2, 3, 5)):
        modes = phonon_modes(springs.phonopy(), mesh=mesh, refinements=refinements)
        assert modes.weights.sum() == pytest.approx(1, abs=1e-12)
        assert (modes.weights[:, None] * modes.shares('Li')).sum() == pytest.approx(3, abs=1e-10)
        for element, mass in zip(springs.symbols, springs.masses, strict=True):
            expected = THZ**2 * 6 * springs.spring / mass
            assert mean(modes, modes.frequencies_THz**2, element) == pytest.approx(expected, rel=1e-6)


def test_frequencies_and_shares_are_those_of_the_closed_form(springs):
    modes = phonon_modes(springs.phonopy(), mesh=(6, 6, 6), refinements=0)
    frequencies, shares = springs.modes(6)
    assert mean(modes, modes.frequencies_THz) == pytest.approx((frequencies * shares).sum() / shares.sum(), rel=1e-5)
    bins = np.linspace(0.3, 25, 12)
    ours = np.histogram(modes.frequencies_THz, bins, weights=modes.weights[:, None] * modes.shares('Li'))[0]
    assert ours == pytest.approx(3 * np.histogram(frequencies, bins, weights=shares / 216)[0], abs=1e-6)


def test_shares_belong_to_the_element_not_to_the_place_in_the_list(springs):
    # Lithium is light and comes second: whoever takes the first atom gets the band centre of fluorine.
    modes = phonon_modes(springs.phonopy(), mesh=(4, 4, 4))
    assert modes.structure[0].specie.symbol == 'F'
    assert modes.elements == ('F', 'Li')
    assert mean(modes, modes.frequencies_THz, 'Li') > 1.2 * mean(modes, modes.frequencies_THz, 'F')
    assert np.allclose(modes.site_shares.sum(axis=2), 1)
    assert not modes.shares('Na').any()


def test_refinement_around_gamma_brings_cold_averages_to_those_of_a_fine_mesh(springs):
    def cold(mesh, refinements):
        modes = phonon_modes(springs.phonopy(), mesh=(mesh,) * 3, refinements=refinements)
        frequencies = modes.frequencies_THz
        weights = modes.weights[:, None] * modes.shares('Li')
        real = frequencies > 0.05
        occupied = weights[real] / np.expm1(47.9924307 * frequencies[real] / 20.0)
        return (occupied @ frequencies[real]) / occupied.sum()

    fine = cold(32, 2)
    assert cold(12, 2) == pytest.approx(fine, rel=0.05)
    assert cold(12, 0) > 2 * fine


def test_longitudinal_splitting_has_the_size_of_electrostatics(springs, born):
    phonopy = springs.phonopy()
    plain = phonon_modes(phonopy, mesh=(4, 4, 4))
    phonopy.nac_params = born
    split = phonon_modes(phonopy, mesh=(4, 4, 4), refinements=4)
    inverse = sum(1 / mass for mass in springs.masses)
    transverse = (THZ**2) * 6 * springs.spring * inverse
    volume = springs.lattice**3 / 4
    plasma = e**2 / (epsilon_0 * 2.0 * volume * angstrom**3 * atomic_mass) * inverse / (2 * math.pi * 1e12) ** 2
    assert plain.frequencies_THz.max() ** 2 == pytest.approx(transverse, rel=1e-5)
    assert split.frequencies_THz.max() ** 2 == pytest.approx(transverse + plasma, rel=5e-3)
    assert split.nac
    assert not plain.nac


def test_mesh_numbers_follow_the_reciprocal_lengths():
    assert mesh_numbers(np.diag([3.0, 6.0, 400.0]), 30.0) == (10, 5, 1)
    fcc = 2.0 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert len(set(mesh_numbers(fcc, 31.7))) == 1


def test_nothing_is_computed_of_nothing(springs, monkeypatch):
    with pytest.raises(PhononSourceError, match='no force constants'):
        phonon_modes(springs.empty())
    with pytest.raises(InputError, match='three numbers'):
        phonon_modes(springs.phonopy(), mesh=(2, 2, 0))
    monkeypatch.setattr(modes_module, 'MAX_MODES', 10)
    with pytest.raises(StructureTooLargeError, match='smaller mesh_length'):
        phonon_modes(springs.phonopy(), mesh=(4, 4, 4))


def test_frequencies_beyond_any_crystal_are_refused(springs):
    phonopy = springs.phonopy()
    phonopy.force_constants = 1e4 * np.array(phonopy.force_constants)
    with pytest.raises(PhononSourceError, match='beyond any crystal'):
        phonon_modes(phonopy, mesh=(2, 2, 2))


def test_symbols_may_carry_numbers():
    assert element_of('Fe2') == 'Fe'
    with pytest.raises(PhononSourceError, match='no chemical element'):
        element_of('x')
