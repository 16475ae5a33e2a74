"""From nodes of phonon clusters to a report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from plugins_invented_phonons import SETTINGS, UUID, invented_items

from aiida_limap.common.status import Status
from aiida_limap.data.table import TableData
from aiida_limap.engines.phonons.report import cluster_items
from aiida_limap.parsers._tables import item_columns
from aiida_limap.tools.phonon_report import phonon_clusters_report
from aiida_limap.tools.phonons import PhononClusters
from aiida_limap.tools.query import QueryError


def nodes(names: list[str], labels: TableData | None = None, metadata: dict | None = None) -> PhononClusters:
    """Return nodes as the work chain leaves them, of invented compounds."""
    items = [
        replace(item, id=UUID.format(place), values={**item.values, 'source_id': names[place]})
        for place, item in enumerate(invented_items(12))
    ]
    known = [item for item in items if item.status == Status.OK]
    blocks = {
        name: np.array([item.rows.get(name, np.full(len(known[0].rows[name]), np.nan)) for item in items])
        for name in known[0].rows
    }
    ids = [item.id for item in items]
    phonons = TableData.from_arrays(
        ids, item_columns(items), blocks=blocks, metadata=metadata or {'options': {'mobile': 'Li'}}
    )
    results = cluster_items(items, {**SETTINGS, 'methods': ['ward', 'kmeans'], 'n_clusters': 2, 'resamples': 0})
    clusters = TableData.from_arrays(
        [item.id for item in results.items],
        item_columns(results.items),
        metadata={'engine_version': '1', 'clustered_ids': results.arrays['clustered_ids'].tolist()},
    )
    arrays = orm.ArrayData()
    for name, array in results.arrays.items():
        if array.dtype.kind in 'iufb':
            arrays.set_array(name, array)
    chain = orm.WorkChainNode(label='Invented')
    chain.set_process_label('PhononClustersWorkChain')
    chain.set_process_state('finished')
    chain.store()
    if labels is not None:
        job = orm.CalcJobNode()
        job.base.links.add_incoming(labels, LinkType.INPUT_CALC, 'labels')
        job.store()
        clusters.base.links.add_incoming(job, LinkType.CREATE, 'clusters')
    return PhononClusters(chain, phonons.store(), clusters.store(), arrays.store(), {'clustering': results.summary})


def test_nodes_become_the_report_that_their_engine_would_give(aiida_profile_clean):
    found = nodes([f'mp-{place}' for place in range(13)])
    report = phonon_clusters_report(found)
    assert (report.title, report.n_compounds, report.facts['Without numbers']) == ('Invented', 12, '1')
    assert report.words('id') == [f'mp-{place}' for place in range(12)]
    assert report.words('structure_uuid')[3] == UUID.format(3)
    assert [grouping.method for grouping in report.groupings] == ['ward', 'kmeans']
    assert (report.groupings[0].numbers == (report.numbers('mobile_band_centre_THz') > 9)).all()
    assert len(report.tree.linkage) == 11
    assert report.densities.matrix('total').shape == (12, 180)
    assert report.settings['Phonons'] == {'mobile': 'Li'}
    roles = {node.role: node.uuid for node in report.nodes}
    assert roles['work chain'] == found.chain.uuid
    assert roles['table of clusters'] == found.clusters.uuid
    assert any('phonopy' in entry for entry in report.bibtex)


def test_names_that_occur_twice_are_replaced_by_uuids(aiida_profile_clean):
    report = phonon_clusters_report(nodes(['mp-1'] * 13), title='Twins')
    assert report.title == 'Twins'
    assert report.words('id') == [UUID.format(place) for place in range(12)]


def test_conductivities_belong_to_structures_or_to_formulas(aiida_profile_clean):
    columns = {
        'formula': ['Li9N', 'Li5N', 'Li5N', 'KCl'],
        'label': [1.0, 0.0, 1.0, 1.0],
        'conductivity_S_per_cm': [1e-3, 1e-9, 1e-4, 1e-2],
        'structure_uuid': [UUID.format(1), '', '', ''],
    }
    labels = TableData.from_arrays([UUID.format(1), 'b', 'c', 'd'], columns).store()
    report = phonon_clusters_report(nodes([f'mp-{place}' for place in range(13)], labels))
    assert report.conduction == 'conductivity_S_per_cm'
    known = {row: value for row, value in enumerate(report.compounds[report.conduction].values) if value is not None}
    assert known == {1: 1e-3, 4: 1e-4, 8: 1e-3}


def test_phonons_without_clusters_say_so(aiida_profile_clean):
    found = replace(nodes([f'mp-{place}' for place in range(13)]), clusters=None)
    with pytest.raises(QueryError, match=r'has phonons and no clusters: none were made; `aiida-limap report'):
        phonon_clusters_report(found)


def test_what_computed_the_phonons_stands_among_the_settings(aiida_profile_clean):
    metadata = {
        'options': {'mobile': 'Li', 'calculator': {'name': 'chgnet', 'relax': 'cell', 'displacement_angstrom': None}},
        'calculator': {'name': 'chgnet', 'package': 'chgnet 0.4.2', 'note': 'qualitative'},
    }
    report = phonon_clusters_report(nodes([f'mp-{place}' for place in range(13)], metadata=metadata))
    assert report.settings['Phonons'] == {'mobile': 'Li'}
    assert report.settings['Calculator'] == {'name': 'chgnet', 'relax': 'cell', 'package': 'chgnet 0.4.2'}
