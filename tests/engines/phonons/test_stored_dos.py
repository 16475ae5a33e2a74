"""Densities of states that are stored in our own file, as phonons of a compound; and what rows are called."""

from __future__ import annotations

import numpy as np
import pytest
from plugins_springs import Folder, Springs

from aiida_limap.engines.phonons import DosInput, compute_item, read_phonons
from aiida_limap.engines.phonons.errors import PhononSourceError
from aiida_limap.engines.phonons.files import collect_files
from aiida_limap.engines.run import run_job
from aiida_limap.formats.job import Job, write_job
from aiida_limap.formats.phonon_files import DOS_FILE, DosArrays, PhononEntry, dos_bytes, write_phonon_files
from aiida_limap.formats.results import read_results

GRID = np.arange(0.0, 20.0, 0.05)


def bell(centre: float, modes: float) -> np.ndarray:
    return modes * np.exp(-0.5 * ((GRID - centre) / 0.5) ** 2) / (0.5 * np.sqrt(2 * np.pi))


def stored(folder, *, projected: bool = True, counts: tuple[int, ...] = (2, 1)):
    folder.mkdir()
    by_element = np.array([bell(12.0, 6.0), bell(6.0, 3.0)])
    dos = DosArrays(
        GRID,
        by_element.sum(axis=0),
        ('Li', 'O') if projected else (),
        by_element if projected else np.empty((0, len(GRID))),
        counts if projected else (),
    )
    (folder / DOS_FILE).write_bytes(dos_bytes(dos))
    return folder


def test_a_stored_density_is_read_and_computed_with(tmp_path):
    folder = stored(tmp_path / 'li2o')
    source = read_phonons(folder)
    assert isinstance(source, DosInput)
    assert (source.files, dict(source.dos.counts)) == ({'dos': DOS_FILE}, {'Li': 2, 'O': 1})
    row = compute_item('row', folder)
    assert (row.status, row.message) == ('ok', '')
    assert row.values['mobile_band_centre_THz'] == pytest.approx(12.0, abs=1e-6)
    assert row.values['total_band_centre_THz'] == pytest.approx(10.0, abs=1e-6)
    assert (row.values['formula'], row.values['source'], row.values['source_id']) == ('Li2O', 'dos', 'li2o')


def test_numbers_of_atoms_that_are_not_known_cost_no_more_than_the_norm(tmp_path):
    row = compute_item('row', stored(tmp_path / 'li2o', counts=(0, 0)))
    assert (row.status, row.values['mobile_atoms']) == ('ok', None)
    assert row.values['mobile_band_centre_THz'] == pytest.approx(12.0, abs=1e-6)
    assert 'formula' not in row.values


def test_a_total_density_is_one_sentence_in_its_row(tmp_path):
    row = compute_item('row', stored(tmp_path / 'li2o', projected=False))
    assert row.status == 'unreadable'
    assert 'of which no band centre of Li can be had' in row.message


def test_a_damaged_density_is_refused(tmp_path):
    folder = stored(tmp_path / 'li2o')
    (folder / DOS_FILE).write_bytes((folder / DOS_FILE).read_bytes()[:300])
    with pytest.raises(PhononSourceError, match=DOS_FILE):
        read_phonons(folder)


@pytest.mark.parametrize(
    ('name', 'identifier'),
    [
        ('Li2O.phonopy_params.yaml', 'Li2O'),
        ('mp-149.phonopy.yaml', 'mp-149'),
        ('mp-149.yaml', 'mp-149'),
        ('phonopy_params.yaml', 'phonopy_params'),
    ],
)
def test_single_files_are_called_by_what_stands_before_the_kind(name, identifier, tmp_path):
    made = Folder(tmp_path / 'made', Springs()).params().path / 'phonopy_params.yaml'
    made.rename(tmp_path / name)
    assert collect_files(tmp_path / name).identifier == identifier


def test_rows_are_called_as_the_job_says_with_or_without_an_answer(tmp_path):
    stored(tmp_path / 'aaaa')
    stored(tmp_path / 'bbbb', projected=False)
    (tmp_path / 'cccc.yaml').write_text('phonopy: {}\n')
    entries = [PhononEntry('a', 'aaaa', 'mp-1'), PhononEntry('b', 'bbbb', 'mp-2'), PhononEntry('c', 'cccc.yaml', 'x')]
    write_phonon_files(tmp_path / 'phonons.json', entries)
    write_job(tmp_path / 'job.json', Job('phonons', {}, {'phonons': 'phonons.json'}))
    assert run_job('phonons', tmp_path / 'job.json') == 0
    rows = {item.id: item for item in read_results(tmp_path).items}
    assert {name: row.values['source_id'] for name, row in rows.items()} == {'a': 'mp-1', 'b': 'mp-2', 'c': 'x'}
    assert [str(row.status) for row in rows.values()] == ['ok', 'unreadable', 'unreadable']
    assert rows['b'].message.startswith('mp-2: there is only')
    assert rows['c'].message.startswith('cccc.yaml')
