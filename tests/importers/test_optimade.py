"""Structures from OPTIMADE databases: the reference server on loopback, with what goes wrong between it and a user."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from aiida import orm
from importers.optimade_server import (
    LICENCE,
    N_PLAIN,
    PAGE,
    Proxy,
    Servers,
    documents,
    entry,
    optimade_servers,
    proxy_to,
    species,
)

from aiida_limap.importers import _optimade_session
from aiida_limap.importers._optimade_databases import Database, normal_base_url
from aiida_limap.importers._optimade_entries import candidate
from aiida_limap.importers.base import Candidate, ImporterError, ImportReport, Refusal
from aiida_limap.importers.optimade import OptimadeChoice, import_optimade

FILTER = 'elements HAS ALL "Li","O" AND nelements=3'
#: What the reference server gives for it: three pages.
N_ENTRIES = N_PLAIN + 4 + 9


@pytest.fixture(scope='module')
def servers(tmp_path_factory) -> Iterator[Servers]:
    with optimade_servers(tmp_path_factory.mktemp('optimade'), documents()) as running:
        yield running


@pytest.fixture
def proxy(servers) -> Iterator[Proxy]:
    """Return a proxy in front of the server."""
    with proxy_to(servers.url) as running:
        yield running


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch) -> None:
    monkeypatch.setattr(_optimade_session, 'FIRST_WAIT_S', 0.01)


def load(url: str, filter: str = FILTER, *, name: str = '', **words) -> ImportReport:
    handled = {key: words.pop(key) for key in ('on_start', 'on_progress', 'on_message', 'order') if key in words}
    return import_optimade(OptimadeChoice(filter, url=url, **words), name=name or f'optimade {uuid4().hex}', **handled)


def nodes(report: ImportReport) -> dict[str, orm.StructureData]:
    dataset = report.dataset
    return {key: orm.load_node(uuid) for uuid, key in zip(dataset.structure_uuids, dataset.source_ids, strict=True)}


def n_stored(url: str) -> int:
    filters = {'attributes.source.db_uri': url}
    return orm.QueryBuilder().append(orm.StructureData, filters=filters).count()


@pytest.mark.usefixtures('aiida_profile_clean')
def test_all_pages_come_in_with_their_origin(proxy):
    totals: list[int] = []
    steps: list[int] = []
    report = load(proxy.url, on_start=totals.append, on_progress=steps.append)
    assert (report.n_new, report.n_known, len(report.refused)) == (N_PLAIN + 4, 0, 9)
    assert (set(totals), steps) == ({N_ENTRIES}, [PAGE, PAGE, N_ENTRIES - 2 * PAGE])
    assert report.dataset.filter['databases'] == [proxy.url]
    assert report.dataset.filter['filter'] == FILTER
    stored = nodes(report)
    node = stored['p07']
    assert dict(node.source) == {
        'db_name': 'Loopback materials',
        'db_uri': proxy.url,
        'id': 'p07',
        'uri': f'{proxy.url}/v1/structures/p07',
        'version': '2024-05-01T12:00:00Z',
        'license': LICENCE,
        'source_md5': node.source['source_md5'],
        'extras': {
            'provider': 'lmt',
            'api_version': '1.2.0',
            'immutable_id': 'f7',
            'chemical_formula_reduced': 'CuLiO2',
        },
    }
    assert node.get_formula() == 'CuLiO2'
    assert node.cell[0] == pytest.approx([4.07, 0.0, 0.0])
    assert node.sites[1].position == pytest.approx((2.035, 2.035, 0.0))
    assert stored['q-own-licence'].source['license'] == 'CC0-1.0'
    assert stored['q-undated'].source['version'] == 'OPTIMADE 1.2.0'
    assert report.as_dict()['licences'] == {LICENCE: N_PLAIN + 3, 'CC0-1.0': 1}


@pytest.mark.usefixtures('aiida_profile_clean')
def test_disorder_is_kept_and_an_empty_site_left_out(proxy):
    report = load(proxy.url, 'chemical_formula_reduced="LiMnO2" AND id STARTS WITH "q"')
    stored = nodes(report)
    shared = {kind.name: dict(zip(kind.symbols, kind.weights, strict=True)) for kind in stored['q-shared'].kinds}
    assert sorted(shared.values(), key=len) == [{'Li': 0.5}, {'O': 1.0}, {'Mn': 0.6, 'Ni': 0.4}]
    assert report.disordered == 1
    assert stored['q-empty'].get_formula() == 'LiO2'


@pytest.mark.usefixtures('aiida_profile_clean')
def test_an_entry_that_is_no_crystal_is_refused_with_the_reason(proxy):
    report = load(proxy.url, 'id STARTS WITH "r" OR id="p00"')
    reasons = {refusal.name: refusal.reason for refusal in report.refused}
    assert list(nodes(report)) == ['p00']
    for name, words in {
        'r-assemblies': 'occupied together',
        'r-attached': 'site_attachments',
        'r-implicit': 'implicit_atoms',
        'r-nothing': 'does not give its lattice_vectors and cartesian_site_positions',
        'r-overfull': 'occupancies sum to more than 1',
        'r-short': '3 species_at_sites and 4 cartesian_site_positions',
        'r-slab': 'periodic in 2 directions',
        'r-unsaid': 'does not give its dimension_types',
        'r-x': 'no known element',
    }.items():
        assert words in reasons.pop(name)
    assert reasons == {}


def test_entries_that_the_reference_server_would_not_serve_are_refused_too():
    database = Database('http://db', 'A database', 'adb', '1.2.0')

    def refusal(**changes) -> str:
        document = entry('any', **changes)
        made = candidate({'id': 'any', 'attributes': document}, database)
        assert isinstance(made, Refusal)
        return made.reason

    assert 'unknown positions' in refusal(cartesian_site_positions=[[0, 0, 0], [None] * 3, [1, 1, 1], [2, 2, 2]])
    assert 'Mn' in refusal(species=[species('Li'), species('O')])
    assert 'does not give its species' in refusal(species='leave out')
    assert 'site_attachments' in refusal(species=[{**species('Li'), 'attached': ['H']}])
    assert 'it does not make a crystal: species' in refusal(
        species=[species('Li', Qq=1.0), species('Mn'), species('O')]
    )
    assert 'it does not make a crystal' in refusal(species=['Li', 'Mn', 'O'])
    made = candidate({'id': 'any', 'attributes': entry('any', dimension_types=None)}, database)
    assert isinstance(made, Candidate)
    assert 'license' not in made.source


@pytest.mark.usefixtures('aiida_profile_clean')
def test_what_is_stored_is_neither_downloaded_nor_stored_again(proxy):
    name = f'optimade {uuid4().hex}'
    first = load(proxy.url, 'id STARTS WITH "p"', name=name)
    proxy.requests.clear()
    again = load(proxy.url, 'id STARTS WITH "p"', name=name)
    assert (again.n_new, again.n_known, n_stored(proxy.url)) == (0, N_PLAIN, N_PLAIN)
    assert again.dataset.uuid == first.dataset.uuid
    assert not [path for path in proxy.pages if 'lattice_vectors' in path]
    # Only the page that has something new comes whole.
    proxy.requests.clear()
    more = load(proxy.url, 'id STARTS WITH "p" OR id="q-shared" OR id="q-undated"')
    assert (more.n_new, more.n_known) == (2, N_PLAIN)
    assert len([path for path in proxy.pages if 'lattice_vectors' in path]) == 1
    # Without a date nothing can be known beforehand, but the same crystal is still not stored twice.
    assert load(proxy.url, 'id="q-undated"').n_known == 1
    assert n_stored(proxy.url) == N_PLAIN + 2


@pytest.mark.usefixtures('aiida_profile_clean')
def test_an_import_that_was_killed_goes_on(proxy, monkeypatch):
    monkeypatch.setattr('aiida_limap.importers.base._TRANSACTION_SIZE', 5)

    def killed(steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(proxy.url, on_progress=killed)
    before = n_stored(proxy.url)
    assert 15 <= before <= PAGE
    report = load(proxy.url)
    assert (report.n_new, report.n_known) == (N_PLAIN + 4 - before, before)
    assert n_stored(proxy.url) == N_PLAIN + 4


@pytest.mark.usefixtures('aiida_profile_clean')
def test_a_changed_entry_is_stored_beside_the_old_one(tmp_path):
    # Both servers stand behind one address in turn, as the same database before and after a change.
    reports = []
    with proxy_to('') as proxy:
        for edge, date in ((4.2, '2024-05-01T12:00:00Z'), (4.3, '2025-01-01T00:00:00Z')):
            folder = tmp_path / date[:4]
            folder.mkdir()
            with optimade_servers(folder, [entry('moved', edge=edge, last_modified=date)]) as running:
                proxy.upstream = running.url
                reports.append(load(proxy.url, 'id="moved"'))
    old, new = reports
    assert (old.n_new, new.n_new, n_stored(proxy.url)) == (1, 1, 2)
    assert nodes(new)['moved'].source['version'].startswith('2025')
    assert nodes(new)['moved'].cell[0][0] == pytest.approx(4.3)


@pytest.mark.usefixtures('aiida_profile_clean')
def test_faults_that_pass_are_waited_out(proxy):
    messages: list[str] = []
    proxy.faults.extend([None, 500, 'cut', 429, None, 503])
    report = load(proxy.url, on_message=messages.append)
    assert report.n_new == N_PLAIN + 4
    assert [message.split('structures ')[1].split(';')[0] for message in messages] == [
        'has an error (answer 500)',
        'cut the connection',
        'asks to wait (answer 429)',
        'is overloaded (answer 503)',
    ]


@pytest.mark.usefixtures('aiida_profile_clean')
@pytest.mark.parametrize(
    ('faults', 'words'),
    [
        ([500] * 6, r'has an error \(answer 500\) \(after 6 tries\)'),
        ([429] * 6, r'asks to wait \(answer 429\) \(after 6 tries\)'),
        (['cut'] * 6, r'cut the connection \(after 6 tries\)'),
        (['html'], 'text/html instead of OPTIMADE JSON'),
        (['loop', 'loop', 'loop'], 'never comes to an end'),
    ],
)
def test_faults_that_do_not_pass_end_the_import_in_a_sentence(proxy, faults, words):
    # The first page that is asked for is refused for its length, the second one passes.
    proxy.faults.extend([None, None, *faults])
    with pytest.raises(ImporterError, match=f'{words}.*stopped after .* the same command goes on'):
        load(proxy.url)
    assert len(proxy.pages) <= 8


@pytest.mark.usefixtures('aiida_profile_clean')
def test_as_many_entries_as_asked_for(proxy):
    report = load(proxy.url, limit=7)
    assert len(report.dataset) == 7
    assert [path.rpartition('page_limit=')[2] for path in proxy.pages] == ['7']
    proxy.requests.clear()
    assert len(load(proxy.url, 'id STARTS WITH "q"', page_limit=3).dataset) == 4
    assert len([path for path in proxy.pages if 'lattice' not in path]) == 2
    with pytest.raises(ImporterError, match='Max allowed page_limit is 20, you requested 50'):
        load(proxy.url, page_limit=50)


@pytest.mark.usefixtures('aiida_profile_clean')
def test_a_filter_reaches_the_server_as_it_is(proxy):
    with pytest.raises(
        ImporterError, match=r"no structure of http://127.0.0.1:\d+ matches the filter 'id=\"a&b\+c#d\"'"
    ):
        load(proxy.url, 'id="a&b+c#d"')
    assert 'id%3D%22a%26b%2Bc%23d%22' in proxy.pages[0]
    with pytest.raises(ImporterError, match="'spam' is not a known or searchable quantity"):
        load(proxy.url, 'spam=1')


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('elements HAS ALL "Li",  AND nelements=3', "from 'AND nelements=3' on"),
        ('elements HAS "Li', "from '\"Li' on"),
        ('elements HAS', 'at its end'),
        (' ', 'the filter is empty'),
    ],
)
def test_a_filter_that_is_no_optimade_is_refused_before_a_server_is_asked(text, words):
    with pytest.raises(ImporterError, match=words):
        OptimadeChoice(text, url='http://127.0.0.1:9')


@pytest.mark.parametrize('words', [{}, {'provider': 'mp', 'url': 'http://db'}, {'url': 'http://db', 'database': 'a'}])
def test_a_choice_without_one_place_to_ask_is_refused(words):
    with pytest.raises(ImporterError, match='provider'):
        OptimadeChoice(FILTER, **words)


@pytest.mark.usefixtures('aiida_profile_clean')
def test_a_provider_is_found_by_its_name(servers, monkeypatch):
    monkeypatch.setattr('optimade.utils.PROVIDER_LIST_URLS', (f'{servers.index}/v1/links',))

    def of(provider: str, **words) -> ImportReport:
        return import_optimade(OptimadeChoice('id="p00"', provider, **words))

    report = of('lmt')
    # A database that is not to be asked together with others (staging) is left out unless it is named.
    assert report.dataset.filter['databases'] == [servers.url]
    assert report.group.label == 'limap/optimade-lmt'
    assert of('lmt', database='draft').dataset.filter['databases'] == [servers.url]
    with pytest.raises(ImporterError, match=r"no OPTIMADE provider is called 'lmd' \(did you mean lmt\?\)"):
        of('lmd')
    with pytest.raises(ImporterError, match='the provider gone serves no database'):
        of('gone')
    with pytest.raises(ImporterError, match=r"no database 'oxide'; it has down, draft, oxides"):
        of('lmt', database='oxide')
    with pytest.raises(ImporterError, match='nothing listens there'):
        of('lmt', database='down')


@pytest.mark.usefixtures('aiida_profile_clean')
def test_one_database_of_several_may_fail(servers, monkeypatch):
    urls = ['http://127.0.0.1:9', servers.url]
    monkeypatch.setattr('aiida_limap.importers.optimade.base_urls_of_provider', lambda *words: urls)
    report = import_optimade(OptimadeChoice('id="p01"', 'lmt'), name=f'optimade {uuid4().hex}')
    assert report.dataset.source_ids == ['p01']
    assert [(refusal.name, 'nothing listens there' in refusal.reason) for refusal in report.refused] == [
        (urls[0], True)
    ]
    urls.pop()
    with pytest.raises(ImporterError, match='nothing listens there'):
        import_optimade(OptimadeChoice('id="p01"', 'lmt'))


@pytest.mark.usefixtures('aiida_profile_clean')
def test_a_wrong_address_is_said_to_be_one(servers):
    with pytest.raises(ImporterError, match=f'holds no structures itself: give .* one of them .{servers.url}'):
        load(servers.index)
    with pytest.raises(ImporterError, match=r'answer 404.*; give its base URL'):
        load(f'{servers.url}/elsewhere')
    with pytest.raises(ImporterError, match=r'nothing listens there \(after 3 tries\)'):
        load('http://127.0.0.1:9')
    with pytest.raises(ImporterError, match='must start with https'):
        load('127.0.0.1:9')


@pytest.mark.parametrize(
    'url',
    [
        'http://a.b/c',
        'http://a.b/c/',
        'http://a.b/c/v1',
        'http://a.b/c/v1.2/structures?filter=x',
        ' http://a.b/c/v1/info/',
    ],
)
def test_an_address_is_taken_as_people_copy_it(url):
    assert normal_base_url(url) == 'http://a.b/c'
