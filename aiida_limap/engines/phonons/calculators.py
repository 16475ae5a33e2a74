"""Phonons computed here: any calculator of ASE, displacements and force constants by phonopy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.calculators import RELAXATIONS
from aiida_limap.engines.errors import (
    DisorderedStructureError,
    InputError,
    LimapError,
    StructureTooLargeError,
    UnknownElementError,
)
from aiida_limap.engines.options import check_between, given_options
from aiida_limap.engines.phonons._forces import produce_force_constants
from aiida_limap.engines.phonons._relaxation import Deadline, Relaxed, atoms_of, relaxed
from aiida_limap.engines.phonons.modes import lowers_symmetry
from aiida_limap.engines.phonons.sources import PhononInput

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = [
    'CALCULATORS_GROUP',
    'CalculatorOptions',
    'calculator_info',
    'calculator_names',
    'calculator_title',
    'load_calculator',
    'phonons_from_calculator',
]

#: Entry points of this group give a calculator of ASE by name: functions whose keywords are its parameters. What they
#: return may say what it is by a mapping ``limap_info`` with ``name``, ``package``, ``model``, ``checksum``, ``note``,
#: the displacement that suits it, ``displacement_angstrom``, and the symbols of the ``elements`` that it knows.
CALCULATORS_GROUP = 'aiida_limap.calculators'
#: Displacement for calculators that say nothing of their own, Å.
DEFAULT_DISPLACEMENT_ANGSTROM = 0.01
#: A larger part of force constants that symmetry changes is told.
NOISE_TOLERANCE = 0.05
_BOUNDS = {
    'supercell_length_angstrom': (1.0, 100.0),
    'displacement_angstrom': (1e-4, 0.2),
    'force_limit_eV_per_angstrom': (1e-6, 1.0),
    'max_steps': (1, 100_000),
    'max_atoms': (1, 100_000),
    'symprec_angstrom': (1e-8, 0.5),
    'time_limit_s': (1e-3, 1e8),
}
_MAY_BE_NONE = ('displacement_angstrom', 'time_limit_s')


@dataclass(frozen=True)
class CalculatorOptions:
    """How phonons are computed with a calculator; the names are those of the parameters of a job.

    :param supercell_length_angstrom: least distance between a lattice plane of the supercell and the next one, Å; the
        supercell is a multiple of the conventional cell.
    :param displacement_angstrom: how far an atom is displaced, Å; None for what the calculator recommends, else 0.01.
    :param relax: ``cell`` (with the positions), ``positions``, or ``none``.
    :param force_limit_eV_per_angstrom: a crystal is relaxed when no force, and no derivative of the energy by the
        strain divided by the number of atoms, exceeds it, eV/Å.
    :param max_steps: steps of the relaxation.
    :param max_atoms: larger supercells are refused.
    :param symprec_angstrom: distance within which atoms of the crystal that is given are symmetric, Å.
    :param time_limit_s: compounds that take longer are given up, s; None for no limit. It is looked at between steps
        of the relaxation and between displacements.
    :raises InputError: if a value is unusable.
    """

    supercell_length_angstrom: float = 8.0
    displacement_angstrom: float | None = None
    relax: str = 'cell'
    force_limit_eV_per_angstrom: float = 0.001  # noqa: N815
    max_steps: int = 500
    max_atoms: int = 400
    symprec_angstrom: float = 1e-2
    time_limit_s: float | None = None

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None or name not in _MAY_BE_NONE:
                check_between(name, value, least, most)
        if self.relax not in RELAXATIONS:
            raise InputError(f'option relax must be one of {", ".join(RELAXATIONS)}, not {self.relax!r}')

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> CalculatorOptions:
        """Build options from names and values; None stands for the default.

        :param options: values by name.
        :returns: the options.
        :raises InputError: if a name is unknown or a value unusable.
        """
        return cls(**given_options(options, (entry.name for entry in fields(cls))))

    def settings(self) -> dict[str, Any]:
        """Return the options as plain values, for results to record."""
        return asdict(self)


def calculator_names() -> tuple[str, ...]:
    """Return the names of the calculators that entry points give; whether each is installed is not looked at."""
    return tuple(sorted({entry.name for entry in entry_points(group=CALCULATORS_GROUP)}))


def load_calculator(name: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """Return a calculator of ASE by the name of its entry point.

    :param name: such as ``chgnet``.
    :param parameters: keywords of the function that makes it.
    :returns: the calculator.
    :raises InputError: if there is none of this name, its packages are missing, or it refuses the parameters.
    """
    found: dict[str, EntryPoint] = {entry.name: entry for entry in entry_points(group=CALCULATORS_GROUP)}
    if name not in found:
        raise InputError(
            f'there is no calculator {name!r}; known are {", ".join(sorted(found)) or "none"}. Packages add some by '
            f'entry points of the group {CALCULATORS_GROUP}'
        )
    try:
        return found[name].load()(**(parameters or {}))
    except LimapError:
        raise
    except ImportError as error:
        raise InputError(f'the calculator {name!r} needs a package that is not installed ({error})') from error
    except Exception as error:
        # What makes a calculator is code of others, and may raise anything.
        raise InputError(f'the calculator {name!r} cannot be made with {dict(parameters or {})} ({error})') from error


def phonons_from_calculator(
    structure: Structure,
    calculator: Any = 'chgnet',
    *,
    parameters: Mapping[str, Any] | None = None,
    options: CalculatorOptions | None = None,
    supercell_matrix: NDArray[np.int64] | None = None,
    identifier: str | None = None,
) -> PhononInput:
    """Relax a crystal with its symmetry kept, displace its atoms, and make force constants of the forces.

    Nothing is random: the same input gives the same numbers, but for the rounding of the calculator. The forces on the
    crystal at rest are subtracted from those of every displacement.

    :param structure: an ordered crystal; oxidation states do not matter.
    :param calculator: name of an entry point, or a calculator of ASE.
    :param parameters: keywords for the calculator of this name.
    :param options: all options.
    :param supercell_matrix: (3, 3) whole numbers: the supercell in multiples of the cell as it was given, in place of
        the length.
    :param identifier: name of the compound; the formula by default.
    :returns: the input for :func:`~aiida_limap.engines.phonons.modes.phonon_modes`. Its ``files`` say what gave the
        structure and the forces, its notes what is doubtful.
    :raises InputError: if there is no such calculator, or it cannot compute this crystal.
    :raises DisorderedStructureError: if sites are shared.
    :raises StructureTooLargeError: if the supercell is.
    :raises UnknownElementError: if the calculator says that it does not know an element.
    :raises NotRelaxedError: if the relaxation does not end.
    :raises OutOfTimeError: if the time limit is reached.
    :raises LimapError: if the relaxation or the forces fail.
    """
    options = options or CalculatorOptions()
    name = identifier or str(structure.composition.reduced_formula)
    if not structure.is_ordered:
        raise DisorderedStructureError(f'{name}: sites are shared by several species; choose an ordered structure')
    if isinstance(calculator, str):
        calculator = load_calculator(calculator, parameters)
    info = calculator_info(calculator)
    title = calculator_title(calculator)
    _check_elements(name, structure, info, title)
    crystal, matrix = _cells(structure, supercell_matrix, options)
    count = round(abs(np.linalg.det(matrix)) * len(crystal))
    if count > options.max_atoms:
        raise StructureTooLargeError(
            f'{name}: the supercell has {count} atoms, more than max_atoms {options.max_atoms}; take a smaller '
            'supercell_length_angstrom'
        )
    deadline = Deadline(name, options.time_limit_s)
    found = relaxed(name, crystal, calculator, options, deadline)
    distance = float(options.displacement_angstrom or info.get('displacement_angstrom', DEFAULT_DISPLACEMENT_ANGSTROM))
    phonopy = _displaced(name, found, matrix, distance)
    facts = _facts(title, found, phonopy, distance) | _add_forces(name, phonopy, calculator, deadline)
    # The supercell is right here; what symmetry changes is the noise of the calculator.
    asymmetry = produce_force_constants(phonopy, name, title, phonopy.dataset, max_asymmetry=math.inf)
    notes = _doubts(info, asymmetry, phonopy)
    files = {'structure': f'{found.how} {title}'.strip() if found.steps is not None else 'as given', 'forces': title}
    return PhononInput(name, phonopy, files, False, asymmetry, (*notes, *found.notes), facts)


def _doubts(info: Mapping[str, Any], asymmetry: float, phonopy: Any) -> list[str]:
    notes = [info['note']] if 'note' in info else []
    if asymmetry > NOISE_TOLERANCE:
        notes.append(f'symmetry changes the force constants between atoms by {asymmetry:.0%}: the forces are noisy')
    if lowers_symmetry(phonopy):
        notes.append('the supercell has fewer symmetries than the crystal, and so have the force constants')
    return notes


def calculator_info(calculator: Any) -> dict[str, Any]:
    """Return what a calculator says that it is, with its class as the name where it says nothing.

    :param calculator: calculator of ASE.
    """
    return {'name': type(calculator).__name__, **getattr(calculator, 'limap_info', {})}


def calculator_title(calculator: Any) -> str:
    """Return package and model of a calculator, or its name.

    :param calculator: calculator of ASE.
    """
    info = calculator_info(calculator)
    return ' '.join(str(info[key]) for key in ('package', 'model') if key in info) or str(info['name'])


def _check_elements(name: str, structure: Structure, info: Mapping[str, Any], title: str) -> None:
    if 'elements' not in info:
        return
    missing = sorted({site.specie.symbol for site in structure} - set(info['elements']))
    if missing:
        raise UnknownElementError(f'{name}: {title} does not know {", ".join(missing)}; take another calculator')


def _facts(title: str, found: Relaxed, phonopy: Any, distance: float) -> dict[str, Any]:
    cell = found.atoms.cell.cellpar()
    return {
        'calculator': title,
        'relaxation_steps': found.steps,
        'relative_volume_change': found.volume_change,
        'cell_lengths_angstrom': [round(float(length), 6) for length in cell[:3]],
        'cell_angles_degree': [round(float(angle), 6) for angle in cell[3:]],
        'space_group': found.space_group,
        'supercell_atoms': len(phonopy.supercell),
        'displacements': len(phonopy.dataset['first_atoms']),
        'displacement_angstrom': distance,
    }


def _add_forces(name: str, phonopy: Any, calculator: Any, deadline: Deadline) -> dict[str, Any]:
    """Give the displacements their forces; return facts of the crystal at rest."""
    rest, energy = _forces(name, phonopy.supercell, calculator)
    forces: list[NDArray[np.float64]] = []
    cells = phonopy.supercells_with_displacements
    for cell in cells:
        deadline.check(f'{len(forces)} of {len(cells)} displacements')
        forces.append(_forces(name, cell, calculator)[0] - rest)
    phonopy.forces = forces
    return {
        'energy_per_atom_eV': None if energy is None else energy / len(rest),
        'largest_force_at_rest_eV_per_angstrom': float(np.linalg.norm(rest, axis=1).max()),
    }


def _cells(
    structure: Structure, supercell_matrix: NDArray[np.int64] | None, options: CalculatorOptions
) -> tuple[Structure, NDArray[np.int64]]:
    """Return the cell and the supercell in multiples of it."""
    from pymatgen.core import Structure
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    plain = Structure(structure.lattice, [site.specie.symbol for site in structure], structure.frac_coords)
    if supercell_matrix is not None:
        matrix = np.array(supercell_matrix)
        if matrix.shape != (3, 3) or not np.array_equal(matrix, np.rint(matrix)) or not np.linalg.det(matrix) > 0:
            raise InputError(f'the supercell must be 3 x 3 whole numbers with a volume, not {matrix.tolist()}')
        return plain, matrix.astype(np.int64)
    crystal = SpacegroupAnalyzer(plain, symprec=options.symprec_angstrom).get_conventional_standard_structure()
    distances = 1.0 / np.linalg.norm(np.linalg.inv(crystal.lattice.matrix), axis=0)
    # A cell that lacks a thousandth of the length is long enough.
    return crystal, np.diag(np.ceil(options.supercell_length_angstrom / distances - 1e-3).astype(np.int64))


def _displaced(name: str, found: Relaxed, matrix: NDArray[np.int64], distance: float) -> Any:
    """Return a ``Phonopy`` with displacements of the relaxed crystal."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms
    from phonopy.structure.cells import guess_primitive_matrix

    atoms = found.atoms
    cell = PhonopyAtoms(symbols=atoms.symbols, cell=atoms.cell[:], scaled_positions=atoms.get_scaled_positions())
    try:
        with warnings.catch_warnings():
            # Said in a note in place of a warning.
            warnings.filterwarnings('ignore', message='Warning: Point group symmetries')
            phonopy = Phonopy(cell, matrix, primitive_matrix=guess_primitive_matrix(cell))
            phonopy.generate_displacements(distance=distance)
    except (RuntimeError, ValueError, TypeError) as error:
        raise LimapError(f'{name}: phonopy finds no supercell or displacements ({error})') from error
    return phonopy


def _forces(name: str, cell: Any, calculator: Any) -> tuple[NDArray[np.float64], float | None]:
    """Return forces (n, 3) in eV/Å, and the energy in eV where the calculator computes it beside them."""
    atoms = atoms_of(cell.symbols, cell.cell, cell.scaled_positions)
    atoms.calc = calculator
    try:
        forces = np.array(atoms.get_forces(), dtype=np.float64)
    except Exception as error:
        # A calculator is code of others, and may raise anything on a crystal that it does not know.
        raise LimapError(f'{name}: the calculator gives no forces ({type(error).__name__}: {error})') from error
    if forces.shape != (len(atoms), 3) or not np.isfinite(forces).all():
        raise LimapError(f'{name}: a force of the calculator is no number')
    energy = getattr(calculator, 'results', {}).get('energy')
    return forces, None if energy is None else float(energy)
