"""Structure files of people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiida_limap.engines.errors import LimapError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['read_structure_file']


def read_structure_file(path: Path) -> Structure:
    """Read a structure from a CIF, POSCAR or any other file that pymatgen knows.

    :param path: the file.
    :returns: the structure.
    :raises LimapError: if the file is missing or cannot be read.
    """
    from pymatgen.core import Structure

    path = Path(path)
    if not path.is_file():
        raise LimapError(f'there is no file {path}')
    try:
        return Structure.from_file(path)
    except Exception as error:
        # The readers of the many formats raise whatever they stumble over.
        raise LimapError(f'{path.name} cannot be read as a structure: {error}') from error
