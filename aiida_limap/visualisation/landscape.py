"""Three-dimensional picture of where the mobile ion can go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from aiida_limap.formats.landscape import LandscapeRecord
from aiida_limap.visualisation import style
from aiida_limap.visualisation._scene import SURFACE_COLOUR, SURFACE_CUT_COLOUR, Scene, build_scene
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['LANDSCAPE_FORMATS', 'draw_landscape']

LANDSCAPE_FORMATS = (*style.FORMATS, 'html')
#: The picture looks along the first axis, turned and raised by these angles, with the third axis up.
_AZIMUTH_DEGREE, _ELEVATION_DEGREE = 24.0, 14.0
_LIGHT = np.array([-0.45, 0.55, 0.70])
_SURFACE_ALPHA = 0.75
_EDGE_COLOUR = '#222222'
#: What lies farthest fades by this part into the white of the paper.
_FADING = 0.45
#: Larger than it is printed, so that scaling down smooths it.
_CANVAS_INCH, _CANVAS_DPI = 5.0, 400


def draw_landscape(
    record: LandscapeRecord,
    path: Path | str,
    *,
    dimension: int = 2,
    level_eV: float | None = None,
    mobile: str = 'Li',
) -> Path:
    """Draw the surface below which the mobile ion moves, in the cell with its atoms.

    The surface is that of the energy at which paths percolate in so many dimensions: above it, the ion goes through.
    It is closed where a face of the cell cuts it, in a darker colour. A page (``html``) can be turned and read; it
    holds all that it needs and no link.

    :param record: the landscape.
    :param path: the file to write; its ending chooses the format: ``png``, ``svg``, ``pdf``, ``html``.
    :param dimension: whose threshold is drawn: 1, 2 or 3.
    :param level_eV: energy above the lowest site energy to draw instead of a threshold.
    :param mobile: element symbol of the mobile ion.
    :returns: the path.
    :raises VisualisationError: if the format is unknown, nothing percolates in that dimension and no level is given,
        nothing lies at the level, or the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lstrip('.')
    if kind not in LANDSCAPE_FORMATS:
        raise VisualisationError(f'unknown picture format {kind!r}; known are {", ".join(LANDSCAPE_FORMATS)}')
    scene = build_scene(record, dimension=dimension, level_eV=level_eV, mobile=mobile)
    if kind == 'html':
        from aiida_limap.visualisation._landscape_page import write_page

        write_page(scene, path)
        return path
    with style.styled():
        style.save_figure(_draw(scene), path)
    return path


def _draw(scene: Scene) -> Figure:
    camera = _camera(scene.cell)
    middle = scene.cell.sum(axis=0) / 2
    shown = np.vstack([scene.edges.reshape(-1, 3), *(atom.position + _corners(atom.radius) for atom in scene.atoms)])
    flat = ((shown - middle) @ camera.T)[:, :2]
    low, high = flat.min(axis=0) - 0.6, flat.max(axis=0) + 0.6
    width, height = high - low
    figure = style.new_figure(float(np.clip(style.SINGLE_COLUMN_INCH * height / width, 1.6, 4.2)) + 0.65)
    axes = figure.add_subplot()
    axes.set_axis_off()
    extent = (low[0], high[0], low[1], high[1])
    axes.imshow(_render(scene, camera, middle, extent), extent=extent, interpolation='antialiased')
    _name_axes(axes, scene, camera, middle)
    axes.set_title(f'{scene.title}\n{scene.subtitle}', fontsize=7, pad=2, linespacing=1.4)
    _legend(axes, scene)
    return figure


def _corners(radius: float) -> NDArray[np.float64]:
    return radius * np.vstack([np.eye(3), -np.eye(3)]) * np.sqrt(2)


def _render(
    scene: Scene, camera: NDArray[np.float64], middle: NDArray[np.float64], extent: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Paint the scene with and without its surface, and mix the two: what lies inside shines through.

    Polygons that are each see-through would show their seams, and depend on how many lie behind each other.
    """
    solid = [*_ball_polygons(scene, camera), _edge_polygons(scene)]
    without = _paint(solid, camera, middle, extent)
    with_surface = _paint([_surface_polygons(scene, camera), *solid], camera, middle, extent)
    return _SURFACE_ALPHA * with_surface + (1 - _SURFACE_ALPHA) * without


def _camera(cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (3, 3) directions right, up and towards the viewer, as rows."""
    up = cell[2] / np.linalg.norm(cell[2])
    right = cell[1] - (cell[1] @ up) * up
    right /= np.linalg.norm(right)
    # A left-handed cell is looked at from the other side, so that pictures stay right-handed.
    towards = np.cross(right, up)
    turn, rise = np.radians(_AZIMUTH_DEGREE), np.radians(_ELEVATION_DEGREE)
    right, towards = right * np.cos(turn) + towards * np.sin(turn), towards * np.cos(turn) - right * np.sin(turn)
    up, towards = up * np.cos(rise) - towards * np.sin(rise), towards * np.cos(rise) + up * np.sin(rise)
    return np.array([right, up, towards])


def _paint(
    parts: list[_Polygons],
    camera: NDArray[np.float64],
    middle: NDArray[np.float64],
    extent: tuple[float, float, float, float],
) -> NDArray[np.float64]:
    """Paint polygons from the back to the front; return the (rows, columns, 3) picture.

    matplotlib's own three-dimensional axes sort whole objects only, so atoms inside a surface would lie before it.
    """
    corners = (np.concatenate([part.corners for part in parts]) - middle) @ camera.T
    colours = np.concatenate([part.colours for part in parts])
    widths = np.concatenate([np.full(len(part.corners), part.line_width) for part in parts])
    depth = corners[:, :, 2].mean(axis=1)
    reach = float(np.linalg.norm(middle))
    far = _FADING * np.clip(0.5 - depth / (2 * reach), 0, 1)[:, None]
    colours = colours + far * (1 - colours)
    order = np.argsort(depth, kind='stable')
    width, height = extent[1] - extent[0], extent[3] - extent[2]
    figure = Figure(figsize=(_CANVAS_INCH, _CANVAS_INCH * height / width), dpi=_CANVAS_DPI)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=extent[:2], ylim=extent[2:])
    axes.set_axis_off()
    axes.add_collection(
        PolyCollection(
            corners[order][:, :, :2],
            facecolors=colours[order],
            # A line in the same colour closes the seams between neighbours.
            edgecolors=colours[order],
            linewidths=widths[order],
            capstyle='round',
            joinstyle='round',
        ),
        autolim=False,
    )
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3] / 255


@dataclass(frozen=True)
class _Polygons:
    """Triangles (n, 3, 3), Å, with their colours (n, 3) and the width of their lines."""

    corners: NDArray[np.float64]
    colours: NDArray[np.float64]
    line_width: float


def _surface_polygons(scene: Scene, camera: NDArray[np.float64]) -> _Polygons:
    corners = scene.vertices[scene.triangles]
    colours = np.where(scene.is_cut[:, None], to_rgb(SURFACE_CUT_COLOUR), to_rgb(SURFACE_COLOUR))
    return _Polygons(corners, _shade(colours, _normals(corners), camera), 0.2)


def _ball_polygons(scene: Scene, camera: NDArray[np.float64]) -> list[_Polygons]:
    ball = _unit_ball()
    # Only the half that looks at the viewer.
    ball = ball[ball.mean(axis=1) @ camera[2] > -0.05]
    normals = ball.mean(axis=1)
    shaded = {
        colour: _shade(np.tile(to_rgb(colour), (len(ball), 1)), normals, camera)
        for colour in {atom.colour for atom in scene.atoms}
    }
    return [_Polygons(atom.position + atom.radius * ball, shaded[atom.colour], 0.2) for atom in scene.atoms]


def _edge_polygons(scene: Scene) -> _Polygons:
    """Return short pieces of the edges, so that each is sorted where it is."""
    steps = np.linspace(0, 1, 61)
    lines = scene.edges
    points = lines[:, None, 0] + steps[None, :, None] * (lines[:, None, 1] - lines[:, None, 0])
    pieces = np.stack([points[:, :-1], points[:, 1:], points[:, 1:]], axis=2).reshape(-1, 3, 3)
    return _Polygons(pieces, np.tile(to_rgb(_EDGE_COLOUR), (len(pieces), 1)), 0.8)


def _normals(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.where(lengths > 0, lengths, 1)


def _shade(
    colours: NDArray[np.float64], normals: NDArray[np.float64], camera: NDArray[np.float64]
) -> NDArray[np.float64]:
    facing = normals @ camera.T
    # Both sides of a surface are lit, as seen.
    facing = facing * np.where(facing[:, 2:] < 0, -1, 1)
    light = np.clip(facing @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)[:, None]
    return np.clip(colours * (0.55 + 0.5 * light) + 0.35 * light**12, 0, 1)


def _unit_ball(rings: int = 14, sectors: int = 24) -> NDArray[np.float64]:
    """Return the (n, 3, 3) triangles of a ball of radius 1."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, sectors + 1), indexing='ij')
    points = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1)
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]
    return np.concatenate([np.stack([a, b, c], axis=2), np.stack([a, c, d], axis=2)]).reshape(-1, 3, 3)


def _name_axes(axes: Axes, scene: Scene, camera: NDArray[np.float64], middle: NDArray[np.float64]) -> None:
    for name, vector in zip('abc', scene.cell, strict=True):
        start, end = ((point - middle) @ camera.T for point in (np.zeros(3), vector))
        outward = (end - start)[:2]
        x, y = end[:2] + 0.9 * outward / max(float(np.linalg.norm(outward)), 1e-9)
        axes.text(x, y, name, style='italic', ha='center', va='center', fontsize=8)


def _legend(axes: Axes, scene: Scene) -> None:
    known = {(atom.is_mobile, atom.symbol): atom for atom in scene.atoms}
    marks = [
        Line2D([], [], linestyle='', marker='o', markersize=3.5 + 3 * atom.radius, markeredgewidth=0, color=atom.colour,
               label=f'{symbol} sites' if mobile else symbol)
        for (mobile, symbol), atom in sorted(known.items(), key=lambda item: (not item[0][0], item[0][1]))
    ]  # fmt: skip
    surface = Patch(facecolor=SURFACE_COLOUR, edgecolor='none', label=scene.surface_label)
    axes.legend(
        handles=[surface, *marks], loc='upper center', bbox_to_anchor=(0.5, 0.0), ncols=min(len(marks) + 1, 6),
        handletextpad=0.3, handlelength=1.2, columnspacing=1.0, borderpad=0.1,
    )  # fmt: skip
