"""``aiida-limap import mp``, as a user calls it."""

from __future__ import annotations

import functools
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiida import orm
from importers.materials_project_server import KEY, VERSION, Entry, Fault, MaterialsProjectServer
from pymatgen.core import Lattice, Structure

from aiida_limap.importers import _materials_project_client as client
from aiida_limap.importers._materials_project_session import Patience

#: Numbers of entries that no other test has: all tests of a process share one profile.
NUMBERS = itertools.count(2_200_000, 10)


@pytest.fixture
def server(monkeypatch) -> Iterator[MaterialsProjectServer]:
    """A database of five salts under ids that no other test has, the key to it, and little patience with it."""
    first = next(NUMBERS)
    entries = [
        Entry(
            f'mp-{first + number}',
            Structure(Lattice.cubic(4.0 + number / 10), ['Li', symbol], [[0, 0, 0], [0.5, 0.5, 0.5]]),
            energy_above_hull=number / 10,
            license='BY-NC' if symbol == 'I' else 'BY-C',
        )
        for number, symbol in enumerate(['F', 'Cl', 'Br', 'I', 'H'])
    ]
    monkeypatch.setenv('MP_API_KEY', KEY)
    monkeypatch.setattr(client, 'Patience', functools.partial(Patience, attempts=2, first_wait_s=0.01))
    with MaterialsProjectServer(entries) as running:
        monkeypatch.setenv('MP_API_ENDPOINT', running.url)
        yield running


@pytest.fixture
def name() -> str:
    return f'salts {uuid4().hex}'


def flat(text: str) -> str:
    return ' '.join(text.split())


def test_structures_are_imported_and_found_again(run, server, name):
    arguments = (
        'import',
        'mp',
        '--name',
        name,
        '--elements',
        'Li',
        '--exclude-elements',
        'H,B',
        '--report',
        'salts.md',
    )
    done = run(*arguments)
    assert '4 structures (4 new, 0 already known, 0 left out)' in done.stdout
    assert f'group limap/{name}' in done.stdout
    assert 'licences: CC-BY-4.0 (3), CC-BY-NC-4.0 (1)' in done.stdout
    assert 'CC-BY-4.0: name the Materials Project as the source' in flat(done.stderr)
    assert 'CC-BY-NC-4.0: name the source, and no commercial use; `--no-gnome` leaves such entries out' in flat(
        done.stderr
    )
    text = Path('salts.md').read_text()
    assert f'- database_version: "{VERSION}"' in text
    assert '- exclude_elements: ["H", "B"]' in text
    assert '- Materials Project: A. Jain et al., APL Materials 1, 011002 (2013)' in text
    assert '- GNoME entries of the Materials Project (CC-BY-NC-4.0: no commercial use)' in text
    again = run(*arguments)
    assert '4 structures (0 new, 4 already known, 0 left out)' in again.stdout
    assert len(server.downloads()) == 4


def test_options_choose(run, server, name):
    options = (
        '--chemsys',
        'Li-*',
        '--max-hull-eV',
        '0.3',
        '--max-sites',
        '2',
        '--no-gnome',
        '--observed',
        '--limit',
        '2',
    )
    document = json.loads(run('import', 'mp', '--name', name, *options, '--json').stdout)
    assert document['filter'] == {
        'importer': 'mp',
        'database_version': VERSION,
        'chemsys': ['Li-*'],
        'max_hull_eV_per_atom': 0.3,
        'max_sites': 2,
        'limit': 2,
        'observed': True,
        'gnome': False,
    }
    dataset = orm.load_node(document['dataset_uuid'])
    assert dataset.source_ids == [server.documents[number]['material_id'] for number in (0, 1)]


def test_ids_come_from_a_file_and_those_that_do_not_exist_are_named(run, server, name, tmp_path):
    ids = [server.documents[number]['material_id'] for number in (4, 2)]
    (tmp_path / 'ids').write_text('\n'.join([*ids, 'mp-7']))
    done = run('import', 'mp', '--name', name, '--ids', 'ids', '--report', 'report.json')
    assert 'left out mp-7: the Materials Project has no such material' in flat(done.stderr)
    report = json.loads(Path('report.json').read_text())
    assert report['refused'] == [{'name': 'mp-7', 'reason': 'the Materials Project has no such material'}]
    assert orm.load_node(report['dataset_uuid']).source_ids == ids


def test_disordered_structures_are_ordered_on_request(run, server, name):
    mixed = Structure(Lattice.cubic(4.0), ['Li', {'F': 0.5, 'Cl': 0.5}], [[0, 0, 0], [0.5, 0.5, 0.5]])
    mixed.make_supercell([2, 1, 1])
    entry = Entry(f'mp-{next(NUMBERS)}', mixed)
    server.documents = [entry.document()]
    done = json.loads(run('import', 'mp', '--name', name, '--formula', 'Li2ClF', '--order', '--json').stdout)
    assert len(done['ordered']) == 1
    (uuid,) = orm.load_node(done['dataset_uuid']).structure_uuids
    assert all(len(kind.symbols) == 1 for kind in orm.load_node(uuid).kinds)


def test_waits_are_told(run, server, name):
    server.faults = [Fault(429, retry_after='0')]
    done = run('import', 'mp', '--name', name, '--elements', 'Li,F')
    told = 'did not answer (it asks for fewer requests, HTTP 429): attempt 2 of 2 in 0 s'
    assert told in flat(done.stderr)


def test_a_database_that_fails_is_told_in_one_sentence(fails, server, name):
    server.faults = [Fault(500), Fault(500)]
    line = fails('import', 'mp', '--name', name, '--elements', 'Li')
    assert 'gave no answer after 2 attempts (HTTP 500)' in line
    server.faults = [Fault(429, retry_after='7200')]
    assert 'asks to come back in 7200 s' in fails('import', 'mp', '--name', name, '--elements', 'Li')


def test_a_key_that_is_missing_or_wrong_is_told_in_one_sentence(fails, server, name, monkeypatch):
    import pymatgen.core

    arguments = ('import', 'mp', '--name', name, '--elements', 'Li')
    monkeypatch.setenv('MP_API_KEY', 'x' * 32)
    line = fails(*arguments)
    assert 'refuses the key (HTTP 401)' in line
    assert 'x' * 32 not in line
    monkeypatch.delenv('MP_API_KEY')
    monkeypatch.setitem(pymatgen.core.SETTINGS, 'PMG_MAPI_KEY', None)
    assert 'wants a key: https://next-gen.materialsproject.org/api' in fails(*arguments)


@pytest.mark.parametrize(
    ('options', 'sentence'),
    [
        ((), 'name elements, a chemical system, formulas, ids'),
        (('--elements', 'Li,Xx'), "there is no element 'Xx'"),
        (('--elements', 'Li,Au'), 'has no entry for this filter (with Li, Au): loosen it'),
        (('--ids', 'mp-7'), 'mp-7: the Materials Project has no such material'),
        (('--ids', 'nowhere/ids.txt'), 'there is no file nowhere/ids.txt with ids'),
        (('--elements', 'Li', '--report', 'report.pdf'), 'must end in .md or .json'),
        (('--elements', 'Li', '--max-hull-eV', '-1'), 'x>=0'),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(fails, server, name, options, sentence):
    assert sentence in fails('import', 'mp', '--name', name, *options)


def test_the_client_is_not_imported_for_the_help():
    script = (
        'import sys; from click.testing import CliRunner; from aiida_limap.cli import main; '
        'result = CliRunner().invoke(main, ["import", "mp", "--help"]); '
        'assert "--max-hull-eV" in result.output; '
        'assert not {"mp_api", "pymatgen", "emmet"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', script], check=True)
