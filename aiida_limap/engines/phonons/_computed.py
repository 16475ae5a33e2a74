"""Phonons of structures as a part of a job: the calculator that it names, and what is kept of each compound."""

from __future__ import annotations

import lzma
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiida_limap.common.calculators import CALCULATOR, CALCULATOR_REFUSED, KEEP_FORCES
from aiida_limap.engines.chemistry.structures import check_structure, record_from_structure, structure_from_record
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.options import check_switch
from aiida_limap.engines.phonons.calculators import (
    CalculatorOptions,
    calculator_info,
    calculator_title,
    load_calculator,
    phonons_from_calculator,
)
from aiida_limap.engines.phonons.dos import PhononDos
from aiida_limap.engines.phonons.items import compute_source
from aiida_limap.engines.phonons.modes import PhononModes
from aiida_limap.engines.phonons.options import PhononOptions
from aiida_limap.engines.phonons.sources import DosInput, PhononInput
from aiida_limap.formats._files import write_bytes_atomic
from aiida_limap.formats.force_files import FORCES_ENDING, FORCES_FOLDER, RELAXED_ENDING
from aiida_limap.formats.results import ItemResult
from aiida_limap.formats.structures import StructureRecord, write_structures

__all__ = ['CalculatorChoice', 'Computed', 'force_bytes']

_OWN = ('name', 'parameters', KEEP_FORCES)


@dataclass(frozen=True)
class CalculatorChoice:
    """What a job says of its calculator.

    :param name: of its entry point.
    :param parameters: keywords of the function that makes it.
    :param keep_forces: whether forces and relaxed crystals are written.
    :param options: how phonons are computed with it.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    keep_forces: bool = True
    options: CalculatorOptions = field(default_factory=CalculatorOptions)

    @classmethod
    def from_mapping(cls, given: Any) -> CalculatorChoice:
        """Read the parameter ``calculator`` of a job.

        :param given: ``name``, ``parameters``, ``keep_forces``, and options by name.
        :raises InputError: if it names no calculator, or a key or value is unusable.
        """
        if not isinstance(given, Mapping) or not isinstance(given.get('name'), str) or not given['name']:
            raise InputError(f"the parameter {CALCULATOR} must name one, e.g. {{'name': 'chgnet'}}, not {given!r}")
        parameters, keep_forces = given.get('parameters') or {}, given.get(KEEP_FORCES, True)
        if not isinstance(parameters, Mapping):
            raise InputError(f'the parameters of the calculator must be a mapping, not {parameters!r}')
        check_switch(KEEP_FORCES, keep_forces)
        options = CalculatorOptions.from_mapping({key: value for key, value in given.items() if key not in _OWN})
        return cls(given['name'], dict(parameters), keep_forces, options)

    def settings(self) -> dict[str, Any]:
        """Return everything as plain values, for results to record."""
        own = {'name': self.name, 'parameters': dict(self.parameters), KEEP_FORCES: self.keep_forces}
        return own | self.options.settings()

    def load(self) -> Any:
        """Return the calculator.

        :raises InputError: if it is not there; the sentence begins as the AiiDA side knows it.
        """
        try:
            return load_calculator(self.name, self.parameters)
        except InputError as error:
            raise InputError(f'{CALCULATOR_REFUSED}: {error}') from error


class Computed:
    """Compute compounds with one calculator.

    :param choice: the calculator and its options.
    :param options: options of the phonon quantities.
    :param directory: folder of the job, in which forces and relaxed crystals are written.
    :raises InputError: if the calculator cannot be made.
    """

    def __init__(self, choice: CalculatorChoice, options: PhononOptions, directory: Path) -> None:
        self._choice, self._options, self._directory = choice, options, directory
        self._calculator = choice.load()

    def facts(self) -> dict[str, Any]:
        """Return what the calculator says that it is, but for the long list of its elements."""
        return {name: value for name, value in calculator_info(self._calculator).items() if name != 'elements'}

    def item(
        self, record: StructureRecord, on_spectrum: Callable[[PhononModes | PhononDos], None] | None
    ) -> ItemResult:
        """Compute one compound and turn whatever happens to it into a result row.

        :param record: the structure.
        :param on_spectrum: called with the modes of a compound that has numbers.
        """
        known: dict[str, Any] = {'calculator': calculator_title(self._calculator)}

        def load() -> PhononInput:
            structure = structure_from_record(record)
            known['formula'] = structure.composition.reduced_formula
            # Before minutes are spent on a crystal that has no answer.
            check_structure(structure, mobile_element=self._options.mobile)
            return phonons_from_calculator(structure, self._calculator, options=self._choice.options)

        def keep(source: PhononInput | DosInput) -> None:
            if isinstance(source, PhononInput):
                self._write(record.id, source.phonopy)

        item = compute_source(
            record.id,
            load,
            self._options,
            on_source=keep if self._choice.keep_forces else None,
            on_spectrum=on_spectrum,
        )
        # Also where no answer comes of it, a row says which compound it is.
        return replace(item, values={**known, **item.values})

    def _write(self, identifier: str, phonopy: Any) -> None:
        from pymatgen.core import Lattice, Structure

        folder = self._directory / FORCES_FOLDER
        folder.mkdir(exist_ok=True)
        cell = phonopy.unitcell
        relaxed = Structure(Lattice(cell.cell), list(cell.symbols), cell.scaled_positions)
        write_structures(folder / f'{identifier}{RELAXED_ENDING}', [record_from_structure(relaxed, identifier)])
        write_bytes_atomic(folder / f'{identifier}{FORCES_ENDING}', force_bytes(phonopy))


def force_bytes(phonopy: Any) -> bytes:
    """Return crystal, supercell, displacements and forces as a compressed file of phonopy.

    :param phonopy: a ``phonopy.Phonopy`` with forces.
    """
    with tempfile.TemporaryDirectory(prefix='limap-forces-') as folder:
        file = Path(folder, 'phonopy_params.yaml')
        phonopy.save(file, settings={'force_sets': True, 'force_constants': False})
        return lzma.compress(file.read_bytes(), preset=9)
