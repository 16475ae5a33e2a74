"""The task of phonons with structures: computed by a calculator of an entry point, one row each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plugins_calculators import CALCULATOR, CALCULATORS, QUICK, alloy, path_with_calculators
from pymatgen.core import Lattice, Structure

pytest.importorskip('ase', reason='calculators need ASE, of the extra mlip')

from aiida_limap.common.calculators import CALCULATOR_REFUSED
from aiida_limap.engines.chemistry.structures import record_from_structure
from aiida_limap.engines.phonons import phonon_quantities, read_phonons
from aiida_limap.engines.phonons.options import PhononOptions
from aiida_limap.engines.run import run_job
from aiida_limap.formats.job import Job, write_job
from aiida_limap.formats.results import read_results
from aiida_limap.formats.structures import read_structures, write_structures

STOPPED = Path(__file__).parents[2] / 'workflows' / 'engine_with_walltime.py'


@pytest.fixture(autouse=True)
def calculators(monkeypatch):
    monkeypatch.syspath_prepend(str(CALCULATORS))


def write(directory, structures, parameters=None, **changes):
    write_structures(
        directory / 'structures.json', [record_from_structure(found, name) for name, found in structures.items()]
    )
    given = {**QUICK, 'calculator': {**CALCULATOR, **changes}} if parameters is None else parameters
    write_job(directory / 'job.json', Job('phonons', given, {'structures': 'structures.json'}))


def run(directory, structures, parameters=None, **changes):
    write(directory, structures, parameters, **changes)
    return run_job('phonons', directory / 'job.json'), read_results(directory)


def test_every_structure_gets_a_row_and_its_forces_are_kept(tmp_path):
    shared = Structure(Lattice.cubic(4.0), [{'Li': 0.5, 'Na': 0.5}], [[0, 0, 0]])
    code, results = run(
        tmp_path,
        {
            'good': alloy('Al'),
            'heavy': alloy('Au', share=1),
            'sodium': Structure(Lattice.cubic(4.1), ['Na'], [[0, 0, 0]]),
            'unknown': alloy('Cs'),
            'shared': shared,
        },
    )
    assert (code, results.complete, results.error) == (0, True, None)
    rows = {item.id: item for item in results.items}
    assert {name: str(row.status) for name, row in rows.items()} == {
        'good': 'ok',
        'heavy': 'ok',
        'sodium': 'no_mobile_ion',
        'unknown': 'unknown_element',
        'shared': 'disordered',
    }
    assert 'invented-calculators 1.0 lennard-jones does not know Cs' in rows['unknown'].message
    assert rows['good'].message.startswith('forces of an invented potential; relaxed in ')
    values = rows['good'].values
    assert values['calculator'] == 'invented-calculators 1.0 lennard-jones'
    assert values['files'] == {'structure': f'relaxed by {values["calculator"]}', 'forces': values['calculator']}
    assert (values['formula'], values['supercell_atoms'], values['displacements']) == ('Li3Al', 32, 2)
    assert values['space_group'] == 'Pm-3m (221)'
    assert values['energy_per_atom_eV'] < -0.5
    assert values['largest_force_at_rest_eV_per_angstrom'] < 2e-3
    assert len(set(values['cell_lengths_angstrom'])) == 1
    assert values['relative_volume_change'] == pytest.approx((values['cell_lengths_angstrom'][0] / 4.1) ** 3 - 1, 1e-4)
    assert results.summary['calculator'] == {
        'name': 'invented',
        'package': 'invented-calculators 1.0',
        'model': 'lennard-jones',
        'checksum': '2.7 0.1',
        'note': 'forces of an invented potential',
    }
    settings = results.summary['options']['calculator']
    assert (settings['name'], settings['relax'], settings['max_steps']) == ('invented', 'cell', 500)
    # From the row back to the forces, and from these to the same numbers.
    assert {path.name.split('.')[0] for path in (tmp_path / 'forces').iterdir()} == {'good', 'heavy'}
    options = PhononOptions(mesh_length_angstrom=12.0, refinements=0)
    _, again = phonon_quantities(read_phonons(tmp_path / 'forces' / 'good.phonopy_params.yaml.xz'), options)
    assert again.values()['mobile_band_centre_THz'] == pytest.approx(values['mobile_band_centre_THz'], rel=1e-6)
    (relaxed,) = read_structures(tmp_path / 'forces' / 'good.structures.json')
    assert relaxed.id == 'good'
    np.testing.assert_allclose(np.linalg.norm(relaxed.cell, axis=1), values['cell_lengths_angstrom'], atol=1e-5)


@pytest.mark.parametrize(
    ('structure', 'changes', 'word', 'words'),
    [
        (alloy(lattice=4.4), {'max_steps': 1}, 'not_relaxed', 'Li3Al: the crystal is not relaxed after 1 steps'),
        (alloy(lattice=4.9), {'relax': 'none'}, 'unstable', 'of the modes are imaginary'),
        (alloy(), {'max_atoms': 31}, 'too_large', 'the supercell has 32 atoms, more than max_atoms 31'),
        (
            alloy(lattice=4.4),
            {'time_limit_s': 1e-3},
            'out_of_time',
            '0.001 s was reached after 0 steps of the relaxation',
        ),
    ],
)
def test_what_has_no_answer_says_why(tmp_path, structure, changes, word, words):
    code, results = run(tmp_path, {'one': structure}, **changes)
    (row,) = results.items
    assert (code, str(row.status)) == (0, word)
    assert words in row.message
    assert (row.values['formula'], row.values['calculator']) == ('Li3Al', 'invented-calculators 1.0 lennard-jones')
    # What was computed before the answer failed stands in the row, and its forces are kept.
    assert ('supercell_atoms' in row.values) == (word == 'unstable') == (tmp_path / 'forces').exists()


def test_forces_are_left_out_on_request_and_numbers_stay_the_same(tmp_path):
    first = run(tmp_path, {'one': alloy()}, keep_forces=False)[1]
    assert not (tmp_path / 'forces').exists()
    second = run(tmp_path, {'one': alloy()}, keep_forces=True)[1]
    for name, row in first.arrays.items():
        assert np.array_equal(second.arrays[name], row), name
    left_out = {'wall_s', 'read_s'}
    (before,), (after,) = first.items, second.items
    assert {key: value for key, value in before.values.items() if key not in left_out} == {
        key: value for key, value in after.values.items() if key not in left_out
    }


def test_a_job_that_is_stopped_keeps_its_rows(tmp_path):
    write(tmp_path, {'one': alloy(), 'two': alloy('Au'), 'three': alloy('Mg')})
    environment = {**os.environ, 'PYTHONPATH': path_with_calculators(), 'WALLTIME_MARK': str(tmp_path / 'mark')}
    done = subprocess.run(
        [sys.executable, str(STOPPED), 'phonons', 'job.json'],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGTERM, done.stderr.decode()
    results = read_results(tmp_path)
    assert ([item.id for item in results.items], results.complete) == (['one'], False)
    assert results.arrays['row_ids'].tolist() == ['one']
    assert len(list((tmp_path / 'forces').iterdir())) == 2


@pytest.mark.parametrize(
    ('calculator', 'words'),
    [
        ({'name': 'absent'}, f"{CALCULATOR_REFUSED}: the calculator 'absent' needs a package that is not installed"),
        ({'name': 'nobody'}, f"{CALCULATOR_REFUSED}: there is no calculator 'nobody'; known are absent"),
        ({'name': 'invented', 'parameters': {'colour': 1}}, f"{CALCULATOR_REFUSED}: the calculator 'invented' cannot"),
        ({'relax': 'cell'}, 'must name one'),
        ({'name': 'invented', 'relax': 'all'}, 'option relax must be one of'),
        ({'name': 'invented', 'colour': 'red'}, "no option 'colour'"),
        ({'name': 'invented', 'keep_forces': 1}, 'keep_forces must be true or false'),
        ({'name': 'invented', 'parameters': 'fast'}, 'must be a mapping'),
        (None, 'the phonons of structures need a calculator'),
    ],
)
def test_a_wrong_calculator_ends_the_job_with_a_sentence(tmp_path, calculator, words):
    code, results = run(tmp_path, {'one': alloy()}, {} if calculator is None else {'calculator': calculator})
    assert code == 2
    assert words in results.error
    assert not results.items
