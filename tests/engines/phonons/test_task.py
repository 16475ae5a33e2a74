"""The task of phonons: one row per compound, whatever becomes of it."""

from __future__ import annotations

import numpy as np
import pytest
from plugins_springs import Folder, Springs

from aiida_limap.engines.run import run_job
from aiida_limap.formats.job import Job, write_job
from aiida_limap.formats.phonon_files import PhononEntry, read_dos, write_phonon_files
from aiida_limap.formats.results import read_results

PARAMETERS = {'mesh_length_angstrom': 15.0, 'refinements': 0}


@pytest.fixture
def directory(tmp_path):
    """Return the folder of a job: springs, the same without lithium, and forces that were cut off."""
    entries = []
    for name, springs in (('good', Springs()), ('sodium', Springs(symbols=('F', 'Na'))), ('cut', Springs())):
        folder = Folder(tmp_path / name, springs).displacements().force_sets()
        entries.append(PhononEntry(f'id-{name}', folder.path.name))
    path = tmp_path / 'cut' / 'FORCE_SETS'
    path.write_text(path.read_text()[: len(path.read_text()) // 2])
    write_phonon_files(tmp_path / 'phonons.json', [*entries, PhononEntry('id-gone', 'gone')])
    return tmp_path


def run(directory, parameters=None, inputs=None) -> tuple[int, object]:
    given = {**PARAMETERS, **(parameters or {})}
    write_job(directory / 'job.json', Job('phonons', given, {'phonons': 'phonons.json'} if inputs is None else inputs))
    return run_job('phonons', directory / 'job.json'), read_results(directory)


def test_every_compound_gets_a_row_and_densities_where_asked_for(directory):
    code, results = run(directory, {'densities': True})
    assert (code, results.complete, results.error) == (0, True, None)
    assert {item.id: str(item.status) for item in results.items} == {
        'id-good': 'ok',
        'id-sodium': 'no_mobile_ion',
        'id-cut': 'unreadable',
        'id-gone': 'failed',
    }
    assert all(str(directory) not in item.message for item in results.items)
    assert results.arrays['row_ids'].tolist() == ['id-good']
    assert results.arrays['mobile_band_centres_THz'].shape == (1, len(results.summary['temperatures_K']))
    assert results.arrays['total_dos'].shape == (1, len(results.summary['frequencies_THz']))
    assert results.summary['counts'] == {'ok': 1, 'no_mobile_ion': 1, 'unreadable': 1, 'failed': 1}
    assert results.summary['options']['mesh_length_angstrom'] == 15.0
    assert [path.name for path in (directory / 'densities').iterdir()] == ['id-good.npz']
    dos = read_dos(directory / 'densities' / 'id-good.npz')
    assert dict(zip(dos.elements, dos.counts, strict=True)) == {'F': 1, 'Li': 1}
    assert np.allclose(dos.by_element.sum(axis=0), dos.total)
    centre = (dos.frequencies_THz * dos.by_element[dos.elements.index('Li')]).sum() / dos.by_element[
        dos.elements.index('Li')
    ].sum()
    (good,) = (item for item in results.items if item.id == 'id-good')
    assert centre == pytest.approx(good.values['mobile_band_centre_THz'], rel=1e-6)


def test_densities_are_left_out_unless_asked_for(directory):
    run(directory)
    assert not (directory / 'densities').exists()


@pytest.mark.parametrize(
    ('parameters', 'inputs', 'words'),
    [
        ({'colour': 'red'}, None, "no option 'colour'"),
        ({'densities': 'yes'}, None, 'option densities must be true or false'),
        ({}, {}, "reads the input 'phonons'"),
        ({}, {'phonons': 'missing.json'}, 'missing.json'),
    ],
)
def test_a_wrong_job_fails_with_a_sentence(directory, parameters, inputs, words):
    code, results = run(directory, parameters, inputs)
    assert code == 2
    assert words in results.error
