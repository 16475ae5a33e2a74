"""What every page is put together from: files of the package, one script, data for it, and the file on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from aiida_limap.formats._files import write_bytes_atomic
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['inline_json', 'joined_script', 'joined_style', 'packaged', 'write_text']


def packaged(name: str) -> str:
    """Return a text that stands beside this module.

    :param name: its path, such as ``report.css``.
    """
    return resources.files('aiida_limap.visualisation').joinpath(name).read_text(encoding='utf-8')


def joined_style(*names: str) -> str:
    """Return the style sheet of a page, in which later parts overrule earlier ones.

    :param names: its parts without the ending ``.css``, the ones that pages share first.
    """
    return ''.join(packaged(f'{name}.css') for name in names)


def joined_script(names: Iterable[str]) -> str:
    """Return the script of a page: its parts inside of one function, so that they share names with nobody else.

    :param names: paths of the parts without the ending ``.js``, in the order in which they are put together.
    """
    parts = (packaged(f'{name}.js') for name in names)
    return "'use strict';\n(function () {\n" + '\n'.join(parts) + '})();\n'


def inline_json(document: Any, what: str) -> str:
    """Return JSON that cannot be taken for markup inside a script element.

    :param document: plain values.
    :param what: what they are of, for the message, such as ``the screening``.
    :raises VisualisationError: if a value is no number of JSON.
    """
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(',', ':'))
    except (TypeError, ValueError) as error:
        raise VisualisationError(
            f'{what} holds a value that a page cannot show: {error}; use None for missing values'
        ) from error
    for character in '<>&\u2028\u2029':
        text = text.replace(character, f'\\u{ord(character):04x}')
    return text


def write_text(path: Path | str, text: str, what: str, folder: str = 'a folder') -> Path:
    """Write a file of a page so that nobody sees half of it.

    :param path: the file; its folder must exist.
    :param text: its content.
    :param what: what it is, for the message: ``page`` or ``report``.
    :param folder: what to choose where it cannot be written, for the message.
    :returns: the path.
    :raises VisualisationError: if the file cannot be written.
    """
    path = Path(path)
    try:
        write_bytes_atomic(path, text.encode())
    except OSError as error:
        raise VisualisationError(
            f'the {what} cannot be written to {path}: {error.strerror or error}; choose {folder} that you may write to'
        ) from error
    return path
