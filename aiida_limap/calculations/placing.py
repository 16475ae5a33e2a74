"""Calculation functions around the placing of new structures on a map."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction

from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.map import MapData
from aiida_limap.data.table import TableData

__all__ = ['new_structures', 'summarize_descriptors', 'summarize_placing']


@calcfunction
def new_structures(dataset: DatasetData, parent_map: MapData) -> DatasetData:
    """Return what of a dataset is not on a map yet; the points of the others are taken over from the map.

    :param dataset: the dataset.
    :param parent_map: the map.
    :returns: a dataset of the structures that are no points of the map, in their order; it may be empty.
    """
    known = set(parent_map.ids)
    entries = zip(dataset.structure_uuids, dataset.source_ids, strict=True)
    return DatasetData(
        name=dataset.name,
        structures=[entry for entry in entries if entry[0] not in known],
        filter={**dataset.filter, 'not_on_map': parent_map.uuid},
    )


@calcfunction
def summarize_descriptors(dataset: DatasetData, descriptors: TableData) -> orm.Dict:
    """Count what became of structures that were described only.

    :param dataset: the dataset.
    :param descriptors: table of the structures that were described.
    :returns: counts by status word, engine version, and the UUIDs of structures that no job finished.
    """
    done = set(descriptors.ids)
    counts = {
        'counts_by_status': descriptors.counts_by_status,
        'engine_version': descriptors.engine_version,
        'unfinished': [uuid for uuid in dataset.structure_uuids if uuid not in done],
    }
    return orm.Dict({'number_of_structures': len(dataset), 'descriptors': counts})


@calcfunction
def summarize_placing(featurize: orm.Dict, encode: orm.Dict, map: MapData) -> orm.Dict:
    """Gather what the parts of a placing say in one place.

    :param featurize: output parameters of the featurization.
    :param encode: output parameters of the encoding.
    :param map: the new map.
    :returns: both, by name, and the numbers of points: ``n_points``, ``n_new`` and ``n_new_outside`` (None where the
        model does not know its domain).
    """
    outside = None
    if 'in_domain' in map.columns:
        outside = int(((map.column('in_domain') == 0) & (map.column('is_new') == 1)).sum())
    counts = {'n_points': len(map), 'n_new': map.n_new, 'n_new_outside': outside}
    return orm.Dict({'featurize': featurize.get_dict(), 'encode': encode.get_dict(), **counts})
