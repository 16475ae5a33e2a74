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
    'CATEGORY_COLOURS',
    'CATEGORY_MARKERS',
    'COLOUR_MAP',
    'DOUBLE_COLUMN_INCH',
    'FORMATS',
    'HATCH_COLOUR',
    'MISSING_COLOUR',
    'NEW_COLOUR',
    'POINT_EDGE',
    'SINGLE_COLUMN_INCH',
    'UNKNOWN_COLOUR',
    'new_figure',
    'save_figure',
    'settle',
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
#: 178 mm, the width of two columns of most journals.
DOUBLE_COLUMN_INCH = 7.0
#: Readable with every kind of colour vision (Okabe and Ito 2008); each has a marker of its own too.
CATEGORY_COLOURS = ('#d55e00', '#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#7a5195')
CATEGORY_MARKERS = ('o', '^', 's', 'D', 'v', 'P', 'X', 'h')
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


def new_figure(height_inch: float, width_inch: float = SINGLE_COLUMN_INCH) -> Figure:
    """Return an empty figure that no global state knows of.

    :param height_inch: its height.
    :param width_inch: its width; one column unless given.
    :returns: the figure.
    """
    figure = Figure(figsize=(width_inch, height_inch), layout='constrained')
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


def settle(figure: Figure) -> None:
    """Fix the places that the layout engine found; their last digits differ from run to run.

    :param figure: the figure, drawn in full.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine('none')
    for axes in figure.axes:
        left, bottom, width, height = (round(float(edge), 6) for edge in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))
