"""``aiida-limap import phonons`` with its sources, as a user calls it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from importers.materials_project_server import KEY
from importers.phonon_database import Database, phonon_database
from plugins_phonons import write_springs

from aiida_limap.importers import _materials_project_client as client
from aiida_limap.importers._materials_project_session import Patience

ARCHIVE = Path(__file__).parents[1] / 'fixtures' / 'phonopy_nodes.aiida'
LABELS = ['forces and charges', 'preprocess']


@pytest.fixture
def database(monkeypatch, tmp_path, aiida_profile_clean) -> Iterator[Database]:
    monkeypatch.setattr(client, 'Patience', functools.partial(Patience, attempts=2, first_wait_s=0.01))
    with phonon_database(monkeypatch, tmp_path / 'store') as running:
        yield running


def test_what_is_no_command_is_a_path(run, fails, tmp_path):
    path = write_springs(tmp_path, 'mp', 0.6, ('Cl', 'Li'))
    name = f'springs {uuid4().hex}'
    for arguments in ((path, '--name', name), ('--name', name, path), ('files', path, '--name', name)):
        assert '1 compounds' in run('import', 'phonons', *arguments).stdout
    assert 'no such file or folder' in fails('import', 'phonons', tmp_path / 'gone')
    for arguments in ((), ('files',), ('mp',), ('nodes',)):
        assert 'Example' in run('import', 'phonons', *arguments, '--help').stdout


def test_phonons_of_the_materials_project(run, database, tmp_path):
    arguments = ('import', 'phonons', 'mp', '--name', 'salts', '--elements', 'Li', '--report', tmp_path / 'report.md')
    done = run(*arguments)
    assert 'phonon files of 3 compounds (3 new, 0 known)' in done.stdout
    assert 'CC-BY-NC-4.0: name the source, and no commercial use' in done.stderr
    assert 'band centres of one element cannot be had' in done.stderr
    assert 'cannot be had' in (tmp_path / 'report.md').read_text()
    document = json.loads(run(*arguments[:-2], '--json').stdout)
    assert (document['n_files'], document['n_new_files']) == (3, 0)
    again = run('import', 'phonons', 'mp', '--name', 'of salts', '--from-dataset', 'salts')
    assert 'phonon files of 3 compounds' in again.stdout
    assert KEY not in done.output + again.output


def test_what_cannot_be_is_one_sentence(fails, database):
    both = ('--from-dataset', 'salts', '--elements', 'Li')
    for arguments, words in (
        (('--name', 'x'), 'nothing was said of what to take'),
        (('--name', 'x', *both), '--from-dataset names the materials already'),
        (('--name', 'x', '--from-dataset', 'nowhere'), "no group 'nowhere'"),
        (('--name', 'x', '--from-dataset', '999999'), 'no dataset 999999'),
        (('--name', 'x', '--ids', database.ids['LiI']), 'no structure could be imported'),
    ):
        assert words in ' '.join(fails('import', 'phonons', 'mp', *arguments).split())


def test_phonons_of_nodes(run, fails, aiida_profile_clean, tmp_path):
    from aiida import orm
    from aiida.tools.archive import import_archive

    import_archive(ARCHIVE)
    query = orm.QueryBuilder().append(orm.Node, filters={'label': {'in': LABELS}}, project='id')
    pks = sorted(query.all(flat=True))
    done = run('import', 'phonons', 'nodes', *pks, '--name', 'mine', '--report', tmp_path / 'report.md')
    assert 'phonon files of 1 compounds (1 new, 0 known)' in done.stdout
    assert 'which holds displacements and no forces' in done.stderr
    assert '10.1038/s41524-024-01236-3' in (tmp_path / 'report.md').read_text()
    group = orm.Group(label='harmonic').store()
    group.add_nodes([orm.load_node(pk) for pk in pks])
    document = json.loads(run('import', 'phonons', 'nodes', '--group', 'harmonic', '--json').stdout)
    assert (document['n_files'], document['n_new_files'], len(document['refused'])) == (1, 0, 1)
    assert 'name nodes, or their --group' in fails('import', 'phonons', 'nodes')
    assert 'the dataset needs a name' in fails('import', 'phonons', 'nodes', pks[0])
    assert 'there is no node' in fails('import', 'phonons', 'nodes', '99999999', '--name', 'x')
