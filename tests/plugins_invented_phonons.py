"""Invented phonons: thirty compounds in two groups of band centres, as the engines would give them."""

from __future__ import annotations

import numpy as np

from aiida_limap.common.status import Status
from aiida_limap.engines.phonons.fingerprint import FINGERPRINT_FREQUENCIES_THZ
from aiida_limap.engines.phonons.report import cluster_items, phonon_report
from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.results import ItemResult

__all__ = ['invented_items', 'invented_phonon_report']

SETTINGS = {'resamples': 3, 'gap_references': 2, 'largest_k': 4, 'restarts': 2, 'min_cluster_size': 5}
UUID = '80000000-0000-4000-8000-{:012d}'


def invented_items(count: int = 30) -> list[ItemResult]:
    """Return compounds, and one that was refused."""
    rng = np.random.default_rng(3)
    grid = FINGERPRINT_FREQUENCIES_THZ
    items = []
    for place in range(count):
        centre = (6.0 if place % 3 else 12.0) + rng.normal(0.0, 0.5)
        width = 1.5 + 0.2 * rng.random()
        density = 3.0 * np.exp(-0.5 * ((grid - centre) / width) ** 2) / (width * np.sqrt(2 * np.pi))
        values = {
            'formula': f'Li{place + 1}N', 'mobile': 'Li', 'mobile_band_centre_THz': centre,
            'mobile_band_centre_298K_THz': 0.8 * centre, 'mobile_spread_THz': width,
            'total_band_centre_THz': centre - 1.0, 'relative_width': 0.7, 'mobile_imaginary_share': 0.0,
        }  # fmt: skip
        rows = {
            'mobile_band_centres_THz': centre * (1.0 - np.exp(-np.linspace(0.1, 4, 9))),
            'mobile_dos': density,
            'total_dos': 0.5 * (density + np.roll(density, -8)),
        }
        items.append(ItemResult(f'invented-{place}', Status.OK, '', values, rows))
    return [*items, ItemResult('refused', Status.FAILED, 'FORCE_SETS ends too soon')]


def invented_phonon_report(title: str = 'Invented phonons', **changes):
    """Return the report of these compounds, clustered by all methods, with diffusivities of most of them."""
    items = invented_items()
    diffusivities = {item.id: [max(0.0, 1e-5 * (11.0 - item.values['mobile_band_centre_THz']))] for item in items[:24]}
    found = cluster_items(items, SETTINGS, diffusivities=diffusivities, temperatures_K=(800.0,))
    uuids = tuple(UUID.format(place) for place in range(len(items)))
    columns = {'structure_uuid': MapProperty(uuids, 'Structure')}
    return phonon_report(items, found, title=title, columns=columns, sources=('Invented data',), **changes)
