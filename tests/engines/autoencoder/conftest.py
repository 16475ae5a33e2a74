from __future__ import annotations

import numpy as np
import pytest

from aiida_limap.engines.autoencoder import TrainConfig, TrainingData


def make_rows(n_groups=30, per_group=2, seed=0):
    """Rows of polymorphs: equal composition in a group, unlike structures, an energy that depends on both."""
    rng = np.random.default_rng(seed)
    chemistry = np.repeat(rng.uniform(size=n_groups), per_group)
    packing = rng.uniform(size=len(chemistry))
    axis = np.linspace(0, 1, 24)
    composition = np.exp(-((axis - chemistry[:, None]) ** 2) / 0.02)
    structure = np.concatenate(
        [
            30 * np.exp(-((axis - packing[:, None]) ** 2) / 0.03),
            0.2 * np.exp(-((axis[:8] - packing[:, None]) ** 2) / 0.1),
        ],
        axis=1,
    )
    composition[:, -1] = chemistry
    return TrainingData(
        ids=[f's{index}' for index in range(len(chemistry))],
        composition=composition,
        structure=structure,
        migration_energy_eV=4 * (1 - packing) + 0.5 * chemistry,
        groups=[f'g{index // per_group}' for index in range(len(chemistry))],
        columns={
            'composition_labels': [*(f'c{index}' for index in range(23)), 'fraction_Li'],
            'structure_labels': [f'd{index}' for index in range(32)],
            'blocks': {'composition': {'a': [0, 12], 'b': [12, 24]}, 'structure': {'adf': [24, 32], 'rdf': [0, 24]}},
            'layout': {'name': 'synthetic'},
            'layout_checksum': 'a' * 64,
        },
    )


@pytest.fixture(scope='session')
def synthetic():
    return make_rows


@pytest.fixture(scope='session')
def changed():
    """Return a function that gives the rows anew with some of their parts replaced."""

    def change(data, **values):
        names = ('ids', 'composition', 'structure', 'migration_energy_eV', 'groups', 'columns')
        return TrainingData(**{name: values.get(name, getattr(data, name)) for name in names})

    return change


@pytest.fixture
def data():
    return make_rows()


@pytest.fixture
def options():
    """Options of a training that takes a second."""
    return {'hidden_widths': [16, 8], 'head_widths': [8], 'max_epochs': 40, 'patience': 40, 'learning_rate': 5e-3}


@pytest.fixture
def config(options):
    return TrainConfig.from_parameters(options)
