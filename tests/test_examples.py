"""The example scripts: those without AiiDA are run as a reader would, of the others the names are checked."""

from __future__ import annotations

import ast
import csv
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / 'examples'
SCRIPTS = sorted(EXAMPLES.glob('*.py'))
#: Longer than anything takes on a machine that is busy with other tests.
TIMEOUT_S = 900


def run(script: str, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_barriers_of_a_crystal_of_the_library_are_printed(tmp_path):
    lines = run('barrier_of_a_file.py', folder=tmp_path).splitlines()
    assert (tmp_path / 'Li3PO4-gamma.cif').is_file()
    assert lines[-2].split()[0] == 'file'
    name, *barriers, status = lines[-1].split()
    assert (name, status) == ('Li3PO4-gamma.cif', 'ok')
    one, two, three = (float(barrier) for barrier in barriers)
    assert 0 < one <= two <= three


def test_the_barriers_of_files_go_on_after_one_without_lithium(tmp_path):
    from pymatgen.core import Lattice, Structure

    rock_salt = Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    rock_salt.to(str(tmp_path / 'magnesia.cif'))
    line = run('barrier_of_a_file.py', 'magnesia.cif', folder=tmp_path).splitlines()[-1]
    assert line.startswith('magnesia.cif')
    assert 'no_mobile_ion: ' in line


def test_paths_and_landscape_of_a_garnet_are_drawn(tmp_path):
    text = run('energy_profile.py', folder=tmp_path)
    assert text.startswith('Li7La3Zr2O12: barriers (')
    assert '4 sites D: 0.111 eV, site symmetry -4, 0.00 Å from the nearest lithium site' in text
    for name in ('profile.png', 'landscape.png', 'landscape.cube'):
        assert f'wrote {name}' in text
        assert (tmp_path / name).stat().st_size > 10_000


def test_a_map_is_drawn_without_aiida(tmp_path):
    text = run('map_without_aiida.py', 'out', folder=tmp_path)
    written = [tmp_path / line.removeprefix('wrote ') for line in text.splitlines() if line.startswith('wrote ')]
    assert {path.name for path in written} >= {'map.html', 'map.png', 'heatmap.png', 'map.csv'}
    assert all(path.stat().st_size > 0 for path in written)
    with (tmp_path / 'out' / 'map.csv').open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith('#')))
    assert len(rows) == 60
    assert list(tmp_path.iterdir()) == [tmp_path / 'out']


def test_the_descriptors_of_a_crystal_of_the_library_are_listed_and_drawn(tmp_path):
    text = run('descriptors_of_one_compound.py', folder=tmp_path)
    assert 'LiZr2(PO4)3' in text
    assert '2640 numbers' in text
    assert (tmp_path / 'descriptors.png').stat().st_size > 0
    with (tmp_path / 'descriptors.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['index'] for row in rows] == [str(number) for number in range(1, 2641)]
    fractions = {row['name']: float(row['value']) for row in rows if row['block'] == 'element_fractions'}
    assert fractions['fraction_O'] == pytest.approx(12 / 18)
    assert rows[1782]['name'] == 'rdf_Li-Li_0.05'
    assert rows[1782]['unit'] == 'Å'


def test_the_notebook_runs_from_top_to_bottom_and_is_kept_without_outputs():
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(EXAMPLES / 'map_notebook.ipynb', as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    # The kernel of this environment, whatever kernels the machine has.
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        startup_timeout=TIMEOUT_S,
        kernel_name='python3',
        resources={'metadata': {'path': EXAMPLES}},
    )
    client.km = client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    # Files instead of ports, which another process may take before the kernel does; their names must be short.
    with tempfile.TemporaryDirectory(prefix='limap-') as folder:
        client.km.transport, client.km.ip = 'ipc', f'{folder}/kernel'
        client.execute()
    assert '60 points' in cells[0].outputs[-1].text
    data = cells[1].outputs[-1].data
    assert 'application/vnd.jupyter.widget-view+json' in data
    widgets = notebook.metadata.widgets['application/vnd.jupyter.widget-state+json']['state'].values()
    (viewer,) = (widget['state'] for widget in widgets if widget['model_module'] == 'anywidget')
    assert viewer['settings']['map']['x']['property'] == 'Composition code'
    assert len(json.loads(viewer['value'])['structures']) == 60
    assert cells[2].outputs[-1].text.startswith('shown now: limap-')
    table = cells[-1].outputs[-1].data['text/html']
    assert table.count('<tr') == 6


@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.stem)
def test_an_example_says_how_to_run_it_and_imports_what_there_is(script):
    tree = ast.parse(script.read_text())
    compile(tree, script.name, 'exec')
    assert f'python examples/{script.name}' in (ast.get_docstring(tree) or '')
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != '__future__']
    assert any(str(node.module).startswith('aiida_limap') for node in imports)
    for node in imports:
        module = importlib.import_module(str(node.module))
        for alias in node.names:
            assert hasattr(module, alias.name), f'{node.module} has no {alias.name}'


def test_every_example_is_listed():
    text = (EXAMPLES / 'README.md').read_text()
    assert SCRIPTS
    for script in [*SCRIPTS, *EXAMPLES.glob('*.ipynb')]:
        assert f'({script.name})' in text
