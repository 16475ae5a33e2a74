"""Migration energies of structure files, for people at a command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.parameters import load_parameters
from aiida_limap.engines.bvff.task import compute_items
from aiida_limap.engines.chemistry.files import read_structure_file
from aiida_limap.engines.errors import InputError
from aiida_limap.formats.results import ItemResult

__all__ = ['run_files']


def run_files(
    paths: Iterable[Path],
    options: Mapping[str, Any],
    on_result: Callable[[ItemResult], None] | None = None,
    *,
    folder: Path | None = None,
    parameters: Path | None = None,
) -> list[ItemResult]:
    """Compute the migration energy of every file.

    :param paths: structure files.
    :param options: values by the names of :class:`~aiida_limap.engines.bvff.options.BvffOptions`.
    :param on_result: called with each row as soon as it is there.
    :param folder: where landscapes and networks are written, if the options ask for them.
    :param parameters: file of bond-valence parameters; None for those of the package.
    :returns: one row per file, in the order of the files; its id is the path.
    :raises InputError: if an option is unknown or unusable, or two files of one name would be written to.
    """
    known = BvffOptions.from_mapping(options, load_parameters(parameters))
    items = []
    paths = [Path(path) for path in paths]
    repeated = [name for name, count in Counter(path.name for path in paths).items() if count > 1]
    if folder is not None and repeated:
        raise InputError(f'{repeated[0]} stands for several files, whose landscapes would have the same name')
    loaders = [(str(path), lambda path=path: read_structure_file(path)) for path in paths]
    for item in compute_items(loaders, known, folder=folder):
        items.append(item)
        if on_result is not None:
            on_result(item)
    return items
