"""Phonons computed here: forces of springs give the modes of springs, whatever else the calculator is."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from plugins_springs import Springs
from pymatgen.core import Lattice, Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import DisorderedStructureError, InputError, LimapError, StructureTooLargeError
from aiida_limap.engines.phonons import calculators as module
from aiida_limap.engines.phonons import chgnet as chgnet_module
from aiida_limap.engines.phonons import phonon_modes
from aiida_limap.engines.phonons.calculators import (
    CalculatorOptions,
    calculator_info,
    calculator_names,
    load_calculator,
    phonons_from_calculator,
)

pytest.importorskip('ase', reason='calculators need ASE, of the extra mlip')

from ase.calculators.lj import LennardJones
from plugins_spring_calculator import SpringCalculator

FIXED = CalculatorOptions(relax='none', supercell_length_angstrom=8.0)


@pytest.fixture
def rock_salt():
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.0), ['Li+', 'F-'], [[0.5, 0.5, 0.5], [0, 0, 0]])


@pytest.mark.parametrize('push', [0.0, 0.3])
def test_springs_give_the_modes_of_springs_also_under_a_push_that_displacements_do_not_change(rock_salt, push):
    springs = Springs()
    source = phonons_from_calculator(rock_salt, SpringCalculator(springs, push), options=FIXED)
    assert len(source.phonopy.supercell) == 64
    assert len(source.phonopy.primitive) == 2
    modes = phonon_modes(source.phonopy, mesh=(4, 4, 4), refinements=0)
    frequencies, share = springs.modes(4)
    centre = modes.weights @ (modes.shares('Li') * modes.frequencies_THz).sum(axis=1) / 3
    assert centre == pytest.approx((frequencies * share).sum() / share.sum(), rel=1e-6)
    assert source.identifier == 'LiF'
    assert source.files == {'structure': 'as given', 'forces': 'SpringCalculator'}
    assert source.notes == ()


def test_a_supercell_may_be_given_in_multiples_of_the_cell_as_it_is(rock_salt):
    primitive = rock_salt.get_primitive_structure()
    assert len(primitive) == 2
    matrix = np.array([[-2, 2, 2], [2, -2, 2], [2, 2, -2]])
    source = phonons_from_calculator(
        primitive, SpringCalculator(Springs()), options=FIXED, supercell_matrix=matrix, identifier='mine'
    )
    assert len(source.phonopy.supercell) == 64
    assert source.identifier == 'mine'
    with pytest.raises(InputError, match='3 x 3 whole numbers'):
        phonons_from_calculator(primitive, SpringCalculator(Springs()), supercell_matrix=-matrix)


def test_cell_and_positions_relax_to_the_least_energy_and_keep_the_symmetry():
    calculator = LennardJones(sigma=2.7, epsilon=0.1, rc=6.0, smooth=True)
    given = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.0), ['Li'], [[0, 0, 0]])
    source = phonons_from_calculator(given, calculator, options=CalculatorOptions(supercell_length_angstrom=7.0))
    lattice = source.phonopy.unitcell.cell[0, 0]

    def energy(length):
        from ase import Atoms

        atoms = Atoms('Li4', cell=np.eye(3) * length, scaled_positions=given.frac_coords, pbc=True)
        atoms.calc = calculator
        return atoms.get_potential_energy()

    lengths = lattice + np.array([-0.02, 0.0, 0.02])
    curve = np.polyfit(lengths, [energy(length) for length in lengths], 2)
    assert lattice == pytest.approx(-curve[1] / (2 * curve[0]), abs=2e-3)
    assert abs(lattice - 4.0) > 0.02
    assert source.phonopy.symmetry.dataset.number == 225
    assert source.files['structure'] == 'relaxed by LennardJones'
    assert source.notes[0].startswith('relaxed in ') and 'volume' in source.notes[0]
    assert phonon_modes(source.phonopy, mesh_length_angstrom=10.0).frequencies_THz.min() > -0.05


def test_positions_alone_relax_in_the_given_cell():
    calculator = LennardJones(sigma=2.7, epsilon=0.1, rc=6.0, smooth=True)
    given = Structure(Lattice.tetragonal(2.9, 8.0), ['Li'] * 3, [[0, 0, 0], [0.5, 0.5, 0.24], [0.5, 0.5, 0.76]])
    options = CalculatorOptions(relax='positions', supercell_length_angstrom=5.0)
    source = phonons_from_calculator(given, calculator, options=options)
    np.testing.assert_allclose(source.phonopy.unitcell.cell, given.lattice.matrix, atol=1e-12)
    heights = np.sort(source.phonopy.unitcell.scaled_positions[:, 2])
    assert heights[1] + heights[2] == pytest.approx(1.0, abs=1e-6)
    assert abs(heights[1] - 0.24) > 1e-3


@pytest.mark.parametrize(
    ('options', 'error', 'words'),
    [
        (CalculatorOptions(relax='cell'), InputError, 'computes no .*stress.*; relax positions only'),
        (CalculatorOptions(supercell_length_angstrom=20.0), StructureTooLargeError, '1000 atoms, more than max_atoms'),
    ],
)
def test_what_cannot_be_computed_is_told(rock_salt, options, error, words):
    with pytest.raises(error, match=words):
        phonons_from_calculator(rock_salt, SpringCalculator(Springs()), options=options)


def test_forces_that_are_no_numbers_are_refused(rock_salt):
    with pytest.raises(LimapError, match='LiF: a force of the calculator is no number'):
        phonons_from_calculator(rock_salt, SpringCalculator(Springs(), np.nan), options=FIXED)


def test_noise_of_forces_is_told_and_symmetry_takes_it_out(rock_salt):
    class Noisy(SpringCalculator):
        noise = np.random.default_rng(1)

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results['forces'] = self.results['forces'] + self.noise.normal(0.0, 6e-3, (64, 3))

    source = phonons_from_calculator(rock_salt, Noisy(Springs()), options=FIXED)
    assert source.asymmetry > 0.15
    assert source.notes[0].endswith('the forces are noisy')
    constants = source.phonopy.force_constants
    np.testing.assert_allclose(constants.sum(axis=1), 0.0, atol=1e-9)


def test_what_a_calculator_raises_names_the_compound(rock_salt):
    class Broken(SpringCalculator):
        def calculate(self, *args, **kwargs):
            raise KeyError('Li')

    with pytest.raises(LimapError, match="LiF: the calculator gives no forces \\(KeyError: 'Li'\\)"):
        phonons_from_calculator(rock_salt, Broken(Springs()), options=FIXED)


def test_a_relaxation_that_does_not_end_is_told():
    given = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.6), ['Li'], [[0, 0, 0]])
    options = CalculatorOptions(max_steps=1, supercell_length_angstrom=3.0)
    with pytest.raises(LimapError, match='not relaxed after 1 steps; raise max_steps'):
        phonons_from_calculator(given, LennardJones(sigma=2.7, epsilon=0.1), options=options)


def test_shared_sites_are_refused():
    given = Structure(Lattice.cubic(4.0), [{'Li': 0.5, 'Na': 0.5}], [[0, 0, 0]])
    with pytest.raises(DisorderedStructureError, match='sites are shared') as caught:
        phonons_from_calculator(given, 'none of this name')
    assert caught.value.status is Status.DISORDERED


def test_calculators_come_by_the_names_of_entry_points(monkeypatch, rock_salt):
    target = f'{chgnet_module.__name__}:chgnet_calculator'
    entries = {
        'chgnet': EntryPoint('chgnet', target, module.CALCULATORS_GROUP),
        'springs': EntryPoint('springs', 'plugins_springs:Springs', module.CALCULATORS_GROUP),
        'absent': EntryPoint('absent', 'a_package_that_nobody_has:make', module.CALCULATORS_GROUP),
    }
    monkeypatch.setattr(module, 'entry_points', lambda group: list(entries.values()))
    assert calculator_names() == ('absent', 'chgnet', 'springs')
    assert load_calculator('springs', {'spring': 5.0}).spring == 5.0
    with pytest.raises(InputError, match="no calculator 'nobody'; known are absent, chgnet, springs"):
        phonons_from_calculator(rock_salt, 'nobody')
    with pytest.raises(InputError, match="'absent' needs a package that is not installed"):
        load_calculator('absent')
    with pytest.raises(InputError, match="'springs' cannot be made with"):
        load_calculator('springs', {'colour': 'red'})
    with pytest.raises(InputError, match=r"no model '9\.9'; known are 0\.3\.0"):
        load_calculator('chgnet', {'model': '9.9'})
    with pytest.raises(InputError, match=r'no file of weights mine\.pth'):
        load_calculator('chgnet', {'weights': 'mine.pth'})


def test_the_extra_is_named_where_chgnet_is_not_installed(monkeypatch):
    chgnet_module._calculator_class.cache_clear()
    monkeypatch.setitem(sys.modules, 'chgnet', None)
    monkeypatch.setitem(sys.modules, 'chgnet.model.dynamics', None)
    with pytest.raises(InputError, match=r"pip install 'aiida-limap\[mlip\]'"):
        chgnet_module.chgnet_calculator()


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ({'relax': 'all'}, 'relax must be one of cell, positions, none'),
        ({'displacement_angstrom': 0.0}, 'displacement_angstrom must be between'),
        ({'max_steps': 2.5}, 'max_steps must be between'),
        ({'colour': 1}, "no option 'colour'; known are supercell_length_angstrom"),
    ],
)
def test_options_are_checked(given, words):
    with pytest.raises(InputError, match=words):
        CalculatorOptions.from_mapping(given)


def test_the_displacement_is_that_of_the_options_else_of_the_calculator_else_small(rock_salt):
    calculator = SpringCalculator(Springs())

    def moved(**given):
        options = CalculatorOptions(relax='none', supercell_length_angstrom=8.0, **given)
        (entry, *_) = phonons_from_calculator(rock_salt, calculator, options=options).phonopy.dataset['first_atoms']
        return float(np.linalg.norm(entry['displacement']))

    assert moved() == pytest.approx(0.01)
    calculator.limap_info = {'package': 'springs 1', 'model': 'soft', 'displacement_angstrom': 0.05}
    assert moved() == pytest.approx(0.05)
    assert moved(displacement_angstrom=0.02) == pytest.approx(0.02)


def test_options_tell_themselves():
    assert CalculatorOptions.from_mapping({'relax': None}).settings() == CalculatorOptions().settings()
    assert CalculatorOptions.from_mapping(CalculatorOptions(max_steps=7).settings()).max_steps == 7


def test_chgnet_computes_phonons_and_says_that_they_are_qualitative(capfd):
    pytest.importorskip('chgnet', reason='CHGNet is of the extra mlip')
    calculator = chgnet_module.chgnet_calculator()
    assert capfd.readouterr().out == ''
    given = Structure.from_spacegroup('Fm-3m', Lattice.cubic(5.1), ['Li', 'Cl'], [[0.5, 0.5, 0.5], [0, 0, 0]])
    source = phonons_from_calculator(given, calculator, options=CalculatorOptions(supercell_length_angstrom=3.0))
    assert len(source.phonopy.supercell) == 8
    assert source.files['forces'].startswith('chgnet 0.') and source.files['forces'].endswith(' 0.3.0')
    assert 'qualitative' in source.notes[0]
    # The lattice parameter of the functional that CHGNet learned from is 5.15 Å.
    assert source.phonopy.unitcell.cell[0, 0] == pytest.approx(5.15, abs=0.03)
    modes = phonon_modes(source.phonopy, mesh=(1, 1, 1), refinements=0)
    assert 4.0 < modes.frequencies_THz.max() < 9.0


def test_chgnet_on_a_device_that_is_not_there_is_refused_with_a_sentence():
    pytest.importorskip('chgnet', reason='CHGNet is of the extra mlip')
    with pytest.raises(InputError, match=r"device 'nowhere' is not available here"):
        load_calculator('chgnet', {'device': 'nowhere'})


def test_chgnet_says_which_weights_and_elements_it_has():
    pytest.importorskip('chgnet', reason='CHGNet is of the extra mlip')
    first, second = (calculator_info(load_calculator('chgnet', {'model': model})) for model in ('0.3.0', '0.2.0'))
    assert len(first['elements']) == 94 and 'Li' in first['elements']
    assert len(first['checksum']) == 64
    assert first['checksum'] != second['checksum']


def test_whatever_the_maker_of_a_calculator_raises_is_told(monkeypatch):
    entry = EntryPoint('broken', 'plugins_broken_calculator:make', module.CALCULATORS_GROUP)
    broken = type(sys)('plugins_broken_calculator')

    def make():
        raise AssertionError('no GPU')

    broken.make = make
    monkeypatch.setitem(sys.modules, 'plugins_broken_calculator', broken)
    monkeypatch.setattr(module, 'entry_points', lambda group: [entry])
    with pytest.raises(InputError, match=r"'broken' cannot be made with {} \(no GPU\)"):
        load_calculator('broken')
