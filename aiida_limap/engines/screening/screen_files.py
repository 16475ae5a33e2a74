"""The folder of a screen: one file for each block of systems that is done, so that a stopped screen goes on."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.enumeration import Block
from aiida_limap.engines.screening.screen_plan import Plan
from aiida_limap.formats._files import FormatError, write_bytes_atomic
from aiida_limap.formats.arrays import read_arrays, write_arrays

__all__ = ['BlockFolder']

LOGGER = logging.getLogger(__name__)
NAME = 'screen.json'
#: To be raised when blocks of older releases can no longer be read, or hold other numbers.
VERSION = 2
_FIELDS = ('counts', 'histogram', 'first_element', 'by_element', 'score', 'number', 'code', 'probability')


class BlockFolder:
    """Blocks of one screen in a folder: ``screen.json`` says which, ``block-FIRST-LAST.npz`` hold the tallies.

    Every file is written in one step, and names the checksum of model and options: a screen that is killed leaves whole
    blocks behind, and blocks of another screen are never taken for its own.

    :param directory: the folder; it is made if it is not there.
    :param plan: the screen.
    :raises InputError: if the folder holds another screen or cannot be used.
    """

    def __init__(self, directory: Path | str, plan: Plan) -> None:
        self._directory = Path(directory)
        self._checksum = plan.checksum
        self._most = plan.options.best_total
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f'the folder {self._directory} of the screen cannot be made: {error.strerror}') from error
        path = self._directory / NAME
        about = {
            'version': VERSION,
            'checksum': plan.checksum,
            'model': plan.model.as_dict(),
            'options': plan.options.as_dict(),
            'systems': len(plan.systems),
        }
        if path.exists():
            self._check(path)
        else:
            write_bytes_atomic(path, (json.dumps(about, indent=2) + '\n').encode())

    def _check(self, path: Path) -> None:
        try:
            found: Any = json.loads(path.read_text(encoding='utf-8'))
            same = (found['version'], found['checksum']) == (VERSION, self._checksum)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f'{path} cannot be read ({error}); name an empty folder to keep the blocks of this screen in'
            ) from error
        if not same:
            raise InputError(
                f'{path.parent} holds the blocks of a screen with another model or other options, or of another '
                f'release; name another folder, or go on with what {NAME} says'
            )

    def _path(self, first: int, last: int) -> Path:
        return self._directory / f'block-{first:07d}-{last:07d}.npz'

    def read(self, first: int, last: int) -> Block | None:
        """Return a block that is done, or None; a damaged file counts as none.

        :param first: number of its first system.
        :param last: number behind its last one.
        """
        path = self._path(first, last)
        if not path.exists():
            return None
        try:
            arrays = read_arrays(path)
        except FormatError as error:
            LOGGER.warning('%s is damaged and will be computed again: %s', path.name, error)
            return None
        if str(arrays.get('checksum')) != self._checksum or any(name not in arrays for name in _FIELDS):
            LOGGER.warning('%s belongs to another screen and will be computed again', path.name)
            return None
        return Block(**{name: arrays[name] for name in _FIELDS})

    def write(self, first: int, last: int, block: Block) -> None:
        """Keep a block that is done.

        :param first: number of its first system.
        :param last: number behind its last one.
        :param block: the block.
        """
        arrays = {name: getattr(block, name) for name in _FIELDS}
        write_arrays(self._path(first, last), {**arrays, 'checksum': np.array(self._checksum)})
