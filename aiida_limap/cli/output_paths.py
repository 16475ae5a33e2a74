"""What ``--output`` takes: a folder where a command writes several files, an HTML file where it writes one page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import os

__all__ = ['OutputFolder', 'OutputPage', 'output_folder_option']

F = TypeVar('F', bound=Callable[..., Any])

#: Endings of names that people give to files; a folder may well be called oxides-0.2.
_FILE_ENDINGS = (
    '.html', '.htm', '.pdf', '.png', '.svg', '.jpg', '.json', '.csv', '.txt', '.bib', '.md',
    '.aiida', '.zip', '.gz', '.tar', '.tgz', '.bz2', '.xz',
)  # fmt: skip
_PAGE_ENDINGS = ('.html', '.htm')


class OutputFolder(click.Path):
    """A folder to write several files to; the name of a file is refused, and does not become that of a folder."""

    name = 'folder'

    def __init__(self) -> None:
        """Take folders that there are, and those that are yet to be made."""
        super().__init__(path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path.

        :param value: what was given.
        :param param: the option.
        :param ctx: the context of the command.
        """
        path = Path(value)
        ending = path.suffix.lower()
        if ending not in _FILE_ENDINGS or path.is_dir():
            return super().convert(value, param, ctx)
        while path.suffix.lower() in _FILE_ENDINGS:
            path = path.with_suffix('')
        asked = f' --format {ending[1:]}' if ending[1:] in _formats(ctx) else ''
        self.fail(
            f'{value} is the name of a file, but several files are written; name a folder for them, such as '
            f'--output {path}{asked}',
            param,
            ctx,
        )


class OutputPage(click.Path):
    """An HTML file to write; a folder that there is gets one of the usual name."""

    name = 'file'

    def __init__(self, usual: str) -> None:
        """Take names that a browser opens.

        :param usual: name of the file in a folder.
        """
        super().__init__(path_type=Path)
        self.usual = usual

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path.

        :param value: what was given.
        :param param: the option.
        :param ctx: the context of the command.
        """
        path = Path(value)
        if path.is_dir():
            path /= self.usual
        if path.suffix.lower() not in _PAGE_ENDINGS:
            html = path.with_suffix('.html') if path.suffix.lower() in _FILE_ENDINGS else Path(f'{path}.html')
            self.fail(
                f'{value} is neither a folder that there is nor a name ending in .html; the page is one HTML file, '
                f'such as --output {html}',
                param,
                ctx,
            )
        return super().convert(path, param, ctx)


def output_folder_option(usual: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--output``, a folder for several files.

    :param usual: the folder unless another is named.
    """
    return click.option(
        '-o',
        '--output',
        type=OutputFolder(),
        metavar='FOLDER',
        default=Path(usual),
        show_default=True,
        help='Folder to write to; made where it is missing.',
    )


def _formats(ctx: click.Context | None) -> tuple[str, ...]:
    """Return which formats the command can write."""
    for option in ctx.command.params if ctx is not None else ():
        if option.name == 'formats':
            return tuple(option.type.choices) if isinstance(option.type, click.Choice) else ('html', 'pdf')
    return ()
