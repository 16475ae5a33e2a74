"""The list of compounds of a job of phonons, and files of densities of states."""

from __future__ import annotations

import io

import numpy as np
import pytest

from aiida_limap.formats._files import FormatError
from aiida_limap.formats.arrays import array_bytes
from aiida_limap.formats.phonon_files import (
    DosArrays,
    PhononEntry,
    dos_bytes,
    read_dos,
    read_phonon_files,
    write_phonon_files,
)

ENTRIES = [PhononEntry('a', 'phonons/a/phonopy.yaml', 'mp-1'), PhononEntry('b', 'phonons/b')]


def dos(**changes) -> DosArrays:
    values = {
        'frequencies_THz': np.array([-0.5, 0.0, 2.0]),
        'total': np.array([0.0, 1.0, 2.0]),
        'elements': ('Li', 'O'),
        'by_element': np.array([[0.0, 0.5, 0.5], [0.0, 0.5, 1.5]]),
        'counts': (2, 1),
    }
    return DosArrays(**{**values, **changes})


def test_a_list_of_compounds_comes_back(tmp_path):
    write_phonon_files(tmp_path / 'phonons.json', ENTRIES)
    assert read_phonon_files(tmp_path / 'phonons.json') == ENTRIES


@pytest.mark.parametrize(
    ('entry', 'words'),
    [
        (PhononEntry('c', '/etc/passwd'), 'must lie in the folder of the job'),
        (PhononEntry('c', 'phonons/../../x'), 'must lie in the folder of the job'),
        (PhononEntry('c', ''), 'must lie in the folder of the job'),
        (PhononEntry('a', 'phonons/c'), "an id of its own, not 'a'"),
        (PhononEntry('', 'phonons/c'), 'an id of its own'),
    ],
)
def test_a_list_that_leads_astray_is_neither_written_nor_read(tmp_path, entry, words):
    path = tmp_path / 'phonons.json'
    with pytest.raises(FormatError, match=words):
        write_phonon_files(path, [*ENTRIES, entry])
    write_phonon_files(path, ENTRIES)
    text = path.read_text().replace('"b"', f'"{entry.id}"').replace('phonons/b', entry.path)
    path.write_text(text)
    with pytest.raises(FormatError, match=words):
        read_phonon_files(path)


def test_a_density_of_states_comes_back():
    found = read_dos(io.BytesIO(dos_bytes(dos())))
    assert (found.elements, found.counts) == (('Li', 'O'), (2, 1))
    for name, array in dos().arrays().items():
        assert np.array_equal(found.arrays()[name], array), name


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'frequencies_THz': np.array([0.0, 0.0, 1.0])}, 'must increase'),
        ({'frequencies_THz': np.array([1.0])}, 'must increase, and be two at least'),
        ({'total': np.array([1.0, 2.0])}, 'do not fit 3 frequencies'),
        ({'total': np.array([1.0, np.nan, 2.0])}, 'not finite'),
        ({'elements': ('Li', 'Li')}, 'must differ'),
        ({'elements': ('Li',)}, 'do not fit'),
        ({'counts': (1,)}, 'a number of atoms for each of Li, O'),
        ({'counts': (1, -1)}, 'a number of atoms for each of Li, O'),
    ],
)
def test_a_wrong_density_is_refused(changes, words):
    with pytest.raises(FormatError, match=words):
        dos(**changes)


def test_a_file_without_densities_is_refused():
    arrays = dos().arrays()
    total = arrays.pop('total')
    with pytest.raises(FormatError, match="lacks the array 'total'"):
        read_dos(io.BytesIO(array_bytes(arrays)))
    with pytest.raises(FormatError, match="'total' of a density of states must hold numbers"):
        read_dos(io.BytesIO(array_bytes({**arrays, 'total': total.astype(str)})))
    with pytest.raises(FormatError, match='cut short'):
        read_dos(io.BytesIO(dos_bytes(dos())[:100]))
