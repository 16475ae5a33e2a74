"""Fixtures of the tests of the command line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from plugins_aiida import stand_in_code
from plugins_graph import graph

from aiida_limap.cli import main
from aiida_limap.engines.chemistry import prototypes

__all__ = ['cif', 'fails', 'graph', 'library', 'run', 'stand_in_code']

#: Edges of cells (Å), another for each test: all tests of a process share one profile.
EDGES = itertools.count(3.2, 0.001)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a command of verdi does to the logging of its process: reports would no longer reach the database."""
    from aiida.common import log

    yield
    if log.CLI_ACTIVE:
        log.CLI_ACTIVE = log.CLI_LOG_LEVEL = None
        log.configure_logging(with_orm=True)


@pytest.fixture
def run(aiida_profile, tmp_path, monkeypatch) -> Callable[..., Result]:
    """Return a function that runs a command which must succeed, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exception is None, result.output
        assert result.exit_code == 0
        return result

    return call


@pytest.fixture
def fails(aiida_profile, tmp_path, monkeypatch) -> Callable[..., str]:
    """Return a function that runs a command which must fail, and gives its one sentence."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> str:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        # Any other exception would be a traceback on the screen of a user.
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code != 0
        (line,) = (line for line in result.stderr.splitlines() if line.startswith('Error: '))
        assert result.stderr.rstrip().endswith(line)
        return line

    return call


@pytest.fixture
def cif(tmp_path) -> Path:
    """Return a structure file that is new to the profile."""
    from pymatgen.core import Lattice, Structure

    path = tmp_path / 'crystals' / 'mp-1.cif'
    path.parent.mkdir()
    Structure(Lattice.cubic(next(EDGES)), ['Li', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(str(path))
    return path


@pytest.fixture
def library(monkeypatch) -> list[prototypes.LibraryEntry]:
    """Put the first prototypes in place of the library, which takes seconds to build."""
    entries = [
        prototypes.LibraryEntry(
            id=f'limap-proto-{entry.name}',
            formula=entry.formula,
            family=entry.family,
            structure_type=entry.structure_type,
            origin='literature',
            prototype=entry.name,
            substitutions={},
            citation=entry.citation,
            citation_status=entry.citation_status,
            doi=entry.doi,
            materials_project_counterpart=entry.materials_project_counterpart,
            structure=entry.structure(),
        )
        for entry in prototypes.load_prototypes()[:12]
    ]
    monkeypatch.setattr(prototypes, 'build_library', lambda: entries)
    return entries
