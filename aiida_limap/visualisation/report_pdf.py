"""The report of a map as PDF, printed by a browser that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['BROWSERS', 'find_browser', 'print_pdf']

#: Browsers that print without a window, in the order in which they are looked for.
BROWSERS = (
    'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
)  # fmt: skip
#: No window, no page numbers of the browser, and none of the requests that it makes by itself.
_FLAGS = (
    '--headless', '--disable-gpu', '--no-first-run', '--no-pdf-header-footer', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-extensions',
)  # fmt: skip
_TIME_LIMIT_S = 180


def find_browser(name: str | None = None) -> str:
    """Return the browser that prints PDF.

    :param name: name or path of a browser of the Chromium kind; None looks for one.
    :returns: its path.
    :raises VisualisationError: if there is none.
    """
    wanted = (name,) if name else BROWSERS
    found = next(filter(None, map(shutil.which, wanted)), None)
    if found is not None:
        return found
    if name:
        raise VisualisationError(f'there is no browser {name!r} to print the PDF with; name one that can be run')
    raise VisualisationError(
        'no PDF can be made, since no Chromium, Chrome or Edge was found: install one, name one with --browser, or '
        'open the HTML report in any browser and print it'
    )


def print_pdf(page: Path, path: Path, browser: str | None = None) -> Path:
    """Print an HTML file as PDF.

    :param page: the file.
    :param path: the PDF.
    :param browser: as in :func:`find_browser`.
    :returns: the path of the PDF.
    :raises VisualisationError: if there is no browser, it fails, or the file cannot be written.
    """
    executable = find_browser(browser)
    with tempfile.TemporaryDirectory(prefix='limap-report-') as folder:
        printed = Path(folder) / 'report.pdf'
        command = [
            executable, *_FLAGS, f'--user-data-dir={folder}/profile', f'--print-to-pdf={printed}',
            page.resolve().as_uri(),
        ]  # fmt: skip
        if hasattr(os, 'geteuid') and os.geteuid() == 0:
            # As root, which is usual inside containers, a browser refuses to start in its sandbox.
            command.insert(1, '--no-sandbox')
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise VisualisationError(
                f'{executable} did not print the PDF within {_TIME_LIMIT_S} s; open {page} in a browser and print it'
            ) from error
        except OSError as error:
            raise VisualisationError(f'{executable} cannot be run: {error.strerror or error}') from error
        if not printed.is_file() or printed.stat().st_size == 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            said = f': {lines[-1].strip()}' if lines else ''
            raise VisualisationError(f'{executable} printed no PDF{said}; open {page} in a browser and print it')
        try:
            shutil.copyfile(printed, path)
        except OSError as error:
            raise VisualisationError(
                f'the report cannot be written to {path}: {error.strerror or error}; choose a folder that you may '
                'write to'
            ) from error
    return path
