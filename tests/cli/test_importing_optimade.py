"""``aiida-limap import optimade`` against the reference server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from importers.optimade_server import LICENCE, N_PLAIN, Servers, documents, optimade_servers, proxy_to

from aiida_limap.importers import _optimade_session

FILTER = 'elements HAS ALL "Li","O"'


@pytest.fixture(scope='module')
def servers(tmp_path_factory) -> Iterator[Servers]:
    with optimade_servers(tmp_path_factory.mktemp('optimade'), documents()) as running:
        yield running


@pytest.fixture(autouse=True)
def loopback(servers, monkeypatch) -> None:
    """Let the list of providers be that of the tests, and do not wait."""
    monkeypatch.setattr('optimade.utils.PROVIDER_LIST_URLS', (f'{servers.index}/v1/links',))
    monkeypatch.setattr(_optimade_session, 'FIRST_WAIT_S', 0.01)


def test_structures_of_a_provider_come_in_with_a_report(run):
    name = f'oxides {uuid4().hex}'
    done = run('import', 'optimade', 'lmt', '--filter', FILTER, '--name', name, '--report', 'import.md')
    assert f'{N_PLAIN + 4} structures' in done.stdout
    assert f'group limap/{name}' in done.stdout
    assert 'q-shared; `--order` makes ordered structures' in done.stdout
    assert 'left out r-slab: it is periodic in 2 directions' in done.stderr
    text = Path('import.md').read_text()
    for words in (f'licence {LICENCE}: {N_PLAIN + 3}', 'licence CC0-1.0: 1', 'r-attached: ', 'Sci. Data 8, 217 (2021)'):
        assert words in text


def test_the_report_as_json_stands_alone_on_standard_output(run, servers):
    document = json.loads(
        run('import', 'optimade', '--url', f'{servers.url}/v1/', '--filter', FILTER, '--limit', 2, '--json').stdout
    )
    assert (document['n_structures'], document['refused'], document['disordered']) == (2, [], [])
    assert document['group'] == f'limap/optimade-{servers.url.removeprefix("http://").replace(":", "-")}'
    assert document['filter']['filter'] == FILTER


def test_disordered_structures_are_ordered_on_request(run):
    name = f'ordered {uuid4().hex}'
    words = ('--filter', 'id="q-shared"', '--name', name, '--order', '--json')
    document = json.loads(run('import', 'optimade', 'lmt', *words).stdout)
    assert (document['disordered'], document['ordered']) == ([], ['q-shared'])


def test_a_server_that_makes_the_import_wait_is_named(run, servers):
    with proxy_to(servers.url) as proxy:
        proxy.faults.append(429)
        done = run('import', 'optimade', '--url', proxy.url, '--filter', 'id="p00"', '--page-limit', 5)
    assert f'{proxy.url}/v1/structures asks to wait (answer 429); trying again in 0.01 s' in done.stderr.replace(
        '\n', ' '
    )


def test_an_import_that_cannot_be_is_refused_in_one_sentence(fails, servers):
    assert 'no structure of lmt matches the filter \'elements HAS "Xe"\'' in fails(
        'import', 'optimade', 'lmt', '--filter', 'elements HAS "Xe"'
    )
    assert "is not OPTIMADE from 'Li' on" in fails('import', 'optimade', 'lmt', '--filter', 'elements HAS Li')
    assert 'no OPTIMADE provider is called' in fails('import', 'optimade', 'nobody', '--filter', FILTER)
    assert 'nothing listens there' in fails('import', 'optimade', '--url', 'http://127.0.0.1:9', '--filter', FILTER)
    assert 'holds no structures itself' in fails('import', 'optimade', '--url', servers.index, '--filter', FILTER)
    assert 'name either a provider' in fails('import', 'optimade', '--filter', FILTER)
    assert 'Missing option' in fails('import', 'optimade', 'lmt')
    assert 'must end in .md or .json' in fails(
        'import', 'optimade', 'lmt', '--filter', FILTER, '--report', 'report.txt'
    )


def test_help_does_not_load_the_client():
    code = (
        'import sys\n'
        'from click.testing import CliRunner\n'
        'from aiida_limap.cli import main\n'
        "assert CliRunner().invoke(main, ['import', 'optimade', '--help']).exit_code == 0\n"
        "print([name for name in ('optimade', 'requests', 'pymatgen', 'aiida.orm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
