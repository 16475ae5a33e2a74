"""Calculation functions of phonon quantities: what came of them, and their place among descriptors."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_limap.calculations._phonon_block import with_phonons
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.table import TableData

__all__ = ['join_phonons', 'summarize_phonons']

#: Exit status of :func:`join_phonons` for tables that do not fit together.
EXIT_NO_PHONONS = 421

_FACTS = ('methods', 'agreement', 'correlations', 'n_clustered', 'n_left_out', 'n_candidates', 'features', 'scale')


@calcfunction
def join_phonons(descriptors: TableData, phonons: TableData, columns: orm.List) -> TableData | ExitCode:
    """Put phonon quantities beside descriptors of the same structures, as a block that a model can read.

    :param descriptors: table of descriptors.
    :param phonons: table of phonon quantities.
    :param columns: columns and blocks of ``phonons`` that are taken.
    :returns: the descriptors with the block ``phonons``. Structures without complete phonons have the status
        ``no_phonons``, a reason, and no numbers in the block: nothing is filled up.
    """
    try:
        return with_phonons(descriptors, phonons, columns.get_list())
    except ValueError as error:
        return ExitCode(EXIT_NO_PHONONS, f'the phonons cannot be joined to the descriptors: {error}')


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
