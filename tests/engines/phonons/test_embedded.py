"""The phonons that come with the package follow from the forces that lie beside them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons import (
    PhononOptions,
    band_quantities,
    compute_item,
    density_of_states,
    embedded_phonons,
    phonon_quantities,
)
from aiida_limap.engines.phonons.calculators import CalculatorOptions
from aiida_limap.engines.phonons.dos import trapezoid_weights

ENTRIES = {entry.name: entry for entry in embedded_phonons()}


def test_the_five_compounds_and_some_more_are_there_with_citation_calculator_and_settings():
    assert {'Li2O', 'LiF', 'LiCl', 'Li3N', 'LiAlO2'} <= {entry.formula for entry in ENTRIES.values()}
    for entry in ENTRIES.values():
        assert entry.crystal.citation and entry.crystal.citation_status in {'confirmed', 'recalled'}
        assert entry.calculator['package'].startswith('chgnet 0.')
        assert entry.calculator['model'] == '0.3.0'
        assert 'qualitative' in entry.notes[0]
        settings = CalculatorOptions.from_mapping(entry.settings['calculator']).settings()
        assert settings == {**entry.settings['calculator'], 'time_limit_s': None}


@pytest.mark.parametrize('name', ENTRIES)
def test_numbers_and_densities_follow_from_the_forces(name):
    entry = ENTRIES[name]
    options = PhononOptions.from_mapping(entry.settings['phonons'])
    modes, found = phonon_quantities(entry.phonons(), options)
    for key, value in found.values().items():
        expected = entry.quantities[key]
        if isinstance(value, float):
            # Modes that are equal by symmetry swap between lines of solvers, and lowest ones are zero but for rounding.
            assert value == pytest.approx(expected, rel=1e-4, abs=1e-4), key
        else:
            assert value == expected, key
    dos = density_of_states(modes, smearing_THz=options.smearing_THz, frequencies_THz=entry.dos.frequencies_THz)
    for element in (None, *modes.elements):
        np.testing.assert_allclose(entry.dos.density(element), dos.density(element), atol=2e-3)
    assert entry.dos.counts == dos.counts
    from_dos = band_quantities(entry.dos).band_centre_THz
    assert from_dos == pytest.approx(found.band_centre_THz, rel=1e-3)
    norm = trapezoid_weights(entry.dos.frequencies_THz) @ entry.dos.total
    assert norm == pytest.approx(3 * len(entry.structure), rel=1e-3)
    assert entry.structure.matches(modes.structure)


def test_relaxed_crystals_are_near_the_ones_that_were_published():
    for entry in ENTRIES.values():
        published = entry.crystal.structure(primitive=True)
        relaxed = entry.structure
        assert relaxed.composition.reduced_formula == entry.formula == published.composition.reduced_formula
        change = relaxed.volume / len(relaxed) / (published.volume / len(published)) - 1
        assert abs(change) < 0.08, (entry.name, change)


def test_their_files_are_rows_as_any_other():
    row = compute_item('Li2O', ENTRIES['Li2O'].path, PhononOptions(mesh_length_angstrom=10.0))
    assert (row.status, row.values['formula']) == ('ok', 'Li2O')


def test_a_missing_file_is_named(tmp_path):
    folder = tmp_path / 'copy'
    shutil.copytree(ENTRIES['LiF'].path.parent, folder)
    assert len(embedded_phonons(folder)) == len(ENTRIES)
    (folder / 'LiF.yaml').unlink()
    with pytest.raises(InputError, match='the phonons of LiF are not in'):
        embedded_phonons(folder)
