"""Relaxation of a crystal by ASE, with its symmetry kept."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from aiida_limap.engines.errors import InputError, LimapError, OutOfTimeError
from aiida_limap.engines.phonons.errors import NotRelaxedError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from aiida_limap.engines.phonons.calculators import CalculatorOptions

__all__ = ['Deadline', 'Relaxed', 'atoms_of', 'relaxed']

#: Symmetry of a relaxed crystal is that of the given one to this distance, Å, which is what phonopy asks for.
_SYMPREC_ANGSTROM = 1e-5


class Deadline:
    """The end of the time that a compound may take.

    :param name: of the compound, for messages.
    :param limit_s: seconds from now; None for no end.
    """

    def __init__(self, name: str, limit_s: float | None) -> None:
        self._name = name
        self._limit_s = limit_s
        self._started = time.monotonic()

    def check(self, done: str) -> None:
        """Look at the clock.

        :param done: what is done so far, for the message.
        :raises OutOfTimeError: if the time is over.
        """
        if self._limit_s is not None and time.monotonic() - self._started > self._limit_s:
            raise OutOfTimeError(
                f'{self._name}: the time limit of {self._limit_s:g} s was reached after {done}; raise time_limit_s'
            )


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A relaxed crystal.

    :param atoms: ``ase.Atoms``.
    :param steps: number of steps; None where nothing was to be relaxed.
    :param how: in words.
    :param notes: sentences about what is doubtful.
    :param space_group: its symbol and number.
    :param volume_change: by the relaxation, over the given volume.
    """

    atoms: Any
    steps: int | None
    how: str = ''
    notes: tuple[str, ...] = ()
    space_group: str | None = None
    volume_change: float | None = None


def atoms_of(symbols: ArrayLike, cell: ArrayLike, positions: ArrayLike) -> Any:
    """Return ``ase.Atoms`` of a crystal.

    :param symbols: elements.
    :param cell: (3, 3) lattice vectors as rows, Å.
    :param positions: (n, 3) fractional positions.
    :raises InputError: if ASE is not installed.
    """
    try:
        from ase import Atoms
    except ImportError as error:
        raise InputError(
            'calculators need ASE, which is not installed; install the optional extra with: pip install '
            "'aiida-limap[mlip]'"
        ) from error
    return Atoms(symbols=list(np.asarray(symbols)), cell=np.asarray(cell), scaled_positions=positions, pbc=True)


def relaxed(
    name: str, structure: Structure, calculator: Any, options: CalculatorOptions, deadline: Deadline
) -> Relaxed:
    """Relax a crystal as the options say.

    :param name: of the compound, for messages.
    :param structure: the crystal.
    :param calculator: calculator of ASE.
    :param options: all options.
    :param deadline: looked at in every step.
    :returns: the crystal; its space group is the one it had.
    :raises InputError: if ASE is not installed, or the calculator computes no stress.
    :raises NotRelaxedError: if the relaxation does not end.
    :raises OutOfTimeError: if the time is over.
    :raises LimapError: if the calculator fails.
    """
    import spglib

    symbols = [site.specie.symbol for site in structure]
    atoms = atoms_of(symbols, structure.lattice.matrix, structure.frac_coords)
    from ase.constraints import FixSymmetry

    numbers = atoms.get_atomic_numbers()
    with warnings.catch_warnings():
        # spglib announces a change of its error handling at every call.
        warnings.filterwarnings('ignore', category=DeprecationWarning)
        # Of the logarithm of a strain that is zero but for rounding.
        warnings.filterwarnings('ignore', message='logm result may be inaccurate')
        cell = (structure.lattice.matrix, structure.frac_coords, numbers)
        given = spglib.get_spacegroup(cell, options.symprec_angstrom)
        if options.relax == 'none':
            return Relaxed(atoms, None, space_group=given)
        atoms.set_constraint(FixSymmetry(atoms, symprec=options.symprec_angstrom))
        atoms.calc = calculator
        steps, converged = _move(name, atoms, options, deadline)
        atoms.set_constraint()
        cell = (atoms.cell[:], atoms.get_scaled_positions(), numbers)
        found = spglib.get_spacegroup(cell, _SYMPREC_ANGSTROM)
    if not converged:
        raise NotRelaxedError(
            f'{name}: the crystal is not relaxed after {options.max_steps} steps; raise max_steps or '
            'force_limit_eV_per_angstrom'
        )
    notes = [] if found == given else [f'the relaxed crystal has the space group {found}, the given one {given}']
    change = atoms.cell.volume / structure.lattice.volume - 1
    notes.append(f'relaxed in {steps} steps, volume {change:+.1%}')
    atoms.calc = None
    return Relaxed(atoms, steps, 'relaxed by', tuple(notes), found, float(change))


def _move(name: str, atoms: Any, options: CalculatorOptions, deadline: Deadline) -> tuple[int, bool]:
    """Move atoms, and cell where that is asked for, until forces are small; return the steps, and whether they are."""
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    moving = FrechetCellFilter(atoms) if options.relax == 'cell' else atoms
    converged = False
    try:
        optimiser = BFGS(moving, logfile=None)
        for reached in optimiser.irun(fmax=options.force_limit_eV_per_angstrom, steps=options.max_steps):
            converged = bool(reached)
            deadline.check(f'{optimiser.nsteps} steps of the relaxation')
    except LimapError:
        raise
    except NotImplementedError as error:
        raise InputError(f'{name}: the calculator computes no {error}; relax positions only, or nothing') from error
    except Exception as error:
        # A calculator is code of others, and may raise anything on a crystal that it does not know.
        raise LimapError(f'{name}: the relaxation failed ({type(error).__name__}: {error})') from error
    return optimiser.nsteps, converged
