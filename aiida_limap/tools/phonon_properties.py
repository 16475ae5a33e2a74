"""What maps show of the phonons of their points: band centres and clusters, where they were computed."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.tools.phonons import list_phonon_clusters, load_phonon_clusters

__all__ = ['phonon_properties']

#: Property of a map by name: table, column, label, unit, description.
_PROPERTIES = {
    'phonon_band_centre_THz': (
        'phonons',
        'mobile_band_centre_THz',
        'Phonon band centre',
        'THz',
        'Mean phonon frequency of the mobile element, imaginary modes negative.',
    ),
    'phonon_band_centre_298K_THz': (
        'phonons',
        'mobile_band_centre_298K_THz',
        'Phonon band centre at 298 K',
        'THz',
        'Mean phonon frequency of the mobile element at 298 K, by occupation.',
    ),
    'phonon_cluster': (
        'clusters',
        'cluster_kmeans',
        'Phonon cluster',
        '',
        'Cluster of the compound by its phonons (k-means), from 0 for the lowest mean; of the newest clustering.',
    ),
}


def phonon_properties(uuids: Sequence[str]) -> dict[str, MapProperty]:
    """Return phonon quantities as properties of points.

    Where the phonons of a structure were computed several times, the newest work chain counts. Clusters come from the
    newest work chain that knows one of the points, since numbers of different clusterings do not compare.

    :param uuids: the structures of the points.
    :returns: properties by name, with None for points that have no value; empty where no point has one.
    """
    wanted = set(uuids)
    found: dict[str, dict[str, float]] = {name: {} for name in _PROPERTIES}
    for facts in list_phonon_clusters():
        chain = load_phonon_clusters(facts.pk)
        if not wanted & set(chain.phonons.ids):
            continue
        for name, (table_name, column, _label, _unit, _description) in _PROPERTIES.items():
            table = getattr(chain, table_name)
            if table is None or column not in table.column_names or (table_name == 'clusters' and found[name]):
                continue
            for uuid, value in zip(table.ids, table.column(column).tolist(), strict=True):
                # Not a number stands for no value.
                if uuid in wanted and value == value:
                    found[name].setdefault(uuid, value)
    return {
        name: MapProperty(tuple(found[name].get(uuid) for uuid in uuids), label, unit, description)
        for name, (_table, _column, label, unit, description) in _PROPERTIES.items()
        if found[name]
    }
