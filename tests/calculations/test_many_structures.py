"""Many structures are linked and kept in checkpoints at once, with the graph that aiida-core makes one by one."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import Process
from aiida.engine.utils import instantiate_process
from aiida.manage.manager import get_manager
from aiida.orm.utils.serialize import deserialize_unsafe, serialize
from aiida.plugins import CalculationFactory
from plugins_aiida import make_structure
from plumpy.persistence import Bundle, LoadSaveContext
from sqlalchemy import event

from aiida_limap.calculations._many_structures import ManyStructures, StoredStructures, attributes_by_uuid
from aiida_limap.common.keys import structures_by_key

OVERRIDDEN = ('_setup_inputs', '_flat_inputs', 'encode_input_args', 'decode_input_args')


@pytest.fixture
def one_by_one(monkeypatch):
    """Return a function after which aiida-core handles each structure by itself."""

    def change() -> None:
        for name in OVERRIDDEN:
            monkeypatch.delattr(ManyStructures, name)

    return change


@pytest.fixture
def nodes():
    return [make_structure(1 + number / 10) for number in range(4)]


def start(code, nodes, **inputs):
    inputs = {'code': code, 'structures': structures_by_key(nodes), **inputs}
    return instantiate_process(get_manager().get_runner(), CalculationFactory('limap.bvff'), **inputs)


def links_of(process) -> set:
    found = process.node.base.links.get_incoming()
    return {(link.link_type, link.link_label, link.node.uuid) for link in found}


def recreated(process):
    """Return the process as another worker gets it from the checkpoint."""
    text = serialize(Bundle(process, LoadSaveContext()))
    return deserialize_unsafe(text).unbundle(LoadSaveContext(runner=get_manager().get_runner())), text


@contextmanager
def queries():
    """Count what is asked of the database."""
    asked: list[str] = []
    engine = get_manager().get_profile_storage().get_session().get_bind()

    def note(_connection, _cursor, statement, *_rest) -> None:
        asked.append(statement)

    event.listen(engine, 'before_cursor_execute', note)
    try:
        yield asked
    finally:
        event.remove(engine, 'before_cursor_execute', note)


def test_links_and_hash_are_those_of_structures_linked_one_by_one(stand_in_code, nodes, one_by_one):
    code, parameters = stand_in_code(), orm.Dict({'spacing_angstrom': 0.3}).store()
    process = start(code, nodes, parameters=parameters)
    one_by_one()
    other = start(code, nodes, parameters=parameters)
    assert len(links_of(process)) == len(nodes) + 2
    assert links_of(process) == links_of(other)
    assert process.node.base.caching.get_hash() == other.node.base.caching.get_hash()
    assert process.node.base.caching.compute_hash() == process.node.base.caching.get_hash()
    kept = [{**found.node.base.attributes.all, 'checkpoints': None} for found in (process, other)]
    assert kept[0] == kept[1]
    assert process.node.computer.uuid == code.computer.uuid
    assert set(process.node.inputs.structures) == set(structures_by_key(nodes))


def test_linking_asks_the_database_as_often_for_many_structures_as_for_a_few(prepare, nodes):
    counts = []
    for part in (nodes[:2], nodes):
        process = prepare('limap.bvff', structures=structures_by_key(part)).process
        process._node = orm.CalcJobNode(computer=process.node.computer)
        with queries() as asked:
            process._setup_inputs()
        assert len(process.node.base.links.incoming_cache) == len(part) + 1
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_stored_process_gets_no_further_links(prepare, nodes):
    process = prepare('limap.bvff', structures=structures_by_key(nodes)).process
    before = links_of(process)
    with pytest.raises(ValueError, match='already stored'):
        process._setup_inputs()
    assert links_of(process) == before


def test_something_else_than_a_structure_is_not_linked(prepare, nodes):
    process = prepare('limap.bvff', structures=structures_by_key(nodes)).process
    first, *others = process.inputs.structures
    wrong = {first: process.inputs.structures[first], others[0]: orm.Int(1)}
    process._parsed_inputs = type(process.inputs)({**process.inputs, 'structures': wrong})
    process._node = orm.CalcJobNode(computer=process.node.computer)
    with pytest.raises(ValueError, match='is no structure, but Int'):
        process._setup_inputs()


def test_a_checkpoint_names_the_structures_and_loads_them_when_asked(stand_in_code, nodes):
    process = start(stand_in_code(), nodes)
    again, text = recreated(process)
    assert isinstance(again.inputs.structures, StoredStructures)
    assert again.node.uuid == process.node.uuid
    assert again.inputs.code.uuid == process.inputs.code.uuid
    assert set(again.inputs.structures) == set(process.inputs.structures)
    expected = {key: node.uuid for key, node in structures_by_key(nodes).items()}
    with queries() as asked:
        found = dict(again.inputs.structures)
    assert sum('FROM db_dbnode' in statement for statement in asked) == 1
    assert {key: node.uuid for key, node in found.items()} == expected
    # A process that was loaded and is kept again still names them all.
    assert recreated(again)[1] == text


def test_the_files_of_a_job_are_the_same_after_a_restart(stand_in_code, nodes, tmp_path):
    from aiida.common.folders import Folder

    process = start(stand_in_code(), nodes)
    contents = []
    for name, which in (('before', process), ('after', recreated(process)[0])):
        folder = tmp_path / name
        folder.mkdir()
        which.prepare_for_submission(Folder(folder))
        contents.append({path.name: path.read_text() for path in folder.iterdir()})
    assert contents[0] == contents[1]
    assert all(node.uuid in contents[0]['structures.json'] for node in nodes)


def test_checkpoints_that_hold_each_structure_by_itself_are_understood(stand_in_code, nodes):
    process = start(stand_in_code(), nodes)
    older = Process.encode_input_args(process, process.inputs)
    assert older.count('!aiida_node') > len(nodes)
    found = process.decode_input_args(older)
    assert {node.uuid for node in found['structures'].values()} == {node.uuid for node in nodes}


def test_a_structure_that_is_gone_is_named(nodes):
    key = 's' + '0' * 32
    stored = StoredStructures([*structures_by_key(nodes), key])
    assert len(stored) == len(nodes) + 1
    with pytest.raises(NotExistent, match='00000000-0000-0000-0000-000000000000 is no longer in the database'):
        stored[key]
    with pytest.raises(KeyError):
        stored['no key']


def test_attributes_are_those_of_the_nodes_stored_or_not(nodes):
    new = orm.StructureData(cell=[[3, 0, 0], [0, 3, 0], [0, 0, 3]])
    new.append_atom(position=[0, 0, 0], symbols='Li')
    found = attributes_by_uuid(structures_by_key([*nodes, new]))
    assert found == {node.uuid: node.base.attributes.all for node in [*nodes, new]}


def test_a_job_ends_well_with_a_row_per_structure(stand_in_code, nodes):
    from aiida.engine import run_get_node

    results, node = run_get_node(
        CalculationFactory('limap.bvff'), code=stand_in_code(), structures=structures_by_key(nodes)
    )
    assert node.is_finished_ok
    assert set(results['table'].ids) == {structure.uuid for structure in nodes}
