"""Site energies by torch: equal to those of the kernel for SIMD."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.bvff import torch_kernel
from aiida_limap.engines.bvff.framework import build_framework
from aiida_limap.engines.bvff.landscape import reference_landscape, site_energy_landscape
from aiida_limap.engines.bvff.options import BvffOptions
from aiida_limap.engines.errors import InputError

torch = pytest.importorskip('torch')

STATES = {'Li': 1, 'O': -2, 'S': -2, 'P': 5, 'Zr': 4}
ORIGIN = (0.3, -0.7, 1.4)


@pytest.fixture
def framework():
    lattice = Lattice.from_parameters(6.0, 7.0, 5.0, 50, 60, 70)
    symbols = ['Li', 'O', 'S', 'P', 'Zr']
    structure = Structure(lattice, symbols, np.random.default_rng(1).random((5, 3)))
    return build_framework(structure, [STATES[symbol] for symbol in symbols], BvffOptions())


def test_torch_equals_the_literal_sum_and_the_fast_kernel(framework):
    shape = (9, 1, 14)
    energy = site_energy_landscape(framework, shape, origin=ORIGIN, device='torch:cpu')
    assert energy.dtype == np.float32
    np.testing.assert_allclose(energy, reference_landscape(framework, shape, origin=ORIGIN), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(energy, site_energy_landscape(framework, shape, origin=ORIGIN), rtol=1e-5, atol=1e-4)


def test_torch_in_many_chunks_and_with_a_mask(framework, monkeypatch):
    """Blocks of few points and lists of ions in pieces give the same energies."""
    shape = (13, 12, 10)
    whole = site_energy_landscape(framework, shape, device='torch:cpu')
    monkeypatch.setattr(torch_kernel, '_MAX_PAIRS', 500)
    monkeypatch.setattr(torch_kernel, '_MAX_BLOCK_POINTS', 3)
    mask = np.random.default_rng(2).random(shape) < 0.2
    energy = site_energy_landscape(framework, shape, mask=mask, device='torch:cpu')
    np.testing.assert_array_equal(np.isnan(energy), ~mask)
    np.testing.assert_allclose(energy[mask], whole[mask], rtol=1e-5, atol=2e-5)
    assert np.isnan(site_energy_landscape(framework, shape, mask=np.zeros(shape, bool), device='torch:cpu')).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no CUDA device')
def test_a_graphics_card_equals_the_fast_kernel(framework):
    shape = (30, 35, 25)
    np.testing.assert_allclose(
        site_energy_landscape(framework, shape, device='cuda'),
        site_energy_landscape(framework, shape),
        rtol=1e-5,
        atol=1e-4,
    )


@pytest.mark.parametrize('device', ['torch:cuda:99', 'gpu', 'torch:', 'meta'])
def test_devices_that_cannot_be_used_are_refused_in_a_sentence(framework, device):
    with pytest.raises(InputError, match=rf'^device .{device}. cannot be used here .*take the device cpu$'):
        site_energy_landscape(framework, (2, 2, 2), device=device)


def test_without_torch_the_device_is_refused(framework, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch', None)
    with pytest.raises(InputError, match='needs the package torch'):
        site_energy_landscape(framework, (2, 2, 2), device='cuda')
