"""Densities of states as phonons of compounds: imported ones are found, those of jobs are not."""

from __future__ import annotations

import numpy as np
import pytest
from plugins_aiida import make_structure

from aiida_limap.calculations._phonon_files import find_phonon_files
from aiida_limap.common.keys import structure_key
from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.formats.phonon_files import DOS_FILE, DosArrays, read_phonon_files


@pytest.fixture
def make_dos(aiida_profile):
    def make(structure_uuid: str, identifier: str | None = None) -> PhononDosData:
        row = np.array([0.0, 1.0, 0.0])
        node = PhononDosData(DosArrays(np.arange(3.0), row, ('Li',), row[None], (1,)), structure_uuid=structure_uuid)
        if identifier is not None:
            node.source = {'db_name': 'springs', 'id': identifier}
        return node.store()

    return make


def test_only_densities_with_an_origin_are_phonons_of_a_structure(make_dos):
    one, two = make_structure(), make_structure(1.2)
    make_dos(one.uuid)
    imported = make_dos(two.uuid, 'mp-2')
    assert find_phonon_files([one.uuid, two.uuid]) == {two.uuid: imported.pk}


def test_a_job_gets_the_file_of_the_density_and_its_name(prepare, make_dos):
    structure = make_structure()
    node = make_dos(structure.uuid, 'mp-7')
    done = prepare('limap.phonons', phonons={structure_key(structure.uuid): node})
    (entry,) = read_phonon_files(done.folder / 'phonon_files.json')
    assert (entry.id, entry.path, entry.name) == (structure.uuid, f'phonons/{structure.uuid}', 'mp-7')
    assert done.calcinfo.local_copy_list == [(node.uuid, '.', entry.path)]
    assert node.base.repository.list_object_names() == [DOS_FILE]
    # One that belongs to no structure in particular may be given for any.
    prepare('limap.phonons', phonons={structure_key(structure.uuid): make_dos('')})
    with pytest.raises(ValueError, match='does not belong'):
        prepare('limap.phonons', phonons={structure_key(make_structure().uuid): node})
