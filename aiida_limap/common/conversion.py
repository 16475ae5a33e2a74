"""The only place where structures change their form: AiiDA node, pymatgen structure, plain record of a job file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from aiida.orm import StructureData
    from pymatgen.core import Structure

    from aiida_limap.formats.structures import StructureRecord

__all__ = [
    'node_from_pymatgen',
    'node_from_record',
    'pymatgen_from_node',
    'record_from_attributes',
    'record_from_node',
]

#: Occupancies that add up to more than this are one site too many; below it, rounding in the source.
_FULL = 1.0 + 1e-6


def record_from_node(node: StructureData, oxidation_states: tuple[float, ...] | None = None) -> StructureRecord:
    """Return the record of a structure node for a job file.

    :param node: a periodic structure; occupancies of disordered sites are kept.
    :param oxidation_states: for each site the formal charge in units of e, or None where the engine is to find them.
    :returns: the record; its id is the UUID of the node.
    :raises ValueError: if the cell is not periodic in three directions, or the structure has no sites.
    """
    return record_from_attributes(node.uuid, node.base.attributes.all, oxidation_states)


def record_from_attributes(
    uuid: str, attributes: Mapping[str, Any], oxidation_states: tuple[float, ...] | None = None
) -> StructureRecord:
    """Return the record of a structure from what the database holds of it; of many this is faster than by nodes.

    :param uuid: UUID of the structure node.
    :param attributes: its attributes.
    :param oxidation_states: as in :func:`record_from_node`.
    :returns: the record.
    :raises ValueError: if the cell is not periodic in three directions, or the structure has no sites.
    """
    from aiida_limap.formats.structures import StructureRecord

    cell = _periodic_cell(uuid, attributes)
    occupancies = _occupancies(attributes)
    sites = attributes['sites']
    cartesian = np.array([site['position'] for site in sites], dtype=np.float64).reshape(-1, 3)
    return StructureRecord(
        id=uuid,
        cell=cell,
        species=tuple(dict(occupancies[site['kind_name']]) for site in sites),
        positions=np.linalg.solve(cell.T, cartesian.T).T,
        oxidation_states=oxidation_states,
    )


def node_from_pymatgen(structure: Structure, source: Mapping[str, Any] | None = None) -> StructureData:
    """Return an unstored node of a pymatgen structure.

    Oxidation states and other site properties are left out, since the node has no place for them; occupancies of
    disordered sites are kept. Deuterium and tritium become hydrogen.

    :param structure: a structure that is periodic in three directions.
    :param source: where it came from (``db_name``, ``id``, ``uri``, ``version``, ``license``, ``source_md5`` …); it can
        only be set before the node is stored.
    :returns: the node, not yet stored.
    :raises ValueError: if the structure is not periodic, has no sites, holds an element that AiiDA does not know, or
        ``source`` has an unknown key.
    """
    from aiida.orm import StructureData
    from pymatgen.core import DummySpecies

    if not all(structure.lattice.pbc):
        raise ValueError(f'the structure {structure.reduced_formula} is not periodic in three directions')
    if len(structure) == 0:
        raise ValueError('the structure has no sites')
    node = StructureData(cell=structure.lattice.matrix.tolist(), pbc=(True, True, True))
    for site in structure:
        amounts: dict[str, float] = {}
        for species, amount in site.species.items():
            if isinstance(species, DummySpecies):
                raise ValueError(f'the site {site.species_string} holds {species.symbol}, which is no element')
            symbol = species.symbol
            amounts[symbol] = amounts.get(symbol, 0.0) + float(amount)
        symbols = tuple(amounts)
        weights = tuple(min(amount, 1.0) if amount <= _FULL else amount for amount in amounts.values())
        try:
            node.append_atom(position=site.coords.tolist(), symbols=symbols, weights=weights)
        except ValueError as error:
            raise ValueError(f'the site {site.species_string} cannot be kept in a structure node: {error}') from error
    if source is not None:
        try:
            node.source = dict(source)
        except KeyError as error:
            raise ValueError(f'the source of a structure has an unknown key: {error.args[0]}') from error
    return node


def node_from_record(record: StructureRecord) -> StructureData:
    """Return an unstored node of a plain record, without its oxidation states.

    :param record: the structure.
    :returns: the node, not yet stored; its UUID is one of its own.
    """
    from aiida.orm import StructureData

    node = StructureData(cell=record.cell.tolist(), pbc=(True, True, True))
    for site, position in zip(record.species, record.positions @ record.cell, strict=True):
        node.append_atom(position=position.tolist(), symbols=tuple(site), weights=tuple(site.values()))
    return node


def pymatgen_from_node(node: StructureData) -> Structure:
    """Return the pymatgen structure of a node.

    :param node: a structure that is periodic in three directions.
    :returns: the structure with the sites in the order of the node, occupancies kept, without oxidation states.
    :raises ValueError: if the cell is not periodic in three directions, or the structure has no sites.
    """
    from pymatgen.core import Lattice, Structure

    attributes = node.base.attributes.all
    cell = _periodic_cell(node.uuid, attributes)
    occupancies = _occupancies(attributes)
    sites = attributes['sites']
    return Structure(
        Lattice(cell),
        [occupancies[site['kind_name']] for site in sites],
        [site['position'] for site in sites],
        coords_are_cartesian=True,
    )


def _periodic_cell(uuid: str, attributes: Mapping[str, Any]) -> np.ndarray:
    pbc = tuple(bool(attributes[f'pbc{axis}']) for axis in (1, 2, 3))
    if not all(pbc):
        raise ValueError(
            f'structure {uuid} is not periodic in three directions (pbc {pbc}); only crystals can be put on a map'
        )
    cell = np.array(attributes['cell'], dtype=np.float64)
    if abs(np.linalg.det(cell)) < 1e-6:
        raise ValueError(f'structure {uuid} has a cell without volume')
    if not attributes.get('sites'):
        raise ValueError(f'structure {uuid} has no sites')
    return cell


def _occupancies(attributes: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the amount of each element on a site, by the name of its kind."""
    return {
        kind['name']: {
            str(symbol): float(weight) for symbol, weight in zip(kind['symbols'], kind['weights'], strict=True)
        }
        for kind in attributes.get('kinds', ())
    }
