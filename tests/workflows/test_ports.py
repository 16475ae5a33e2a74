"""Every port of our processes says what it is: ``verdi plugin list`` and builders show it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest
from aiida.engine import CalcJob, WorkChain
from aiida.engine.processes.ports import PortNamespace

PROCESSES = {
    f'{group}:{entry.name}': entry.load()
    for group in ('aiida.calculations', 'aiida.workflows')
    for entry in entry_points(group=group)
    if entry.name.startswith('limap.')
}
#: Namespaces of AiiDA itself, in which we define nothing.
OF_AIIDA = ('metadata',)


def ports(namespace: PortNamespace, prefix: str = '') -> Iterator[tuple[str, Any]]:
    for name, port in namespace.items():
        if name in OF_AIIDA:
            continue
        yield prefix + name, port
        if isinstance(port, PortNamespace):
            yield from ports(port, f'{prefix}{name}.')


def spec_of(process: Any) -> Any:
    return process.spec()


@pytest.mark.parametrize('name', PROCESSES)
@pytest.mark.parametrize('side', ['inputs', 'outputs'])
def test_every_port_has_a_help(name, side):
    found = dict(ports(getattr(spec_of(PROCESSES[name]), side)))
    without = [path for path, port in found.items() if not (port.help or '').strip()]
    assert not without, f'{name} has no help for {", ".join(without)}'


@pytest.mark.parametrize('name', [name for name, process in PROCESSES.items() if isinstance(process, type)])
def test_energies_have_their_unit_in_the_help(name):
    assert issubclass(PROCESSES[name], (CalcJob, WorkChain))
    spec = spec_of(PROCESSES[name])
    for path, port in [*ports(spec.inputs), *ports(spec.outputs)]:
        if path.rpartition('.')[2] in {'migration_energies', 'training', 'table'} and 'eV' not in port.help:
            assert 'blocks' in port.help, f'{name}.{path} does not say in which unit it is'


def test_there_is_a_process_of_each_kind():
    assert {name.partition(':')[2] for name in PROCESSES} >= {'limap.bvff', 'limap.map', 'limap.concatenate_tables'}
