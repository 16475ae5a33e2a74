"""What the commands share that write reports and figures: their options, what they print, and HTML and PDF."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aiida_limap.cli.base import OUTPUT_FORMATS, counting_bar, writable_folder
from aiida_limap.cli.output_paths import output_folder_option

if TYPE_CHECKING:
    from aiida_limap.visualisation.figure_files import WrittenFigures

__all__ = [
    'document_options',
    'draw_with_bar',
    'figure_options',
    'report_formats',
    'report_of_file',
    'source_options',
    'tell_figures',
    'tell_files',
    'write_documents',
]

Command = Callable[..., None]
Option = Callable[[Command], Command]
ReportT = TypeVar('ReportT')

_FORMATS = ('html', 'pdf')


def _all(options: Sequence[Option]) -> Option:
    def add(function: Command) -> Command:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def source_options(name: str, file: str, title: str, *further: Option) -> Option:
    """Return a decorator that adds what a report is made from: nodes of the profile, or a file.

    :param name: name of the argument.
    :param file: name of the file.
    :param title: help of the option ``--title``.
    :param further: options that stand before ``--title``.
    """
    return _all(
        (
            click.argument(name, metavar=f'[{name.upper()}]', required=False),
            click.option('--from', 'source', type=click.Path(path_type=Path), help=f'Read a {file} and no profile.'),
            *further,
            click.option('--title', help=title),
            click.option('--json', 'as_json', is_flag=True, help='Print the files, and what was left out, as JSON.'),
        )
    )


def figure_options(names: str, more: str = '') -> Option:
    """Return a decorator that adds where figures go, in which formats, and which ones.

    :param names: all figures.
    :param more: what else the option ``--only`` takes.
    """
    return _all(
        (
            output_folder_option('figures'),
            click.option(
                '--format', 'formats', type=click.Choice(OUTPUT_FORMATS), multiple=True, default=OUTPUT_FORMATS,
                show_default=True, help='Format of the pictures; may be given again.',
            ),
            click.option('--only', metavar='NAMES', help=f'Only these, separated by commas: {names}{more}.'),
        )
    )  # fmt: skip


def document_options() -> Option:
    """Return a decorator that adds where a report goes, in which formats, and what prints it."""
    return _all(
        (
            output_folder_option('report'),
            click.option(
                '--format', 'formats', metavar='NAMES', default='html', show_default=True,
                help='html, pdf or html,pdf.',
            ),
            click.option(
                '--browser', metavar='NAME',
                help='Chromium, Chrome or Edge that prints the PDF; else one is looked for.',
            ),
        )
    )  # fmt: skip


def report_formats(text: str, browser: str | None) -> tuple[str, ...]:
    """Return the formats that a person means.

    :param text: names separated by commas.
    :param browser: the browser that prints a PDF; None looks for one.
    :raises click.ClickException: if one is unknown, or there is none.
    :raises aiida_limap.visualisation.errors.VisualisationError: if a PDF is meant and there is no such browser.
    """
    found = [word.strip().lower() for word in text.split(',') if word.strip()]
    unknown = [word for word in found if word not in _FORMATS]
    if unknown or not found:
        raise click.ClickException(f'unknown format {text!r}; give html, pdf or html,pdf')
    if 'pdf' in found:
        from aiida_limap.visualisation.report_pdf import find_browser

        # Told before the work, not after it.
        find_browser(browser)
    return tuple(dict.fromkeys(found))


def report_of_file(source: Path, identifier: str | None, what: str, read: Callable[[Path], ReportT]) -> ReportT:
    """Return the report that a file holds.

    :param source: the file.
    :param identifier: what was named of the profile, which must be nothing.
    :param what: what could have been named, for the message.
    :param read: reads the file.
    :raises click.UsageError: if something was named.
    """
    if identifier is not None:
        raise click.UsageError(f'name {what} of the profile, or a file with --from, not both')
    return read(source)


def draw_with_bar(
    names: Sequence[str], output: Path, draw: Callable[[Path, Callable[[str], None]], WrittenFigures]
) -> WrittenFigures:
    """Draw figures and show how far that is.

    :param names: the figures.
    :param output: the folder to write to; made where it is missing.
    :param draw: draws them, and tells the name of each figure that is done.
    """
    folder = writable_folder(output)
    with counting_bar('drawing') as (total, advance):
        total(len(names))
        return draw(folder, lambda _name: advance(1))


def tell_figures(
    written: WrittenFigures, as_json: bool, known: Callable[[str], Mapping[str, Any]] | None = None
) -> None:
    """Print what became of figures.

    :param written: the figures.
    :param as_json: whether to print JSON, with their captions.
    :param known: what else JSON holds of a figure by its name.
    :raises click.ClickException: if none was drawn.
    """
    if not written.figures:
        name, reason = next(iter(written.left_out.items()))
        raise click.ClickException(f'no figure was drawn; {name}: {reason}')
    if not as_json:
        tell_files(written.files, written.left_out, as_json=False)
        return
    found = [
        {
            'name': figure.name,
            **(known(figure.name) if known else {}),
            'caption': figure.caption,
            'files': [str(path) for path in figure.files],
        }
        for figure in written.figures
    ]
    click.echo(json.dumps({'figures': found, 'left_out': dict(written.left_out)}, indent=1, ensure_ascii=False))


def tell_files(files: Sequence[Path], left_out: Mapping[str, str], as_json: bool) -> None:
    """Print which files were written, and on standard error what was left out.

    :param files: the files.
    :param left_out: why, by name of the figure.
    :param as_json: whether to print JSON.
    """
    if as_json:
        click.echo(json.dumps({'files': [str(path) for path in files], 'left_out': dict(left_out)}, indent=1))
        return
    for path in files:
        click.echo(path)
    for name, reason in left_out.items():
        click.echo(f'{name} is left out: {reason}', err=True)


def write_documents(
    write: Callable[[Path], Path], folder: Path, formats: Sequence[str], browser: str | None
) -> list[Path]:
    """Write ``report.html``, ``report.pdf`` or both.

    :param write: writes the page to a file.
    :param folder: the folder to write to.
    :param formats: ``html``, ``pdf`` or both.
    :param browser: the browser that prints the PDF; None looks for one.
    :returns: the files.
    :raises aiida_limap.visualisation.errors.VisualisationError: if a file cannot be written, or no PDF can be made.
    """
    from aiida_limap.visualisation.report_pdf import print_pdf

    files = []
    with tempfile.TemporaryDirectory(prefix='limap-report-') as scratch:
        page = write((folder if 'html' in formats else Path(scratch)) / 'report.html')
        if 'html' in formats:
            files.append(page)
        if 'pdf' in formats:
            files.append(print_pdf(page, folder / 'report.pdf', browser))
    return files
