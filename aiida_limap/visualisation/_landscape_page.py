"""The picture of a landscape as a page that can be turned."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]

from aiida_limap.visualisation._scene import SURFACE_COLOUR, SURFACE_CUT_COLOUR, Scene
from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['write_page']

#: Diameter of a mark in pixels for an atom of radius 1 Å.
_MARK_PIXELS = 26


def write_page(scene: Scene, path: Path) -> None:
    """Write a scene as one page that needs no network; equal scenes give equal pages.

    :param scene: the scene.
    :param path: the file to write.
    :raises VisualisationError: if the file cannot be written.
    """
    figure = go.Figure([*_surfaces(scene), *_atoms(scene), _edges(scene)])
    hidden = {'visible': False}
    figure.update_layout(
        title={'text': f'{escape(scene.title)}: {escape(scene.subtitle)}', 'x': 0.5, 'font': {'size': 16}},
        scene={'xaxis': hidden, 'yaxis': hidden, 'zaxis': hidden, 'aspectmode': 'data'},
        scene_camera={'projection': {'type': 'orthographic'}, 'eye': {'x': 1.6, 'y': -0.7, 'z': 0.5}},
        legend={'itemsizing': 'trace', 'orientation': 'h', 'x': 0.5, 'xanchor': 'center', 'y': 0},
        margin={'l': 0, 'r': 0, 't': 50, 'b': 10},
        paper_bgcolor='white',
        font={'family': 'DejaVu Sans, Arial, sans-serif'},
    )
    page = figure.to_html(include_plotlyjs=True, full_html=True, div_id='landscape', config={'displaylogo': False})
    page = page.replace('<head>', f'<head><title>{escape(scene.title)}</title>', 1)
    try:
        path.write_text(page, encoding='utf-8')
    except OSError as error:
        raise VisualisationError(
            f'the page cannot be written to {path}: {error.strerror or error}; choose a folder that you may write to'
        ) from error


def _surfaces(scene: Scene) -> list[Any]:
    parts = []
    # A hundredth of an Å is enough for the eye, and keeps the page small.
    x, y, z = np.round(scene.vertices, 2).T.tolist()
    for chosen, colour in ((~scene.is_cut, SURFACE_COLOUR), (scene.is_cut, SURFACE_CUT_COLOUR)):
        i, j, k = scene.triangles[chosen].T.tolist()
        parts.append(
            go.Mesh3d(
                x=x, y=y, z=z, i=i, j=j, k=k, color=colour, opacity=0.6, hoverinfo='skip', name=scene.surface_label,
                legendgroup='surface', showlegend=colour == SURFACE_COLOUR,
                lighting={'ambient': 0.6, 'diffuse': 0.6, 'specular': 0.3},
            )
        )  # fmt: skip
    return parts


def _atoms(scene: Scene) -> list[Any]:
    kinds: dict[tuple[bool, str], list[Any]] = {}
    for atom in scene.atoms:
        kinds.setdefault((not atom.is_mobile, atom.symbol), []).append(atom)
    parts = []
    for (_, symbol), atoms in sorted(kinds.items()):
        positions = np.round([atom.position for atom in atoms], 3)
        x, y, z = positions.T.tolist()
        first = atoms[0]
        parts.append(
            go.Scatter3d(
                x=x, y=y, z=z, mode='markers', name=f'{symbol} sites' if first.is_mobile else symbol,
                marker={'size': _MARK_PIXELS * first.radius, 'color': first.colour, 'opacity': 1,
                        'line': {'width': 1, 'color': '#333333'}},
                hovertemplate=f'{symbol} (%{{x:.2f}}, %{{y:.2f}}, %{{z:.2f}}) Å<extra></extra>',
            )
        )  # fmt: skip
    return parts


def _edges(scene: Scene) -> Any:
    gap = np.full((12, 1, 3), np.nan)
    x, y, z = np.concatenate([scene.edges, gap], axis=1).reshape(-1, 3).T
    return go.Scatter3d(
        x=[None if np.isnan(value) else value for value in x.tolist()], y=y.tolist(), z=z.tolist(), mode='lines',
        line={'color': '#222222', 'width': 3}, hoverinfo='skip', showlegend=False,
    )  # fmt: skip
