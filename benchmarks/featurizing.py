"""Timing of descriptors: blocks of a layout and featurizers of matminer, in the process of a worker."""

from __future__ import annotations

import signal
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_limap.engines.errors import LimapError
from benchmarks.common import Entry, load_entries

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from aiida_limap.engines.descriptors.geometry import Geometry
    from aiida_limap.engines.descriptors.layout import Layout

__all__ = ['PEERS', 'Peer', 'time_blocks', 'time_peers']


@dataclass(frozen=True)
class Peer:
    """A featurizer of matminer for the same geometry as a kind of block.

    :param name: what the tables call it.
    :param kinds: kinds of blocks that it stands beside; those of the composition part all count as ``composition``.
    :param counted: whether it is part of the total; of several for one kind only the quickest is.
    :param build: takes all structures, gives what computes the numbers of one structure.
    :param maximum: it stands beside blocks with this ``maximum`` only; None for any.
    """

    name: str
    kinds: tuple[str, ...]
    counted: bool
    build: Callable[[Sequence[Structure]], Callable[[Structure], Any]]
    maximum: float | None = None

    def stands_beside(self, layout: Layout) -> bool:
        """Tell whether a layout has a block for the same geometry.

        :param layout: the layout.
        """
        return 'composition' in self.kinds or any(
            block.kind in self.kinds and (self.maximum is None or getattr(block, 'maximum', None) == self.maximum)
            for block in layout.parts['structure']
        )


def _elements(_structures: Sequence[Structure]) -> Callable[[Structure], Any]:
    from matminer.featurizers.composition import ElementProperty

    featurizer = ElementProperty.from_preset('magpie')
    return lambda structure: featurizer.featurize(structure.composition)


def _partial_rdf(cutoff: float, bin_size: float) -> Callable[[Sequence[Structure]], Any]:
    def build(structures: Sequence[Structure]) -> Callable[[Structure], Any]:
        from matminer.featurizers.structure import PartialRadialDistributionFunction

        featurizer = PartialRadialDistributionFunction(cutoff=cutoff, bin_size=bin_size)
        featurizer.fit(structures)
        return featurizer.featurize

    return build


def _lithium_order(_structures: Sequence[Structure]) -> Callable[[Structure], Any]:
    """Of the Li sites only, as our block."""
    from matminer.featurizers.site import CrystalNNFingerprint

    featurizer = CrystalNNFingerprint.from_preset('ops')

    def featurize(structure: Structure) -> Any:
        places = [place for place, site in enumerate(structure) if site.specie.symbol == 'Li']
        return np.mean([featurizer.featurize(structure, place) for place in places], axis=0)

    return featurize


def _of_sites(name: str, neighbours: str = '', **options: Any) -> Callable[[Sequence[Structure]], Any]:
    def build(_structures: Sequence[Structure]) -> Callable[[Structure], Any]:
        from matminer.featurizers import site
        from matminer.featurizers.structure import SiteStatsFingerprint
        from pymatgen.analysis import local_env

        kind = getattr(site, name)
        if neighbours:
            featurizer = kind(getattr(local_env, neighbours)())
        elif 'preset' in options:
            preset = {key: value for key, value in options.items() if key != 'preset'}
            featurizer = kind.from_preset(options['preset'], **preset)
        else:
            featurizer = kind(**options)
        return SiteStatsFingerprint(featurizer, stats=('mean',)).featurize

    return build


PEERS = (
    Peer('ElementProperty (Magpie)', ('composition',), True, _elements),
    Peer('PartialRadialDistributionFunction, 10 Å', ('rdf',), True, _partial_rdf(10.0, 0.1), 10.0),
    Peer('PartialRadialDistributionFunction, 8 Å', ('rdf',), True, _partial_rdf(8.0, 0.2), 8.0),
    # Its neighbours are those of our ADF, up to a multiple of the nearest distance; the others are slower.
    Peer('AverageBondAngle (MinimumDistanceNN)', ('adf',), True, _of_sites('AverageBondAngle', 'MinimumDistanceNN')),
    Peer('AverageBondAngle (VoronoiNN)', ('adf',), False, _of_sites('AverageBondAngle', 'VoronoiNN')),
    Peer(
        'AngularFourierSeries, 4 Å', ('adf',), False, _of_sites('AngularFourierSeries', preset='gaussian', cutoff=4)
    ),
    Peer('VoronoiFingerprint', ('voronoi',), True, _of_sites('VoronoiFingerprint')),
    Peer('CrystalNNFingerprint (ops), Li sites', ('site_coordination',), True, _lithium_order),
)  # fmt: skip


class Stopwatch:
    """Processor seconds by name; what is measured within something else counts for the inner name only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Measure what is done within.

        :param name: the name.
        """
        self._book()
        self._open.append(name)
        try:
            yield
        finally:
            self._book()
            self._open.pop()

    def _book(self) -> None:
        now = time.process_time()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


def timed_geometry(watch: Stopwatch) -> type[Geometry]:
    """Return a class of geometries that tell the watch what each thing that blocks share takes.

    :param watch: the watch.
    """
    from aiida_limap.engines.descriptors.geometry import Geometry

    members = {
        name: _watched(name, member, watch)
        for name, member in vars(Geometry).items()
        if isinstance(member, cached_property)
    }
    return type('TimedGeometry', (Geometry,), members)


def _watched(name: str, member: cached_property, watch: Stopwatch) -> cached_property:
    def compute(geometry: Geometry) -> Any:
        with watch.of(f'shared: {name}'):
            return member.func(geometry)

    return cached_property(compute)


def block_names(layout: Layout) -> dict[tuple[str, str], str]:
    """Return what the tables call each block: composition blocks of one kind are one line.

    :param layout: the layout.
    :returns: names by part and label.
    """
    names = {}
    for part, blocks in layout.parts.items():
        for block in blocks:
            names[part, block.label] = f'{part}: {block.kind if part == "composition" else block.label}'
    return names


def time_row(structure: Structure, layout: Layout) -> dict[str, float]:
    """Compute a whole row and return processor seconds by block and by what blocks share.

    :param structure: the structure.
    :param layout: the layout.
    """
    from aiida_limap.engines.descriptors.composition import atomic_fractions

    watch = Stopwatch()
    names = block_names(layout)
    with watch.of('composition: atomic fractions'):
        fractions = atomic_fractions(structure.composition)
    for block in layout.parts['composition']:
        with watch.of(names['composition', block.label]):
            block.row(fractions)
    with watch.of('shared: structure'):
        geometry = timed_geometry(watch)(structure, layout.classes, layout.reach)
    for part in ('structure', 'landscape'):
        for block in layout.parts[part]:
            with watch.of(names[part, block.label]):
                block.row(geometry)
    return dict(watch.seconds)


def time_alone(structure: Structure, layout: Layout) -> dict[str, float]:
    """Compute each structure block from nothing, and the composition part; return processor seconds by kind.

    :param structure: the structure.
    :param layout: the layout.
    """
    from aiida_limap.engines.descriptors.composition import composition_row
    from aiida_limap.engines.descriptors.geometry import Geometry

    seconds: dict[str, float] = defaultdict(float)
    started = time.process_time()
    composition_row(structure.composition, layout)
    seconds['composition'] += time.process_time() - started
    for block in layout.parts['structure']:
        fresh = _fresh(structure)
        started = time.process_time()
        block.row(Geometry(fresh, layout.classes, block.reach))
        seconds[block.kind] += time.process_time() - started
    return dict(seconds)


def _fresh(structure: Structure) -> Structure:
    """Return a copy that remembers nothing of earlier computations."""
    from pymatgen.core import Lattice, Structure

    return Structure(Lattice(structure.lattice.matrix.copy()), structure.species, structure.frac_coords.copy())


def _medians(function: Callable[[Structure], dict[str, float]], structure: Structure, repeats: int) -> dict[str, float]:
    runs = [function(_fresh(structure)) for _ in range(repeats)]
    return {name: float(np.median([run.get(name, 0.0) for run in runs])) for name in runs[0]}


def time_blocks(task: dict[str, Any]) -> dict[str, Any]:
    """Time the rows of one layout for many structures.

    :param task: ``data``, ``ids``, ``layout`` and ``repeats``.
    :returns: processor seconds by block for every structure, medians of the repeats; and what failed.
    """
    from aiida_limap.engines.descriptors.layout import load_layout

    entries, layout = _entries(task), load_layout(task['layout'])
    rows, failed = [], {}
    _warm_up(entries, layout)
    for number, entry in enumerate(entries, start=1):
        try:
            seconds = _medians(lambda structure: time_row(structure, layout), entry.structure, task['repeats'])
            rows.append({'id': entry.id, 'sites': len(entry.structure), 'seconds': seconds})
        except LimapError as error:
            failed[entry.id] = str(error)
        if number % 100 == 0 or number == len(entries):
            _say(f'  {task["layout"]}: {number} of {len(entries)} structures')
    return {'rows': rows, 'failed': failed}


def time_peers(task: dict[str, Any]) -> dict[str, Any]:
    """Time the blocks of layouts, each from nothing, and featurizers of matminer, in turns in one process.

    :param task: ``data``, ``ids``, ``layouts``, ``repeats`` and ``limit_s`` per structure and featurizer.
    :returns: processor seconds for every structure: of whole rows, of kinds of blocks alone and of featurizers (None
        where one failed); and those that took longer than the limit.
    """
    from aiida_limap.engines.descriptors.layout import load_layout

    entries = _entries(task)
    layouts = {name: load_layout(name) for name in task['layouts']}
    structures = [entry.structure for entry in entries]
    peers = {
        peer.name: peer.build(structures)
        for peer in PEERS
        if any(peer.stands_beside(layout) for layout in layouts.values())
    }
    for layout in layouts.values():
        _warm_up(entries, layout)
    warm = min(structures, key=len)
    for featurize in peers.values():
        _peer_seconds(featurize, warm, task['limit_s'])
    rows = []
    for number, entry in enumerate(entries, start=1):
        row: dict[str, Any] = {'id': entry.id, 'formula': entry.formula, 'sites': len(entry.structure)}
        row['layouts'] = {
            name: _both(entry.structure, layout, task['repeats']) for name, layout in layouts.items()
        }  # fmt: skip
        row['peers'] = {name: _peer_seconds(peer, entry.structure, task['limit_s']) for name, peer in peers.items()}
        rows.append(row)
        _say(f'  {number} of {len(entries)}: {entry.id} {entry.formula}, {len(entry.structure)} sites')
    return {'rows': rows, 'limit_s': task['limit_s']}


def _both(structure: Structure, layout: Layout, repeats: int) -> dict[str, Any] | None:
    try:
        alone = _medians(lambda fresh: time_alone(fresh, layout), structure, repeats)
        return {'alone': alone, 'row': _medians(lambda fresh: time_row(fresh, layout), structure, repeats)}
    except LimapError:
        return None


class _OutOfTimeError(Exception):
    """A featurizer took longer than it may."""


def _peer_seconds(featurize: Callable[[Structure], Any], structure: Structure, limit_s: float) -> dict[str, Any]:
    """Time one featurizer on one structure, once: it is far above the resolution of the clock."""

    def stop(_signal: int, _frame: Any) -> None:
        raise _OutOfTimeError

    fresh = _fresh(structure)
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    started = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            featurize(fresh)
    except _OutOfTimeError:
        # What it took until then is a lower bound.
        return {'seconds': time.process_time() - started, 'out_of_time': True, 'error': None}
    except Exception as error:
        return {'seconds': None, 'out_of_time': False, 'error': f'{type(error).__name__}: {error}'}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return {'seconds': time.process_time() - started, 'out_of_time': False, 'error': None}


def _entries(task: dict[str, Any]) -> list[Entry]:
    wanted = set(task['ids'])
    found = load_entries(None if task['data'] is None else Path(task['data']))
    return [entry for entry in found if entry.id in wanted]


def _warm_up(entries: Sequence[Entry], layout: Layout) -> None:
    """Compile the kernels and read the element tables, so that no structure is charged with it."""
    tried = 0
    for entry in sorted(entries, key=lambda entry: len(entry.structure)):
        try:
            time_row(_fresh(entry.structure), layout)
            tried += 1
        except LimapError:
            continue
        if tried == 3:
            return


def _say(text: str) -> None:
    sys.stderr.write(text + '\n')
    sys.stderr.flush()
