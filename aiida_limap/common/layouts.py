"""Descriptor layouts as an input: what can be said about one without the engine, and how a file becomes a value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = [
    'LANDSCAPE_PART',
    'PHONONS_PART',
    'check_layout',
    'further_parts',
    'is_layout_file',
    'read_layout_file',
    'reads_bond_valence',
]

#: Parts that a model may read after composition and structure; the second comes from a table of phonon quantities.
LANDSCAPE_PART, PHONONS_PART = 'landscape', 'phonons'

_ENDINGS = ('.yaml', '.yml')
_KEYS = ('name', 'composition', 'structure')
#: Featurizers of this module read bond-valence parameters.
_BOND_VALENCE = 'aiida_limap.engines.bvff.'


def further_parts(columns: Any) -> tuple[str, ...]:
    """Return what follows the structure part in the structure row of a model.

    :param columns: what a model says about its columns, see ``TrainedModel.columns``.
    :returns: of ``landscape`` and ``phonons`` those that it reads, in this order.
    """
    # Models of older versions say nothing of either, and read none.
    return tuple(part for part in (LANDSCAPE_PART, PHONONS_PART) if isinstance(columns, Mapping) and columns.get(part))


def is_layout_file(layout: Any) -> bool:
    """Return whether a layout is given as the path of a file, not by its name or its content.

    :param layout: the value that was given.
    """
    if isinstance(layout, Path):
        return True
    return isinstance(layout, str) and (layout.endswith(_ENDINGS) or '/' in layout or '\\' in layout)


def check_layout(layout: Any) -> str | None:
    """Return what is wrong with a layout that is to be sent to a computer, or None; the engine checks its blocks.

    :param layout: its name, or its content.
    :returns: the end of a sentence that begins with the name of the parameter, or None.
    """
    if is_layout_file(layout):
        return f'must be a name or the content of a layout: the file {layout} is not on the computer of the job'
    if isinstance(layout, str):
        return None if layout else 'must be a name or the content of a layout, not an empty word'
    for key in _KEYS:
        if key not in layout:
            return f'is no layout: the key {key!r} is missing'
    for part in ('composition', 'structure', 'landscape'):
        if not isinstance(layout.get(part, []), (list, tuple)):
            return f'is no layout: {part} must be a list of blocks, not {layout[part]!r}'
    return None


def reads_bond_valence(parameters: Mapping[str, Any]) -> bool:
    """Return whether descriptors depend on a set of bond-valence parameters.

    :param parameters: the parameters of a ``limap.descriptors``.
    """
    layout, landscape = parameters.get('layout'), bool(parameters.get('landscape', False))
    if not isinstance(layout, Mapping):
        # The landscape parts of the layouts with a name, and no other part of them, are made of site energies.
        return landscape
    parts = ('structure', 'landscape') if landscape else ('structure',)
    blocks = [block for part in parts for block in layout.get(part) or ()]
    return any(_BOND_VALENCE in str(block) for block in blocks)


def read_layout_file(path: Path) -> dict[str, Any]:
    """Read the content of a layout.

    :param path: a YAML file.
    :returns: its content, as plain values.
    :raises ValueError: if it cannot be read, is not YAML, or is no layout.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise ValueError(f'the layout {path} cannot be read: {reason}') from error
    except yaml.YAMLError as error:
        raise ValueError(f'the layout {path} is not YAML: {" ".join(str(error).split())}') from error
    if not isinstance(document, Mapping):
        raise ValueError(f'the layout {path} must hold keys with values, not {type(document).__name__}')
    message = check_layout(document)
    if message is not None:
        raise ValueError(f'the layout {path} {message}')
    return dict(document)
