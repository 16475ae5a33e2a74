"""What a newcomer does, with a real profile, the ZeroMQ broker, a real daemon and the real engines."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugins_shell import BIN, TIMEOUT_S, Shell

from aiida_limap.engines.descriptors import load_layout

pytestmark = pytest.mark.daemon

LIMIT = 40


@pytest.fixture(scope='module')
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The demo has run on a part of the library, and its daemon runs on."""
    folder = tmp_path_factory.mktemp('demo')
    run = Shell(folder)
    try:
        done = run(
            'aiida-limap', 'demo', '--folder', str(folder), '--limit', str(LIMIT), '--protocol', 'fast', '--keep-daemon'
        )
        (folder / 'first-run.txt').write_text(done.stdout)
        yield run
    finally:
        subprocess.run([str(BIN / 'verdi'), 'daemon', 'stop'], env=run.environment, check=False, capture_output=True)


def test_the_demo_ends_with_page_figures_and_how_to_go_on(shell):
    text = (shell.folder / 'first-run.txt').read_text()
    assert f'{LIMIT} structures' in text
    assert 'point show' in text
    page = (shell.folder / 'map.html').read_text()
    assert 'limap-proto' in page
    for name in ('map.png', 'map.svg', 'heatmap.png', 'heatmap.svg'):
        assert (shell.folder / 'figures' / name).stat().st_size > 5000


def test_every_point_knows_its_structure_and_its_calculations(shell):
    rows = json.loads(shell('aiida-limap', 'map', 'points', '--json').stdout)
    assert len(rows) > LIMIT / 2
    assert sum(row['migration_energy_eV'] is not None for row in rows) > LIMIT / 2
    for row in (rows[0], rows[-1]):
        answer = json.loads(shell('aiida-limap', 'point', 'show', row['source_id'], '--json').stdout)
        assert answer['structure_uuid'] == row['structure_uuid']
        assert answer['source']['description']
        kinds = [step['kind'] for step in answer['steps']]
        assert kinds == [
            'DatasetData',
            'StructureData',
            'BvffCalculation',
            'DescriptorsCalculation',
            'TrainCalculation',
            'AutoencoderData',
            'EncodeCalculation',
            'MapData',
            'MapWorkChain',
        ]
        structure, job = answer['steps'][1], answer['steps'][2]
        inputs = shell('verdi', 'node', 'show', job['uuid']).stdout
        assert structure['uuid'].replace('-', '') in inputs.replace('-', '') or str(structure['pk']) in inputs


def test_a_second_run_takes_everything_from_the_cache(shell):
    shell('aiida-limap', 'demo', '--folder', str(shell.folder), '--limit', str(LIMIT), '--protocol', 'fast')
    code = (
        'from aiida import load_profile, orm; load_profile()\n'
        "query = orm.QueryBuilder().append(orm.CalcJobNode, project=['extras._aiida_cached_from'])\n"
        'flags = query.all(flat=True)\n'
        'print(len(flags), sum(flag is not None for flag in flags))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        env=shell.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    jobs, cached = (int(word) for word in done.stdout.split())
    assert jobs == 2 * cached
    assert len(shell('aiida-limap', 'map', 'list', '--raw').stdout.split()) == 2


@pytest.fixture(scope='module')
def daemon(shell) -> None:
    """The daemon runs, also where these tests run alone."""
    shell.start_daemon(2)


@pytest.fixture(scope='module')
def mixed_folder(shell) -> Path:
    """Good files, a disordered one, one without lithium, and one that does not parse."""
    from pymatgen.core import Lattice, Structure

    from aiida_limap.engines.chemistry.prototypes import build_library

    folder = shell.folder / 'mixed'
    folder.mkdir()
    for index, entry in enumerate(build_library()[:30]):
        with warnings.catch_warnings():
            # The labels of the sites are renamed in the file, which is all the same here.
            warnings.simplefilter('ignore')
            entry.structure.copy().remove_oxidation_states().to(str(folder / f'good{index}.cif'), fmt='cif')
    rock_salt = Lattice.cubic(4.2)
    Structure.from_spacegroup('Fm-3m', rock_salt, [{'Li': 0.5, 'Sc': 0.5}, 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(
        str(folder / 'disordered.cif'), fmt='cif'
    )
    Structure.from_spacegroup('Fm-3m', rock_salt, ['Mg', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(
        str(folder / 'no-lithium.cif'), fmt='cif'
    )
    (folder / 'broken.cif').write_text('data_\nloop_\n_atom_site')
    return folder


def test_a_folder_with_bad_files_is_mapped_all_the_same(shell, daemon, mixed_folder, tmp_path):
    done = shell('aiida-limap', 'import', 'files', str(mixed_folder), '--name', 'mixed', '--json')
    report = json.loads(done.stdout)
    assert report['n_structures'] == 32
    assert [Path(entry['name']).name for entry in report['refused']] == ['broken.cif']
    again = json.loads(shell('aiida-limap', 'import', 'files', str(mixed_folder), '--name', 'mixed', '--json').stdout)
    assert (again['n_new'], again['n_known'], again['dataset_pk']) == (0, 32, report['dataset_pk'])
    launch = ('aiida-limap', 'launch', 'map', '--group', 'mixed', '--protocol', 'fast')
    done = shell(*launch, '--layout', 'modern', '--landscape', '--wait')
    chain = done.stdout.split('submitted map work chain ')[1].split()[0]
    words = shell('aiida-limap', 'report', chain).stdout
    assert '1 disordered' in words
    assert '1 no_mobile_ion' in words
    rows = json.loads(shell('aiida-limap', 'map', 'points', '--json').stdout)
    assert sum(row['status'] == 'ok' for row in rows) > 20
    page = shell('aiida-limap', 'map', 'page', '--output', str(tmp_path / 'mixed.html')).stdout.strip()
    assert Path(page).is_file()
    code = (
        'import json, sys\n'
        'from aiida import load_profile, orm\n'
        'load_profile()\n'
        'outputs = orm.load_node(int(sys.argv[1])).outputs\n'
        "header = outputs.model.header['columns']\n"
        "names = ('structure_labels', 'scales', 'landscape', 'layout_checksum')\n"
        'print(json.dumps([outputs.descriptors.pk, {name: header[name] for name in names}]))'
    )
    pk, model = json.loads(shell.python(code, chain))
    # The real numbers of all parts of the layout came back, are described, and were learnt from.
    layout = load_layout('modern')
    assert (model['landscape'], model['layout_checksum']) == (True, layout.checksum)
    assert model['structure_labels'] == layout.labels('structure') + layout.labels('landscape')
    assert set(model['scales']['structure']) == {
        *layout.scales('structure'),
        *(f'landscape.{name}' for name in layout.scales('landscape')),
    }
    columns = json.loads(shell('verdi', 'data', 'limap', 'table', 'columns', str(pk), '--json').stdout)
    found = [(entry['part'], entry['name'], entry['unit'], entry['meaning']) for entry in columns]
    expected = [(column.part, column.name, column.unit, column.meaning) for column in layout.columns()]
    assert [entry for entry in found if entry[0] != 'columns'] == expected
    file = tmp_path / 'landscape.csv'
    shell('verdi', 'data', 'limap', 'table', 'export', str(pk), '--block', 'landscape', '--output', str(file))
    with file.open(newline='') as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == report['n_structures']
    for row in table:
        filled = [bool(row[name]) for name in layout.labels('landscape')]
        assert all(filled) if row['status'] == 'ok' else not any(filled)


def test_new_structures_are_placed_on_the_map_of_the_demo(shell, daemon, mixed_folder, tmp_path):
    shell('aiida-limap', 'import', 'files', str(mixed_folder), '--name', 'mixed')
    parent = shell('aiida-limap', 'map', 'list', '--raw').stdout.split()[-1]
    before = json.loads(shell('aiida-limap', 'map', 'points', parent, '--json').stdout)
    done = shell('aiida-limap', 'launch', 'encode', '--map', parent, '--group', 'mixed', '--wait')
    # All but the disordered one, which has no descriptors.
    assert '31 new points' in done.stdout
    assert f'beside the {len(before)} of map {parent}' in done.stdout
    placed = done.stdout.split('map page ')[1].split()[0]
    after = json.loads(shell('aiida-limap', 'map', 'points', placed, '--json').stdout)
    assert [row | {'is_new': 0} for row in before] == after[: len(before)]
    new = after[len(before) :]
    assert {row['is_new'] for row in new} == {1}
    assert sum(row['status'] == 'no_mobile_ion' for row in new) == 1
    assert {row['in_domain'] for row in new} <= {0, 1}
    assert all(row['migration_energy_predicted_eV'] is not None for row in new)
    for row in (before[0], new[0]):
        show = ('aiida-limap', 'point', 'show', row['structure_uuid'], '--map', placed, '--json')
        kinds = [step['kind'] for step in json.loads(shell(*show).stdout)['steps']]
        assert kinds[:4] == ['DatasetData', 'StructureData', 'BvffCalculation', 'DescriptorsCalculation']
        assert kinds[-1] == 'EncodeWorkChain'
    shell('aiida-limap', 'map', 'figures', placed, '--output', str(tmp_path / 'figures'), '--format', 'png')
    assert 'Halos' in (tmp_path / 'figures' / 'map.txt').read_text()


@pytest.mark.parametrize(
    ('command', 'words'),
    [
        (('import', 'files', 'empty'), 'no structure file in empty'),
        (('import', 'files', 'nowhere'), 'there is no file or folder nowhere'),
        (('import', 'files', 'broken.cif'), 'does not parse'),
        (('launch', 'map', '--group', 'nothing'), "no group 'nothing'"),
        (('launch', 'map', '--group', 'prototypes', '--colour', 'red'), 'No such option'),
        (('launch', 'map', '--group', 'prototypes', '--protocol', 'lazy'), 'lazy'),
        (('launch', 'map', '--group', 'prototypes', '--code', 'no@where'), "no code 'no@where'"),
        (('launch', 'map', '--group', 'prototypes', '--overrides', 'wrong.yaml'), 'colour'),
        (('launch', 'map'), 'name either --group or --dataset'),
        (('map', 'show', '999999'), 'no map 999999'),
        (('point', 'show', 'mp-0'), "no point 'mp-0'"),
        (('map', 'page', '--output', 'broken.cif/map.html'), 'cannot be made'),
        (('--profile', 'unknown', 'map', 'list'), 'unknown'),
    ],
)
def test_mistakes_get_one_sentence_and_a_status(shell, daemon, command, words):
    (shell.folder / 'empty').mkdir(exist_ok=True)
    (shell.folder / 'broken.cif').write_text('data_\nloop_\n_atom_site')
    (shell.folder / 'wrong.yaml').write_text('colour: red\n')
    subprocess.run(
        [str(BIN / 'verdi'), 'daemon', 'start', '1'], env=shell.environment, check=False, capture_output=True
    )
    done = shell('aiida-limap', *command, fails=True)
    assert words in done.stderr
    assert done.stderr.count('Error: ') == 1


def test_a_stopped_daemon_is_named_before_anything_is_submitted(shell):
    shell.stop_daemon()
    done = shell('aiida-limap', 'launch', 'map', '--group', 'prototypes', fails=True)
    assert 'the daemon is not running' in done.stderr
    assert 'verdi daemon start' in done.stderr
