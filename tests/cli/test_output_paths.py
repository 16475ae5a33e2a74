"""A name of a file never becomes that of a folder, in any command that writes several files."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aiida_limap.cli import main
from aiida_limap.cli.output_paths import OutputFolder, OutputPage

#: What is asked for, and what is advised.
WRITE_FOLDERS = {
    ('map', 'report', '-o', 'oxides.html'): '--output oxides --format html',
    ('map', 'report', '-o', 'deep/oxides.PDF'): '--output deep/oxides --format pdf',
    ('map', 'figures', '-o', 'oxides.svg'): '--output oxides --format svg',
    ('map', 'export', '-o', 'oxides.tar.gz'): '--output oxides',
    ('screen', 'report', '-o', 'hits.html'): '--output hits --format html',
    ('screen', 'figures', '-o', 'hits.html'): '--output hits',
    ('phonons', 'page', '-o', 'phonons.html'): '--output phonons',
    ('phonons', 'figures', '-o', 'phonons.pdf'): '--output phonons --format pdf',
}


@pytest.mark.parametrize('arguments', WRITE_FOLDERS, ids=' '.join)
def test_the_name_of_a_file_is_refused_and_a_folder_advised(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    line = done.stderr.splitlines()[-1]
    assert f'{arguments[-1]} is the name of a file, but several files are written' in line
    assert line.endswith(f'such as {WRITE_FOLDERS[arguments]}')
    assert not list(tmp_path.iterdir())


def _commands(command: click.Command, context: click.Context) -> dict[str, click.Command]:
    if not isinstance(command, click.Group):
        return {context.command_path: command}
    found: dict[str, click.Command] = {}
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        found |= _commands(inner, click.Context(inner, info_name=name, parent=context))
    return found


def test_every_output_of_every_command_is_a_folder_or_a_page():
    commands = _commands(main, click.Context(main, info_name='aiida-limap'))
    outputs = {
        path: option.type
        for path, command in commands.items()
        for option in command.params
        if '--output' in option.opts
    }
    assert len(outputs) == 8
    assert {path.split()[-1] for path, kind in outputs.items() if isinstance(kind, OutputPage)} == {'page'}
    assert all(isinstance(kind, (OutputFolder, OutputPage)) for kind in outputs.values()), outputs


def test_a_folder_of_any_name_that_there_is_is_taken(tmp_path):
    folder = tmp_path / 'site.html'
    folder.mkdir()
    assert OutputFolder().convert(folder, None, None) == folder
    assert OutputFolder().convert('oxides-0.2', None, None) == Path('oxides-0.2')
    assert OutputPage('map.html').convert(str(folder), None, None) == folder / 'map.html'
