"""The engine task ``phonons``: band centres and densities of states of a batch of compounds.

The compounds come with phonon files, or as structures whose phonons are computed with a calculator.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aiida_limap.common.calculators import CALCULATOR
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.phonons._computed import CalculatorChoice, Computed
from aiida_limap.engines.phonons.dos import PhononDos, density_of_states
from aiida_limap.engines.phonons.fingerprint import FINGERPRINT_FREQUENCIES_THZ
from aiida_limap.engines.phonons.items import compute_item
from aiida_limap.engines.phonons.modes import PhononModes
from aiida_limap.engines.phonons.options import PhononOptions
from aiida_limap.engines.phonons.quantities import TEMPERATURES_K
from aiida_limap.formats._files import write_bytes_atomic
from aiida_limap.formats.job import Job
from aiida_limap.formats.phonon_files import DENSITIES_FOLDER, DosArrays, PhononEntry, dos_bytes, read_phonon_files
from aiida_limap.formats.results import ItemResult, ResultsWriter
from aiida_limap.formats.structures import StructureRecord, read_structures

__all__ = ['PHONONS_ROLE', 'STRUCTURES_ROLE', 'dos_arrays', 'run']

LOGGER = logging.getLogger(__name__)
PHONONS_ROLE = 'phonons'
STRUCTURES_ROLE = 'structures'
_DENSITIES = 'densities'


def run(job: Job, directory: Path, writer: ResultsWriter) -> None:
    """Compute the phonon quantities of every compound; one without an answer costs its own row only.

    :param job: its ``inputs['phonons']`` names a list of compounds with their files, or ``inputs['structures']`` a file
        of structures whose phonons are computed; its parameters are those of
        :class:`~aiida_limap.engines.phonons.options.PhononOptions`, ``densities``: whether the density of states of
        each compound is written to ``densities/ID.npz``, and for structures ``calculator``, see
        :class:`~aiida_limap.engines.phonons._computed.CalculatorChoice`.
    :param directory: folder of the input files.
    :param writer: takes one item per compound, and the summary.
    :raises InputError: if a parameter is unknown or unusable, the job names no compounds, or there is no such
        calculator.
    :raises FormatError: if the list of compounds is unusable.
    """
    if set(job.inputs) not in ({PHONONS_ROLE}, {STRUCTURES_ROLE}):
        raise InputError(
            f'a phonons job reads the input {PHONONS_ROLE!r} or {STRUCTURES_ROLE!r}, not {sorted(job.inputs)}'
        )
    (role,) = job.inputs
    directory = Path(directory)
    options, densities, choice = _options(job.parameters, role)
    settings = {**options.settings(), _DENSITIES: densities}
    if choice is not None:
        settings[CALCULATOR] = choice.settings()
    writer.summary(options=settings, temperatures_K=TEMPERATURES_K, frequencies_THz=FINGERPRINT_FREQUENCIES_THZ)
    writer.flush()
    entries: list[PhononEntry | StructureRecord] = []
    computed = None
    if choice is None:
        entries += read_phonon_files(directory / job.inputs[role])
    else:
        entries += read_structures(directory / job.inputs[role])
        computed = Computed(choice, options, directory)
        writer.summary(calculator=computed.facts())
    counts: Counter[str] = Counter()
    for number, entry in enumerate(entries, start=1):
        item = _compute(entry, directory, options, densities, computed)
        writer.add(item)
        counts[str(item.status)] += 1
        LOGGER.info('%d/%d %s %s %s', number, len(entries), item.id, item.status, item.message)
    writer.summary(counts=dict(counts))


def dos_arrays(spectrum: PhononModes | PhononDos, smearing_THz: float) -> DosArrays:
    """Return the density of states of a spectrum as it is written to files.

    :param spectrum: modes, each of which becomes a Gaussian, or a density of states, which stays as it is.
    :param smearing_THz: standard deviation of the Gaussian, THz.
    """
    dos = spectrum if isinstance(spectrum, PhononDos) else density_of_states(spectrum, smearing_THz=smearing_THz)
    elements = tuple(dos.by_element)
    shape = (len(elements), len(dos.frequencies_THz))
    return DosArrays(
        frequencies_THz=dos.frequencies_THz,
        total=dos.total,
        elements=elements,
        by_element=np.array([dos.by_element[element] for element in elements]).reshape(shape),
        counts=tuple(int(dos.count(element) or 0) for element in elements),
    )


def _compute(
    entry: PhononEntry | StructureRecord,
    directory: Path,
    options: PhononOptions,
    densities: bool,
    computed: Computed | None,
) -> ItemResult:
    kept: list[PhononModes | PhononDos] = []
    on_spectrum = kept.append if densities else None
    if isinstance(entry, PhononEntry):
        path = directory / entry.path
        item = compute_item(entry.id, path, options, on_spectrum=on_spectrum)
        # Where the job ran says nothing to a person who looks for a file.
        item = replace(item, message=item.message.replace(str(path), path.name))
        if entry.name:
            # A folder is called by the UUID of the structure, which nobody knows the compound by.
            message = item.message.replace(path.name, entry.name) if path.is_dir() else item.message
            item = replace(item, message=message, values={**item.values, 'source_id': entry.name})
    else:
        assert computed is not None
        item = computed.item(entry, on_spectrum)
    for spectrum in kept:
        folder = directory / DENSITIES_FOLDER
        folder.mkdir(exist_ok=True)
        write_bytes_atomic(folder / f'{entry.id}.npz', dos_bytes(dos_arrays(spectrum, options.smearing_THz)))
    return item


def _options(parameters: Mapping[str, Any], role: str) -> tuple[PhononOptions, bool, CalculatorChoice | None]:
    own = {name: value for name, value in parameters.items() if name not in {_DENSITIES, CALCULATOR}}
    densities = parameters.get(_DENSITIES, False)
    if not isinstance(densities, bool):
        raise InputError(f'option {_DENSITIES} must be true or false, not {densities!r}')
    choice = None if CALCULATOR not in parameters else CalculatorChoice.from_mapping(parameters[CALCULATOR])
    if role == STRUCTURES_ROLE and choice is None:
        raise InputError(f"the phonons of structures need a calculator, e.g. {CALCULATOR}: {{'name': 'chgnet'}}")
    if role == PHONONS_ROLE and choice is not None:
        raise InputError(f'the parameter {CALCULATOR} is for structures; phonon files bring their own forces')
    return PhononOptions.from_mapping(own), densities, choice
