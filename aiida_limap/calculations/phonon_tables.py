"""Calculation functions that sum up what came of phonon files and their clusters."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction

from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData

__all__ = ['summarize_phonons']

_FACTS = ('methods', 'agreement', 'correlations', 'n_clustered', 'n_left_out', 'n_candidates', 'features', 'scale')


@calcfunction
def summarize_phonons(dataset: DatasetData, phonons: TableData, clustering: orm.Dict | None = None) -> orm.Dict:
    """Count what became of the compounds of a dataset, and repeat what their clusters are.

    :param dataset: the dataset.
    :param phonons: table of the compounds that were computed.
    :param clustering: output parameters of the clustering, where there was one.
    :returns: counts by status word, UUIDs of compounds that no job finished, and facts by method of clustering.
    """
    done = set(phonons.ids)
    facts = {} if clustering is None else clustering.get_dict()
    return orm.Dict(
        {
            'number_of_structures': len(dataset),
            'phonons': {
                'counts_by_status': phonons.counts_by_status,
                'engine_version': phonons.engine_version,
                'unfinished': [uuid for uuid in dataset.structure_uuids if uuid not in done],
            },
            'clustering': {name: facts[name] for name in _FACTS if name in facts},
        }
    )
