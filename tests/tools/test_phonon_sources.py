"""Whose phonons a work chain computed with, and that a report of it names and cites them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from aiida import orm
from aiida.common import LinkType
from plugins_aiida import make_structure
from plugins_clusters import clustered

from aiida_limap.common.keys import structure_key
from aiida_limap.data.phonon_dos import PhononDosData
from aiida_limap.data.table import TableData
from aiida_limap.formats.phonon_files import DosArrays
from aiida_limap.tools._phonon_sources import phonon_sources
from aiida_limap.tools.phonons import compound, load_phonon_clusters

__all__ = ['clustered']


def node_of(source: dict[str, Any]) -> orm.Data:
    row = np.array([0.0, 1.0, 0.0])
    node = PhononDosData(DosArrays(np.arange(3.0), row, ('Li',), row[None], (1,)))
    node.source = source
    return node.store()


def add_job(chain: orm.WorkChainNode, inputs: dict[str, orm.Data]) -> None:
    """Link another job of phonons with its inputs to a chain."""
    job = orm.CalcJobNode(computer=orm.load_computer('localhost'))
    job.set_process_label('PhononsCalculation')
    job.base.links.add_incoming(chain, link_type=LinkType.CALL_CALC, link_label=f'call_{len(chain.called)}')
    for label, node in inputs.items():
        job.base.links.add_incoming(node, link_type=LinkType.INPUT_CALC, link_label=label)
    job.store()


def test_sources_are_counted_and_cited(clustered: SimpleNamespace):
    project = {'db_name': 'Materials Project phonons', 'version': '2026.04.13', 'license': 'CC-BY-4.0'}
    database = {'db_name': 'PhononDB', 'version': '2018-04-17', 'extras': {'citation': 'A. Togo, PhononDB'}}
    keys = [structure_key(node.uuid) for node in clustered.structures]
    first = node_of(project)
    inputs = {f'phonons__{keys[1]}': first, f'phonons__{keys[2]}': node_of(project)}
    # A compound that was submitted again counts once.
    add_job(clustered.chain, inputs | {f'phonons__{keys[3]}': node_of(database)})
    add_job(clustered.chain, {f'phonons__{keys[1]}': first})
    add_job(clustered.chain, {f'structures__{keys[4]}': make_structure(3.0)})
    found = load_phonon_clusters(clustered.chain.pk)
    options = {'options': {'calculator': {'name': 'chgnet'}}}
    phonons = TableData.from_arrays(found.phonons.ids, {'status': ['ok'] * 5}, metadata=options)
    sentences, publications = phonon_sources(replace(found, phonons=phonons))
    assert set(sentences) == {
        'Phonons of 2 compounds: Materials Project phonons (2026.04.13), CC-BY-4.0.',
        'Phonons of 1 compound: PhononDB (2018-04-17), licence not stated.',
        'Phonons of 1 compound: files of phonopy, licence not stated.',
        'Phonons of 1 compound: computed with chgnet.',
    }
    assert sentences[0].startswith('Phonons of 2')
    assert 'A. Togo, PhononDB' in publications
    for doi in ('10.1038/sdata.2018.65', '10.1063/1.4812323', '10.1038/s42256-023-00716-3'):
        assert sum(doi in text for text in publications) == 1


def test_a_row_that_tells_no_name_is_found_by_its_structure(clustered: SimpleNamespace):
    found = load_phonon_clusters(clustered.chain.pk)
    last = clustered.structures[-1]
    assert found.phonons.row(last.uuid)['status'] == 'unreadable'
    assert compound(last.uuid[:12], found).uuid == last.uuid


def test_what_clusters_do_not_tell_hides_nothing(clustered: SimpleNamespace):
    found = load_phonon_clusters(clustered.chain.pk)
    uuid = clustered.structures[0].uuid
    rows = {'status': ['failed'], 'formula': [None], 'cluster_ward': [None]}
    values = compound(uuid, replace(found, clusters=TableData.from_arrays([uuid], rows).store())).values
    assert (values['formula'], values['cluster_ward']) == ('Li3N', None)
