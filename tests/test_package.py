"""The package as a whole: light imports, engines without AiiDA, entry points, help texts."""

from __future__ import annotations

import configparser
import importlib
import pkgutil
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import click
import pytest

import aiida_limap

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ('torch', 'matminer', 'pymatgen', 'numba', 'sklearn', 'matplotlib', 'aiida', 'numpy', 'rich')


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


def test_the_help_of_every_group_of_commands_loads_nothing_heavy():
    code = f"""
import contextlib, io, sys
from aiida_limap.cli import _COMMANDS, main
for name in _COMMANDS:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        main([name, '--help'], standalone_mode=False)
    assert 'Usage: ' in text.getvalue()
    print('LOADED', name, [heavy for heavy in {HEAVY!r} if heavy in sys.modules])
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 8
    assert all(line.endswith(' []') for line in lines), done.stdout


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
        if group not in {'console_scripts', 'aiida.cmdline.data', 'aiida_limap.calculators'}:
            assert name.startswith('limap.'), line


def test_rules_of_the_plugin_registry():
    # The registry reads setup.cfg with the interpolation that setuptools does not use, line by line.
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    classifiers = config.get('metadata', 'classifiers').strip().splitlines()
    assert 'Framework :: AiiDA' in classifiers
    assert sum(entry.startswith('Development Status ::') for entry in classifiers) == 1
    for key in ('description', 'author', 'license'):
        assert config.get('metadata', key).strip()
    (core,) = (
        line.strip()
        for line in config.get('options', 'install_requires').splitlines()
        if line.strip().startswith('aiida-core')
    )
    assert '>=' in core and '<' in core
    prefix = config.get('metadata', 'name').removeprefix('aiida-')
    for group, block in config.items('options.entry_points'):
        for line in block.strip().splitlines():
            if not line.strip().startswith('#'):
                name, _target = line.split('=')
                assert not group.startswith('aiida.') or name.strip().startswith(prefix), line


#: What happens when somebody installs the wheel and AiiDA looks for what is in it.
LOADS_ENTRY_POINTS = """
import sys
from importlib.metadata import distribution
from pathlib import Path
import aiida_limap
assert Path(aiida_limap.__file__).is_relative_to(sys.prefix), aiida_limap.__file__
found = distribution('aiida-limap')
assert Path(found.locate_file('.')).is_relative_to(sys.prefix)
for entry_point in found.entry_points:
    entry_point.load()
    print(entry_point.group, entry_point.name)
"""


@pytest.fixture(scope='module')
def installed_wheel(tmp_path_factory) -> Path:
    """Return an environment of its own with nothing but the wheel in it; what it needs is looked up in this one."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    shutil.copytree(ROOT / 'aiida_limap', source / 'aiida_limap', ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '--quiet']
    call([*pip, 'wheel', '--no-deps', '--no-build-isolation', '--wheel-dir', str(folder), str(source)])
    (wheel,) = folder.glob('aiida_limap-*.whl')
    environment = folder / 'environment'
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / 'bin' / 'python'
    call([*pip, '--python', str(python), 'install', '--no-deps', '--no-index', str(wheel)])
    # Files with this ending are read in the environment itself only: the package of this one stays out of sight.
    (packages,) = (environment / 'lib').glob('python*/site-packages')
    (packages / 'requirements.pth').write_text(sysconfig.get_path('purelib') + '\n')
    return environment


def call(command: list[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_brings_every_entry_point_and_file(installed_wheel, tmp_path):
    lines = call([str(installed_wheel / 'bin' / 'python'), '-c', LOADS_ENTRY_POINTS], tmp_path).splitlines()
    groups = read_setup()['options.entry_points']
    expected = {
        (group, line.partition('=')[0].strip())
        for group, block in groups.items()
        for line in block.strip().splitlines()
        if not line.strip().startswith('#')
    }
    assert {tuple(line.split()) for line in lines} == expected
    assert 'Examples:' in call([str(installed_wheel / 'bin' / 'aiida-limap'), '--help'], tmp_path)
    (package,) = installed_wheel.glob('lib/python*/site-packages/aiida_limap')
    shipped = {path.relative_to(package).as_posix() for path in package.rglob('*') if path.suffix in DATA_FILES}
    here = ROOT / 'aiida_limap'
    assert shipped == {path.relative_to(here).as_posix() for path in here.rglob('*') if path.suffix in DATA_FILES}
    assert 'py.typed' in {path.name for path in package.iterdir()}


DATA_FILES = ('.yaml', '.html', '.css', '.js', '.xz')


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
