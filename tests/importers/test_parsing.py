"""Structures from bytes: many blocks, many frames, and files from which no crystal comes."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.importers._archives import Blob
from aiida_limap.importers._parsing import Part, is_structure_name, parse

SALT = Structure(Lattice.orthorhombic(3.0, 4.0, 5.0), ['Li', 'Cl'], [[0, 0, 0], [0.5, 0.5, 0.5]])
XYZ = """2
Lattice="3.0 0.0 0.0 0.0 4.0 0.0 0.0 0.0 5.0" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T" energy=-1.5
Li 0.0 0.0 0.0 0 0 0
Cl 1.5 2.0 2.5 0 0 0
"""


def parts(name: str, text: str | bytes) -> list[Part]:
    data = text.encode() if isinstance(text, str) else text
    return list(parse(Blob(name, PurePosixPath(name), f'file:///{name}', data)))


def reason(name: str, text: str | bytes) -> str:
    (part,) = parts(name, text)
    assert isinstance(part.structure, str)
    return part.structure


def block(structure: Structure, name: str) -> str:
    text = structure.to(fmt='cif')
    start = text.index('data_')
    return f'data_{name}\n' + text[text.index('\n', start) + 1 :]


def assert_salt(structure: Structure | str) -> None:
    assert isinstance(structure, Structure), structure
    assert structure.matches(SALT)
    assert np.allclose(structure.lattice.abc, (3, 4, 5))


def test_each_block_of_a_cif_is_one_structure_with_a_sum_of_its_own():
    other = SALT.copy()
    other.replace_species({'Cl': 'F'})
    first, second = block(SALT, 'salt'), block(other, 'fluoride')
    info = "data_global\n_journal_name 'A'\n_publ_text\n;\ndata_fake\n_atom_site_ in a text\n;\n"
    found = parts('two.cif', '# a comment\n' + info + first + second)
    assert [part.name for part in found] == ['salt', 'fluoride']
    assert_salt(found[0].structure)
    assert found[1].structure.reduced_formula == 'LiF'
    # Another block in the file changes nothing for this one.
    again = parts('two.cif', first + block(SALT.copy().scale_lattice(99), 'third'))
    assert again[0].md5 == found[0].md5
    assert found[1].md5 != found[0].md5


def test_blocks_of_one_name_are_numbered():
    assert [part.name for part in parts('two.cif', block(SALT, 'x') + block(SALT, 'x') + block(SALT, ''))] == [
        '1', '2', '3'
    ]  # fmt: skip


def test_the_sum_of_a_file_with_one_structure_is_that_of_its_bytes():
    data = ('\ufeff' + SALT.to(fmt='cif')).encode() + b'# caf\xc3\xa9\n'
    (part,) = parts('one.cif', data)
    assert part.name == ''
    assert part.md5 == hashlib.md5(data).hexdigest()
    assert_salt(part.structure)
    latin = SALT.to(fmt='cif').encode() + b'# caf\xe9\n'
    assert_salt(parts('one.cif', latin)[0].structure)


def test_occupancies_of_a_cif_are_kept():
    mixed = Structure(SALT.lattice, [{'Li': 0.5, 'Na': 0.25}, 'Cl'], SALT.frac_coords)
    (part,) = parts('one.cif', mixed.to(fmt='cif'))
    assert {site.species_string for site in part.structure} == {'Na:0.25, Li:0.5', 'Cl'}


@pytest.mark.parametrize('name', ['one.xyz', 'one.extxyz', 'ONE.XYZ'])
def test_extended_xyz_gives_a_crystal(name):
    (part,) = parts(name, XYZ)
    assert_salt(part.structure)
    assert_salt(
        parts(name, XYZ.replace('Properties=species:S:1:pos:R:3:forces:R:3', '').replace(' 0 0 0\n', '\n'))[0].structure
    )
    swapped = XYZ.replace('species:S:1:pos:R:3:forces:R:3', 'id:I:1:species:S:1:pos:R:3')
    swapped = swapped.replace('Li 0.0 0.0 0.0 0 0 0', '1 Li 0 0 0').replace('Cl 1.5 2.0 2.5 0 0 0', '2 Cl 1.5 2 2.5')
    assert_salt(parts(name, swapped)[0].structure)


def test_each_frame_of_an_xyz_file_is_one_structure():
    found = parts('md.xyz', XYZ + XYZ.replace('Cl', 'F') + '\n')
    assert [part.name for part in found] == ['1', '2']
    assert [part.structure.reduced_formula for part in found] == ['LiCl', 'LiF']


def test_xyz_without_a_whole_cell_is_refused_with_a_sentence():
    assert reason('one.xyz', '2\nwater\nO 0 0 0\nH 0 0 1\n').startswith('it is an XYZ file without a cell: ')
    assert reason('one.xyz', XYZ.replace('T T T', 'T T F')) == 'it is not periodic in three directions (pbc="T T F")'
    assert 'nine numbers, not 3' in reason('one.xyz', XYZ.replace(' 0.0 0.0 0.0 4.0 0.0 0.0 0.0 5.0"', ' 4.0 5.0"'))
    assert 'does not fit its length' in reason('one.xyz', XYZ.replace('2\nLattice', '3\nLattice'))
    assert 'names no species or pos' in reason('one.xyz', XYZ.replace('pos:R:3', 'place:R:3'))
    assert 'does not fit its length' in reason('one.xyz', '')


@pytest.mark.parametrize('name', ['POSCAR', 'CONTCAR_1', 'one.vasp', 'one.poscar', 'one.contcar'])
def test_files_of_vasp_are_read(name):
    assert_salt(parts(name, SALT.to(fmt='poscar'))[0].structure)


def test_a_poscar_without_elements_is_refused_rather_than_made_of_hydrogen():
    lines = SALT.to(fmt='poscar').splitlines()
    assert lines[5].split() == ['Li', 'Cl']
    # Without the line of elements, and without the symbols behind the coordinates.
    text = '\n'.join(['nothing', *lines[1:5], *lines[6:8], *(' '.join(line.split()[:3]) for line in lines[8:])])
    assert reason('POSCAR', text).startswith('it does not name its elements')


@pytest.mark.parametrize('fmt', ['cssr', 'xsf'])
def test_other_files_of_pymatgen_are_read(fmt):
    assert_salt(parts(f'one.{fmt}', SALT.to(fmt=fmt))[0].structure)


@pytest.mark.parametrize(
    ('name', 'text', 'expected'),
    [
        ('a.cif', '', 'it does not parse as a structure ('),
        ('a.cif', 'data_a\n_cell_length_a 3\n', 'it does not parse as a structure ('),
        ('a.cif', bytes(range(256)), 'it does not parse as a structure ('),
        ('a.cif', block(SALT, 'x').replace('_cell_length_a', '_cell_length'), '_cell_length_a is missing'),
        ('POSCAR', 'nonsense', 'it does not parse as a structure ('),
        ('notes.txt', 'a note', 'it has none of the endings .cif'),
    ],
)
def test_what_does_not_parse_is_refused_in_one_line(name, text, expected):
    sentence = reason(name, text)
    assert expected in sentence
    assert '\n' not in sentence


def test_names_of_structure_files_are_known():
    good = [
        'a.cif',
        'a.CIF',
        'a.cif.gz',
        'POSCAR',
        'POSCAR.1',
        'CONTCAR.bz2',
        'x.vasp',
        'x.xyz',
        'x.extxyz.xz',
        'm.mcif',
    ]
    assert [name for name in good if not is_structure_name(name)] == []
    assert [
        name for name in ('a.txt', 'cif', 'a.json', 'a.tar.gz', 'my_POSCAR_notes.md') if is_structure_name(name)
    ] == []


def test_a_named_file_of_another_ending_is_left_to_pymatgen(tmp_path):
    file = Path(tmp_path / 'one.json')
    SALT.to(str(file))
    (part,) = parse(Blob('one.json', PurePosixPath('one.json'), file.as_uri(), file.read_bytes(), file))
    assert_salt(part.structure)
