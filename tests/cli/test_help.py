"""The help of every command: an example to copy, and a sentence for each option."""

from __future__ import annotations

import click
import pytest

from aiida_limap.cli import main
from aiida_limap.cli.verdi_data import data_limap
from aiida_limap.engines.command_line import main as engine


def _commands(command: click.Command, context: click.Context) -> dict[str, tuple[click.Command, click.Context]]:
    found = {context.command_path: (command, context)}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            found |= _commands(inner, click.Context(inner, info_name=name, parent=context, max_content_width=120))
    return found


_ALL = {
    path: entry
    for group, name in ((main, 'aiida-limap'), (data_limap, 'verdi data limap'), (engine, 'limap-engine'))
    for path, entry in _commands(group, click.Context(group, info_name=name, max_content_width=120)).items()
}


@pytest.mark.parametrize('path', _ALL)
def test_every_command_has_an_example_and_a_help_for_each_option(path):
    command, context = _ALL[path]
    text = command.get_help(context)
    assert 'Example:' in text or 'Examples:' in text
    # `files` may be left out of `import phonons files`.
    assert f'  {path.removesuffix(" files")}' in text
    silent = [option.opts for option in command.params if isinstance(option, click.Option) and not option.help]
    assert not silent


def test_an_option_has_one_meaning_of_its_letter():
    letters: dict[str, set[str]] = {}
    for path, (command, _context) in _ALL.items():
        if not path.startswith('aiida-limap launch'):
            continue
        for option in command.params:
            short = [word for word in option.opts if not word.startswith('--')]
            if isinstance(option, click.Option) and short:
                letters.setdefault(short[0], set()).update(word for word in option.opts if word.startswith('--'))
    assert letters == {'-G': {'--group'}, '-D': {'--dataset'}, '-X': {'--code'}, '-M': {'--map'}, '-L': {'--labels'}}
