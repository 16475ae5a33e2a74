"""Every file that phonopy writes gives the same modes; files that contradict each other are refused."""

from __future__ import annotations

import gzip
import lzma
import tarfile

import numpy as np
import pytest

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons import (
    DosInput,
    PhononInput,
    PhononSourceError,
    band_quantities,
    phonon_modes,
    read_phonons,
)


def centre(source):
    assert isinstance(source, PhononInput)
    return band_quantities(phonon_modes(source.phonopy, mesh=(3, 3, 3))).band_centre_THz


@pytest.fixture
def expected(springs):
    return band_quantities(phonon_modes(springs.phonopy(), mesh=(3, 3, 3))).band_centre_THz


FORMATS = {
    'params with forces': (lambda folder: folder.params(), 'phonopy_params.yaml', 'phonopy_params.yaml'),
    'yaml with constants': (
        lambda folder: folder.params('phonopy.yaml', constants=True),
        'phonopy.yaml',
        'phonopy.yaml',
    ),
    'force sets': (lambda folder: folder.displacements().force_sets(), 'phonopy_disp.yaml', 'FORCE_SETS'),
    'poscar': (lambda folder: folder.poscar().force_sets(), 'POSCAR-unitcell', 'FORCE_SETS'),
    'full text': (
        lambda folder: folder.displacements().constants(compact=False, hdf5=False),
        'phonopy_disp.yaml',
        'FORCE_CONSTANTS',
    ),
    'compact text': (
        lambda folder: folder.displacements().constants(compact=True, hdf5=False),
        'phonopy_disp.yaml',
        'FORCE_CONSTANTS',
    ),
    'full hdf5': (
        lambda folder: folder.displacements().constants(compact=False, hdf5=True),
        'phonopy_disp.yaml',
        'force_constants.hdf5',
    ),
    'compact hdf5': (
        lambda folder: folder.displacements().constants(compact=True, hdf5=True),
        'phonopy_disp.yaml',
        'force_constants.hdf5',
    ),
}


@pytest.mark.parametrize('name', FORMATS)
def test_formats_agree(name, folder, expected):
    fill, structure, forces = FORMATS[name]
    fill(folder)
    found = read_phonons(folder.path)
    assert centre(found) == pytest.approx(expected, rel=1e-5)
    assert found.files == {'structure': structure, 'forces': forces}
    assert found.identifier == 'LiF'
    assert not found.nac
    assert not found.notes
    assert found.asymmetry is None or found.asymmetry < 1e-6


@pytest.mark.parametrize('suffix', ['.xz', '.gz'])
def test_a_single_compressed_file_under_any_name(suffix, folder, expected, tmp_path):
    data = (folder.params().path / 'phonopy_params.yaml').read_bytes()
    file = tmp_path / f'mp-1138.yaml{suffix}'
    file.write_bytes(lzma.compress(data) if suffix == '.xz' else gzip.compress(data))
    found = read_phonons(file)
    assert centre(found) == pytest.approx(expected, rel=1e-5)
    assert found.identifier == 'mp-1138'


@pytest.mark.parametrize('name', ['materials-id-1138-lif.tar.lzma', 'lif', 'lif.zip'])
def test_archives_of_phonondb_under_any_name(name, folder, expected, tmp_path):
    folder.poscar().force_sets()
    archive = tmp_path / name
    with tarfile.open(archive, 'w:xz') as tar:
        tar.add(folder.path, 'mp-1138-20180417')
    found = read_phonons(archive)
    assert centre(found) == pytest.approx(expected, rel=1e-5)
    assert found.identifier == 'mp-1138'
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(['LiF', name])


def test_displacements_of_all_atoms_at_once(folder, expected):
    springs = folder.springs
    phonopy = springs.empty()
    moves = np.random.default_rng(0).normal(scale=0.01, size=(4, len(phonopy.supercell), 3))
    forces = -np.einsum('ijxy,njy->nix', springs.constants(phonopy.supercell), moves)
    lines = np.concatenate([moves.reshape(-1, 3), forces.reshape(-1, 3)], axis=1)
    np.savetxt(folder.displacements().path / 'FORCE_SETS', lines, fmt='%.14f')
    found = read_phonons(folder.path)
    assert centre(found) == pytest.approx(expected, rel=1e-4)


def test_born_charges_from_either_file_and_left_out_on_request(folder, expected, born, springs):
    folder.displacements().force_sets().born(born)
    found = read_phonons(folder.path)
    assert found.nac
    assert found.files['born'] == 'BORN'
    raised = centre(found)
    assert raised > expected + 0.01
    without = read_phonons(folder.path, nac=False)
    assert centre(without) == pytest.approx(expected, rel=1e-5)
    assert 'born' not in without.files
    phonopy = springs.phonopy()
    phonopy.nac_params = born
    phonopy.save(folder.path / 'phonopy_params.yaml', settings={'force_constants': True})
    (folder.path / 'BORN').unlink()
    again = read_phonons(folder.path)
    assert again.files['born'] == 'phonopy_params.yaml'
    assert centre(again) == pytest.approx(raised, rel=1e-4)


def test_files_of_the_working_folder_are_not_taken(folder, born, monkeypatch, tmp_path):
    folder.displacements().force_sets().born(born)
    other = tmp_path / 'other'
    other.mkdir()
    (folder.path / 'phonopy_disp.yaml').rename(other / 'phonopy_disp.yaml')
    monkeypatch.chdir(folder.path)
    with pytest.raises(PhononSourceError, match='neither forces'):
        read_phonons(other)


def test_a_note_about_other_displacements(folder):
    folder.displacements().force_sets()
    file = folder.path / 'phonopy_disp.yaml'
    text = file.read_text()
    assert '0.0070710678118655' in text or '0.0100000000000000' in text
    file.write_text(text.replace('0.0100000000000000', '0.0200000000000000').replace('0.00707106', '0.01414213'))
    found = read_phonons(folder.path)
    assert 'displacements of FORCE_SETS are not those of phonopy_disp.yaml' in found.notes[0]


def test_total_density(tmp_path):
    grid = np.linspace(0, 10, 50)
    file = tmp_path / 'total_dos.dat'
    np.savetxt(file, np.column_stack([grid, grid**2]), header='Sigma = 0.1')
    found = read_phonons(file)
    assert isinstance(found, DosInput)
    assert found.dos.total[-1] == pytest.approx(100)
    assert found.dos.count() is None
    assert found.files == {'dos': 'total_dos.dat'}


def test_projected_density_with_its_structure_or_named_elements(folder, springs):
    phonopy = springs.phonopy()
    phonopy.run_mesh([6, 6, 6], with_eigenvectors=True, is_mesh_symmetry=False)
    phonopy.run_projected_dos(sigma=0.2, freq_pitch=0.02)
    phonopy.write_projected_dos(folder.path / 'projected_dos.dat')
    with pytest.raises(PhononSourceError, match='whose densities its columns are'):
        read_phonons(folder.path)
    named = read_phonons(folder.path, elements=['F', 'Li'])
    phonopy.save(folder.path / 'phonopy.yaml', settings={'force_constants': False, 'force_sets': False})
    found = read_phonons(folder.path)
    assert isinstance(found, DosInput)
    assert found.files == {'dos': 'projected_dos.dat', 'structure': 'phonopy.yaml'}
    assert found.dos.counts == {'F': 1, 'Li': 1}
    assert np.array_equal(found.dos.density('Li'), named.dos.density('Li'))
    exact = band_quantities(phonon_modes(phonopy, mesh=(6, 6, 6))).band_centre_THz
    assert band_quantities(found.dos).band_centre_THz == pytest.approx(exact, rel=0.01)
    with pytest.raises(InputError, match='1 elements were named'):
        read_phonons(folder.path, elements=['Li'])


@pytest.mark.parametrize(
    ('content', 'words'),
    [('0 1 2\n1 2 3\n', '3 columns'), ('0 1\n1\n', 'no table'), ('a b\n', 'no table'), ('1 2\n', 'no table')],
)
def test_damaged_densities(content, words, tmp_path):
    (tmp_path / 'total_dos.dat').write_text(content)
    with pytest.raises(PhononSourceError, match=words):
        read_phonons(tmp_path)


def test_nothing_to_read(tmp_path, folder):
    with pytest.raises(InputError, match='no such file'):
        read_phonons(tmp_path / 'nothing')
    with pytest.raises(PhononSourceError, match='holds no file of phonopy'):
        read_phonons(folder.path)
    (tmp_path / 'notes.txt').write_text('hello')
    with pytest.raises(PhononSourceError, match='no file of phonopy that is known'):
        read_phonons(tmp_path / 'notes.txt')
    (tmp_path / 'empty').write_bytes(b'')
    with pytest.raises(PhononSourceError, match='no file of phonopy that is known'):
        read_phonons(tmp_path / 'empty')
    folder.displacements()
    with pytest.raises(PhononSourceError, match='neither forces'):
        read_phonons(folder.path)
    folder.force_sets()
    (folder.path / 'phonopy_disp.yaml').unlink()
    with pytest.raises(PhononSourceError, match='FORCE_SETS comes without its crystal'):
        read_phonons(folder.path)
