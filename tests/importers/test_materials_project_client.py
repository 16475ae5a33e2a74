"""Patience with the Materials Project: what is tried again, how long, and what is not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from importers.materials_project_server import KEY, Entry, Fault, MaterialsProjectServer
from pymatgen.core import Lattice, Structure

from aiida_limap.importers._materials_project_client import MaterialsProject, plain_id
from aiida_limap.importers._materials_project_filter import MaterialsProjectFilter
from aiida_limap.importers._materials_project_session import DatabaseError, Patience

SALTS = MaterialsProjectFilter(elements=('Li', 'F'))
PATIENCE = Patience(attempts=3, first_wait_s=0.01, longest_wait_s=2.0)


@pytest.fixture
def server(monkeypatch) -> Iterator[MaterialsProjectServer]:
    salt = Structure(Lattice.cubic(4.0), ['Li', 'F'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    monkeypatch.setenv('MP_API_KEY', KEY)
    with MaterialsProjectServer([Entry('mp-1138', salt)]) as running:
        monkeypatch.setenv('MP_API_ENDPOINT', running.url)
        yield running


def listed(chosen: MaterialsProjectFilter = SALTS, **options) -> list[str]:
    entries, refused = MaterialsProject(PATIENCE, **options).list_entries(chosen)
    assert refused == []
    return [entry.id for entry in entries]


@pytest.mark.parametrize('fault', [Fault(500), Fault(503), Fault(429), Fault()])
def test_a_failure_that_may_pass_is_tried_again(server, fault):
    sentences: list[str] = []
    server.faults = [fault, fault]
    assert listed(on_wait=sentences.append) == ['mp-1138']
    assert len(sentences) == 2
    reason = {0: 'its answer broke off', 429: 'it asks for fewer requests, HTTP 429'}.get(
        fault.status, f'HTTP {fault.status}'
    )
    assert sentences[0] == f'the Materials Project did not answer ({reason}): attempt 2 of 3 in 0.01 s'
    assert sentences[1].endswith('attempt 3 of 3 in 0.02 s')


def test_patience_ends(server):
    server.faults = [Fault(500)] * 10
    with pytest.raises(DatabaseError, match=r'no answer after 3 attempts \(HTTP 500\)'):
        listed()
    assert len(server.faults) == 7


def test_the_wait_is_that_which_the_server_asks_for(server):
    sentences: list[str] = []
    server.faults = [Fault(429, retry_after='1')]
    start = time.monotonic()
    assert listed(on_wait=sentences.append) == ['mp-1138']
    assert time.monotonic() - start >= 1.0
    assert sentences[0].endswith('attempt 2 of 3 in 1 s')
    # A date instead of seconds, in the past: at once.
    past = format_datetime(datetime.now(timezone.utc) - timedelta(hours=1), usegmt=True)
    server.faults = [Fault(503, retry_after=past), Fault(503, retry_after='soon')]
    assert listed(on_wait=sentences.append) == ['mp-1138']
    assert sentences[1].endswith('in 0 s')
    assert sentences[2].endswith('in 0.02 s')


def test_a_wait_of_hours_is_told_and_not_slept(server):
    server.faults = [Fault(429, retry_after='3600')]
    with pytest.raises(DatabaseError, match='asks to come back in 3600 s'):
        listed()


def test_the_heartbeat_is_waited_for_too(server):
    server.heartbeat_faults = [Fault(500), Fault()]
    assert listed() == ['mp-1138']
    server.heartbeat_faults = [Fault(200, body='{"error": "closed for repair", "version": "1"}')]
    with pytest.raises(DatabaseError, match='cannot be used now: closed for repair'):
        listed()


def test_what_no_second_attempt_would_change_is_told_at_once(server):
    server.faults = [Fault(400, body='{"detail": "no such parameter"}')]
    with pytest.raises(
        DatabaseError, match=r'does not take this query \(HTTP 400: no such parameter\); a newer mp-api'
    ):
        listed()
    assert server.faults == []
    server.faults = [Fault(403, body='Forbidden')]
    with pytest.raises(DatabaseError, match=r'refuses the key \(HTTP 403\)'):
        listed()


def test_a_database_that_is_down_is_named(monkeypatch):
    with socket.socket() as taken:
        # Bound and not listening: nobody answers, and nobody else can take the port.
        taken.bind(('127.0.0.1', 0))
        url = f'http://127.0.0.1:{taken.getsockname()[1]}/'
        monkeypatch.setenv('MP_API_KEY', KEY)
        monkeypatch.setenv('MP_API_ENDPOINT', url)
        with pytest.raises(DatabaseError) as caught:
            listed()
    assert str(caught.value) == (
        f'the Materials Project gave no answer after 3 attempts (no connection to {url}: Connection refused); '
        'https://status.materialsproject.org tells how it is'
    )


def test_long_lists_come_page_by_page_and_a_failure_repeats_one_page_only(server):
    document = server.documents[0]
    server.documents = [{**document, 'material_id': f'mp-{number:05d}'} for number in range(10_000, 12_300)]
    seen: list[str] = []
    project = MaterialsProject(PATIENCE, seen.append)
    pages = project._pages(SALTS)
    assert len(next(pages)) == 1000
    server.faults = [Fault(500)]
    server.requests.clear()
    assert [len(page) for page in pages] == [1000, 300]
    assert len(seen) == 1
    assert [request.parameters['_page'] for request in server.requests] == ['2', '2', '3']
    assert len(listed()) == 2300
    assert listed(MaterialsProjectFilter(elements=('Li',), limit=5)) == [f'mp-{10_000 + n}' for n in range(5)]
    assert server.requests[-1].parameters['_per_page'] == '5'


def test_the_key_travels_in_the_header_only(server):
    project = MaterialsProject(PATIENCE)
    project.list_entries(SALTS)
    asked = [request for request in server.requests if request.path == '/materials/summary']
    assert {request.key for request in asked} == {KEY}
    assert not any(KEY in value for request in server.requests for value in request.parameters.values())
    assert KEY not in repr(project)


@pytest.mark.parametrize(
    ('text', 'plain'),
    [('mp-149', 'mp-149'), ('mp-aaaaaaft', 'mp-149'), ('mvc-33', 'mvc-33'), ('149', None), ('mp-1x', None), ('', None)],
)
def test_ids_have_one_form(text, plain):
    assert plain_id(text) == plain
