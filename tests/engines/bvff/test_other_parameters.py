"""Another set of bond-valence parameters than that of the package is used everywhere, and by nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.bvff import default_parameters, load_parameters, migration_energy
from aiida_limap.engines.bvff.bond_valence_sums import bond_valence_sums
from aiida_limap.engines.bvff.files import run_files
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.parameters import Preset
from aiida_limap.engines.bvff.task import run
from aiida_limap.engines.chemistry.elements import parse_ion
from aiida_limap.engines.chemistry.structures import record_from_structure
from aiida_limap.engines.errors import InputError
from aiida_limap.formats.job import Job
from aiida_limap.formats.parameters import embedded_parameters
from aiida_limap.formats.results import ResultsWriter, read_results
from aiida_limap.formats.structures import write_structures


def lithium_oxide() -> Structure:
    return Structure.from_spacegroup(
        'Fm-3m', Lattice.cubic(4.62), ['Li', 'O'], [[0.25, 0.25, 0.25], [0, 0, 0]]
    ).get_primitive_structure()


def shifted_file(path):
    """Write the embedded set with another row of Li+ and O2-, another radius, and its own name."""
    text = embedded_parameters().decode()
    old = '  Li+   O2-  1.17096  0.516  1.937984  0.988160  1.940013  5.021'
    # R0 decides the sums, b and R_min the depth and the place of the minimum.
    depth = 14.4 * 2 * 0.5**2 / (2 * 2.1 * 2)
    new = f'  Li+   O2-  1.27096  0.500  2.000000  {depth:.6f}  2.100000  5.021'
    assert text.count(old) == 1
    text = text.replace(old, new).replace('name: softbv', 'name: shifted').replace('O2-: 1.33', 'O2-: 1.50')
    path.write_text(text.replace('screening_factor: 0.74', 'screening_factor: 0.60'))
    return path


@pytest.fixture
def shifted(tmp_path):
    return shifted_file(tmp_path / 'shifted.yaml')


def test_row_radii_presets_and_sums_are_those_of_the_file(shifted):
    own, given = default_parameters(), load_parameters(shifted)
    lithium, oxide = parse_ion('Li+'), parse_ion('O2-')
    assert given.row(lithium, oxide).R_min == 2.1 != own.row(lithium, oxide).R_min
    assert given.radius(oxide, 'softbv') == 1.5
    assert BvffOptions(parameters=given).screening_factor == 0.6
    structure = lithium_oxide()
    states = [1.0 if site.specie.symbol == 'Li' else -2.0 for site in structure]
    ratio = bond_valence_sums(structure, states, parameters=given).values / bond_valence_sums(structure, states).values
    assert (ratio > 1.1).all()
    assert given.facts()['parameters_name'] == 'shifted 2019-1'


def test_sets_do_not_mix_in_one_process(shifted):
    structure = lithium_oxide()
    alone = [migration_energy(structure, spacing=0.4, parameters=given) for given in (None, shifted)]
    assert abs(alone[0].barrier_2d - alone[1].barrier_2d) > 0.02
    with ThreadPoolExecutor(4) as executor:
        jobs = [
            executor.submit(migration_energy, structure, spacing=0.4, parameters=given) for given in 3 * [None, shifted]
        ]
        together = [job.result() for job in jobs]
    assert [entry.barrier_2d for entry in together] == 3 * [entry.barrier_2d for entry in alone]
    assert [entry.options.parameters.name for entry in together] == 3 * ['softbv', 'shifted']


def test_a_job_uses_the_file_that_it_names_and_says_so(tmp_path, shifted):
    structure = lithium_oxide()
    write_structures(tmp_path / 'structures.json', [record_from_structure(structure, 'a')])
    inputs = {'structures': 'structures.json', 'bond_valence': shifted.name}
    writer = ResultsWriter(tmp_path, 'bvff', '0')
    run(Job('bvff', {'spacing_angstrom': 0.4}, inputs), tmp_path, writer)
    writer.finish()
    results = read_results(tmp_path)
    expected = migration_energy(structure, spacing=0.4, parameters=shifted)
    assert results.items[0].values['barrier_2d_eV'] == expected.barrier_2d
    sums = bond_valence_sums(structure, expected.oxidation_states, parameters=load_parameters(shifted))
    assert results.items[0].values['bond_valence_sum_mobile'] == pytest.approx(sums.by_ion['Li+'])
    assert results.summary['parameters_name'] == 'shifted 2019-1'
    assert results.summary['parameters_checksum'] == load_parameters(shifted).checksum
    assert 'parameters' not in results.summary['options']


def test_files_at_the_command_line_use_the_file(tmp_path, shifted):
    structure = lithium_oxide()
    structure.to(filename=str(tmp_path / 'Li2O.cif'))
    (item,) = run_files([tmp_path / 'Li2O.cif'], {'spacing_angstrom': 0.4}, parameters=shifted)
    expected = migration_energy(structure, spacing=0.4, parameters=shifted)
    assert item.values['barrier_2d_eV'] == pytest.approx(expected.barrier_2d, abs=1e-3)


def test_a_file_that_lacks_what_is_asked_for_is_refused(tmp_path, shifted):
    with pytest.raises(InputError, match=r'absent\.yaml cannot be read'):
        migration_energy(lithium_oxide(), parameters=tmp_path / 'absent.yaml')
    broken = tmp_path / 'broken.yaml'
    broken.write_text(shifted.read_text().replace('2.100000', '-2.1'))
    with pytest.raises(InputError, match=r'broken\.yaml: line 20: R_min of the pair Li\+ and O2-'):
        migration_energy(lithium_oxide(), parameters=broken)
    only = replace(load_parameters(shifted), presets={'bvff': Preset('bvff', 1.0, 0.74, '')})
    with pytest.raises(InputError, match="no preset 'bvse'; known are bvff"):
        migration_energy(lithium_oxide(), preset='bvse', parameters=only)
