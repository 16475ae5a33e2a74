"""Sets of bond-valence parameters as nodes."""

from __future__ import annotations

import hashlib
import io

import pytest
from aiida import orm
from aiida.common import LinkType
from aiida.common.exceptions import ModificationNotAllowed, ValidationError
from aiida.plugins import DataFactory

from aiida_limap.data.bond_valence import BondValenceData
from aiida_limap.formats.parameters import embedded_parameters, parse_parameters

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


def softer(name: str = 'softer') -> bytes:
    text = embedded_parameters().decode().replace('name: softbv', f'name: {name}')
    return text.replace('morse_scale: 1.0', 'morse_scale: 0.8').encode()


def nameless() -> bytes:
    return softer().replace(b'name: softer\n', b'', 1)


def test_a_node_knows_what_its_file_says():
    node = BondValenceData(embedded_parameters()).store()
    content = embedded_parameters()
    assert DataFactory('limap.bond_valence') is BondValenceData
    assert (node.name, node.version, node.title, node.licence) == ('softbv', '2019-1', 'softbv 2019-1', 'MIT')
    assert node.checksum == hashlib.sha256(content).hexdigest()
    assert node.md5 == hashlib.md5(content).hexdigest()
    assert node.number_of_pairs == len(parse_parameters(content).rows)
    assert node.presets == ['bvff', 'bvse']
    assert {'Li+', 'Na+', 'Mg2+'} <= set(node.cations)
    assert {'O2-', 'F-', 'S2-'} <= set(node.anions)
    assert 'IUCrJ' in node.citation
    assert node.filename == 'bond_valence.yaml'
    assert 'softbv 2019-1' in node.get_description()


def test_round_trip_gives_an_equal_node(tmp_path):
    node = BondValenceData.get_or_create(softer()).store()
    (tmp_path / 'out.yaml').write_bytes(node.get_content(mode='rb'))
    again = BondValenceData(tmp_path / 'out.yaml')
    assert again.document == node.document
    plain = {key: value for key, value in node.base.attributes.all.items() if key != 'filename'}
    assert {key: again.base.attributes.get(key) for key in plain} == plain
    assert again.store().base.caching.compute_hash() == node.base.caching.compute_hash()
    assert orm.load_node(node.uuid).document == node.document


def test_the_hash_is_that_of_the_file_alone():
    nodes = [BondValenceData(softer(), name=name).store() for name in ('one', 'two')]
    other = BondValenceData(embedded_parameters()).store()
    assert len({node.base.caching.compute_hash() for node in nodes}) == 1
    assert other.base.caching.compute_hash() != nodes[0].base.caching.compute_hash()


@pytest.mark.parametrize('kind', ['path', 'text', 'bytes', 'stream', 'handle'])
def test_get_or_create_finds_the_same_file(tmp_path, kind):
    path = tmp_path / 'mine.yaml'
    path.write_bytes(softer())
    first = BondValenceData.get_or_create(softer()).store()
    sources = {'path': path, 'text': str(path), 'bytes': softer(), 'stream': io.BytesIO(softer())}
    if kind == 'handle':
        with path.open('rb') as handle:
            found = BondValenceData.get_or_create(handle)
    else:
        found = BondValenceData.get_or_create(sources[kind])
    assert found.pk == first.pk


def test_get_or_create_makes_what_is_not_there(tmp_path):
    own = BondValenceData.get_or_create()
    assert not own.is_stored
    own.store()
    assert BondValenceData.get_or_create().pk == own.pk
    other = BondValenceData.get_or_create(softer())
    assert not other.is_stored
    other.store()
    assert other.checksum != own.checksum
    renamed = BondValenceData.get_or_create(softer(), name='mine', citation='my thesis')
    assert not renamed.is_stored
    assert (renamed.name, renamed.citation) == ('mine', 'my thesis')
    renamed.store()
    assert BondValenceData.get_or_create(softer(), name='mine').pk == renamed.pk
    # Without a name the first one is good enough: the numbers are the same.
    assert BondValenceData.get_or_create(softer()).pk == other.pk


def test_a_set_needs_a_name_and_a_right_file(tmp_path):
    with pytest.raises(ValueError, match='the file does not name its set; give a name'):
        BondValenceData(nameless())
    assert BondValenceData(nameless(), name='given').store().name == 'given'
    path = tmp_path / 'wrong.yaml'
    path.write_bytes(softer().replace(b'0.988160', b'1.988160'))
    with pytest.raises(ValueError, match=r'wrong\.yaml: line 20: D0 of the pair Li\+ and O2- is 1.98816 eV'):
        BondValenceData.get_or_create(path)
    with pytest.raises(ValueError, match=r'absent\.yaml cannot be read'):
        BondValenceData.get_or_create(tmp_path / 'absent.yaml')
    with pytest.raises(ValueError, match='needs a file'):
        BondValenceData(name='nothing')
    assert orm.QueryBuilder().append(BondValenceData).count() == 1


def test_what_was_changed_behind_its_back_is_not_stored():
    node = BondValenceData(softer())
    node.base.attributes.set('presets', ['bvff'])
    with pytest.raises(ValidationError, match="attribute 'presets' of the parameter set differs"):
        node.store()
    node = BondValenceData(softer())
    node.base.repository.put_object_from_bytes(softer().replace(b'0.988160', b'1.988160'), node.filename)
    with pytest.raises(ValidationError, match=r'D0 of the pair Li\+ and O2-'):
        node.store()
    node = BondValenceData(softer())
    node.base.attributes.set('citation', '')
    with pytest.raises(ValidationError, match='needs a citation'):
        node.store()
    with pytest.raises(ValidationError):
        BondValenceData().store()
    node = BondValenceData(softer()).store()
    with pytest.raises(ModificationNotAllowed):
        node.set_file(io.BytesIO(embedded_parameters()))


def test_find_by_pk_uuid_name_and_version():
    own, other = (BondValenceData.get_or_create(source).store() for source in (None, softer()))
    for identifier in (other.pk, str(other.pk), other.uuid, 'softer', 'softer 2019-1'):
        assert BondValenceData.find(identifier).pk == other.pk
    with pytest.raises(ValueError, match=f"no set of bond-valence parameters 'hard'; there are: softbv .*pk {own.pk}"):
        BondValenceData.find('hard')
    with pytest.raises(ValueError, match='no set of bond-valence parameters'):
        BondValenceData.find(orm.Int(1).store().pk)
    BondValenceData(embedded_parameters(), name='softer').store()
    with pytest.raises(ValueError, match=f"several sets .* called 'softer'; name one by its pk: {other.pk}, "):
        BondValenceData.find('softer')


def test_check_says_what_a_set_lacks():
    text = softer().decode()
    node = BondValenceData(text[: text.index('  bvse:')].encode()).store()
    assert node.presets == ['bvff']
    assert node.check('bvff', 'Li+') is None
    assert "has no preset 'bvse'; it has bvff" in node.check('bvse', 'Li+')
    assert "no rows of the mobile ion 'He+'" in node.check('bvff', 'He+')


def test_queries_filter_on_attributes():
    BondValenceData.get_or_create().store()
    node = BondValenceData.get_or_create(softer()).store()
    query = orm.QueryBuilder().append(BondValenceData, filters={'attributes.name': 'softer'}, project='attributes.md5')
    assert query.all(flat=True) == [node.md5]


def test_the_queries_of_the_documentation(aiida_localhost):
    node = BondValenceData.get_or_create(softer()).store()
    job = orm.CalcJobNode(computer=aiida_localhost)
    job.set_option('resources', {'num_machines': 1, 'num_mpiprocs_per_machine': 1})
    job.base.links.add_incoming(node, link_type=LinkType.INPUT_CALC, link_label='bond_valence')
    job.store()
    for ion, expected in (('Na+', [job.uuid]), ('He+', [])):
        query = orm.QueryBuilder()
        query.append(BondValenceData, filters={'attributes.cations': {'contains': [ion]}}, tag='set')
        query.append(orm.CalcJobNode, with_incoming='set', project='uuid')
        assert query.all(flat=True) == expected
