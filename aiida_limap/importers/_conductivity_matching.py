"""Crystals of a dataset of the profile for conductivities that come without one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_limap.importers._entries import ImporterError, Known
from aiida_limap.importers._known import QUERY_SIZE

if TYPE_CHECKING:
    from aiida_limap.engines.screening.labels import LabelledSet

__all__ = ['compositions_of', 'dataset_uuids', 'match_with_dataset']

_HULL = 'energy_above_hull_eV_per_atom'


def match_with_dataset(labelled: LabelledSet, name: str) -> tuple[LabelledSet, dict[str, Known]]:
    """Look for crystals of rows that have none among the structures of a dataset.

    Of several that fit, the one with the lowest energy above the convex hull is taken, where the source tells it, else
    the first of the dataset.

    :param labelled: the rows.
    :param name: name of the dataset (its group is ``limap/<name>``).
    :returns: the set with structures and matches, and the structure node of each row that was matched.
    :raises ImporterError: if there is no such dataset.
    """
    from aiida import orm

    from aiida_limap.common.conversion import pymatgen_from_node
    from aiida_limap.engines.screening.labels import composition_key, match_structures

    wanted = {composition_key(row.pymatgen_composition) for row in labelled if row.structure is None}
    found: list[tuple[float, int, str, str]] = []
    for place, (uuid, source, composition) in enumerate(compositions_of(dataset_uuids(name))):
        if composition_key(composition) in wanted:
            hull = (source.get('extras') or {}).get(_HULL)
            energy = math.inf if hull is None else float(hull)
            found.append((energy, place, uuid, str(source.get('id') or uuid)))
    structures = {uuid: pymatgen_from_node(orm.load_node(uuid)) for _, _, uuid, _ in sorted(found)}
    names = {uuid: identifier for _, _, uuid, identifier in found}
    before = {row.id for row in labelled if row.structure is not None}
    matched = match_structures(labelled, structures, names=names)
    nodes = {id(structure): uuid for uuid, structure in structures.items()}
    known = {
        row.id: Known(nodes[id(row.structure)], names[nodes[id(row.structure)]])
        for row in matched
        if row.structure is not None and row.id not in before
    }
    return matched, known


def dataset_uuids(name: str) -> Sequence[str]:
    """Return the structures of a dataset.

    :param name: name of the dataset (its group is ``limap/<name>``).
    :raises ImporterError: if there is no such dataset.
    """
    from aiida.common.exceptions import NotExistent

    from aiida_limap.groups.dataset import DatasetGroup

    try:
        dataset = DatasetGroup.collection.get(label=f'limap/{name.removeprefix("limap/")}').dataset
    except NotExistent:
        dataset = None
    if dataset is None:
        raise ImporterError(
            f'there is no dataset {name!r} in which structures could be looked for; `verdi group list -a` shows the '
            'groups limap/...'
        )
    return dataset.structure_uuids


def compositions_of(uuids: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Yield UUID, source and composition of structures, in their order, without loading the nodes.

    :param uuids: the structures; those that are not in the profile are left out.
    """
    from aiida import orm
    from pymatgen.core import Composition

    for start in range(0, len(uuids), QUERY_SIZE):
        part = uuids[start : start + QUERY_SIZE]
        query = orm.QueryBuilder().append(
            orm.StructureData,
            filters={'uuid': {'in': list(part)}},
            project=['uuid', 'attributes.source', 'attributes.kinds', 'attributes.sites'],
        )
        rows = {uuid: (source or {}, kinds, sites) for uuid, source, kinds, sites in query.iterall()}
        for uuid in part:
            if uuid in rows:
                source, kinds, sites = rows[uuid]
                weights = {kind['name']: dict(zip(kind['symbols'], kind['weights'], strict=True)) for kind in kinds}
                amounts: dict[str, float] = {}
                for site in sites:
                    for symbol, weight in weights[site['kind_name']].items():
                        amounts[symbol] = amounts.get(symbol, 0.0) + weight
                yield uuid, source, Composition(amounts)
