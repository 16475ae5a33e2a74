"""The phonons that come with the package: own calculations of a few small lithium compounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from aiida_limap.engines.chemistry.prototypes import Prototype, load_prototypes
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons.dos import PhononDos
from aiida_limap.engines.phonons.sources import PhononInput, read_phonons
from aiida_limap.formats.force_files import FORCES_ENDING

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ['EMBEDDED_NAMES', 'EmbeddedPhonons', 'embedded_crystals', 'embedded_phonons']

#: The compounds, by the names of their crystals.
EMBEDDED_NAMES = ('LiF', 'LiCl', 'Li2O', 'Li2S', 'Li2Se', 'Li2Te', 'Li3N-alpha', 'LiAlO2-alpha', 'LiAlO2-gamma')
_FOLDER = Path(__file__).parent / 'embedded'


@dataclass(frozen=True, eq=False)
class EmbeddedPhonons:
    """Phonons of one compound, computed by us.

    :param name: of the crystal.
    :param crystal: the crystal that was relaxed, with its citation.
    :param calculator: ``name``, ``package``, ``model`` and ``note`` of what computed the forces.
    :param settings: ``calculator`` and ``phonons``, the options of both steps.
    :param notes: sentences about what is doubtful.
    :param quantities: numbers as :meth:`~.quantities.BandQuantities.values` names them.
    :param structure: the relaxed primitive cell.
    :param dos: densities of states per primitive cell.
    :param path: file of the relaxed crystal, displacements and forces, for
        :func:`~aiida_limap.engines.phonons.sources.read_phonons`.
    """

    name: str
    crystal: Prototype
    calculator: Mapping[str, str]
    settings: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]
    quantities: Mapping[str, Any]
    structure: Structure
    dos: PhononDos
    path: Path

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return self.crystal.formula

    def phonons(self) -> PhononInput:
        """Return the force constants, for :func:`~aiida_limap.engines.phonons.modes.phonon_modes`.

        :raises InputError: if the file does not hold forces.
        """
        source = read_phonons(self.path)
        if not isinstance(source, PhononInput):
            raise InputError(f'{self.path.name}: it holds no forces')
        return source


@cache
def embedded_crystals() -> dict[str, Prototype]:
    """Return the crystals of the embedded phonons by name, in the order of :data:`EMBEDDED_NAMES`.

    :raises InputError: if one of them is nowhere.
    """
    found = {crystal.name: crystal for crystal in (*load_prototypes(), *load_prototypes(_FOLDER / 'crystals', None))}
    missing = [name for name in EMBEDDED_NAMES if name not in found]
    if missing:
        raise InputError(f'there is no crystal {missing[0]!r}, neither in the library nor beside the embedded phonons')
    return {name: found[name] for name in EMBEDDED_NAMES}


def embedded_phonons(folder: Path | None = None) -> tuple[EmbeddedPhonons, ...]:
    """Return the embedded phonons, in the order of :data:`EMBEDDED_NAMES`.

    :param folder: where the files lie; those of the package by default.
    :raises InputError: if a file is missing.
    """
    return tuple(_read(folder or _FOLDER, name, crystal) for name, crystal in embedded_crystals().items())


def _read(folder: Path, name: str, crystal: Prototype) -> EmbeddedPhonons:
    file, path = folder / f'{name}.yaml', folder / f'{name}{FORCES_ENDING}'
    if not (file.is_file() and path.is_file()):
        raise InputError(f'the phonons of {name} are not in {folder}')
    from pymatgen.core import Structure

    content = yaml.safe_load(file.read_text(encoding='utf-8'))
    dos, cell = content['densities'], content['structure']
    grid = dos['first_THz'] + dos['pitch_THz'] * np.arange(len(dos['total']))
    columns = {element: np.array(values, dtype=float) for element, values in dos['by_element'].items()}
    return EmbeddedPhonons(
        name=name,
        crystal=crystal,
        calculator=content['calculator'],
        settings=content['settings'],
        notes=tuple(content['notes']),
        quantities=content['quantities'],
        structure=Structure(cell['lattice_angstrom'], cell['species'], cell['positions']),
        dos=PhononDos(grid, np.array(dos['total'], dtype=float), columns, dos['counts']),
        path=path,
    )
