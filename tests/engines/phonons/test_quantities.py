"""Numbers of spectra that can be worked out by hand, and of springs."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.errors import InputError, NoMobileIonError
from aiida_limap.engines.phonons.dos import PhononDos, density_of_states
from aiida_limap.engines.phonons.modes import PhononModes, phonon_modes
from aiida_limap.engines.phonons.quantities import (
    TEMPERATURES_K,
    band_quantities,
    occupation_weights,
    thermal_band_centres,
)

#: h / k in kelvin per THz: 6.62607015e-34 * 1e12 / 1.380649e-23.
KELVIN = 47.99243073


def lines(frequencies, lithium, weights=(1.0,)):
    """Return modes of a cell of one Li and one O with the given share of lithium."""
    structure = Structure(Lattice.cubic(3), ['Li', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    frequencies, lithium = np.atleast_2d(frequencies).astype(float), np.atleast_2d(lithium).astype(float)
    shares = np.stack([lithium, 1 - lithium], axis=-1)
    return PhononModes(frequencies, np.array(weights), shares, ('Li', 'O'), (1, 1), structure, (1, 1, 1))


def occupation(frequency, temperature):
    return 1 / np.expm1(KELVIN * frequency / temperature)


def test_by_hand():
    modes = lines([0.0, 0.0, 0.0, 2.0, 4.0, 10.0], [0.5, 0.5, 0.5, 0.0, 0.5, 1.0])
    found = band_quantities(modes, temperatures_K=(298.0, 50.0))
    assert found.band_centre_THz == pytest.approx((0.5 * 4 + 10) / 3)
    assert found.total_band_centre_THz == pytest.approx(16 / 6)
    for place, temperature in enumerate((298.0, 50.0)):
        weights = np.array([0.5 * occupation(4, temperature), occupation(10, temperature)])
        assert found.thermal_band_centres_THz[place] == pytest.approx(weights @ [4, 10] / weights.sum(), rel=1e-8)
    values = found.values()
    assert values['mobile_band_centre_298K_THz'] == found.thermal_band_centres_THz[0]
    assert values['mobile_norm'] == pytest.approx(3)
    assert values['mobile_atoms'] == 1
    assert values['total_norm_deviation'] == pytest.approx(0)
    assert values['mobile_onset_THz'] == 4.0
    assert values['total_onset_THz'] == 2.0
    assert values['mobile_real_band_centre_THz'] == pytest.approx(8.0)
    assert values['mobile_spread_THz'] == pytest.approx(np.sqrt((1.5 * 16 + 0.5 * 0 + 36) / 3))
    assert values['mobile_highest_THz'] == 10.0
    assert not found.notes


def test_the_quantum_is_h_times_the_ordinary_frequency():
    # With hbar in place of h the weights would be those of a temperature 2 pi times higher, nearly the classical 1 / f.
    modes = lines([0.0, 0.0, 0.0, 0.0, 5.0, 15.0], [0, 0, 0, 0, 1, 1])
    found = band_quantities(modes).thermal_band_centres_THz[0]
    assert found == pytest.approx(5 + 10 * occupation(15, 298) / (occupation(5, 298) + occupation(15, 298)))
    too_hot = 5 + 10 * occupation(15, 298 * 2 * np.pi) / (
        occupation(5, 298 * 2 * np.pi) + occupation(15, 298 * 2 * np.pi)
    )
    assert too_hot > found + 0.8


def test_imaginary_modes_count_as_negative_and_not_thermally():
    modes = lines([-3.0, 0.01, -0.02, 4.0, 6.0, 8.0], [1.0, 0.0, 0.0, 1.0, 0.0, 1.0])
    found = band_quantities(modes)
    assert found.band_centre_THz == pytest.approx((-3 + 4 + 8) / 3)
    assert found.mobile_part['real_band_centre_THz'] == pytest.approx(6.0)
    assert found.mobile_part['imaginary_share'] == pytest.approx(1 / 3)
    assert found.imaginary_share == pytest.approx(1 / 6)
    assert found.mobile_part['lowest_THz'] == -3.0
    weights = occupation(np.array([4.0, 8.0]), 298)
    assert found.thermal_band_centres_THz[0] == pytest.approx(weights @ [4, 8] / weights.sum())
    assert '16.7% of the modes, and 33.3% of the motion of Li in them, are imaginary' in found.notes[0]


def test_a_crystal_without_a_real_mode_has_no_thermal_band_centre():
    found = band_quantities(lines([-1.0] * 6, [0.5] * 6))
    assert found.band_centre_THz == -1.0
    assert np.isnan(found.thermal_band_centres_THz).all()
    values = found.values()
    assert values['mobile_band_centre_298K_THz'] is None
    assert values['mobile_onset_THz'] is None
    assert values['mobile_first_peak_THz'] is None


def test_weights_of_points_count():
    modes = lines([[0, 0, 0, 0, 0, 2.0], [0, 0, 0, 0, 0, 6.0]], [[0, 0, 0, 0, 0, 1.0]] * 2, weights=(0.25, 0.75))
    assert band_quantities(modes).band_centre_THz == pytest.approx(5.0)


def test_occupation_of_extreme_temperatures():
    frequencies = np.array([0.1, 20.0, 35.0])
    assert thermal_band_centres(frequencies, np.ones(3), [0.5])[0] == pytest.approx(0.1)
    # Hot modes are occupied as 1 / f, so that the mean is the harmonic one.
    assert thermal_band_centres(frequencies, np.ones(3), [1e8])[0] == pytest.approx(
        3 / (1 / frequencies).sum(), rel=1e-4
    )
    assert np.isfinite(occupation_weights(frequencies, 1e-3)).all()
    ratio = occupation_weights(frequencies, 300.0)
    assert ratio[1] / ratio[0] == pytest.approx(occupation(20.0, 300) / occupation(0.1, 300))
    assert len(TEMPERATURES_K) == 99
    assert TEMPERATURES_K[[0, -1]].tolist() == [10, 990]


def test_springs_have_the_band_centres_of_the_closed_form(springs):
    modes = phonon_modes(springs.phonopy(), mesh=(8, 8, 8), refinements=0)
    frequencies, shares = springs.modes(8)
    found = band_quantities(modes, temperatures_K=TEMPERATURES_K.tolist())
    assert found.band_centre_THz == pytest.approx((frequencies * shares).sum() / shares.sum(), rel=1e-5)
    assert found.total_band_centre_THz == pytest.approx(frequencies.mean(), rel=1e-5)
    real = frequencies > 0.05
    for place in (0, 29, 98):
        occupied = shares[real] * occupation(frequencies[real], TEMPERATURES_K[place])
        expected = occupied @ frequencies[real] / occupied.sum()
        assert found.thermal_band_centres_THz[place] == pytest.approx(expected, rel=1e-4)
    rising = np.diff(found.thermal_band_centres_THz)
    assert (rising > 0).all()


def test_first_peak_and_width_are_not_ends_of_the_grid():
    narrow = lines([1.0, 2.0, 3.0, 8.0, 9.0, 9.3], [0, 0, 0, 0.4, 1, 1])
    found = band_quantities(narrow, smearing_THz=0.1).values()
    assert found['mobile_first_peak_THz'] == pytest.approx(9.0, abs=0.02)
    assert found['total_first_peak_THz'] == pytest.approx(1.0, abs=0.02)
    # Above 1 % of the maximum a Gaussian is 6.07 standard deviations wide, one of 0.4 of that height 5.43.
    assert found['mobile_width_THz'] == pytest.approx(0.543 + 0.3 + 0.607, abs=0.1)
    assert found['relative_width'] < 0.5
    spread = np.sqrt(np.cov([8, 9, 9.3], aweights=[0.4, 1, 1], ddof=0))
    assert found['relative_spread'] == pytest.approx(spread / np.std([1, 2, 3, 8, 9, 9.3]))


def test_a_density_gives_nearly_what_its_modes_give(springs):
    modes = phonon_modes(springs.phonopy(), mesh=(8, 8, 8))
    exact = band_quantities(modes)
    found = band_quantities(density_of_states(modes))
    assert found.source == 'dos'
    assert found.band_centre_THz == pytest.approx(exact.band_centre_THz, rel=1e-4)
    assert found.thermal_band_centres_THz == pytest.approx(exact.thermal_band_centres_THz, rel=0.01)
    assert found.mobile_part['norm'] == pytest.approx(3, abs=1e-6)
    assert not found.notes


def test_smearing_near_zero_frequency_does_not_count_thermally():
    grid = np.linspace(-1, 12, 2601)
    peak = np.exp(-0.5 * ((grid - 10) / 0.3) ** 2)
    tail = 1e-3 * np.exp(-0.5 * (grid / 0.1) ** 2)
    scale = 3 / np.trapezoid(peak, grid)
    dos = PhononDos(grid, scale * (peak + tail), {'Li': scale * (peak + tail)}, {'Li': 1})
    assert band_quantities(dos).thermal_band_centres_THz[0] == pytest.approx(9.9, abs=0.1)


def test_a_density_of_another_norm_is_told_and_changes_no_centre():
    grid = np.concatenate([np.linspace(0, 5, 40), np.linspace(5.01, 12, 900)])
    shape = np.exp(-0.5 * ((grid - 8) / 0.5) ** 2)
    whole = np.trapezoid(shape, grid)
    one, two = (PhononDos(grid, f * shape, {'Li': f * shape}, {'Li': 1}) for f in (3 / whole, 3.3 / whole))
    right, wrong = band_quantities(one), band_quantities(two)
    # The pitch varies: whoever sums in place of integrating is drawn to where points are dense.
    assert right.band_centre_THz == pytest.approx(8.0, abs=1e-3)
    assert wrong.band_centre_THz == pytest.approx(right.band_centre_THz)
    assert not right.notes
    assert 'integrates to 3.30 in place of 3 modes (+10%)' in wrong.notes[0]
    assert wrong.mobile_part['norm_deviation'] == pytest.approx(0.1)


def test_no_lithium_and_no_temperature():
    modes = lines([1.0] * 6, [0.5] * 6)
    with pytest.raises(NoMobileIonError, match='holds no Na'):
        band_quantities(modes, mobile='Na')
    with pytest.raises(InputError, match='above zero'):
        band_quantities(modes, temperatures_K=(0.0,))
    dos = PhononDos([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], {'Li': [0.0, 0.0, 0.0]}, {'Li': 1})
    with pytest.raises(NoMobileIonError, match='is zero'):
        band_quantities(dos)
