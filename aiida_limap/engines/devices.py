"""Devices that torch may compute on."""

from __future__ import annotations

from aiida_limap.engines.errors import InputError

__all__ = ['check_device']


def check_device(name: str) -> None:
    """Refuse a device that torch does not offer here.

    :param name: name of the device.
    :raises InputError: if it is unknown or absent.
    """
    import torch

    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        # The last line of torch's message may hold a stack of C++ calls.
        reason = str(error).splitlines()[0]
        raise InputError(f'device {name!r} is not available here: {reason}') from error
