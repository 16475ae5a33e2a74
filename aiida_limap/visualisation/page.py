"""The interactive page of a map: one HTML file that works without any network."""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path
from string import Template

from aiida_limap import __version__
from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.visualisation.assets import load_chemiscope
from aiida_limap.visualisation.dataset import page_data
from aiida_limap.visualisation.facts import check_bundle
from aiida_limap.visualisation.page_parts import inline_json, joined_script, joined_style, packaged, write_text

__all__ = ['write_page']

#: Parts of the script, in the order in which they are put together; all share one function.
_OWN_PARTS = (
    'base', 'packing', 'svg', 'profile', 'descriptors', 'point', 'plot', 'colour', 'plane', 'place', 'search',
    'filters', 'selection', 'theme', 'keys', 'start',
)  # fmt: skip
SCRIPT_PARTS = ('shared_script/elements', *(f'page_script/{name}' for name in _OWN_PARTS))


def write_page(bundle: MapBundle, path: Path | str) -> Path:
    """Write the map as one HTML file that any browser opens without network, server or Python.

    Points are coloured by their calculated migration energy; points without one are grey. A side panel shows formula,
    origin, values and provenance of the selected point. All texts of the bundle are shown as text, never as markup, and
    a content security policy in the page forbids requests and scripts other than the two of the page.

    :param bundle: the map.
    :param path: the file to write, usually ``map.html``; its folder must exist.
    :returns: the path.
    :raises VisualisationError: if the map holds no point that can be drawn, a value cannot be written as JSON, the
        file cannot be written, or chemiscope is missing.
    """
    check_bundle(bundle)
    chemiscope = load_chemiscope()
    viewer = _inline(chemiscope.script)
    script = _inline(joined_script(SCRIPT_PARTS))
    generator = f'aiida-limap {__version__}, chemiscope {chemiscope.version}'
    document = page_data(bundle) | {'generator': generator}
    text = Template(packaged('template.html')).substitute(
        policy=_policy(viewer, script),
        title=html.escape(bundle.title),
        generator=html.escape(generator),
        chemiscope_version=html.escape(chemiscope.version),
        style=joined_style('palette', 'controls', 'template'),
        licence=html.escape(chemiscope.licence),
        data=inline_json(document, f'the map {bundle.title!r}'),
        viewer=viewer,
        script=script,
    )
    return write_text(path, text, 'page', 'an existing folder')


def _inline(script: str) -> str:
    """Return a script that may stand between script tags: nothing closes them, and lines end as browsers read them."""
    return script.replace('\r\n', '\n').replace('\r', '\n').replace('</script', '<\\/script')


def _policy(*scripts: str) -> str:
    """Return a content security policy: these scripts and nothing else, no request to anywhere.

    The plot library of chemiscope compiles its shaders with ``Function``, hence ``unsafe-eval``; both viewers set
    styles of elements, hence ``unsafe-inline`` for styles.
    """
    hashes = ' '.join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "font-src data:; base-uri 'none'; form-action 'none'"
    )
