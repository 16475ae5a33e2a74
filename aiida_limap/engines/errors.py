"""Errors of the engines: one class per status word of a structure."""

from __future__ import annotations

from aiida_limap.common.status import Status

__all__ = [
    'DisorderedStructureError',
    'InputError',
    'LimapError',
    'NoMobileIonError',
    'OutOfTimeError',
    'OverlappingSitesError',
    'OxidationStatesError',
    'ParametersMissingError',
    'StructureTooLargeError',
    'UnknownElementError',
]


class LimapError(Exception):
    """Root of all errors that the engines raise on purpose; ``status`` is the word that a batch row gets."""

    status: Status = Status.FAILED


class InputError(LimapError):
    """The job itself is wrong (an unknown option, a missing file): nothing can be computed for any structure."""


class NoMobileIonError(LimapError):
    """The structure holds none of the mobile ion."""

    status = Status.NO_MOBILE_ION


class DisorderedStructureError(LimapError):
    """A site is partially occupied or shared by several species."""

    status = Status.DISORDERED


class OverlappingSitesError(LimapError):
    """Two sites are closer than any bond."""

    status = Status.OVERLAPPING_SITES


class OxidationStatesError(LimapError):
    """No charge-neutral set of oxidation states was found."""

    status = Status.NO_OXIDATION_STATES


class ParametersMissingError(LimapError):
    """A pair of ions has no tabulated bond-valence parameters."""

    status = Status.NO_PARAMETERS


class StructureTooLargeError(LimapError):
    """The structure exceeds a limit on sites or grid points."""

    status = Status.TOO_LARGE


class OutOfTimeError(LimapError):
    """The time limit of one structure was reached."""

    status = Status.OUT_OF_TIME


class UnknownElementError(LimapError):
    """What is computed needs data of an element that nobody tabulated, or a calculator does not know the element."""

    status = Status.UNKNOWN_ELEMENT
