"""A map whose model reads phonons too, run for real with the real engine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.common import LinkType
from aiida.engine import run_get_node
from plugins_aiida import make_dataset, make_structure

from aiida_limap.common.conversion import node_from_pymatgen
from aiida_limap.common.phonons import phonon_block_info, phonon_column_info
from aiida_limap.data.table import TableData
from aiida_limap.engines.phonons import embedded_phonons
from aiida_limap.tools.bundle import map_bundle
from aiida_limap.tools.provenance import map_provenance
from aiida_limap.workflows.encode import EncodeWorkChain
from aiida_limap.workflows.map import MapWorkChain

COLUMNS = ['mobile_band_centre_THz', 'total_band_centre_THz', 'mobile_width_THz', 'mobile_dos']
OVERRIDES: dict[str, Any] = {
    'featurize': {'descriptors': {'parameters': {'layout': 'compact'}}},
    'train': {
        'parameters': {'preset': 'quick', 'max_epochs': 3, 'threads': 1, 'split': {'by': 'random', 'seed': 1}},
    },
    'encode': {'parameters': {'grid_size': 5}},
}


@pytest.fixture
def code(aiida_code_installed) -> orm.Code:
    engine = Path(sys.executable).with_name('limap-engine')
    return aiida_code_installed(label='real-engine', filepath_executable=str(engine))


def compounds(*scales: float, computer: orm.Computer | None = None) -> tuple[list[orm.StructureData], TableData]:
    """Return the embedded crystals in several sizes, and phonons as if frequencies went with the size.

    The first structure has none. With a computer, a job on it has made the table.
    """
    from aiida_limap.engines.phonons.fingerprint import FINGERPRINT_FREQUENCIES_THZ, dos_fingerprint

    structures, columns, densities = [], {name: [] for name in COLUMNS[:3]}, []
    for scale in scales:
        for entry in embedded_phonons():
            crystal = entry.structure.copy()
            crystal.scale_lattice(crystal.volume * scale**3)
            structures.append(node_from_pymatgen(crystal, None).store())
            for name, values in columns.items():
                values.append(entry.quantities[name] / scale)
            densities.append(dos_fingerprint(entry.dos, 'Li'))
    info = phonon_block_info({'frequencies_THz': np.asarray(FINGERPRINT_FREQUENCIES_THZ).tolist()})
    table = TableData.from_arrays(
        [structure.uuid for structure in structures[1:]],
        {name: values[1:] for name, values in columns.items()},
        column_info=phonon_column_info(list(columns)),
        blocks={'mobile_dos': np.array(densities[1:])},
        block_info={'mobile_dos': info['mobile_dos']},
        metadata={'task': 'phonons', 'options': {'mobile': 'Li', 'smearing_THz': 0.1}},
    )
    if computer is not None:
        job = orm.CalcJobNode(computer=computer, process_type='aiida.calculations:limap.phonons')
        job.set_process_label('PhononsCalculation')
        table.base.links.add_incoming(job.store(), LinkType.CREATE, 'table')
        job.set_process_state('finished')
        job.seal()
    return structures, table.store()


def map_of(code: orm.Code, structures: list, phonons: TableData) -> tuple[dict, orm.WorkChainNode]:
    builder = MapWorkChain.get_builder_from_protocol(
        code, make_dataset(structures), 'fast', OVERRIDES, phonons=phonons, phonon_columns=COLUMNS
    )
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    return outputs, node


def test_a_map_reads_phonons_and_places_new_structures_by_theirs(code):
    structures, phonons = compounds(1.0, 1.03, computer=code.computer)
    outputs, node = map_of(code, structures, phonons)
    assert '17 structures have phonons, 1 without are left out' in get_workchain_report(node, 'REPORT')
    table, model, points = (outputs[name] for name in ('descriptors', 'model', 'map'))
    assert table.counts_by_status == {'ok': 17, 'no_phonons': 1}
    assert table.creator.process_label == 'join_phonons'
    assert points.ids == [structure.uuid for structure in structures[1:]]
    columns = model.header['columns']
    assert model.further_parts == ('phonons',)
    assert columns['phonons']['checksum'] == table.block_info('phonons')['checksum']
    start, stop = columns['blocks']['structure']['phonons.mobile_dos']
    assert (stop - start, stop) == (180, len(columns['structure_labels']))
    told = outputs['output_parameters']['train']['phonons']
    assert (told['n_used'], told['n_left_out'], told['columns']) == (17, 1, COLUMNS)

    # The same tables give the same model again.
    job = model.creator
    again, training = run_get_node(job.get_builder_restart())
    assert training.is_finished_ok
    assert not training.base.caching.is_created_from_cache
    assert again['training'].checksum == outputs['training'].checksum
    assert all(np.array_equal(values, again['model'].weights()[name]) for name, values in model.weights().items())

    # The block is decoded like the rest, and its columns have their units.
    bundle = map_bundle(points)
    described = bundle.descriptors['structure']
    assert described.columns[stop - 1].unit == 'THz'
    assert (
        described.columns[stop - 1].meaning == 'density of states of the mobile element, per atom (1/THz) at 34.75 THz'
    )
    assert described.columns[stop - 1].block == 'phonons.mobile_dos'
    assert described.decoded.shape[1] == stop
    given = described.rows[:, start:stop] * described.factors[start:stop]
    assert np.allclose(given, table.block('phonons')[1:, -180:], atol=1e-5)
    # Who asks for the job behind the descriptors is not told the one behind the phonons.
    for provenance in (map_provenance(points), map_provenance(points, points.ids[0])):
        steps = provenance.steps_of(points.ids[0])
        assert steps['descriptors'].kind == 'DescriptorsCalculation'
        assert steps['phonons'].uuid == phonons.creator.uuid

    new, their_phonons = compounds(0.97)
    builder = EncodeWorkChain.get_builder_from_protocol(
        code, make_dataset(new, 'new'), points, with_energies=False, phonons=their_phonons
    )
    placed, node = run_get_node(builder)
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    assert '8 structures have phonons, 1 without are left out' in get_workchain_report(node, 'REPORT')
    assert placed['map'].n_new == 8

    with pytest.raises(ValueError, match='phonons: the model of the map reads mobile_band_centre_THz, total'):
        run_get_node(EncodeWorkChain.get_builder_from_protocol(code, make_dataset(new), points))
    with pytest.raises(ValueError, match='the table has a row of none of the 9 structures'):
        run_get_node(EncodeWorkChain.get_builder_from_protocol(code, make_dataset(new), points, phonons=phonons))


def test_phonons_that_a_map_cannot_read_are_refused_at_once(stand_in_code):
    structure = make_structure()
    phonons = TableData.from_arrays(
        [structure.uuid], {'mobile_band_centre_THz': [None], 'status': ['unstable'], 'message': ['it is not']}
    )

    def launch(**inputs: Any) -> None:
        run_get_node(
            MapWorkChain.get_builder_from_protocol(stand_in_code(), make_dataset([structure]), 'fast', **inputs)
        )

    with pytest.raises(ValueError, match='phonon_columns: there is no table'):
        launch(phonon_columns=COLUMNS)
    with pytest.raises(ValueError, match="the table has no column of numbers or block 'total_band_centre_THz'"):
        launch(phonons=phonons)
    with pytest.raises(ValueError, match='its phonons have the status unstable: it is not'):
        launch(phonons=phonons, phonon_columns=['mobile_band_centre_THz'])


def test_a_map_without_phonons_takes_no_phonons(stand_in_code):
    outputs, node = run_get_node(
        MapWorkChain.get_builder_from_protocol(stand_in_code(), make_dataset([make_structure()]), 'fast')
    )
    assert node.exit_status == 0, get_workchain_report(node, 'REPORT')
    new = make_structure(2.0)
    phonons = TableData.from_arrays([new.uuid], {'mobile_band_centre_THz': [1.0]})
    with pytest.raises(ValueError, match='phonons: the model of the map reads none; leave them out'):
        run_get_node(
            EncodeWorkChain.get_builder_from_protocol(
                stand_in_code(), make_dataset([new]), outputs['map'], phonons=phonons
            )
        )
