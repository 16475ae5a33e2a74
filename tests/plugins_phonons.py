"""Phonon files of small invented crystals, on disk and in a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from plugins_springs import Folder, Springs

#: Parameters that compute such a crystal in a blink.
QUICK = {'mesh_length_angstrom': 12.0, 'refinements': 0}
#: Rock salts of springs: a name, the spring constant (eV/Å²), and the elements.
CRYSTALS: dict[str, tuple[float, tuple[str, str]]] = {
    'soft': (0.6, ('Cl', 'Li')),
    'softer': (0.4, ('Br', 'Li')),
    'hard': (2.4, ('F', 'Li')),
    'harder': (2.8, ('O', 'Li')),
    'medium': (1.4, ('F', 'Li')),
}


def write_springs(folder: Path, name: str, spring: float, symbols: tuple[str, str]) -> Path:
    """Write a small crystal as the files of phonopy; the supercell is the smallest that holds all springs."""
    made = Folder(folder / name, Springs(spring=spring, symbols=symbols))
    return made.displacements().force_sets().path


def make_structure_of(springs: Springs) -> Any:
    """Return the stored structure node of a crystal of springs."""
    from aiida.orm import StructureData

    node = StructureData(cell=np.asarray(springs.unitcell.cell).tolist())
    for symbol, position in zip(springs.unitcell.symbols, springs.unitcell.positions, strict=True):
        node.append_atom(position=position.tolist(), symbols=symbol)
    return node.store()


def make_phonon_node(path: Path, structure: Any) -> Any:
    """Return the stored node of the phonon files of a structure: a folder, or a single file."""
    from aiida.orm import FolderData, SinglefileData

    node = FolderData(tree=str(path)) if path.is_dir() else SinglefileData(path)
    node.base.attributes.set('structure_uuid', structure.uuid)
    return node.store()
