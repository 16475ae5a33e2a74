"""Tables of points with the names of their structures and the UUIDs of what made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida_limap.tools.provenance import MapProvenance, structure_facts

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

__all__ = ['with_jobs', 'with_sources']

_FIRST = ('distance', 'formula', 'status')
_JOBS = {'migration_energy': 'migration_energy_job', 'descriptors': 'descriptors_job'}
_SHARED = {'encoding': 'encoding_job', 'model': 'model'}


def with_sources(frame: pd.DataFrame) -> pd.DataFrame:
    """Put names of the structures in front of the columns of points.

    :param frame: points, indexed by the UUID of their structures.
    :returns: a new frame with the columns ``source_id``, ``source`` (the database), ``label`` and ``structure_pk``
        first, then distance, formula and status where there are any, then the others; of a structure that is not in the
        profile the words are empty and the pk is 0.
    """
    facts = structure_facts(frame.index)
    nothing: dict[str, Any] = {'pk': 0, 'label': '', 'source': {}}
    rows = [facts.get(uuid, nothing) for uuid in frame.index]
    first = [name for name in _FIRST if name in frame.columns]
    ordered = frame[[*first, *(name for name in frame.columns if name not in first)]]
    named = ordered.rename_axis('structure_uuid')
    named.insert(0, 'structure_pk', [row['pk'] for row in rows])
    named.insert(0, 'label', [row['label'] for row in rows])
    named.insert(0, 'source', [str(row['source'].get('db_name') or '') for row in rows])
    named.insert(0, 'source_id', [str(row['source'].get('id') or '') for row in rows])
    named.attrs.update(frame.attrs)
    return named


def with_jobs(frame: pd.DataFrame, provenance: MapProvenance) -> pd.DataFrame:
    """Put the UUIDs of what made the points behind their columns.

    :param frame: points, indexed by the UUID of their structures.
    :param provenance: of their map.
    :returns: a new frame with the columns ``migration_energy_job``, ``descriptors_job``, ``encoding_job``, ``model``
        and ``map``; empty where the profile does not hold that.
    """
    columns: dict[str, list[str]] = {}
    for role, name in {**_JOBS, **_SHARED}.items():
        jobs, shared = provenance.jobs.get(role, {}), provenance.shared.get(role)
        otherwise = '' if shared is None else shared.uuid
        columns[name] = [jobs[uuid].uuid if uuid in jobs else otherwise for uuid in frame.index]
    columns['map'] = [provenance.shared['map'].uuid] * len(frame)
    joined = frame.assign(**columns)
    joined.attrs.update(frame.attrs)
    return joined
