"""A work chain of phonon clusters as it stands in a profile, without anything having run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from plugins_aiida import make_structure

_FORMULAS = ('Li3N', 'LiF', 'LiF', 'Li2O', 'LiCl')


def _finished(node: Any, label: str, status: int = 0, message: str = '') -> Any:
    node.set_process_label(label)
    node.set_process_state('finished')
    node.set_exit_status(status)
    node.set_exit_message(message)
    return node


def _link(output: Any, process: Any, kind: str, label: str) -> Any:
    from aiida.common import LinkType

    output.base.links.add_incoming(process, link_type=getattr(LinkType, kind), link_label=label)
    return output


def _tables(ids: list[str]) -> tuple[Any, Any]:
    from aiida_limap.data.table import TableData

    n_rows = len(ids)
    columns = {
        'status': ['ok'] * (n_rows - 1) + ['unreadable'],
        'message': [''] * (n_rows - 1) + ['FORCE_SETS: it was cut off'],
        'formula': [*_FORMULAS[:-1], ''],
        'source_id': [f'mp-{row}' for row in range(n_rows - 1)] + [''],
        'mobile_band_centre_THz': [8.0, 9.0, 10.0, 11.0, None],
    }
    phonons = TableData.from_arrays(ids, columns, metadata={'task': 'phonons', 'engine_version': '0.1.0'})
    columns = {
        'status': ['ok'] * (n_rows - 1) + ['failed'],
        'formula': [*_FORMULAS[:-1], ''],
        'cluster_ward': [0, 0, 1, 1, None],
        'cluster_kmeans': [0, 1, 1, 1, None],
        'conductor': [1, None, 0, None, None],
        'candidate': [0, 1, 0, 0, 0],
        'candidate_rank': [None, 1, None, None, None],
        'nearest_conductor': [None, ids[0], None, None, None],
        'nearest_conductor_distance': [None, 0.25, None, None, None],
    }
    return phonons, TableData.from_arrays(ids, columns, metadata={'task': 'cluster_phonons'})


@pytest.fixture
def clustered(aiida_profile_clean: Any, aiida_localhost: Any) -> SimpleNamespace:
    """Return a finished work chain with its tables, its jobs and the phonon files of the first structure."""
    from aiida import orm
    from aiida.common import LinkType

    from aiida_limap.common.keys import structure_key

    structures = [make_structure(1 + number / 10) for number in range(5)]
    ids = [node.uuid for node in structures]
    phonons, clusters = _tables(ids)
    arrays = orm.ArrayData(np.zeros((3, 4)))
    method = {'n_clusters': 2, 'sizes': [2, 2], 'means': [8.5, 10.5], 'silhouette': 0.6}
    method |= {'stability': {'rand_mean': 0.9}}
    method['enrichment'] = {'conductors': {'all': [{'cluster': 0, 'p_adjusted': 0.01}]}}
    clustering = {'n_clustered': 4, 'features': ['mobile_band_centre_THz'], 'methods': {'ward': method}}
    facts = orm.Dict({'number_of_structures': 5, 'phonons': {'unfinished': []}, 'clustering': clustering})
    chain = _finished(orm.WorkChainNode(), 'PhononClustersWorkChain').store()
    file = orm.SinglefileData.from_string('x', filename='mp-0.tar.xz').store()
    jobs = []
    for label, outputs in (
        ('PhononsCalculation', {'table': phonons}),
        ('ClusterPhononsCalculation', {'clusters': clusters, 'arrays': arrays}),
    ):
        job = orm.CalcJobNode(computer=aiida_localhost)
        job.set_option('resources', {'num_machines': 1, 'num_mpiprocs_per_machine': 1})
        job.base.links.add_incoming(chain, link_type=LinkType.CALL_CALC, link_label=f'call_{uuid4().hex}')
        if label == 'PhononsCalculation':
            job.base.links.add_incoming(
                file, link_type=LinkType.INPUT_CALC, link_label=f'phonons__{structure_key(ids[0])}'
            )
        jobs.append(_finished(job, label).store())
        for name, node in outputs.items():
            _link(node, job, 'CREATE', name).store()
    function = orm.CalcFunctionNode()
    function.base.links.add_incoming(chain, link_type=LinkType.CALL_CALC, link_label='call_summary')
    _finished(function, 'summarize_phonons').store()
    _link(facts, function, 'CREATE', 'result').store()
    names = {'phonons': phonons, 'clusters': clusters, 'arrays': arrays, 'output_parameters': facts}
    for name, node in names.items():
        _link(node, chain, 'RETURN', name)
    return SimpleNamespace(chain=chain, structures=structures, file=file, jobs=jobs, **names)
