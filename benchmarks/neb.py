"""Literature barriers of nudged elastic bands, and the bond-valence energy along the same hop."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aiida_limap.engines.bvff.continuum import Continuum

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from aiida_limap.engines.bvff.framework import Framework

__all__ = ['Hop', 'hop_barrier', 'read_hops']

STRUCTURES_FILE = 'neb_structures.jsonl.gz'
TABLE_FILE = 'neb_barriers.csv'
#: The hop may bend so far away from the straight line through its images, Å.
TUBE_ANGSTROM = 1.5
STEP_ANGSTROM = 0.15


@dataclass(frozen=True)
class Hop:
    """One hop of Li with its literature barrier.

    :param id: name of the row.
    :param compound: name of the compound.
    :param crystal_class: class of compounds.
    :param barrier: literature barrier of density functional theory, eV.
    :param machine_learned: barrier of a machine-learned potential (MACE) on unrelaxed images, eV, or None.
    :param machine_learned_relaxed: the same on relaxed images.
    :param structure: the crystal with one Li at the start, and where other Li remains also one at the end: there the
        hop is that of a vacancy.
    :param dilute: whether there is no other Li: an insertion host with a single ion.
    :param images: (k, 3) fractional coordinates of the moving ion from start to end, unwrapped.
    """

    id: str
    compound: str
    crystal_class: str
    barrier: float
    machine_learned: float | None
    machine_learned_relaxed: float | None
    structure: Structure
    dilute: bool
    images: NDArray[np.float64]


def read_hops(data: Path, mobile: str = 'Li') -> tuple[list[Hop], list[dict[str, str]]]:
    """Read the hops of one ion.

    :param data: folder with the table and the structures.
    :param mobile: symbol of the ion that moves.
    :returns: the hops, and the rows of the table that have no structure, with the reason.
    """
    with (data / TABLE_FILE).open(encoding='utf-8', newline='') as file:
        table = [row for row in csv.DictReader(file) if row['mobile_ion'] == mobile]
    with gzip.open(data / STRUCTURES_FILE, 'rt', encoding='utf-8') as lines:
        documents = {row['id']: row for row in map(json.loads, lines) if row['mobile_ion'] == mobile}
    hops, lost = [], []
    for row in table:
        document = documents.get(row['sys_name'])
        if document is None:
            lost.append({'id': row['sys_name'], 'why': 'no structure of that name'})
        else:
            hops.append(_hop(row, document))
    return hops, lost


def _hop(row: dict[str, str], document: dict[str, Any]) -> Hop:
    from pymatgen.core import Lattice, Structure

    positions = np.array(document['frac_coords'], dtype=float)
    chain = document['image_indices']
    images = positions[chain]
    # Every image is taken next to the one before.
    steps = np.diff(images, axis=0)
    images = np.concatenate([images[:1], images[0] + np.cumsum(steps - np.rint(steps), axis=0)])
    others = [index for index in range(len(positions)) if index not in chain]
    keep = [*others, chain[0]]
    dilute = all(document['species'][index] != row['mobile_ion'] for index in others)
    if not dilute:
        keep.append(chain[-1])
    structure = Structure(Lattice(document['lattice']), [document['species'][index] for index in keep], positions[keep])
    return Hop(
        id=row['sys_name'],
        compound=row['compound'],
        crystal_class=row['crystal_class'],
        barrier=float(row['barrier_eV']),
        machine_learned=_number(row['mace_neb_norelax_eV']),
        machine_learned_relaxed=_number(row['mace_neb_relaxed_eV']),
        structure=structure,
        dilute=dilute,
        images=images,
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def hop_barrier(framework: Framework, images: NDArray[np.float64]) -> float:
    """Return the bond-valence barrier of a hop, from its start over the best way within a tube around its images.

    The lattice stays as it is, so that what relaxation gives is missing.

    :param framework: the immobile ions.
    :param images: (k, 3) fractional coordinates from start to end.
    :returns: energy of the pass above the minimum next to the start, eV.
    """
    continuum = Continuum(framework)
    path = images @ framework.cell
    low = path.min(axis=0) - TUBE_ANGSTROM
    counts = np.ceil((path.max(axis=0) + TUBE_ANGSTROM - low) / STEP_ANGSTROM).astype(int) + 1
    points = low + STEP_ANGSTROM * np.stack(list(np.indices(counts)), axis=-1).reshape(-1, 3)
    inside = _distance(points, path) <= TUBE_ANGSTROM
    energies = np.full(len(points), np.inf)
    energies[inside] = continuum.derivatives(points[inside] @ np.linalg.inv(framework.cell))[0]
    ends = [_lowest_near(points, energies, path[place]) for place in (0, -1)]
    threshold = _joined_at(energies.reshape(counts), ends)
    _, minima, reached = continuum.minima(points[ends[:1]] @ np.linalg.inv(framework.cell), reach=1.0)
    return threshold - float(minima[0] if reached[0] else energies[ends[0]])


def _distance(points: NDArray, path: NDArray) -> NDArray:
    """Return the distance of points from a line of straight pieces, Å."""
    distance = np.full(len(points), math.inf)
    for start, end in itertools.pairwise(path):
        along = end - start
        share = np.clip((points - start) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
        distance = np.minimum(distance, np.linalg.norm(points - start - share[:, None] * along, axis=1))
    return distance


def _lowest_near(points: NDArray, energies: NDArray, place: NDArray) -> int:
    """Return the point of lowest energy within 0.6 Å: images of density functional theory sit beside the minima."""
    near = np.flatnonzero(np.linalg.norm(points - place, axis=1) <= 0.6)
    return int(near[np.argmin(energies[near])])


def _joined_at(energies: NDArray, ends: list[int]) -> float:
    """Return the lowest energy at which two points are joined by points below it, by bisection over the energies."""
    levels = np.unique(energies[np.isfinite(energies)])
    flat = energies.ravel()
    low, high = int(np.searchsorted(levels, max(flat[end] for end in ends))), len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        labels = ndimage.label(energies <= levels[middle], structure=np.ones((3, 3, 3)))[0].ravel()
        if labels[ends[0]] == labels[ends[1]]:
            high = middle
        else:
            low = middle + 1
    return float(levels[high])
