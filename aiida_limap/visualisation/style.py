"""The one look of all figures: widths, letters, colours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from aiida_limap.visualisation.errors import VisualisationError

__all__ = [
    'COLOUR_MAP',
    'FORMATS',
    'HATCH_COLOUR',
    'MISSING_COLOUR',
    'NEW_COLOUR',
    'POINT_EDGE',
    'SINGLE_COLUMN_INCH',
    'UNKNOWN_COLOUR',
    'new_figure',
    'save_figure',
    'styled',
]

#: Perceptually uniform and readable with every kind of colour vision; low energies are dark and stand out on white.
COLOUR_MAP = 'viridis'
MISSING_COLOUR = '#b4b4b4'
POINT_EDGE = '#222222'
#: Halo of points that were placed on an older map: a colour that the scale does not have.
NEW_COLOUR = '#e6007e'
#: Ground and hatches of places of a map about which nothing is known.
UNKNOWN_COLOUR = '#e6e6e6'
HATCH_COLOUR = '#a8a8a8'
#: 86 mm, the width of one column of most journals.
SINGLE_COLUMN_INCH = 3.39
FORMATS = ('png', 'svg', 'pdf')
DPI = 300

_SETTINGS = {
    'font.family': 'DejaVu Sans',  # comes with matplotlib: equal figures on every machine
    'font.size': 8,
    'axes.labelsize': 8,
    'axes.linewidth': 0.6,
    'xtick.labelsize': 7,
    'ytick.labelsize': 7,
    'xtick.direction': 'in',
    'ytick.direction': 'in',
    'xtick.major.width': 0.6,
    'ytick.major.width': 0.6,
    'legend.fontsize': 7,
    'legend.frameon': False,
    'savefig.facecolor': 'white',
    'hatch.color': HATCH_COLOUR,
    'hatch.linewidth': 0.4,
    # Ids inside an SVG are random unless they have a fixed seed.
    'svg.hashsalt': 'aiida-limap',
}
#: Neither dates nor versions inside the files: equal maps give equal files.
_METADATA = {'png': {'Software': None}, 'svg': {'Date': None, 'Creator': None}, 'pdf': {'CreationDate': None}}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save in the style of the project; the settings of the caller come back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(height_inch: float) -> Figure:
    """Return an empty figure of one column's width that no global state knows of.

    :param height_inch: its height.
    :returns: the figure.
    """
    figure = Figure(figsize=(SINGLE_COLUMN_INCH, height_inch), layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure without dates, so that equal data give equal files.

    :param figure: the figure.
    :param path: the file; its ending chooses the format.
    :raises VisualisationError: if the file cannot be written.
    """
    kind = path.suffix.lstrip('.')
    try:
        figure.savefig(path, format=kind, dpi=DPI, metadata=_METADATA[kind])
    except OSError as error:
        raise VisualisationError(
            f'the figure cannot be written to {path}: {error.strerror or error}; choose a folder that you may write to'
        ) from error
