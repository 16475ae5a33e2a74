"""Measurements in a process of their own: reads one task as JSON from standard input, prints one line of JSON.

A process of its own gives a peak memory that is of one computation only, a chosen number of processors, and compile
times that start from nothing.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ['measure']

ROOT = Path(__file__).resolve().parents[1]


def measure(
    task: dict[str, Any], *, threads: int = 1, environment: dict[str, str] | None = None, shown: bool = False
) -> dict[str, Any]:
    """Run a task in a new process.

    :param task: ``action`` and its arguments.
    :param threads: number of processors that the process may use.
    :param environment: further environment variables.
    :param shown: whether what it says on its way, its progress, is shown.
    :returns: what was measured.
    :raises RuntimeError: if the process failed, with what it said last.
    """
    variables = {name: str(threads) for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NUMBA_NUM_THREADS')}
    done = subprocess.run(
        [sys.executable, '-m', 'benchmarks.worker'],
        input=json.dumps({**task, 'threads': threads}),
        stdout=subprocess.PIPE,
        stderr=None if shown else subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **variables, **(environment or {})},
    )
    if done.returncode != 0:
        last = (done.stderr or '').strip().splitlines()[-1:] or ['it was killed, perhaps for want of memory']
        raise RuntimeError(f'{task["action"]} failed: {last[0]}')
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def repeated(function: Callable[[], Any], *, repeats: int, budget_s: float) -> list[float]:
    """Return the wall seconds of calls: ``repeats`` of them, or fewer once the budget is spent, but at least one."""
    seconds: list[float] = []
    while len(seconds) < repeats and (not seconds or sum(seconds) < budget_s):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return seconds


class Task:
    """One structure with the options of a measurement.

    :param task: arguments as JSON gave them.
    """

    def __init__(self, task: dict[str, Any]) -> None:
        from pymatgen.core import Structure

        from aiida_limap.engines.bvff.framework import build_framework
        from aiida_limap.engines.bvff.options import BvffOptions

        self.structure = Structure.from_dict(task['structure'])
        self.plain = self.structure.copy().remove_oxidation_states()
        self.spacing = float(task['spacing'])
        self.threads = int(task['threads'])
        self.options = BvffOptions(
            preset='bvse', spacing_angstrom=self.spacing, energy_cap_eV=10.0, max_voxels=100_000_000
        )
        self._states = [site.specie.oxi_state for site in self.structure]
        self._build = lambda: build_framework(self.structure, self._states, self.options)

    def own_energies(self) -> Any:
        """Compute our energies on as many grid points as bvlain takes."""
        from aiida_limap.engines.bvff.landscape import site_energy_landscape
        from benchmarks.bvlain_adapter import peer_shape

        return site_energy_landscape(
            self._build(), peer_shape(self.structure, self.spacing), threads=self.threads, device='cpu'
        )

    def symmetric_energies(self) -> Any:
        """Compute our energies on the default grid of the same spacing, the search for symmetry included."""
        from aiida_limap.engines.bvff.solve import grid_energies, make_grid

        return grid_energies(make_grid(self._build(), self.options, self.spacing), threads=self.threads)

    def percolate(self, energies: Any) -> Any:
        """Find all three thresholds of a grid, with the cap that bvlain has."""
        from aiida_limap.engines.percolation.thresholds import percolate

        return percolate(energies, maximum=float(energies.min()) + self.options.energy_cap_eV)

    def states(self) -> Any:
        """Find oxidation states."""
        from aiida_limap.engines.chemistry.oxidation import assign_oxidation_states

        return assign_oxidation_states(self.plain)

    def whole(self) -> Any:
        """Do all that a user gets by default: oxidation states, symmetry, both neighbourhoods, refinement."""
        from aiida_limap.engines.bvff.migration import compute

        return compute(self.plain, self.options, threads=self.threads)


def time_both(task: dict[str, Any]) -> dict[str, Any]:
    """Time our code and bvlain in turns in one process."""
    from benchmarks.bvlain_adapter import Peer, peer_shape

    work = Task(task)
    peer = Peer(work.structure)
    budget = float(task['budget_s'])

    def both(function: Callable[[], Any], repeats: int = task['repeats']) -> list[float]:
        return repeated(function, repeats=repeats, budget_s=budget)

    own, symmetric = work.own_energies(), work.symmetric_energies()
    # Compiled code and memory are warm before anything is timed.
    work.percolate(own), work.percolate(symmetric), work.whole()
    seconds = {
        'own_energies': both(work.own_energies),
        'own_percolation': both(lambda: work.percolate(own)),
        'peer_energies': both(lambda: peer.energies(work.spacing)),
        'peer_percolation': both(lambda: peer.barriers(jobs=work.threads)),
        'symmetric_energies': both(work.symmetric_energies),
        'symmetric_percolation': both(lambda: work.percolate(symmetric)),
        'own_oxidation_states': both(work.states),
        'whole': both(work.whole),
    }
    # Again, so that a change of the load of the machine meets both sides.
    for name, function in (
        ('own_energies', work.own_energies),
        ('own_percolation', lambda: work.percolate(own)),
        ('symmetric_energies', work.symmetric_energies),
        ('symmetric_percolation', lambda: work.percolate(symmetric)),
        ('whole', work.whole),
    ):
        seconds[name] += both(function)
    seconds['peer_oxidation_states'], refused = _peer_states(work)
    return {
        'seconds': seconds,
        'peer_refuses_oxidation_states': refused,
        'voxels': int(own.size),
        'symmetric_voxels': int(symmetric.size),
        'peer_grid': list(peer_shape(work.structure, work.spacing)),
    }


def _peer_states(work: Task) -> tuple[list[float], bool]:
    """Time the oxidation states of bvlain, which are pymatgen's; it may refuse them."""
    from pymatgen.analysis.bond_valence import BVAnalyzer

    started = time.perf_counter()
    refused = False
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            BVAnalyzer(forbidden_species=['O-', 'P3-']).get_oxi_state_decorated_structure(work.plain)
        except ValueError:
            refused = True
    return [time.perf_counter() - started], refused


def memory(task: dict[str, Any]) -> dict[str, Any]:
    """Measure the peak memory of one computation above that of the process with everything loaded."""
    from benchmarks.bvlain_adapter import Peer
    from benchmarks.common import embedded_entries

    small = next(entry for entry in embedded_entries() if entry.id == 'Li2O').structure
    small.add_oxidation_state_by_element({'Li': 1, 'O': -2})
    work = Task(task)
    # Libraries and compiled code are loaded by a structure of three atoms.
    first = Task({**task, 'structure': small.as_dict(), 'spacing': 0.4})
    kind = task['code']

    def run(item: Task) -> None:
        if kind == 'peer':
            peer = Peer(item.structure)
            peer.energies(item.spacing)
            peer.barriers()
        elif kind == 'whole':
            item.whole()
        else:
            item.percolate(item.own_energies() if kind == 'own' else item.symmetric_energies())

    run(first)
    before = _peak_bytes()
    run(work)
    return {'loaded_bytes': before, 'bytes': _peak_bytes() - before}


def _peak_bytes() -> int:
    """Return the largest memory that this process ever had."""
    status = Path('/proc/self/status')
    if status.is_file():
        # Unlike ru_maxrss it does not begin with the memory of the process that started this one.
        line = next(line for line in status.read_text(encoding='utf-8').splitlines() if line.startswith('VmHWM'))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes, but bytes on macOS.
    return peak if sys.platform == 'darwin' else peak * 1024


def compile_times(task: dict[str, Any]) -> dict[str, Any]:
    """Time imports, the first structure and the second time of the same structure."""
    started = time.perf_counter()
    work = Task(task)
    imported = time.perf_counter()
    work.whole()
    first = time.perf_counter()
    work.whole()
    return {
        'import_s': imported - started,
        'first_s': first - imported,
        'second_s': time.perf_counter() - first,
    }


def time_blocks(task: dict[str, Any]) -> dict[str, Any]:
    """Time the blocks of a layout of descriptors."""
    from benchmarks import featurizing

    return featurizing.time_blocks(task)


def time_peers(task: dict[str, Any]) -> dict[str, Any]:
    """Time descriptors and featurizers of matminer in turns."""
    from benchmarks import featurizing

    return featurizing.time_peers(task)


ACTIONS = {
    'time': time_both,
    'memory': memory,
    'compile': compile_times,
    'blocks': time_blocks,
    'peers': time_peers,
}


def _main() -> None:
    task = json.load(sys.stdin)
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task['threads']])
    sys.stdout.write(json.dumps(ACTIONS[task['action']](task)) + '\n')


if __name__ == '__main__':
    _main()
