"""Compounds from files to rows: golden values, and one word with one sentence for everything that is wrong."""

from __future__ import annotations

import io
import re
import tarfile

import numpy as np
import pytest
import yaml
from plugins_springs import Folder, Springs

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons import (
    FINGERPRINT_FREQUENCIES_THZ,
    PhononOptions,
    band_quantities,
    compute_item,
    phonon_modes,
    read_phonons,
)

QUICK = PhononOptions(mesh_length_angstrom=10.0)


@pytest.fixture
def refused(folder):
    """Return the message of the row of the folder, whose word must be the given one."""

    def refuse(status, options=QUICK):
        row = compute_item('row', folder.path, options)
        assert row.status is status, f'{row.status}: {row.message}'
        assert set(row.values) == {'wall_s'}
        assert not row.rows
        return row.message

    return refuse


def test_a_row_holds_everything(folder, born):
    row = compute_item('mine', folder.displacements().force_sets().born(born).path, QUICK)
    assert (row.id, row.status, row.message) == ('mine', Status.OK, '')
    modes = phonon_modes(read_phonons(folder.path).phonopy, mesh_length_angstrom=10.0)
    found = band_quantities(modes)
    assert row.values['mobile_band_centre_THz'] == found.band_centre_THz
    assert row.values['mobile_band_centre_298K_THz'] == found.thermal_band_centres_THz[0]
    assert row.values['formula'] == 'LiF'
    assert row.values['nac'] is True
    assert row.values['mesh'] == list(modes.mesh)
    assert row.values['files'] == {'structure': 'phonopy_disp.yaml', 'forces': 'FORCE_SETS', 'born': 'BORN'}
    assert {name: len(values) for name, values in row.rows.items()} == {
        'mobile_band_centres_THz': 99,
        'total_band_centres_THz': 99,
        'mobile_dos': 180,
        'total_dos': 180,
    }
    grid = FINGERPRINT_FREQUENCIES_THZ
    assert row.rows['mobile_dos'] @ grid / row.rows['mobile_dos'].sum() == pytest.approx(
        found.band_centre_THz, rel=0.01
    )
    between = np.interp(298.0, np.arange(10, 1000, 10), row.rows['mobile_band_centres_THz'])
    assert between == pytest.approx(found.thermal_band_centres_THz[0], rel=1e-3)


def test_a_density_gives_a_row_too(folder):
    phonopy = folder.springs.phonopy()
    phonopy.run_mesh([8, 8, 8], with_eigenvectors=True, is_mesh_symmetry=False)
    phonopy.run_projected_dos(sigma=0.2, freq_pitch=0.02)
    phonopy.write_projected_dos(folder.path / 'projected_dos.dat')
    folder.poscar()
    row = compute_item('dos', folder.path)
    assert row.status is Status.OK
    assert row.values['source'] == 'dos'
    exact = band_quantities(phonon_modes(phonopy))
    assert row.values['mobile_band_centre_THz'] == pytest.approx(exact.band_centre_THz, rel=0.01)
    assert row.values['mobile_band_centre_298K_THz'] == pytest.approx(exact.thermal_band_centres_THz[0], rel=0.02)


def test_a_total_density_does_not_tell_whose_motion_it_is(folder, refused):
    np.savetxt(folder.path / 'total_dos.dat', [[0, 0], [1, 1], [2, 0]])
    assert 'no band centre of Li can be had' in refused(Status.UNREADABLE)


def test_conventional_cells_are_made_primitive(tmp_path):
    folder = Folder(tmp_path / 'x', Springs(conventional=True)).poscar().force_sets()
    row = compute_item('row', folder.path)
    assert row.values['total_atoms'] == 2
    small = compute_item('row', Folder(tmp_path / 'y', Springs()).poscar().force_sets().path)
    for name in ('mobile_band_centre_THz', 'mobile_band_centre_298K_THz'):
        assert row.values[name] == pytest.approx(small.values[name], rel=1e-3)


def test_no_lithium(tmp_path):
    folder = Folder(tmp_path / 'NaF', Springs(symbols=('F', 'Na'))).params(constants=True)
    row = compute_item('NaF', folder.path)
    assert row.status is Status.NO_MOBILE_ION
    assert 'holds no Li' in row.message
    assert compute_item('NaF', folder.path, PhononOptions(mobile='Na')).status is Status.OK


def test_imaginary_everywhere(folder):
    phonopy = folder.springs.phonopy(sign=-1.0)
    phonopy.save(folder.path / 'phonopy_params.yaml', settings={'force_constants': True})
    row = compute_item('row', folder.path, QUICK)
    assert row.status is Status.UNSTABLE
    assert re.search(r'(9\d|100)% of the modes are imaginary, more than 25%', row.message)
    allowed = compute_item('row', folder.path, PhononOptions(mesh_length_angstrom=10.0, max_imaginary_share=1.0))
    assert allowed.status is Status.OK
    assert allowed.values['mobile_band_centre_THz'] < 0
    assert allowed.values['mobile_band_centre_298K_THz'] is None
    assert 'count as negative' in allowed.message


@pytest.mark.parametrize('share', [0.02, 0.4, 0.9, 0.99])
def test_truncated_force_sets(share, folder, refused):
    file = folder.displacements().force_sets().path / 'FORCE_SETS'
    text = file.read_text()
    file.write_text(text[: int(share * len(text))])
    assert 'FORCE_SETS: it is damaged or cut off' in refused(Status.UNREADABLE)


@pytest.mark.parametrize(('old', 'new'), [('0.', 'x.'), ('\n0.', '\nnan 0.')])
def test_forces_that_are_no_numbers(old, new, folder, refused):
    file = folder.displacements().force_sets().path / 'FORCE_SETS'
    lines = file.read_text().splitlines()
    lines[-1] = lines[-1].replace('0.', 'x.', 1) if new == 'x.' else 'nan nan nan'
    file.write_text('\n'.join(lines))
    message = refused(Status.UNREADABLE)
    assert 'damaged or cut off' in message or 'no number' in message


def test_wrong_supercell_of_another_size(folder, refused):
    folder.poscar().force_sets()
    (folder.path / 'phonopy.conf').write_text('DIM = 3 2 2\n')
    message = refused(Status.UNREADABLE)
    assert 'wrong supercell: it holds forces on 16 atoms, but the supercell has 24' in message


def test_two_files_with_two_supercells(folder, refused):
    folder.displacements().force_sets()
    (folder.path / 'phonopy.conf').write_text('DIM = 2 2 3 # text\n')
    assert 'the forces cannot belong to both' in refused(Status.UNREADABLE)


def test_wrong_supercell_of_the_same_size(tmp_path):
    folder = Folder(tmp_path / 'x', Springs(conventional=True, supercell=(3, 2, 2))).poscar().force_sets()
    (folder.path / 'phonopy.conf').write_text('DIM = 2 2 3\n')
    row = compute_item('row', folder.path, QUICK)
    assert row.status is Status.UNREADABLE
    assert 'another' in row.message


def test_force_constants_of_another_supercell(folder, refused, tmp_path):
    other = Folder(tmp_path / 'other', Springs(supercell=(2, 2, 3))).constants(compact=False, hdf5=False)
    (other.path / 'FORCE_CONSTANTS').rename(folder.displacements().path / 'FORCE_CONSTANTS')
    assert 'wrong supercell: it holds force constants of 24 x 24 atoms' in refused(Status.UNREADABLE)


@pytest.mark.parametrize('name', ['FORCE_CONSTANTS', 'force_constants.hdf5'])
def test_truncated_force_constants(name, folder, refused):
    file = folder.displacements().constants(compact=True, hdf5=name.endswith('5')).path / name
    file.write_bytes(file.read_bytes()[:1500])
    assert f'{name}: it is damaged, cut off' in refused(Status.UNREADABLE)


def test_force_constants_that_are_zero(folder, refused):
    phonopy = folder.springs.phonopy(sign=0.0)
    phonopy.save(folder.path / 'phonopy_params.yaml', settings={'force_constants': True})
    assert 'force constants are zero' in refused(Status.UNREADABLE)


def test_too_few_displacements(folder, refused):
    file = folder.displacements().force_sets().path / 'FORCE_SETS'
    lines = file.read_text().split('\n')
    natom = int(lines[0])
    # Only the first of two displacements, so that nothing is known of lithium.
    file.write_text('\n'.join([lines[0], '1', *lines[2 : natom + 5]]) + '\n')
    assert 'FORCE_SETS' in refused(Status.UNREADABLE)


@pytest.mark.parametrize('keep', [1, 2, 3])
def test_damaged_born_charges(keep, folder, refused, born):
    file = folder.displacements().force_sets().born(born).path / 'BORN'
    file.write_text('\n'.join(file.read_text().splitlines()[:keep]) + '\n')
    assert 'leave the correction out with nac=False' in refused(Status.UNREADABLE)
    assert compute_item('row', folder.path, PhononOptions(nac=False, mesh_length_angstrom=10.0)).status is Status.OK


def test_born_charges_without_a_dielectric_constant(folder, refused, born):
    folder.displacements().force_sets().born({**born, 'dielectric': np.zeros((3, 3))})
    assert 'dielectric constant' in refused(Status.UNREADABLE)


@pytest.mark.parametrize('share', [0.1, 0.5, 0.8])
def test_truncated_yaml(share, folder, refused):
    file = folder.params().path / 'phonopy_params.yaml'
    text = file.read_text()
    file.write_text(text[: int(share * len(text))])
    refused(Status.UNREADABLE)


def test_yaml_that_would_run_something(folder, refused, tmp_path):
    target = tmp_path / 'made'
    document = (
        f'unit_cell: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ["{target}"]]\n'
    )
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(document)
    (folder.path / 'phonopy.yaml').write_text(document)
    refused(Status.UNREADABLE)
    assert not target.exists()


@pytest.mark.parametrize('text', ['DIM = 2 2\n', 'DIM = a b c\n', 'ATOM_NAME = Li F\n'])
def test_unusable_settings(text, folder, refused):
    folder.poscar().force_sets()
    (folder.path / 'phonopy.conf').write_text(text)
    assert 'DIM' in refused(Status.UNREADABLE)


def test_an_archive_that_climbs_out(tmp_path):
    with tarfile.open(tmp_path / 'a.tar.xz', 'w:xz') as tar:
        tar.addfile(tarfile.TarInfo('../../FORCE_SETS'), io.BytesIO())
    row = compute_item('row', tmp_path / 'a.tar.xz')
    assert row.status is Status.UNREADABLE
    assert 'leads out of the archive' in row.message


def test_a_missing_file_and_a_fault_of_ours_cost_one_row(tmp_path, folder, monkeypatch):
    row = compute_item('row', tmp_path / 'nothing')
    assert row.status is Status.FAILED
    assert 'no such file' in row.message
    folder.displacements().force_sets()
    monkeypatch.setattr('aiida_limap.engines.phonons.items.dos_fingerprint', lambda *_, **__: 1 / 0)
    row = compute_item('row', folder.path, QUICK)
    assert row.status is Status.FAILED
    assert row.message == 'ZeroDivisionError: division by zero'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'meshlength': 3}, 'no option'),
        ({'mesh_length_angstrom': 0}, 'between 1 and 1000'),
        ({'refinements': 1.5}, 'whole number'),
        ({'refinements': 9}, 'between 0 and 6'),
        ({'temperatures_K': [0]}, 'above zero'),
        ({'temperatures_K': 300}, 'list of numbers'),
        ({'mobile': 3}, 'symbol'),
        ({'nac': 'yes'}, 'true or false'),
    ],
)
def test_unusable_options(options, words):
    with pytest.raises(InputError, match=words):
        PhononOptions.from_mapping(options)


def test_options_as_plain_values_and_back():
    options = PhononOptions.from_mapping({'temperatures_K': [100, 298], 'nac': None})
    assert PhononOptions.from_mapping(options.settings()) == options


def archive_of(shared_data, identifier):
    path = shared_data / 'phonon' / 'phonondb_li' / f'{identifier}.tar.xz'
    if not path.is_file():
        pytest.skip(f'the archive of {identifier} is not among the reference data')
    return path


def test_golden_values_of_barium_lithium_fluoride(shared_data):
    source = read_phonons(archive_of(shared_data, 'mp-10250'), nac=False)
    found = band_quantities(phonon_modes(source.phonopy, mesh=(30, 30, 30), refinements=0))
    assert found.band_centre_THz == pytest.approx(12.0774, abs=2e-4)
    assert found.thermal_band_centres_THz[0] == pytest.approx(9.766, abs=1e-3)
    source = read_phonons(archive_of(shared_data, 'mp-10250'))
    found = band_quantities(phonon_modes(source.phonopy, mesh=(30, 30, 30), refinements=0))
    assert found.band_centre_THz == pytest.approx(12.0930, abs=2e-4)
    assert found.thermal_band_centres_THz[0] == pytest.approx(9.825, abs=1e-3)


def test_golden_values_of_lithium_indium_fluoride(shared_data):
    row = compute_item('mp-8892', archive_of(shared_data, 'mp-8892'), PhononOptions(nac=False))
    # Published by way of a density of states, whose norm is off by some per cent.
    assert row.values['mobile_band_centre_THz'] == pytest.approx(11.132, rel=0.005)
    assert row.values['total_band_centre_THz'] == pytest.approx(8.450, rel=0.01)
    assert row.values['mobile_band_centre_298K_THz'] == pytest.approx(8.702, rel=0.01)
    assert row.values['total_band_centre_298K_THz'] == pytest.approx(4.818, rel=0.02)
    assert row.values['source_id'] == 'mp-8892'
    assert row.values['mobile_norm'] == pytest.approx(12, abs=1e-9)


def test_lithium_that_does_not_come_first_in_the_formula(shared_data):
    # BaLiSb is listed as Li-Sb-Ba: its published band centre belongs to other atoms.
    row = compute_item('mp-10485', archive_of(shared_data, 'mp-10485'), PhononOptions(nac=False))
    assert row.values['formula'] == 'BaLiSb'
    assert row.values['mobile_band_centre_THz'] == pytest.approx(8.640, rel=0.01)
    assert row.values['mobile_band_centre_298K_THz'] == pytest.approx(6.729, rel=0.02)


def test_atoms_in_another_order_are_a_wrong_supercell(tmp_path):
    folder = Folder(tmp_path / 'x', Springs(conventional=True)).poscar().force_sets()
    file = folder.path / 'POSCAR-unitcell'
    lines = file.read_text().splitlines()
    lines[-1], lines[-2] = lines[-2], lines[-1]
    file.write_text('\n'.join(lines) + '\n')
    row = compute_item('row', folder.path, QUICK)
    assert row.status is Status.UNREADABLE
    assert 'symmetry changes the force constants between atoms by' in row.message
