"""Bundles to draw, and a browser to open pages with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_limap.formats.mapbundle import Heatmap, MapBundle, MapProperty
from aiida_limap.formats.mapparts import DescriptorColumn, Descriptors, Profiles
from aiida_limap.formats.structures import StructureRecord
from aiida_limap.visualisation.page import write_page

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome')
#: Software rendering, which may be slow, and none of the requests that a browser makes by itself.
FLAGS = [
    '--no-sandbox', '--disable-gpu', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
    '--disable-gpu-watchdog', '--disable-hang-monitor',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run',
]  # fmt: skip
#: How long any step may take where other tests hold the processors: what is wrong never comes, however long one waits.
PATIENCE_MS = 180_000

#: Before all scripts of a page: count what it means to do soon, so that a test can wait until nothing is left to do.
COUNT_TIMERS = """(() => {
    const waiting = new Set();
    window.limapTestsWaiting = waiting;
    const counted = (start, stop) => [
        (action, delay, ...values) => {
            const number = start((...given) => {
                try { action(...values, ...given); } finally { waiting.delete(number); }
            }, delay);
            waiting.add(number);
            return number;
        },
        (number) => { waiting.delete(number); stop(number); },
    ];
    const bound = (name) => window[name].bind(window);
    [window.setTimeout, window.clearTimeout] = counted(bound('setTimeout'), bound('clearTimeout'));
})()"""

#: A function of the page that knows the plot within chemiscope's map.
IN_PLOT = """(argument) => {
    const host = [...document.querySelectorAll('#map *')].find((node) => node.shadowRoot);
    const plot = host.shadowRoot.querySelector('.js-plotly-plot');
    const box = plot.getBoundingClientRect();
    const {xaxis, yaxis} = plot._fullLayout;
    const at = (x, y) => [box.left + xaxis._offset + xaxis.l2p(x), box.top + yaxis._offset + yaxis.l2p(y)];
    BODY
}"""


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


def _descriptors(part: str, codes: np.ndarray, n_points: int) -> Descriptors:
    """Return ten named numbers or a histogram of 30 bins for one axis, decoded at these codes."""
    if part == 'composition':
        names = [f'fraction_{element}' for element in ('Li', 'F', 'Cl', 'Br', 'I')]
        columns = tuple(DescriptorColumn(name, '', 'share of atoms', part, 'fraction') for name in names)
        decoded = np.column_stack([np.full(codes.size, 0.5), *(np.abs(codes - k) < 0.5 for k in range(4))])
        decoded[:, 1:] *= 0.5
    else:
        centres = np.arange(30) * 0.2 + 1
        columns = tuple(
            DescriptorColumn(f'distance_{centre:.1f}', 'Å', 'share of pairs with distance', part, 'distance')
            for centre in centres
        )
        decoded = np.exp(-((centres[None, :] - 2 - codes[:, None]) ** 2))
    rows = decoded[np.arange(n_points) % codes.size]
    return Descriptors(columns, np.ones(len(columns)), rows, codes, decoded)


def _explored_bundle(n_points: int = 12) -> MapBundle:
    """Return a bundle that holds all that a page can show: planes, intervals, decoded axes, descriptors, profiles."""
    plain = _uncertain_bundle(n_points)
    heatmap = plain.heatmap
    assert heatmap is not None
    # Known but for the right edge, where no point lies.
    known = np.tile([1.0, 1.0, 1.0, 0.6], (3, 1))
    known[2, 3] = 0.0
    energies = np.tile([0.2, 0.6, 1.0, 1.4], (3, 1))
    place = (heatmap.x_comp, heatmap.x_struc)
    families = MapProperty(tuple(('spinel', 'garnet', 'olivine')[i % 3] for i in range(n_points)), 'Structure family')
    distance = np.tile(np.linspace(0.0, 4.0, 41, dtype=np.float32), (n_points, 1))
    energy = np.float32(0.3) * np.sin(np.float32(np.pi) * distance / 4) ** 2
    return _bundle(
        n_points,
        properties=dict(plain.properties) | {'family': families},
        metadata=plain.metadata,
        heatmap=Heatmap(*place, energies, 'Predicted migration energy', 'eV', known),
        layers={
            'low': Heatmap(*place, energies - 0.15, 'Low', 'eV'),
            'high': Heatmap(*place, energies + 0.25, 'High', 'eV'),
        },
        descriptors={part: _descriptors(part, np.arange(4.0), n_points) for part in ('composition', 'structure')},
        profiles=Profiles(distance, energy, 2),
    )


@pytest.fixture
def explored_bundle() -> MapBundle:
    """Return a bundle with everything that a page can show."""
    return _explored_bundle()


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
        instance = playwright.chromium.launch(executable_path=executable, args=FLAGS, timeout=PATIENCE_MS)
        yield instance
        instance.close()


def watched(page: Any) -> tuple[list[str], list[str]]:
    """Return everything that goes wrong on a page from now on, and every request that it makes."""
    problems: list[str] = []
    requests: list[str] = []
    page.on('pageerror', lambda error: problems.append(str(error)))
    page.on('console', lambda note: problems.append(note.text) if note.type == 'error' else None)
    page.on('request', lambda request: requests.append(request.url))
    return problems, requests


@pytest.fixture
def open_written(browser: Any, tmp_path: Path) -> Iterator[Callable[..., tuple[Any, list[str], list[str]]]]:
    """Return a function that writes a report as a page and opens it; it returns the page, its problems and requests."""
    pages = []

    def show(write: Any, awaited: str, report: Any, pictures: Any = None, **options: Any) -> Any:
        path = write(report, tmp_path / 'report.html', pictures or {})
        page = browser.new_page(**{'viewport': {'width': 1366, 'height': 768}, **options})
        page.set_default_timeout(PATIENCE_MS)
        pages.append(page)
        problems, requests = watched(page)
        page.goto(path.as_uri())
        page.wait_for_selector(awaited)
        return page, problems, requests

    yield show
    for page in pages:
        page.close()


class Session:
    """A page in the browser, with everything that went wrong and every request that it made."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(**{'viewport': {'width': 1366, 'height': 768}, **options})
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.add_init_script(COUNT_TIMERS)
        self.page = self.context.new_page()
        self.problems, self.requests = watched(self.page)
        self.page.goto(path.resolve().as_uri())
        self.page.wait_for_function('window.limap && (limap.ready || limap.errors.length)')

    def text(self, selector: str) -> str:
        """Return what a person reads there."""
        return self.page.locator(selector).inner_text()

    def state(self, name: str) -> Any:
        """Return a part of the state of the page."""
        return self.page.evaluate(f'limap.{name}')

    def plot(self, body: str, argument: Any = None) -> Any:
        """Return what a function body gives that knows ``plot``, ``argument``, and the screen by ``at(x, y)``."""
        return self.page.evaluate(IN_PLOT.replace('BODY', body), argument)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place of the map lies on the screen, once the plot is at rest."""
        self.settle()
        return tuple(self.plot('return at(...argument);', [x, y]))

    def point(self, index: int) -> tuple[float, float]:
        """Return where a point lies on the screen, once the plot is at rest."""
        self.settle()
        return tuple(self.plot('return at(plot.data[0].x[argument], plot.data[0].y[argument]);', index))

    def settle(self) -> None:
        """Wait until the page has nothing left to do: chemiscope marks its first point once more after a second."""
        self.page.wait_for_function('limapTestsWaiting.size === 0')


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Return a function that writes a bundle as a page and opens it."""
    sessions = []

    def open_bundle(bundle: MapBundle, **options: Any) -> Session:
        sessions.append(Session(browser, write_page(bundle, tmp_path / 'map.html'), **options))
        return sessions[-1]

    yield open_bundle
    for session in sessions:
        session.context.close()
