from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_limap.engines.autoencoder import SplitConfig
from aiida_limap.engines.autoencoder.data import Scaling, split_rows
from aiida_limap.engines.errors import InputError


def with_nan(array, row, column):
    array = array.copy()
    array[row, column] = np.nan
    return array


def test_wrong_rows_are_named(data, changed):
    with pytest.raises(InputError, match='structure row s3 holds NaN or infinity in column d5'):
        changed(data, structure=with_nan(data.structure, 3, 5))
    with pytest.raises(InputError, match=r'composition row s0 .* column c2'):
        changed(data, composition=with_nan(data.composition, 0, 2))


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'ids': ['s0'] * 60}, "id 's0' stands for two rows"),
        ({'groups': ['g'] * 3}, 'equally long'),
        ({'migration_energy_eV': np.ones(60)}, r'all migration energies are equal \(1 eV\)'),
        ({'migration_energy_eV': np.full(60, np.nan)}, 'fewer than two rows'),
        ({'migration_energy_eV': np.array([np.inf, *range(59)])}, 'infinite'),
        ({'composition': np.ones((60, 5))}, '5 columns, but 24 column names'),
        ({'composition': np.ones((59, 24))}, r'shape \(59, 24\)'),
        ({'structure': np.ones(60)}, r'shape \(60,\)'),
    ],
)
def test_refusals(data, values, words, changed):
    with pytest.raises(InputError, match=words):
        changed(data, **values)


def test_too_few_rows(synthetic):
    with pytest.raises(InputError, match='8 rows are too few'):
        synthetic(n_groups=4)


def test_blocks_must_cover_the_columns(data, changed):
    columns = {**data.columns, 'blocks': {'structure': {'rdf': [0, 20], 'adf': [24, 32]}}}
    with pytest.raises(InputError, match='do not cover the 32 structure columns'):
        changed(data, columns=columns).blocks('structure')
    assert changed(data, columns={}).blocks('structure') == {'structure': (0, 32)}


def test_hash_follows_the_rows(data, synthetic, changed):
    assert data.hash == synthetic().hash
    energies = data.migration_energy_eV.copy()
    energies[0] += 1e-9
    assert changed(data, migration_energy_eV=energies).hash != data.hash


def test_scaling_by_block(data):
    rows = np.arange(60) < 30
    scaling = Scaling.fit(data, rows)
    divisors = scaling.divisors('structure')
    # The blocks come in the order of the columns, whatever the order of their names.
    assert divisors[:24] == pytest.approx(data.structure[rows, :24].max())
    assert divisors[24:] == pytest.approx(data.structure[rows, 24:].max())
    assert scaling.divisors('composition') == pytest.approx(data.composition[rows].max())
    assert scaling.energy.largest_eV == data.migration_energy_eV[rows].max()
    assert Scaling.from_dict(scaling.as_dict()) == scaling


def test_scaling_of_a_block_of_zeros(data, changed):
    structure = data.structure.copy()
    structure[:, 24:] = 0
    assert (
        Scaling.fit(changed(data, structure=structure), np.ones(60, dtype=bool)).divisors('structure')[24:] == 1
    ).all()


@pytest.mark.parametrize('seed', range(5))
def test_polymorphs_stay_together(data, seed):
    split = split_rows(data.groups, SplitConfig(seed=seed))
    for group in set(data.groups):
        assert len({code for code, name in zip(split, data.groups, strict=True) if name == group}) == 1
    shares = np.bincount(split, minlength=3) / len(split)
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.035)


def test_split_depends_on_the_seed_and_not_on_the_order(data):
    config = SplitConfig()
    first = split_rows(data.groups, config)
    assert (first == split_rows(data.groups, config)).all()
    assert (first != split_rows(data.groups, replace(config, seed=1))).any()
    assert (first[::-1] == split_rows(data.groups[::-1], config)).all()


def test_random_split_and_empty_parts(data):
    split = split_rows(data.groups, SplitConfig(by='random', train=0.8, validation=0.0, test=0.2))
    assert np.bincount(split, minlength=3).tolist() == [48, 0, 12]
    straddling = [name for name in set(data.groups) if len(set(split[np.array(data.groups) == name])) > 1]
    assert straddling
    split = split_rows(data.groups, SplitConfig(train=0.8, validation=0.2, test=0.0))
    assert set(split) == {0, 1}
    with pytest.raises(InputError, match='split got none of the 2 groups'):
        split_rows(['a', 'b'] * 10, SplitConfig())
