"""The page of a map inside of Jupyter: the viewer of chemiscope, and what is behind the chosen point."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_limap.visualisation.dataset import page_data
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.facts import check_bundle, formulas
from aiida_limap.visualisation.packing import MAX_INLINE, page_structures

if TYPE_CHECKING:
    from ipywidgets import VBox  # type: ignore[import-untyped]

    from aiida_limap.formats.mapbundle import MapBundle

__all__ = ['describe_point', 'map_widget']

_DIGITS = 4
#: Only these may stand behind a link; other words of a source are shown as text.
_LINKS = ('https://', 'http://')


def map_widget(bundle: MapBundle, *, on_select: Callable[[str], None] | None = None) -> VBox:
    """Return the map as a widget: points and structure as on the page, and below them what is behind the chosen point.

    Dataset and settings are those of :func:`~aiida_limap.visualisation.page.write_page`. What the page draws itself is
    not in the widget: heat map, search, and predictions at empty places.

    :param bundle: the map; of an AiiDA node it is :func:`aiida_limap.tools.bundle.map_bundle`.
    :param on_select: called with the identifier of each point that is chosen from then on.
    :returns: the widget. Its attribute ``viewer`` is that of chemiscope, ``panel`` the text below, and ``selected`` a
        function that returns the identifier of the chosen point.
    :raises VisualisationError: if the map holds no point that can be drawn, more points than a page holds, or
        chemiscope and ipywidgets are not installed.
    """
    try:
        import chemiscope
        from ipywidgets import HTML, VBox
    except ImportError as error:
        raise VisualisationError(
            f'the widget needs the package {error.name}; install it with: pip install "aiida-limap[jupyter]"'
        ) from error
    check_bundle(bundle)
    dataset = page_data(bundle)['dataset']
    if len(bundle.ids) > MAX_INLINE:
        # The widget asks the kernel for one structure at a time, so that they need not be packed.
        dataset |= page_structures(bundle.structures, max_inline=len(bundle.ids))
        del dataset['packed']
    viewer: Any = chemiscope.show_input(io.StringIO(json.dumps(dataset)), warning_timeout=-1)
    start = int(dataset['settings']['pinned'][0])
    chosen = [start]
    panel = HTML(describe_point(bundle, start))

    def choose(change: dict[str, Any]) -> None:
        index = (change['new'] or {}).get('structure')
        if isinstance(index, int) and 0 <= index < len(bundle.ids) and index != chosen[0]:
            chosen[0] = index
            panel.value = describe_point(bundle, index)
            if on_select is not None:
                on_select(bundle.ids[index])

    viewer.observe(choose, names='selected_ids')
    box: Any = VBox([viewer, panel])
    box.viewer, box.panel, box.selected = viewer, panel, lambda: bundle.ids[chosen[0]]
    return box


def describe_point(bundle: MapBundle, index: int) -> str:
    """Return what is behind a point as HTML: formula, values with units, source, and the UUIDs of its calculations.

    :param bundle: the map.
    :param index: number of the point.
    :returns: HTML in which all words of the bundle stand as text.
    """
    heading = f'<h3>{html.escape(formulas(bundle)[index] or bundle.ids[index])}</h3>'
    values = [
        (entry.label, _value(entry.values[index], entry.unit))
        for entry in bundle.properties.values()
        if entry.values[index] not in {None, ''}
    ]
    provenance = dict(bundle.provenance[index])
    parts = [
        ('Values', values),
        ('Source', list(bundle.sources[index].items())),
        ('Provenance (UUIDs)', [(role.replace('_', ' '), uuid) for role, uuid in provenance.items()]),
    ]
    command = ''
    if 'structure' in provenance and 'map' in provenance:
        words = f'aiida-limap point show {provenance["structure"]} --map {provenance["map"]}'
        command = f'<p><code>{html.escape(words)}</code></p>'
    tables = ''.join(_table(title, rows) for title, rows in parts if rows)
    return f'{heading}<div style="display:flex;flex-wrap:wrap;gap:0 2em">{tables}</div>{command}'


def _value(value: Any, unit: str) -> str:
    text = value if isinstance(value, str) else np.format_float_positional(value, _DIGITS, fractional=False, trim='-')
    return f'{text} {unit}'.rstrip()


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    lines = ''.join(f'<tr><td>{html.escape(name)}</td><td>{_linked(str(value))}</td></tr>' for name, value in rows)
    return f'<div><h4>{html.escape(title)}</h4><table>{lines}</table></div>'


def _linked(text: str) -> str:
    shown = html.escape(text)
    if text.startswith(_LINKS) and ' ' not in text:
        return f'<a href="{shown}" target="_blank" rel="noopener noreferrer">{shown}</a>'
    return shown
