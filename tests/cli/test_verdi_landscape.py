"""``verdi data limap landscape`` on the landscapes of a stand-in of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from click.testing import CliRunner, Result
from plugins_aiida import make_structure

from aiida_limap.cli.verdi_data import data_limap
from aiida_limap.tools.landscapes import find_landscape, list_landscapes, load_landscape, mobile_element
from aiida_limap.tools.query import QueryError
from aiida_limap.tools.structures import find_structure
from aiida_limap.workflows.bvff import BvffBaseWorkChain


def compute(code: orm.Code, structures: list, **job) -> orm.CalcJobNode:
    """Return the only job of a work chain."""
    builder = BvffBaseWorkChain.get_builder_from_protocol(code, structures, 'fast', {'bvff': job})
    _outputs, chain = run_get_node(builder)
    (node,) = (node for node in chain.called if isinstance(node, orm.CalcJobNode))
    return node


@pytest.fixture
def verdi(tmp_path, monkeypatch, aiida_profile) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(data_limap, ['landscape', *(str(argument) for argument in arguments)])


_COMPUTED: dict[str, SimpleNamespace] = {}


@pytest.fixture
def jobs(aiida_profile, stand_in_code) -> SimpleNamespace:
    """Return jobs over the same two structures: without landscapes, on the computer, retrieved."""
    if aiida_profile.name not in _COMPUTED:
        made = compute_all(stand_in_code)
        _COMPUTED[aiida_profile.name] = SimpleNamespace(
            structures=[node.uuid for node in made.structures],
            **{name: getattr(made, name).uuid for name in ('none', 'remote', 'retrieved')},
        )
    # Nodes are loaded anew for each test: another test may have closed the session between.
    known = _COMPUTED[aiida_profile.name]
    return SimpleNamespace(
        structures=[orm.load_node(uuid) for uuid in known.structures],
        **{name: orm.load_node(getattr(known, name)) for name in ('none', 'remote', 'retrieved')},
    )


def compute_all(stand_in_code: Callable) -> SimpleNamespace:
    code, structures = stand_in_code(), [make_structure(1.5), make_structure(1.6)]
    wanted = {'parameters': {'landscapes': True}}
    return SimpleNamespace(
        structures=structures,
        none=compute(code, structures),
        remote=compute(code, structures, **wanted),
        retrieved=compute(code, structures[:1], **wanted, retrieve_landscapes=True),
    )


def sentence(result: Result) -> str:
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code != 0
    assert result.stderr.startswith('Error: ') or 'Error: ' in result.stderr
    return ' '.join(result.stderr.split())


def test_landscapes_are_found_where_they_lie_and_fetched(jobs, verdi, tmp_path):
    first, second = (structure.uuid for structure in jobs.structures)
    places = {(entry.job_pk, entry.structure_uuid): entry.place for entry in list_landscapes()}
    assert places[jobs.remote.pk, first] == places[jobs.remote.pk, second] == 'remote'
    assert places[jobs.retrieved.pk, first] == 'retrieved'
    assert list_landscapes(jobs.none) == []
    lines = verdi('list', jobs.remote.pk, '--raw').stdout.splitlines()
    assert sorted(lines) == sorted(f'{jobs.remote.pk}\t{uuid}\tremote' for uuid in (first, second))
    assert f'{jobs.retrieved.pk}  {first}  retrieved' in verdi('list').stdout
    document = {'job_pk': jobs.retrieved.pk, 'structure_uuid': first, 'place': 'retrieved'}
    assert document in json.loads(verdi('list', '--json').stdout)
    # The newest job with a landscape of the structure is taken, unless another is named.
    for options, job in (([], jobs.retrieved), (['--job', jobs.remote.pk], jobs.remote)):
        document = json.loads(verdi('show', first, *options).stdout)
        assert (document['job_pk'], document['structure_uuid'], document['grid']) == (job.pk, first, [2, 3, 4])
        assert (document['barrier_1d_eV'], document['barrier_3d_eV']) == (1.0, None)
    record = load_landscape(find_landscape(second))
    assert record.id == second
    assert record.energy.ravel().tolist() == np.arange(24.0).tolist()
    assert mobile_element(find_landscape(second)) == 'Li'
    assert find_landscape(str(jobs.retrieved.pk)).structure_uuid == first


def test_a_landscape_is_exported_and_drawn(jobs, verdi, tmp_path):
    structure = jobs.structures[0]
    done = verdi('export', structure.pk, '--output', 'out/oxide.cube')
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == 'out/oxide.cube'
    assert len((tmp_path / 'out' / 'oxide.cube').read_text().splitlines()) > 6
    done = verdi('export', jobs.structures[1].uuid, '--format', 'grd', '--job', jobs.remote.pk)
    assert (tmp_path / done.stdout.strip()).name == f'{jobs.structures[1].uuid}.grd'
    done = verdi('export', structure.pk, '--picture', 'surface.png', '--dimension', 1)
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == ['surface.png']
    assert (tmp_path / 'surface.png').stat().st_size > 1000
    assert not list(tmp_path.glob('*.cube'))


def test_what_cannot_be_exported_is_said_in_one_sentence(jobs, verdi, stand_in_code, tmp_path):
    first = jobs.structures[0]
    other = make_structure(1.7)
    text = sentence(verdi('export', other.pk))
    assert f'there is no landscape of structure {other.pk}: none was asked for' in text
    assert f'job {jobs.none.pk} has no landscape' in sentence(verdi('export', first.pk, '--job', jobs.none.pk))
    assert f'job {jobs.none.pk} left no landscape: none was asked for' in sentence(verdi('export', jobs.none.pk))
    assert f'job {jobs.remote.pk} left 2 landscapes: name a structure' in sentence(verdi('export', jobs.remote.pk))
    assert "no structure 'mp-0'" in sentence(verdi('export', 'mp-0'))
    assert 'unknown picture format' in sentence(verdi('export', first.pk, '--picture', 'surface.gif'))
    assert 'no structure' in sentence(verdi('show', '99999999'))
    assert 'is a Int, not a structure' in sentence(verdi('show', orm.Int(1).store().pk))
    failed = compute(stand_in_code(word='no_parameters'), [other], parameters={'landscapes': True})
    assert f'job {failed.pk} gave it the status no_parameters' in sentence(verdi('export', other.pk))


def test_a_landscape_that_is_gone_is_called_gone(stand_in_code, verdi):
    jobs = compute_all(stand_in_code)
    second = jobs.structures[1]
    folder = Path(jobs.remote.outputs.remote_folder.get_remote_path())
    (folder / 'landscapes' / f'{second.uuid}.npz').unlink()
    assert f'is no longer in the folder of job {jobs.remote.pk}' in sentence(verdi('export', second.pk))
    jobs.remote.outputs.remote_folder._clean()
    assert f'the remote folder of job {jobs.remote.pk} was cleaned' in sentence(verdi('export', second.pk))
    assert f'{second.uuid}  cleaned' in verdi('list', jobs.remote.pk).stdout
    # The other came back, and needs no computer any more.
    assert verdi('show', jobs.structures[0].pk).exit_code == 0


def test_an_empty_list_says_which_command_makes_one(aiida_profile_tmp, verdi):
    for options, stdout in (([], ''), (['--raw'], ''), (['--json'], '[]')):
        done = verdi('list', *options)
        assert done.stdout.strip() == stdout
        assert done.stderr.strip() == 'no landscapes; `aiida-limap launch bvff --landscapes` makes some'


def test_an_unreachable_computer_is_named(jobs, monkeypatch):
    def unreachable(*_arguments):
        raise OSError('no route to host')

    monkeypatch.setattr(orm.RemoteData, 'get_authinfo', unreachable)
    with pytest.raises(QueryError, match='cannot be fetched: no route to host; `verdi computer test'):
        load_landscape(find_landscape(jobs.structures[1].uuid))


def test_structures_are_found_by_number_uuid_and_source(aiida_profile):
    nodes = []
    for _ in range(2):
        node = orm.StructureData(cell=np.eye(3).tolist())
        node.append_atom(position=[0, 0, 0], symbols='Li')
        node.source = {'id': 'twin', 'extras': {'counterpart': 'mp-77'}}
        nodes.append(node.store())
    single = orm.StructureData(cell=np.eye(3).tolist())
    single.append_atom(position=[0, 0, 0], symbols='Li')
    single.source = {'id': 'cod-1', 'extras': {'counterpart': 'mp-78'}}
    single.store()
    for text in (str(single.pk), single.uuid, single.uuid[:13], 'cod-1', 'mp-78', ' cod-1 '):
        assert find_structure(text).pk == single.pk
    for text in ('twin', 'mp-77'):
        with pytest.raises(QueryError, match=f'2 structures come from {text!r}: name one by its pk'):
            find_structure(text)
