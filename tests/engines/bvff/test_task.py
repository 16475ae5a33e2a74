"""The task of a batch and the command for files."""

from __future__ import annotations

import itertools
import logging

import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.common.status import Status
from aiida_limap.engines.bvff import BvffOptions, migration_energy, read_network
from aiida_limap.engines.bvff import task as bvff_task
from aiida_limap.engines.bvff.files import run_files
from aiida_limap.engines.bvff.parameters import default_parameters
from aiida_limap.engines.bvff.task import compute_items
from aiida_limap.engines.chemistry.structures import record_from_structure
from aiida_limap.engines.errors import InputError
from aiida_limap.formats._files import FormatError
from aiida_limap.formats.job import Job
from aiida_limap.formats.landscape import read_landscape
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
    def stumble(structure, *args, **kwargs):
        if len(structure) == 2:
            raise ZeroDivisionError('by zero')
        return solve(structure, *args, **kwargs)

    solve = bvff_task.solve
    monkeypatch.setattr(bvff_task, 'solve', stumble)
    results = run_batch(tmp_path, {'bad': halide('Li', 'Cl'), 'good': lithium_oxide()}, {'spacing_angstrom': 0.4})
    assert [item.status for item in results.items] == [Status.FAILED, Status.OK]
    assert results.items[0].message == 'ZeroDivisionError: by zero'


@pytest.mark.parametrize(
    ('parameters', 'inputs', 'error', 'words'),
    [
        ({'spacing': 0.1}, {'structures': 'structures.json'}, InputError, "no option 'spacing'"),
        ({}, {}, InputError, "reads the input 'structures'"),
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


def test_rows_do_not_depend_on_how_many_are_computed_at_a_time():
    loaders = [(name, lithium_oxide) for name in ('a', 'b', 'c')]
    loaders.insert(1, ('salt', lambda: halide('Na', 'Cl')))
    options = BvffOptions(spacing_angstrom=0.4)
    one, many = (list(compute_items(loaders, options, threads=threads)) for threads in (1, 3))
    assert [item.id for item in many] == ['a', 'salt', 'b', 'c']
    for first, second in zip(one, many, strict=True):
        first.values.pop('wall_s'), second.values.pop('wall_s')
        assert first == second


def test_landscapes_and_networks_are_written_on_request(tmp_path):
    results = run_batch(
        tmp_path, {'oxide/1': lithium_oxide()}, {'spacing_angstrom': 0.4, 'landscapes': True, 'networks': True}
    )
    values = results.items[0].values
    record = read_landscape(tmp_path / values['landscape'])
    network = read_network(tmp_path / values['network'])
    assert record.id == 'oxide/1'
    assert record.energy.shape == (12, 12, 12)
    assert record.barrier_eV(2) == pytest.approx(values['barrier_2d_eV'])
    # The lowest point of the grid is not below the minimum of the continuum.
    assert record.energy_minimum_eV <= record.energy.min() + 1e-4
    assert network.barriers_eV[1] == pytest.approx(values['barrier_2d_eV'])
    tetrahedral = [site for site in network.sites if site.nearest_mobile_distance_angstrom < 0.1]
    assert [site.site_symmetry for site in tetrahedral] == ['-43m'] * 8
    assert {site.nearest_mobile_site for site in tetrahedral} == set(range(8))
    assert 0 < values['bottleneck_radius_1d_angstrom'] < 2
    assert values['bond_valence_sum_mobile'] == pytest.approx(1, abs=0.4)


def test_a_landscape_that_is_too_large_leaves_the_barriers(tmp_path):
    supercell = lithium_oxide() * (2, 2, 2)
    results = run_batch(tmp_path, {'a': supercell}, {'spacing_angstrom': 0.3, 'landscapes': True, 'max_voxels': 10_000})
    assert results.items[0].status is Status.OK
    assert 'landscape' not in results.items[0].values
    assert 'not written: a grid of 31 x 31 x 31 points' in results.items[0].message


def test_files_of_one_name_cannot_share_a_folder(tmp_path):
    paths = [tmp_path / 'a' / 'POSCAR', tmp_path / 'b' / 'POSCAR']
    with pytest.raises(InputError, match='POSCAR stands for several files'):
        run_files(paths, {}, folder=tmp_path)
