"""Fixtures of the tests that need an AiiDA profile; the conftest of each folder takes what it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

TESTS = Path(__file__).parent
FIXTURES = TESTS / 'fixtures'
STAND_IN = TESTS / 'workflows' / 'stand_in_engine.py'

#: What the tables of descriptors say of their columns; two parts share a column name, as layouts may.
LAYOUT: dict[str, Any] = {'layout': {'name': 'recorded'}, 'layout_checksum': 'abc'}
PARTS: dict[str, dict[str, Any]] = {
    'composition': {
        'labels': ['a', 'b', 'c', 'd'],
        'units': ['', '', 'Å', 'Å'],
        'meanings': ['first', 'second', 'third', 'fourth'],
        'blocks': {'first': [0, 4]},
        'scales': {'all': [0, 4]},
    },
    'structure': {
        'labels': ['e', 'f', 'g'],
        'units': ['Å', 'Å', 'degree'],
        'meanings': ['a distance', 'another distance', 'an angle'],
        'blocks': {'first': [0, 3]},
        'scales': {'one': [0, 1], 'two': [1, 3]},
    },
    'landscape': {
        'labels': ['h', 'e'],
        'units': ['eV', 'eV'],
        'meanings': ['an energy', 'another energy'],
        'blocks': {'first': [0, 1], 'second': [1, 2]},
        'scales': {'one': [0, 2]},
    },
}


def make_structure(scale: float = 1.0, symbols: tuple[str, ...] = ('Li', 'O')) -> Any:
    """Return a stored cubic structure."""
    from aiida.orm import StructureData

    node = StructureData(cell=(np.eye(3) * 3.0 * scale).tolist())
    for number, symbol in enumerate(symbols):
        node.append_atom(position=[0.7 * number * scale] * 3, symbols=symbol)
    return node.store()


def is_stored(uuid: str) -> bool:
    """Return whether a node is in the profile, which another test of the same process may have emptied."""
    from aiida import orm

    return orm.QueryBuilder().append(orm.Node, filters={'uuid': uuid}).count() == 1


def make_dataset(structures: list, name: str = 'test') -> Any:
    from aiida_limap.data.dataset import DatasetData

    entries = [(node.uuid, f'id-{number}') for number, node in enumerate(structures)]
    return DatasetData(name=name, structures=entries).store()


def make_descriptors(ids: list[str], missing: tuple[int, ...] = (), landscape: bool = False) -> Any:
    """Return an unstored descriptor table; rows in ``missing`` have no descriptors."""
    from aiida_limap.data.table import TableData

    blocks = {'composition': np.arange(4.0 * len(ids)).reshape(-1, 4), 'structure': np.ones((len(ids), 3))}
    if landscape:
        blocks['landscape'] = np.full((len(ids), 2), 2.0)
    for block in blocks.values():
        block[list(missing)] = np.nan
    return TableData.from_arrays(
        ids,
        {
            'status': ['failed' if row in missing else 'ok' for row in range(len(ids))],
            'formula': [f'Li{row}O' for row in range(len(ids))],
        },
        blocks=blocks,
        block_info={part: {**LAYOUT, **PARTS[part]} for part in blocks},
        metadata={'task': 'descriptors', 'engine_version': '0.1.0'},
    )


def make_screening_model() -> Any:
    """Return a stored model of a screening that has not learnt anything."""
    from aiida_limap.data.screening_model import ScreeningModelData

    return ScreeningModelData(FIXTURES / 'screen_train' / 'ok' / 'models' / 'esml.safetensors').store()


def make_densities() -> Any:
    """Return a stored density of states of lithium and oxygen, at three frequencies."""
    from aiida_limap.data.phonon_dos import PhononDosData
    from aiida_limap.formats.phonon_files import DosArrays

    by_element = np.array([[0.0, 0.5, 0.5], [0.0, 0.5, 1.5]])
    dos = DosArrays(np.array([-0.5, 0.0, 2.0]), by_element.sum(axis=0), ('Li', 'O'), by_element, (2, 0))
    return PhononDosData(dos).store()


def make_energies(ids: list[str], barriers: list[float | None]) -> Any:
    from aiida_limap.data.table import TableData

    return TableData.from_arrays(
        ids,
        {
            'status': ['ok' if barrier is not None else 'not_percolating' for barrier in barriers],
            'barrier_2d_eV': barriers,
            'barrier_3d_eV': [None] * len(ids),
            'grid_error_eV': [0.01] * len(ids),
        },
        metadata={'task': 'bvff', 'engine_version': '0.1.0', 'mobile_ion': 'Li+'},
    )


@pytest.fixture
def prepare(aiida_code_installed, tmp_path) -> Callable:
    """Return a function that runs ``prepare_for_submission`` of a calculation and gives folder and instructions."""

    def run(entry_point: str, **inputs: Any) -> SimpleNamespace:
        from aiida.common.folders import Folder
        from aiida.engine.utils import instantiate_process
        from aiida.manage.manager import get_manager
        from aiida.plugins import CalculationFactory

        inputs.setdefault('code', aiida_code_installed(label=f'engine-{uuid4().hex}', filepath_executable='/bin/true'))
        process = instantiate_process(get_manager().get_runner(), CalculationFactory(entry_point), **inputs)
        folder = tmp_path / uuid4().hex
        folder.mkdir()
        calcinfo = process.prepare_for_submission(Folder(folder))
        return SimpleNamespace(folder=folder, calcinfo=calcinfo, process=process)

    return run


@pytest.fixture
def parse(aiida_localhost) -> Callable:
    """Return a function that parses a recorded folder as the parser of a task."""

    def run(
        task: str,
        case: str,
        inputs: dict[str, Any] | None = None,
        scheduler: tuple[int, str] | None = None,
        temporary: bool = True,
    ) -> SimpleNamespace:
        from aiida import orm
        from aiida.common import LinkType
        from aiida.plugins import CalculationFactory, ParserFactory
        from aiida.plugins.entry_point import format_entry_point_string

        entry_point = f'limap.{task}'
        process_class = CalculationFactory(entry_point)
        node = orm.CalcJobNode(
            computer=aiida_localhost, process_type=format_entry_point_string('aiida.calculations', entry_point)
        )
        node.set_option('resources', {'num_machines': 1, 'num_mpiprocs_per_machine': 1})
        for label, value in (inputs or {}).items():
            node.base.links.add_incoming(value, link_type=LinkType.INPUT_CALC, link_label=label)
        if scheduler is not None:
            node.set_exit_status(scheduler[0])
            node.set_exit_message(scheduler[1])
        for value in (inputs or {}).values():
            value.store()
        node.store()
        folder = FIXTURES / task / case
        retrieved = orm.FolderData()
        for path in sorted(folder.iterdir()):
            # A folder, such as the models of a grid, is only retrieved for the parser.
            if path.is_file() and path.name not in process_class.TEMPORARY_FILES:
                retrieved.base.repository.put_object_from_file(str(path), path.name)
        retrieved.base.links.add_incoming(node, link_type=LinkType.CREATE, link_label='retrieved')
        retrieved.store()
        outputs, process = ParserFactory(entry_point).parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(folder) if temporary else None
        )
        label = next(
            (name for name, code in process_class.exit_codes.items() if code.status == process.exit_status), None
        )
        return SimpleNamespace(outputs=outputs, status=process.exit_status, message=process.exit_message, label=label)

    return run


@pytest.fixture
def stand_in_code(aiida_code_installed, tmp_path) -> Callable:
    """Return a function that gives a code which runs the stand-in of the engine, told by environment variables."""

    def make(**settings: Any) -> Any:
        script = tmp_path / f'stand-in-{uuid4().hex}'
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
        script.chmod(0o755)
        lines = ''.join(f"export STAND_IN_{name.upper()}='{value}'\n" for name, value in settings.items())
        return aiida_code_installed(
            label=f'stand-in-{uuid4().hex}', filepath_executable=str(script), prepend_text=lines
        )

    return make
