"""Errors of phonon data: one class per status word of a compound."""

from __future__ import annotations

from aiida_limap.common.status import Status
from aiida_limap.engines.errors import LimapError

__all__ = ['ImaginaryModesError', 'NotRelaxedError', 'PhononSourceError']


class PhononSourceError(LimapError):
    """The files of a compound are damaged, incomplete, unsafe, or contradict each other."""

    status = Status.UNREADABLE


class ImaginaryModesError(LimapError):
    """So many modes are imaginary that averages over them mean nothing."""

    status = Status.UNSTABLE


class NotRelaxedError(LimapError):
    """Forces stayed above the limit in all steps of a relaxation."""

    status = Status.NOT_RELAXED
