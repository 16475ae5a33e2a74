"""The migration network: sites of the mobile ion, the passes between them, and the paths that limit migration.

The network is a periodic graph in the cell of the structure: an edge leads from a site to a site in the same or another
cell, and carries the energy of the saddle between them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError

if TYPE_CHECKING:
    import networkx

__all__ = [
    'SCHEMA',
    'MigrationNetwork',
    'MigrationPath',
    'NetworkEdge',
    'NetworkSite',
    'read_network',
    'site_letters',
]

#: Name and version of the JSON form.
SCHEMA = 'limap.network/1'


@dataclass(frozen=True)
class NetworkSite:
    """A minimum of the site energy.

    :param label: sites that are equivalent by the symmetry of the immobile ions share their letters; the number counts
        them.
    :param position: fractional coordinates in the cell of the structure, within [0, 1).
    :param energy_eV: energy above the lowest site, eV.
    :param site_symmetry: point group of the site under the symmetry of the immobile ions (Hermann-Mauguin).
    :param nearest_mobile_site: index of the site of the structure with the nearest mobile ion.
    :param nearest_mobile_distance_angstrom: its distance, Å; large for an interstitial.
    """

    label: str
    position: tuple[float, float, float]
    energy_eV: float  # noqa: N815
    site_symmetry: str
    nearest_mobile_site: int
    nearest_mobile_distance_angstrom: float

    @property
    def kind(self) -> str:
        """The letters of the label: the same for all sites that are equivalent by symmetry."""
        return self.label.rstrip('0123456789')


@dataclass(frozen=True)
class NetworkEdge:
    """A pass between two sites.

    :param source: index of the first site.
    :param target: index of the second site.
    :param offset: cell of the second site as seen from the first.
    :param saddle_eV: energy of the saddle above the lowest site, eV.
    :param saddle_position: fractional coordinates of the saddle, in the image that the first site is in.
    :param refined: whether the saddle is one of the continuum; else it is a point of the grid.
    """

    source: int
    target: int
    offset: tuple[int, int, int]
    saddle_eV: float  # noqa: N815
    saddle_position: tuple[float, float, float]
    refined: bool


@dataclass(frozen=True)
class MigrationPath:
    """The way over a limiting saddle to the next image of a site.

    :param dimension: the dimension in which migration becomes possible over it.
    :param barrier_eV: energy of its highest saddle above the lowest site, eV.
    :param translation: the lattice translation from its first to its last site.
    :param sites: indices of the sites on the way, first and last are images of each other.
    :param cells: their cells.
    :param distance_angstrom: distances along the path of the points of the profile, Å.
    :param energy_eV: their energies above the lowest site, eV.
    :param positions: their fractional coordinates in the cell of the structure, not wrapped.
    :param stationary: sites and saddles on the way: distance (Å), energy (eV) and a label.
    """

    dimension: int
    barrier_eV: float  # noqa: N815
    translation: tuple[int, int, int]
    sites: tuple[int, ...]
    cells: tuple[tuple[int, int, int], ...]
    distance_angstrom: tuple[float, ...]
    energy_eV: tuple[float, ...]  # noqa: N815
    positions: tuple[tuple[float, float, float], ...]
    stationary: tuple[tuple[float, float, str], ...]

    @property
    def length_angstrom(self) -> float:
        """Length of the path, Å."""
        return self.distance_angstrom[-1]


@dataclass(frozen=True, eq=False)
class MigrationNetwork:
    """All sites and passes of a structure up to its three-dimensional threshold, and the paths that limit migration.

    :param formula: reduced formula of the structure.
    :param mobile_ion: the ion that moves.
    :param cell: (3, 3) lattice vectors of the structure as rows, Å.
    :param energy_minimum_eV: lowest site energy; all other energies count from it, eV.
    :param barriers_eV: barriers in one, two and three dimensions; None where nothing percolates.
    :param directions: for each dimension the lattice vectors along which the network percolates at its threshold, in
        units of the cell; fractions where the immobile ions repeat within the cell.
    :param sites: the sites.
    :param edges: the passes.
    :param paths: the limiting path of each dimension in which there is one.
    """

    formula: str
    mobile_ion: str
    cell: NDArray[np.float64]
    energy_minimum_eV: float  # noqa: N815
    barriers_eV: tuple[float | None, float | None, float | None]  # noqa: N815
    directions: tuple[tuple[tuple[float, float, float], ...], ...]
    sites: tuple[NetworkSite, ...]
    edges: tuple[NetworkEdge, ...]
    paths: tuple[MigrationPath, ...]

    def path(self, dimension: int) -> MigrationPath:
        """Return the limiting path of a dimension.

        :param dimension: 1, 2 or 3.
        :returns: the path.
        :raises InputError: if there is none.
        """
        for path in self.paths:
            if path.dimension == dimension:
                return path
        raise InputError(f'{self.formula}: nothing percolates in {dimension} dimensions, so there is no limiting path')

    def to_networkx(self) -> networkx.MultiGraph:
        """Return the network as a graph.

        :returns: one node per site and one edge per pass, with the fields of :class:`NetworkSite` and
            :class:`NetworkEdge` as attributes. ``offset`` counts from the smaller to the larger index of the ends.
        """
        import networkx as nx

        graph = nx.MultiGraph(
            formula=self.formula, mobile_ion=self.mobile_ion, cell=self.cell, barriers_eV=self.barriers_eV
        )
        for index, site in enumerate(self.sites):
            graph.add_node(index, **asdict(site))
        for edge in self.edges:
            graph.add_edge(edge.source, edge.target, **asdict(edge))
        return graph

    def to_dict(self) -> dict[str, Any]:
        """Return the network as plain values, ready for JSON."""
        return {
            'schema': SCHEMA,
            'formula': self.formula,
            'mobile_ion': self.mobile_ion,
            'cell': self.cell.tolist(),
            'energy_minimum_eV': self.energy_minimum_eV,
            'barriers_eV': list(self.barriers_eV),
            'directions': [[list(vector) for vector in vectors] for vectors in self.directions],
            'sites': [asdict(site) for site in self.sites],
            'edges': [asdict(edge) for edge in self.edges],
            'paths': [asdict(path) for path in self.paths],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> MigrationNetwork:
        """Build a network from what :meth:`to_dict` gave.

        :param document: the values.
        :returns: the network.
        :raises FormatError: if it is of another kind or incomplete.
        """
        if document.get('schema') != SCHEMA:
            raise FormatError(f'a network file must be of schema {SCHEMA!r}, not {document.get("schema")!r}')
        try:
            return cls(
                formula=document['formula'],
                mobile_ion=document['mobile_ion'],
                cell=np.array(document['cell'], dtype=np.float64),
                energy_minimum_eV=document['energy_minimum_eV'],
                barriers_eV=tuple(document['barriers_eV']),
                directions=_tuples(document['directions']),
                sites=tuple(NetworkSite(**_frozen(entry)) for entry in document['sites']),
                edges=tuple(NetworkEdge(**_frozen(entry)) for entry in document['edges']),
                paths=tuple(MigrationPath(**_frozen(entry)) for entry in document['paths']),
            )
        except (KeyError, TypeError) as error:
            raise FormatError(f'the network file is incomplete: {error}') from error

    def write(self, path: Path) -> None:
        """Write the network as JSON.

        :param path: the file.
        """
        Path(path).write_text(json.dumps(self.to_dict()), encoding='utf-8')


def read_network(path: Path) -> MigrationNetwork:
    """Read a network that :meth:`MigrationNetwork.write` wrote.

    :param path: the file.
    :returns: the network.
    :raises FormatError: if the file is no such file.
    """
    try:
        document = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise FormatError(f'{Path(path).name} cannot be read as a network: {error}') from error
    if not isinstance(document, dict):
        raise FormatError(f'{Path(path).name} holds no network')
    return MigrationNetwork.from_dict(document)


def _frozen(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuples(value) if isinstance(value, list) else value for name, value in entry.items()}


def _tuples(values: Any) -> Any:
    return tuple(_tuples(value) for value in values) if isinstance(values, list | tuple) else values


def site_letters(number: int) -> str:
    """Return the letters of the n-th kind of site: A to Z, then AA, AB and so on.

    :param number: counted from 0.
    """
    letters = ''
    number += 1
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord('A') + rest) + letters
    return letters
