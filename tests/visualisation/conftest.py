"""Bundles to draw, and a browser to open pages with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from aiida_limap.formats.mapbundle import Heatmap, MapBundle, MapProperty
from aiida_limap.formats.structures import StructureRecord

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome')
#: Software rendering, and none of the requests that a browser makes by itself.
FLAGS = [
    '--no-sandbox', '--disable-gpu', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run',
]  # fmt: skip


def _bundle(n_points: int = 12, *, missing: tuple[int, ...] = (3,), heatmap: Any = True, **changes: Any) -> MapBundle:
    """Return a bundle of rock-salt-like cells whose points lie far apart, so that a click can mean one of them only."""
    anions = ('F', 'Cl', 'Br', 'I')
    numbers = np.arange(n_points)
    ids = tuple(f'00000000-0000-4000-8000-{i:012d}' for i in numbers)
    energies = tuple(None if i in missing else round(0.25 + 0.1 * i, 3) for i in numbers.tolist())
    structures = tuple(
        StructureRecord(
            identifier, np.eye(3) * (4 + 0.1 * i), ({'Li': 1.0}, {anions[i % 4]: 1.0}), [[0, 0, 0], [0.5] * 3]
        )
        for i, identifier in enumerate(ids)
    )
    properties = {
        'x_comp': MapProperty(tuple((numbers % 4).astype(float).tolist()), 'Composition code'),
        'x_struc': MapProperty(tuple((numbers // 4 + 0.1 * (numbers % 4)).tolist()), 'Structure code'),
        'migration_energy_eV': MapProperty(energies, 'Migration energy', 'eV', 'In two dimensions.'),
        'grid_error_eV': MapProperty((0.01,) * n_points, 'Grid error', 'eV'),
        'migration_energy_predicted_eV': MapProperty(tuple((0.5 + 0.01 * numbers).tolist()), 'Predicted', 'eV'),
        'status': MapProperty(tuple('not_percolating' if e is None else 'ok' for e in energies), 'Status'),
        'band_gap_eV': MapProperty(tuple((5.0 + numbers).tolist()), 'Band gap', 'eV'),
    }
    source = {'db_name': 'Materials Project', 'license': 'CC-BY-4.0'}
    grid = np.arange(12.0).reshape(3, 4)
    prediction = Heatmap(np.arange(4.0), np.arange(3.0), grid, 'Predicted migration energy', 'eV')
    values: dict[str, Any] = {
        'title': 'Halides',
        'ids': ids,
        'properties': properties,
        'structures': structures,
        'provenance': tuple({'structure': identifier, 'migration_energy': f'1{identifier[1:]}'} for identifier in ids),
        'sources': tuple(source | {'id': f'mp-{i}', 'uri': f'https://example.org/mp-{i}'} for i in numbers),
        'heatmap': heatmap if isinstance(heatmap, Heatmap) else prediction if heatmap else None,
        'metadata': {'options': {'me_weight': 0.1}, 'metrics': {'test': {'r2_me': 0.714, 'mae_me_eV': 0.42}}},
    }
    return MapBundle(**(values | changes))


def _uncertain_bundle(n_points: int = 12) -> MapBundle:
    """Return a bundle whose point 5 lies out of the domain, and whose plane is known on its left only."""
    plain = _bundle(n_points)
    reason = 'the structure is unlike those of the training'
    properties = dict(plain.properties) | {
        'migration_energy_wide_eV': MapProperty((0.62,) * n_points, 'Wide', 'eV'),
        'migration_energy_low_eV': MapProperty((0.41,) * n_points, 'Low', 'eV'),
        'migration_energy_high_eV': MapProperty((None, *(0.93,) * (n_points - 1)), 'High', 'eV'),
        'in_domain': MapProperty(tuple(float(i != 5) for i in range(n_points)), 'In the domain'),
        'domain_reason': MapProperty(tuple(reason if i == 5 else '' for i in range(n_points)), 'Why outside'),
    }
    support = np.tile([1.0, 1.0, 0.2, 0.0], (3, 1))
    grid = np.arange(12.0).reshape(3, 4)
    heatmap = Heatmap(np.arange(4.0), np.arange(3.0), grid, 'Predicted migration energy', 'eV', support)
    metadata = dict(plain.metadata) | {'interval': {'level': 0.9, 'kind': 'constant'}}
    return _bundle(n_points, properties=properties, heatmap=heatmap, metadata=metadata)


@pytest.fixture
def uncertain_bundle() -> MapBundle:
    """Return a bundle that says what is known and what is not."""
    return _uncertain_bundle()


@pytest.fixture
def make_bundle() -> Callable[..., MapBundle]:
    """Return the function that builds bundles."""
    return _bundle


@pytest.fixture(scope='module')
def browser() -> Iterator[Any]:
    """Return a headless Chromium or Chrome, or skip: it is no Python package and may be absent.

    It must not outlive its module: while it runs, so does an event loop, and AiiDA can run no process then.
    """
    sync_api = pytest.importorskip('playwright.sync_api', reason='the package playwright is not installed')
    executable = os.environ.get('LIMAP_BROWSER') or next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None or shutil.which(executable) is None:
        pytest.skip('no Chromium or Chrome was found; install one or name it in LIMAP_BROWSER')
    with sync_api.sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield instance
        instance.close()
