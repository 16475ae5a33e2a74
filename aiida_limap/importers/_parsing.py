"""Structures from the bytes of a file: CIF with any number of blocks, POSCAR, extended XYZ, and what pymatgen reads."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiida_limap.importers._archives import Blob

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['NAMES', 'SUFFIXES', 'Part', 'is_structure_name', 'md5_of', 'parse']

#: Endings of structure files that are looked for in folders and archives.
SUFFIXES = ('.cif', '.mcif', '.vasp', '.poscar', '.contcar', '.xyz', '.extxyz', '.cssr', '.xsf')
#: Beginnings of the names of structure files.
NAMES = ('POSCAR', 'CONTCAR')
#: Occupancies that add up to a little more than one are rounded in the source.
_OCCUPANCY_TOLERANCE = 1.05
_CELL = ('length_a', 'length_b', 'length_c', 'angle_alpha', 'angle_beta', 'angle_gamma')
_WORDS = re.compile(r"""([A-Za-z_][\w-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|(\S+))""")


@dataclass(frozen=True)
class Part:
    """One structure of a file, or why there is none.

    :param name: name of the part, empty where the file holds only one structure.
    :param md5: MD5 sum of its bytes.
    :param structure: the structure, or the reason why it cannot be read.
    """

    name: str
    md5: str
    structure: Structure | str


def md5_of(data: bytes) -> str:
    """Return the MD5 sum of bytes.

    :param data: the bytes.
    """
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def is_structure_name(name: str) -> bool:
    """Return whether a file name is that of a structure file, compressed or not.

    :param name: the file name.
    """
    lower = re.sub(r'\.(gz|bz2|xz)$', '', name.lower())
    return lower.endswith(SUFFIXES) or name.startswith(NAMES)


def parse(blob: Blob) -> Iterator[Part]:
    """Read the structures of a file.

    :param blob: the bytes with their name.
    :returns: each structure; what cannot be read comes with the reason.
    """
    name = blob.path.name.lower()
    text = _decode(blob.data)
    if name.endswith(('.cif', '.mcif')):
        yield from _parts(_cif_blocks(text), _read_cif, blob.data)
    elif name.endswith(('.xyz', '.extxyz')):
        yield from _parts(_xyz_frames(text), _read_xyz, blob.data)
    elif blob.path.name.startswith(NAMES) or name.endswith(('.vasp', '.poscar', '.contcar')):
        yield from _parts([('', text)], _read_poscar, blob.data)
    elif name.endswith(('.cssr', '.xsf')):
        yield from _parts([('', text)], lambda body: _read_by_format(body, name[-4:].lstrip('.')), blob.data)
    else:
        yield from _parts([('', text)], lambda _body: _read_by_name(blob), blob.data)


def _parts(bodies: list[tuple[str, str]], read: Callable[[str], Structure], data: bytes) -> Iterator[Part]:
    # The sum of the only part is that of the very bytes of the file, whatever their encoding.
    alone = len(bodies) == 1
    for label, body in bodies:
        md5 = md5_of(data if alone else body.encode())
        yield Part('' if alone else label, md5, _attempt(read, body))


def _attempt(read: Callable[[str], Structure], body: str) -> Structure | str:
    from pymatgen.core import Structure

    try:
        with warnings.catch_warnings():
            # What pymatgen mends in a CIF (rounded coordinates, labels) is no news for a batch of thousands.
            warnings.simplefilter('ignore')
            structure = read(body)
    except _UnsuitableError as error:
        return str(error)
    except Exception as error:
        # The parsers of pymatgen raise nearly any type of error on a damaged file; the next file must go on.
        return f'it does not parse as a structure ({_detail(error)})'
    if not isinstance(structure, Structure) or len(structure) == 0:
        return 'it does not parse as a structure (it holds no atoms in a cell)'
    return structure


class _UnsuitableError(Exception):
    """The file is readable, but no crystal comes of it; the message is the reason."""


def _detail(error: BaseException) -> str:
    """Return the first line that says something; pymatgen wraps what happened into a sentence about the file."""
    while isinstance(error, ValueError) and isinstance(error.__cause__, (KeyError, ValueError)):
        error = error.__cause__
    if isinstance(error, KeyError):
        return f'{error.args[0]} is missing'
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _decode(data: bytes) -> str:
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError:
        return data.decode('latin-1')


def _cif_blocks(text: str) -> list[tuple[str, str]]:
    """Split a CIF into its data blocks, as far as they hold atoms; a file without any stays in one piece."""
    names: list[str] = []
    blocks: list[list[str]] = []
    with_atoms: set[int] = set()
    in_text = False
    for line in text.splitlines(keepends=True):
        # A semicolon in the first column begins and ends a text, in which anything may stand.
        if line.startswith(';'):
            in_text = not in_text
        word = '' if in_text else line.strip().lower()
        if word.startswith('data_'):
            names.append(line.strip()[5:].strip())
            blocks.append([])
        elif word.startswith('_atom_site_') and blocks:
            with_atoms.add(len(blocks) - 1)
        if blocks:
            blocks[-1].append(line)
    if not with_atoms:
        return [('', text)]
    found = [(names[index], ''.join(blocks[index])) for index in sorted(with_atoms)]
    labels = [name for name, _ in found]
    return [
        (name if name and labels.count(name) == 1 else str(number), body)
        for number, (name, body) in enumerate(found, start=1)
    ]


def _read_cif(body: str) -> Structure:
    from pymatgen.io.cif import CifParser

    missing = [f'_cell_{name}' for name in _CELL if f'_cell_{name}' not in body.lower()]
    if missing:
        raise ValueError(f'{missing[0]} is missing')
    parser = CifParser.from_str(body, occupancy_tolerance=_OCCUPANCY_TOLERANCE)
    structures = parser.parse_structures(primitive=False, on_error='raise')
    if not structures:
        raise ValueError('it holds no atoms in a cell')
    return structures[0]


def _read_poscar(body: str) -> Structure:
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    with warnings.catch_warnings():
        warnings.simplefilter('error', BadPoscarWarning)
        try:
            return Poscar.from_str(body).structure
        except BadPoscarWarning as error:
            # Hydrogen, helium and lithium would be made up in their place.
            raise _UnsuitableError(
                'it does not name its elements: the line above the numbers of atoms is missing, as in files of VASP 4'
            ) from error


def _read_by_format(body: str, fmt: str) -> Structure:
    from pymatgen.core import Structure

    return Structure.from_str(body, fmt=fmt)


def _read_by_name(blob: Blob) -> Structure:
    from pymatgen.core import Structure

    if blob.file is None:
        raise _UnsuitableError(f'it has none of the endings {", ".join(SUFFIXES)}')
    return Structure.from_file(str(blob.file))


def _xyz_frames(text: str) -> list[tuple[str, str]]:
    """Split an XYZ file into its frames."""
    lines = text.splitlines()
    frames: list[str] = []
    start = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        number = lines[start].split()
        stop = start + 2 + int(number[0]) if len(number) == 1 and number[0].isdigit() else len(lines)
        frames.append('\n'.join(lines[start:stop]))
        start = stop
    return [(str(index), frame) for index, frame in enumerate(frames or [text], start=1)]


def _read_xyz(body: str) -> Structure:
    """Read one frame of extended XYZ: the cell stands in the second line."""
    from pymatgen.core import Lattice, Structure

    lines = body.splitlines()
    if len(lines) < 3 or not lines[0].strip().isdigit() or len(lines) < 2 + int(lines[0]):
        raise ValueError('the number of atoms in its first line does not fit its length')
    words = {key.lower(): next(filter(None, values), '') for key, *values in _WORDS.findall(lines[1])}
    if 'lattice' not in words:
        raise _UnsuitableError(
            'it is an XYZ file without a cell: only extended XYZ with Lattice="..." in its second line is a crystal'
        )
    cell = [float(word) for word in words['lattice'].split()]
    if len(cell) != 9:
        raise ValueError(f'Lattice needs nine numbers, not {len(cell)}')
    if any(word.upper() not in {'T', 'TRUE', '1'} for word in words.get('pbc', 'T T T').split()):
        raise _UnsuitableError(f'it is not periodic in three directions (pbc="{words["pbc"]}")')
    symbol, position = _xyz_columns(words.get('properties', 'species:S:1:pos:R:3'))
    rows = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    return Structure(
        Lattice(cell),
        [row[symbol] for row in rows],
        [[float(word) for word in row[position : position + 3]] for row in rows],
        coords_are_cartesian=True,
    )


def _xyz_columns(properties: str) -> tuple[int, int]:
    """Return in which columns the symbols and the first coordinates (Å) stand."""
    words = properties.split(':')
    columns: dict[str, int] = {}
    column = 0
    for name, width in zip(words[::3], words[2::3], strict=False):
        columns[name.lower()] = column
        column += int(width)
    if 'pos' not in columns or not {'species', 'element'} & set(columns):
        raise ValueError(f'Properties={properties} names no species or pos')
    return columns.get('species', columns.get('element', 0)), columns['pos']
