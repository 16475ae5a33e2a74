"""Checks of the options of atom2vec, with a sentence for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_limap.engines.devices import check_device
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening._atom2vec_network import REDUCTIONS
from aiida_limap.engines.screening._checks import CONTRADICTIONS, check_class_weight

__all__ = ['check_options', 'check_whole', 'seeds_of']

#: Least value of the whole numbers.
_LEAST = {'dimension': 1, 'epochs': 1, 'batch_size': 1, 'members': 1, 'calibration_folds': 0, 'seed': 0}
_MOST_LAYERS = 8


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that make no sense.

    :param options: values by name, of the parameters of
        :class:`~aiida_limap.engines.screening.atom2vec.Atom2VecClassifier`.
    :raises InputError: naming the first that is wrong.
    """
    for name, least in _LEAST.items():
        check_whole(name, options[name], least)
    for name, above in (('learning_rate', True), ('weight_decay', False)):
        value = options[name]
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value)
        if not number or value < 0 or (above and value == 0):
            raise InputError(
                f'atom2vec: {name} must be a number {"above" if above else "of at least"} 0, not {value!r}'
            )
    _check_reductions(options['reductions'])
    hidden = options['hidden']
    if not isinstance(hidden, (list, tuple)) or not 1 <= len(hidden) <= _MOST_LAYERS:
        raise InputError(f'atom2vec: hidden must be a list of one to {_MOST_LAYERS} layer widths, not {hidden!r}')
    for width in hidden:
        check_whole('hidden', width, 1)
    check_class_weight(options['class_weight'])
    if options['contradictions'] not in CONTRADICTIONS:
        known = ', '.join(CONTRADICTIONS)
        raise InputError(f'contradictions must be one of {known}, not {options["contradictions"]!r}')
    check_device(options['device'])


def check_whole(name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number of at least some value.

    :raises InputError: naming it.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f'atom2vec: {name} must be a whole number of at least {least}, not {value!r}')


def seeds_of(seed: int, count: int) -> list[int]:
    """Return seeds of many random starts: those of fewer starts are the first of them.

    :param seed: seed of all.
    :param count: how many.
    """
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(count, np.uint64) >> np.uint64(1)]


def _check_reductions(reductions: Sequence[str]) -> None:
    known = ', '.join(REDUCTIONS)
    if isinstance(reductions, str) or not reductions:
        raise InputError(f'atom2vec: reductions must be a list of words out of {known}, not {reductions!r}')
    for name in reductions:
        if name not in REDUCTIONS:
            raise InputError(f'atom2vec: unknown reduction {name!r}; known are {known}')
    if len(set(reductions)) != len(reductions):
        raise InputError('atom2vec: a word stands twice in reductions')
