"""Compile numba kernels with a cache on disk where one can be written."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ['compiled']

LOGGER = logging.getLogger(__name__)
Function = TypeVar('Function', bound=Callable[..., Any])

#: Sums may be reordered, which SIMD needs; NaN and infinity keep their meaning.
_FAST_SUMS = {'reassoc', 'contract', 'arcp', 'nsz'}


def compiled(*, fast_sums: bool = False, inline: bool = False) -> Callable[[Function], Function]:
    """Return a decorator that compiles a function with numba, without the global interpreter lock.

    numba keeps compiled code beside the module, else in the user's cache folder or in ``NUMBA_CACHE_DIR``. Where none
    of them can be written it refuses to compile at all; then the function is compiled anew in every process.

    :param fast_sums: allow floating-point sums to be reordered.
    :param inline: compile into the caller; such a function is not cached by itself.
    :returns: the decorator.
    """
    # Python's division by zero checks stop vectorisation, hence the numpy error model.
    options: dict[str, Any] = {'nogil': True, 'error_model': 'numpy', 'fastmath': _FAST_SUMS if fast_sums else False}
    if inline:
        options['inline'] = 'always'

    def decorate(function: Function) -> Function:
        if inline:
            return numba.njit(**options)(function)
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError as error:
            LOGGER.info(
                'no folder to keep compiled code in (%s); set NUMBA_CACHE_DIR to a writable one to start faster', error
            )
            return numba.njit(**options)(function)

    return decorate
