"""The package as a whole: light imports, engines without AiiDA, entry points, help texts."""

from __future__ import annotations

import configparser
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import aiida_limap

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ('torch', 'matminer', 'pymatgen', 'numba', 'sklearn', 'matplotlib', 'aiida.orm')


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize('statement', ['import aiida_limap', 'from aiida_limap.cli import main; main(["--help"])'])
def test_import_and_help_load_nothing_heavy(statement):
    code = f"""
import sys
try:
    exec({statement!r})
except SystemExit:
    pass
print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert 'LOADED []' in done.stdout


def test_engines_and_formats_and_visualisation_work_where_aiida_cannot_be_imported():
    names = [
        module.name
        for package in ('engines', 'formats', 'visualisation')
        for module in pkgutil.walk_packages([str(ROOT / 'aiida_limap' / package)], f'aiida_limap.{package}.')
    ]
    assert len(names) > 20
    code = f"""
import importlib, sys
for name in ('aiida', 'plumpy', 'aiida_pseudo'):
    sys.modules[name] = None
for name in {names!r}:
    importlib.import_module(name)
print('IMPORTED')
"""
    done = run_python(code)
    assert 'IMPORTED' in done.stdout, done.stderr


def read_setup() -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / 'setup.cfg')
    return config


def test_all_entry_points_load_and_carry_the_prefix():
    groups = read_setup()['options.entry_points']
    lines = [
        (group, line)
        for group, block in groups.items()
        for line in (entry.strip() for entry in block.strip().splitlines())
        if not line.startswith('#')
    ]
    assert len(lines) > 15
    for group, line in lines:
        name, _, target = (part.strip() for part in line.partition('='))
        module, _, attribute = target.partition(':')
        assert hasattr(importlib.import_module(module), attribute), line
        if group not in {'console_scripts', 'aiida.cmdline.data'}:
            assert name.startswith('limap.'), line


def test_rules_of_the_plugin_registry():
    metadata = read_setup()['metadata']
    classifiers = metadata['classifiers'].strip().splitlines()
    assert 'Framework :: AiiDA' in classifiers
    assert sum(entry.startswith('Development Status ::') for entry in classifiers) == 1
    requirements = read_setup()['options']['install_requires']
    assert 'aiida-core>=2.9' in requirements


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found.extend(commands(command, (*path, name)))
    return found


def test_every_command_has_help_with_an_example():
    from aiida_limap.cli import main
    from aiida_limap.engines.command_line import main as engine_main

    for path, command in [*commands(main, ('aiida-limap',)), *commands(engine_main, ('limap-engine',))]:
        assert 'Example' in (command.help or ''), path
        assert path[0] in (command.help or ''), path
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name not in {'output', 'formats'}:
                assert parameter.help, (path, parameter.name)


def test_the_version_is_stated_once():
    assert aiida_limap.__version__ in (ROOT / 'CITATION.cff').read_text()
    assert aiida_limap.__version__ in (ROOT / 'CHANGELOG.md').read_text()
