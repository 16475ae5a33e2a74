"""``limap.phonon_dos``: the phonon density of states of one compound, total and by element."""

from __future__ import annotations

import io
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm import Data
from numpy.typing import NDArray

from aiida_limap.data._columns import content_checksum, verify_checksum
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.phonon_files import DosArrays, dos_bytes, read_dos

__all__ = ['PhononDosData']


class PhononDosData(Data):
    """A phonon density of states of a primitive cell, total and projected on each element.

    Attributes (queryable): ``elements``, ``counts`` (number of atoms in the cell by element; 0 where it is not known),
    ``n_points``, ``lowest_THz``, ``highest_THz``, ``structure_uuid`` (empty where it is not known), ``checksum``. The
    numbers are the file ``phonon_dos.npz`` in the repository of the node.

    :param dos: the densities, as :func:`~aiida_limap.formats.phonon_files.read_dos` gives them.
    :param structure_uuid: UUID of the structure node of the compound.
    :raises ValueError: if no densities are given.
    """

    FILE = 'phonon_dos.npz'
    _loaded: DosArrays | None = None

    def __init__(self, dos: DosArrays | None = None, structure_uuid: str = '', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(dos, DosArrays):
            raise ValueError('a density of states is made of DosArrays, as aiida_limap.formats.phonon_files reads them')
        self.base.attributes.set_many({**_facts(dos), 'structure_uuid': str(structure_uuid)})
        self.base.repository.put_object_from_bytes(dos_bytes(dos), self.FILE)

    def _validate(self) -> None:
        super()._validate()
        try:
            dos = self._read()
        except (FormatError, FileNotFoundError) as error:
            raise ValidationError(f'{self.FILE} of the density of states is missing or damaged: {error}') from error
        verify_checksum(self, _checksum(dos))
        if self.elements != list(dos.elements):
            raise ValidationError(f'the attributes name {self.elements}, {self.FILE} {list(dos.elements)}')

    def _read(self) -> DosArrays:
        dos = read_dos(io.BytesIO(self.base.repository.get_object_content(self.FILE, mode='rb')))
        for array in (dos.frequencies_THz, dos.total, dos.by_element):
            array.setflags(write=False)
        return dos

    @property
    def arrays(self) -> DosArrays:
        """Everything at once."""
        if self._loaded is None:
            self._loaded = self._read()
        return self._loaded

    @property
    def frequencies_THz(self) -> NDArray:  # noqa: N802
        """(n,) increasing frequencies, THz; imaginary ones are negative."""
        return self.arrays.frequencies_THz

    @property
    def elements(self) -> list[str]:
        """Symbols of the elements whose densities are known."""
        return list(self.base.attributes.get('elements'))

    @property
    def counts(self) -> dict[str, int]:
        """Number of atoms in the cell by element; 0 where it is not known."""
        return dict(self.base.attributes.get('counts'))

    @property
    def structure_uuid(self) -> str:
        """UUID of the structure node of the compound; empty where it is not known."""
        return str(self.base.attributes.get('structure_uuid'))

    @property
    def checksum(self) -> str:
        """SHA-256 of the numbers."""
        return str(self.base.attributes.get('checksum'))

    def density(self, element: str | None = None) -> NDArray:
        """Return a density.

        :param element: projected on the atoms of this element; None for all atoms.
        :returns: (n,) density at :attr:`frequencies_THz`, 1/THz per primitive cell.
        :raises KeyError: if there is no projection on it.
        """
        if element is None:
            return self.arrays.total
        if element not in self.elements:
            raise KeyError(
                f'the density of states has no projection on {element}; it has {", ".join(self.elements) or "none"}'
            )
        return self.arrays.by_element[self.arrays.elements.index(element)]


def _checksum(dos: DosArrays) -> str:
    return content_checksum(dos.arrays(), {})


def _facts(dos: DosArrays) -> dict[str, Any]:
    return {
        'elements': list(dos.elements),
        'counts': dict(zip(dos.elements, dos.counts, strict=True)),
        'n_points': len(dos.total),
        'lowest_THz': float(dos.frequencies_THz[0]),
        'highest_THz': float(dos.frequencies_THz[-1]),
        'checksum': _checksum(dos),
    }
