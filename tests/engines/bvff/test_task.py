"""The task of a batch and the command for files."""

from __future__ import annotations

import itertools
import logging

import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.bvff import task as bvff_task
from aiida_limap.engines.bvff.files import run_files
from aiida_limap.engines.bvff.parameters import default_parameters
from aiida_limap.engines.chemistry.structures import record_from_structure
from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.job import Job
from aiida_limap.formats.results import ResultsWriter, read_results
from aiida_limap.formats.structures import write_structures


def halide(*symbols: str) -> Structure:
    return Structure(Lattice.cubic(5.13), list(symbols), [[0, 0, 0], [0.5, 0.5, 0.5]])


def lithium_oxide() -> Structure:
    lithium = list(itertools.product((0.25, 0.75), repeat=3))
    oxygen = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    return Structure(Lattice.cubic(4.62), ['Li'] * 8 + ['O'] * 4, lithium + oxygen)


def run_batch(directory, structures, parameters=None):
    records = [record_from_structure(structure, name) for name, structure in structures.items()]
    write_structures(directory / 'structures.json', records)
    writer = ResultsWriter(directory, 'bvff', '1')
    bvff_task.run(Job('bvff', parameters or {}, {'structures': 'structures.json'}), directory, writer)
    writer.finish()
    return read_results(directory)


def test_every_structure_gets_a_row(tmp_path, caplog):
    overlapping = halide('Li', 'Cl')
    overlapping.append('Cl', [0.5, 0.5, 0.45])
    structures = {
        'good': lithium_oxide(),
        'none': halide('Na', 'Cl'),
        'shared': halide({'Li': 0.5}, 'Cl'),
        'overlap': overlapping,
        'alloy': halide('Li', 'Al'),
        'hydride': halide('Li', 'H'),
        'large': Structure(Lattice.cubic(12), ['Li', 'Cl'], [[0, 0, 0], [0.5] * 3]),
    }
    with caplog.at_level(logging.INFO, logger='aiida_limap'):
        results = run_batch(tmp_path, structures, {'spacing_angstrom': 0.4, 'max_voxels': 20_000})
    words = {item.id: item.status for item in results.items}
    assert words == {
        'good': Status.OK,
        'none': Status.NO_MOBILE_ION,
        'shared': Status.DISORDERED,
        'overlap': Status.OVERLAPPING_SITES,
        'alloy': Status.NO_OXIDATION_STATES,
        'hydride': Status.NO_PARAMETERS,
        'large': Status.TOO_LARGE,
    }
    assert all(item.message for item in results.items[1:])
    expected = migration_energy(lithium_oxide(), spacing=0.4)
    assert results.items[0].values['barrier_2d_eV'] == pytest.approx(expected.barrier_2d, abs=1e-6)
    assert results.summary['counts']['ok'] == 1
    assert results.summary['options']['spacing_angstrom'] == 0.4
    assert results.summary['parameters_checksum'] == default_parameters().checksum
    assert [record.message for record in caplog.records if '7/7 large too_large' in record.getMessage()]


def test_oxidation_states_of_the_record_are_used(tmp_path):
    structure = lithium_oxide()
    structure.add_oxidation_state_by_element({'Li': 1, 'O': -2})
    results = run_batch(tmp_path, {'a': structure}, {'spacing_angstrom': 0.4})
    assert results.items[0].values['oxidation_method'] == 'structure'


def test_time_limit_costs_one_row(tmp_path):
    results = run_batch(tmp_path, {'a': halide('Li', 'Cl')}, {'time_limit_s': 1e-9})
    assert [item.status for item in results.items] == [Status.OUT_OF_TIME]


def test_unexpected_error_costs_one_row(tmp_path, monkeypatch):
    def stumble(structure, _options):
        if len(structure) == 2:
            raise ZeroDivisionError('by zero')
        return compute(structure, _options)

    compute = bvff_task.compute
    monkeypatch.setattr(bvff_task, 'compute', stumble)
    results = run_batch(tmp_path, {'bad': halide('Li', 'Cl'), 'good': lithium_oxide()}, {'spacing_angstrom': 0.4})
    assert [item.status for item in results.items] == [Status.FAILED, Status.OK]
    assert results.items[0].message == 'ZeroDivisionError: by zero'


@pytest.mark.parametrize(
    ('parameters', 'inputs', 'error', 'words'),
    [
        ({'spacing': 0.1}, {'structures': 'structures.json'}, InputError, "no option 'spacing'"),
        ({}, {}, InputError, "one input, 'structures'"),
        ({}, {'structures': 'absent.json'}, FormatError, 'absent.json'),
    ],
)
def test_wrong_jobs_fail_as_a_whole(tmp_path, parameters, inputs, error, words):
    with pytest.raises(error, match=words):
        bvff_task.run(Job('bvff', parameters, inputs), tmp_path, ResultsWriter(tmp_path, 'bvff', '1'))


def test_files_give_rows_in_their_order(tmp_path):
    good, none, broken = (tmp_path / name for name in ('POSCAR_good', 'POSCAR_none', 'broken.cif'))
    lithium_oxide().to(filename=str(good), fmt='poscar')
    halide('Na', 'Cl').to(filename=str(none), fmt='poscar')
    broken.write_text('this is no structure\n')
    seen = []
    paths = [good, none, broken, tmp_path / 'absent.cif']
    items = run_files(paths, {'spacing_angstrom': 0.4}, seen.append)
    assert items == seen
    assert [item.id for item in items] == [str(path) for path in paths]
    assert [item.status for item in items] == [Status.OK, Status.NO_MOBILE_ION, Status.FAILED, Status.FAILED]
    assert 'broken.cif cannot be read' in items[2].message
    assert 'there is no file' in items[3].message


def test_files_refuse_unknown_options(tmp_path):
    with pytest.raises(InputError, match='resolution'):
        run_files([tmp_path / 'a.cif'], {'resolution': 0.1})
