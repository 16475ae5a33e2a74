"""Work chains of phonon clusters are found, and each compound leads back to its files."""

from __future__ import annotations

import pytest
from aiida import orm
from plugins_clusters import clustered

from aiida_limap.tools.phonon_properties import phonon_properties
from aiida_limap.tools.phonons import compound, list_phonon_clusters, load_phonon_clusters
from aiida_limap.tools.query import QueryError

__all__ = ['clustered']


def test_a_work_chain_is_found_by_any_name_of_it(clustered):
    (facts,) = list_phonon_clusters()
    assert (facts.pk, facts.n_compounds, facts.n_ok) == (clustered.chain.pk, 5, 4)
    for name in (None, clustered.chain.pk, clustered.chain.uuid[:10], clustered.clusters.pk, clustered.phonons.uuid):
        found = load_phonon_clusters(name)
        assert found.chain.uuid == clustered.chain.uuid
        assert found.phonons.uuid == clustered.phonons.uuid
        assert found.clusters.uuid == clustered.clusters.uuid
        assert found.facts['clustering']['n_clustered'] == 4


def test_a_compound_leads_back_to_its_files(clustered):
    found = load_phonon_clusters()
    answer = compound('mp-0', found)
    assert answer.uuid == clustered.structures[0].uuid
    assert (answer.values['mobile_band_centre_THz'], answer.values['cluster_ward']) == (8.0, 0.0)
    roles = {step.role: step.uuid for step in answer.steps}
    assert roles['its phonon files'] == clustered.file.uuid
    assert roles['the computation'] == clustered.jobs[0].uuid
    assert roles['the clustering'] == clustered.jobs[1].uuid
    assert compound('Li3N', found).uuid == compound(answer.uuid, found).uuid == answer.uuid
    with pytest.raises(QueryError, match='2 compounds are called LiF; name one of them: mp-1, mp-2'):
        compound('LiF', found)
    with pytest.raises(QueryError, match="no compound 'KCl'"):
        compound('KCl', found)


def test_a_question_without_an_answer_says_why(clustered):
    with pytest.raises(QueryError, match='no phonon clusters 99999'):
        load_phonon_clusters(99999)
    with pytest.raises(QueryError, match='is a SinglefileData, and belongs to no phonon clusters'):
        load_phonon_clusters(clustered.file.pk)
    chain = orm.WorkChainNode()
    chain.set_process_label('PhononClustersWorkChain')
    chain.set_process_state('running')
    chain.store()
    with pytest.raises(QueryError, match='has no phonons: it still runs'):
        load_phonon_clusters(chain.pk)


def test_an_empty_profile_says_what_to_do(aiida_profile_clean):
    assert list_phonon_clusters() == []
    with pytest.raises(QueryError, match='aiida-limap import phonons'):
        load_phonon_clusters()


def test_maps_show_the_phonons_of_their_points(clustered):
    first, *_others, last = [node.uuid for node in clustered.structures]
    stranger = '00000000-0000-4000-8000-000000000001'
    found = phonon_properties([last, first, stranger])
    assert found['phonon_band_centre_THz'].values == (None, 8.0, None)
    assert found['phonon_band_centre_THz'].unit == 'THz'
    assert found['phonon_cluster'].values == (None, 0.0, None)
    # That column is not in these tables, and nothing is known of the stranger.
    assert set(found) == {'phonon_band_centre_THz', 'phonon_cluster'}
    assert phonon_properties([stranger]) == {}
