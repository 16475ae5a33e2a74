from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_limap.engines.autoencoder import TrainConfig, train
from aiida_limap.engines.autoencoder.ensemble import combine
from aiida_limap.engines.errors import InputError

OPTIONS = {'hidden_widths': [16, 8], 'head_widths': [8], 'max_epochs': 60, 'patience': 60, 'learning_rate': 5e-3}


@pytest.fixture(scope='module')
def rows(synthetic):
    return synthetic(40)


@pytest.fixture(scope='module')
def members(rows):
    return [train(rows, TrainConfig.from_parameters({**OPTIONS, 'seed': seed})) for seed in range(3)]


def test_equal_members_agree_everywhere(members, rows):
    found = combine([members[0], members[0]], rows.composition, rows.structure)
    x_comp, x_struc = members[0].encode(rows.composition, rows.structure)
    assert found.rank_correlations == {'x_comp': [pytest.approx(1)], 'x_struc': [pytest.approx(1)]}
    np.testing.assert_allclose(found.x_comp_spread, 0, atol=0.05 * np.ptp(x_comp))
    np.testing.assert_allclose(found.x_struc_spread, 0, atol=0.05 * np.ptp(x_struc))
    np.testing.assert_array_equal(found.migration_energy_spread_eV, 0)


def test_means_and_spreads_are_those_of_the_aligned_codes(members, rows):
    found = combine(members, rows.composition, rows.structure)
    codes = [members[0].encode(rows.composition, rows.structure)[1]]
    for member, pair in zip(members[1:], found.alignments, strict=True):
        codes.append(pair[1].apply(member.encode(rows.composition, rows.structure)[1]))
    np.testing.assert_allclose(found.x_struc, np.mean(codes, axis=0))
    np.testing.assert_allclose(found.x_struc_spread, np.std(codes, axis=0, ddof=1))
    energies = [member.predict_rows(rows.composition, rows.structure) for member in members]
    np.testing.assert_allclose(found.migration_energy_eV, np.mean(energies, axis=0))
    np.testing.assert_allclose(found.migration_energy_spread_eV, np.std(energies, axis=0, ddof=1))


def test_a_turned_and_stretched_member_agrees_after_alignment(members, rows):
    x_struc = members[0].encode(rows.composition, rows.structure)[1]
    turned = _Stretched(members[0])
    found = combine([members[0], turned], rows.composition, rows.structure)
    assert found.alignments[0][1].sign == -1
    assert np.median(found.x_struc_spread) < 0.02 * np.ptp(x_struc)


def test_few_new_rows_are_aligned_on_the_training_rows(members, rows):
    whole = combine(members, rows.composition, rows.structure)
    few = combine(members, rows.composition[:2], rows.structure[:2])
    np.testing.assert_allclose(few.x_struc_spread, whole.x_struc_spread[:2], atol=1e-9)
    with pytest.raises(InputError, match='20 rows or more'):
        combine([replace(members[0], domain=None), *members[1:]], rows.composition[:2], rows.structure[:2])


def test_a_member_with_a_constant_code_is_left_out(members, rows, caplog):
    found = combine([*members[:2], _Stretched(members[2], constant=True)], rows.composition, rows.structure)
    pair = combine(members[:2], rows.composition, rows.structure)
    np.testing.assert_allclose(found.x_struc_spread, pair.x_struc_spread)
    assert found.rank_correlations['x_struc'][1] is None
    assert 'x_struc of member 2' in caplog.text
    alone = combine([members[0], _Stretched(members[1], constant=True)], rows.composition, rows.structure)
    assert np.isnan(alone.x_struc_spread).all()
    assert np.isfinite(alone.x_struc).all()


def test_members_of_other_columns_are_refused(members, rows):
    other = replace(members[1], columns={**members[1].columns, 'layout_checksum': 'b' * 64})
    with pytest.raises(InputError, match=r'ensemble_1 reads other columns than the model.*bbbbbbbb'):
        combine([members[0], members[2], other], rows.composition, rows.structure)
    with pytest.raises(InputError, match='two models or more, not 1'):
        combine(members[:1], rows.composition, rows.structure)


class _Stretched:
    """A model whose structure code is turned round and stretched, or constant."""

    def __init__(self, model, constant=False):
        self._model = model
        self._constant = constant

    def __getattr__(self, name):
        return getattr(self._model, name)

    def encode(self, composition, structure):
        x_comp, x_struc = self._model.encode(composition, structure)
        return x_comp, np.full(len(x_struc), 0.3) if self._constant else -np.exp(x_struc)
