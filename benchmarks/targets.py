"""Migration energies that the benchmarks of descriptors are held against, computed once per output folder."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path

import click

from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.bvff.task import compute_items
from benchmarks.common import Entry

__all__ = ['migration_energies']


def migration_energies(entries: Sequence[Entry], output: Path) -> dict[str, float]:
    """Return the 2D barriers of the default options (preset ``bvff``, refined), eV.

    They are kept in a file of the output folder, whose name says which options, structures and version they are of.

    :param entries: the structures.
    :param output: folder of the results.
    :returns: barriers by id; structures without one are missing.
    """
    options = BvffOptions()
    path = output / f'targets-{_key(entries, options)}.json'
    if path.is_file():
        click.echo(f'migration energies are those of {path}')
        found: dict[str, float] = json.loads(path.read_text(encoding='utf-8'))
        return found
    energies = {}
    loaders = [(entry.id, lambda entry=entry: entry.structure) for entry in entries]
    with click.progressbar(
        compute_items(loaders, options), length=len(entries), label='migration energies'
    ) as items:  # fmt: skip
        for item in items:
            if item.values.get('barrier_2d_eV') is not None:
                energies[item.id] = item.values['barrier_2d_eV']
    output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(energies), encoding='utf-8')
    return energies


def _key(entries: Sequence[Entry], options: BvffOptions) -> str:
    content = {
        'version': importlib.metadata.version('aiida-limap'),
        'options': {name: getattr(options, name) for name in options.names()},
        'parameters': options.parameters.checksum,
        'structures': [entry.structure.as_dict() for entry in entries],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]
