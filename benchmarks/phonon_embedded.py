"""The embedded phonons computed again, and compared with those that are shipped."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml

from aiida_limap.engines.errors import InputError, LimapError
from aiida_limap.engines.phonons import PhononOptions, density_of_states, phonon_quantities, read_phonons
from aiida_limap.engines.phonons._computed import force_bytes
from aiida_limap.engines.phonons._embedded import EMBEDDED_NAMES, embedded_crystals, embedded_phonons
from aiida_limap.engines.phonons.calculators import CalculatorOptions, load_calculator, phonons_from_calculator
from aiida_limap.engines.phonons.modes import PhononModes
from aiida_limap.formats.force_files import FORCES_ENDING
from benchmarks.common import print_table, shared_options, write_markdown, write_result

__all__ = ['phonon_embedded']

PITCH_THZ = 0.1
#: Digits of forces in eV/Å that are kept; those beyond are rounding of single precision.
FORCE_DIGITS = 6


@click.command('phonon_embedded')
@shared_options
@click.option('--calculator', default='chgnet', show_default=True, help='Name of the entry point of the calculator.')
@click.option('--only', multiple=True, type=click.Choice(EMBEDDED_NAMES), help='Only this compound; may be repeated.')
def phonon_embedded(data: Path | None, output: Path, calculator: str, only: tuple[str, ...]) -> None:
    """Compute the embedded phonons again into the folder embedded of the output, and compare them with the shipped.

    To replace the shipped ones copy that folder over aiida_limap/engines/phonons/embedded. It needs the extra mlip and
    takes minutes; the data are not used.

    \b
    Example:
      python -m benchmarks phonon_embedded --only LiF --output my-folder
    """
    try:
        made = load_calculator(calculator)
    except LimapError as error:
        raise click.ClickException(str(error)) from error
    folder = output / 'embedded'
    folder.mkdir(parents=True, exist_ok=True)
    try:
        shipped: Mapping[str, Any] = {entry.name: entry.quantities for entry in embedded_phonons()}
    except InputError:
        shipped = {}
    rows = []
    for name in only or EMBEDDED_NAMES:
        rows.append(_computed(folder, name, made, shipped.get(name, {})))
        click.echo(f'{name}: {rows[-1]["seconds"]:.0f} s')
    names = ['name', 'atoms', 'displacements', 'mobile_band_centre_THz', 'imaginary_share', 'change_percent']
    names += ['seconds', 'cpu_seconds']
    tables = [('Embedded phonons', names, [[row[key] for key in names] for row in rows])]
    for title, headings, cells in tables:
        print_table(title, headings, cells)
    write_markdown(output / 'phonon_embedded.md', tables)
    write_result(output, 'phonon_embedded', {'rows': rows})


def _computed(folder: Path, name: str, calculator: Any, shipped: Mapping[str, Any]) -> dict[str, Any]:
    """Compute one compound, write its files, and return its numbers beside the shipped one."""
    options, phonon_options = CalculatorOptions(), PhononOptions(max_imaginary_share=1.0)
    started, used = time.monotonic(), time.process_time()
    structure = embedded_crystals()[name].structure(primitive=False)
    found = phonons_from_calculator(structure, calculator, options=options, identifier=name)
    path = folder / f'{name}{FORCES_ENDING}'
    _write_forces(path, found.phonopy)
    # What is shipped follows from the file, whose forces are rounded.
    source = read_phonons(path)
    modes, quantities = phonon_quantities(source, phonon_options)
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - used
    assert isinstance(modes, PhononModes)
    values = quantities.values()
    content = {
        'name': name,
        'calculator': dict(getattr(calculator, 'limap_info', {'name': type(calculator).__name__})),
        'settings': {'calculator': options.settings(), 'phonons': phonon_options.settings()},
        'notes': [*found.notes, *quantities.notes],
        'quantities': {key: round(value, 6) if isinstance(value, float) else value for key, value in values.items()},
        'structure': {
            'lattice_angstrom': np.round(modes.structure.lattice.matrix, 8).tolist(),
            'species': [site.specie.symbol for site in modes.structure],
            'positions': np.round(modes.structure.frac_coords, 8).tolist(),
        },
        'densities': _densities(modes, phonon_options.smearing_THz),
    }
    _write_numbers(folder / f'{name}.yaml', content)
    centre, before = values['mobile_band_centre_THz'], shipped.get('mobile_band_centre_THz')
    return {
        'name': name,
        'atoms': len(found.phonopy.supercell),
        'displacements': len(found.phonopy.dataset['first_atoms']),
        'mobile_band_centre_THz': centre,
        'imaginary_share': values['total_imaginary_share'],
        'change_percent': None if before is None else 100 * (centre / before - 1),
        'seconds': seconds,
        'cpu_seconds': cpu_seconds,
    }


def _write_numbers(path: Path, content: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(content), sort_keys=False, width=140, default_flow_style=None, allow_unicode=True)
    head = '# Phonons computed for this package; python -m benchmarks phonon_embedded makes them again.\n'
    path.write_text(head + text, encoding='utf-8')


def _write_forces(path: Path, phonopy: Any) -> None:
    phonopy.forces = [np.round(entry['forces'], FORCE_DIGITS) for entry in phonopy.dataset['first_atoms']]
    path.write_bytes(force_bytes(phonopy))


def _densities(modes: PhononModes, smearing: float) -> dict[str, Any]:
    frequencies = modes.frequencies_THz
    first, last = (
        round(float(np.floor((frequencies.min() - 6 * smearing) / PITCH_THZ)) * PITCH_THZ, 6),
        round(float(np.ceil((frequencies.max() + 6 * smearing) / PITCH_THZ)) * PITCH_THZ, 6),
    )
    grid = first + PITCH_THZ * np.arange(round((last - first) / PITCH_THZ) + 1)
    dos = density_of_states(modes, smearing_THz=smearing, frequencies_THz=grid)
    return {
        'first_THz': first,
        'pitch_THz': PITCH_THZ,
        'counts': dict(dos.counts),
        'total': np.round(dos.total, 5).tolist(),
        'by_element': {element: np.round(column, 5).tolist() for element, column in dos.by_element.items()},
    }
