"""Rows to train maps on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.common import Entry
from benchmarks.features import describe

if TYPE_CHECKING:
    from aiida_limap.engines.autoencoder import TrainingData

__all__ = ['training_rows']

#: Fewer rows do not fill three splits by formula.
LEAST_ROWS = 50


def training_rows(entries: Sequence[Entry], energies: Mapping[str, float], layout: str) -> TrainingData:
    """Return descriptors and migration energies of structures, as a training takes them.

    :param entries: the structures; those that cannot be described are left out.
    :param energies: migration energies (eV) by id; a structure without one trains the reconstruction only.
    :param layout: name of the layout.
    """
    from aiida_limap.engines.autoencoder import TrainingData
    from aiida_limap.engines.descriptors.task import meaning

    described = describe(entries, layout)
    kept = [entry for entry in entries if entry.id not in described.lost]
    if len(kept) < LEAST_ROWS:
        raise click.ClickException(f'{len(kept)} structures are too few for three splits; name a folder with --data')
    ids = [entry.id for entry in kept]
    return TrainingData(
        ids=ids,
        composition=described.part('composition', ids),
        structure=described.part('structure', ids),
        migration_energy_eV=np.array([energies.get(name, np.nan) for name in ids]),
        groups=[entry.formula for entry in kept],
        columns=meaning(described.layout, ['composition', 'structure']),
    )
