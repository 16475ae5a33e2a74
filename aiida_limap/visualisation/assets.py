"""What the page takes from the installed chemiscope package: its bundled JavaScript, its version, its licences."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from aiida_limap.visualisation.errors import VisualisationError

__all__ = ['Chemiscope', 'load_chemiscope']

INSTALL = 'pip install --force-reinstall "chemiscope>=1.1,<2"'
#: The script of the package that holds the whole viewer.
SCRIPT = ('sphinx', 'static', 'chemiscope.min.js')
#: Notices of the libraries inside the bundle; the widget is built from the same sources.
NOTICES = ('static', 'chemiscope-widget.mjs.LICENSE.txt')


@dataclass(frozen=True)
class Chemiscope:
    """The viewer that is written into each page.

    :param version: version of the installed package.
    :param script: the JavaScript bundle; defines the global name ``Chemiscope``.
    :param licence: licence of chemiscope, and the notices of the libraries in the bundle.
    """

    version: str
    script: str
    licence: str


def load_chemiscope() -> Chemiscope:
    """Read the viewer from the installed chemiscope package without importing it.

    :returns: script, version and licences.
    :raises VisualisationError: if chemiscope is not installed, or holds no bundle.
    """
    spec = util.find_spec('chemiscope')
    if spec is None or not spec.submodule_search_locations:
        raise VisualisationError(
            'the page needs the package chemiscope; install it with: pip install "chemiscope>=1.1,<2"'
        )
    folder = Path(spec.submodule_search_locations[0])
    version = metadata.version('chemiscope')
    path = folder.joinpath(*SCRIPT)
    try:
        script = path.read_text(encoding='utf-8')
    except OSError as error:
        raise VisualisationError(
            f'chemiscope {version} does not hold the script {"/".join(SCRIPT)}; install it with: {INSTALL}'
        ) from error
    return Chemiscope(version, script, _licences(folder))


def _licences(folder: Path) -> str:
    texts = []
    for file in metadata.files('chemiscope') or ():
        if '.dist-info' in file.parts[0] and file.name.upper().startswith(('LICENSE', 'LICENCE', 'COPYING')):
            texts.append(Path(str(file.locate())).read_text(encoding='utf-8').strip())
    notices = folder.joinpath(*NOTICES)
    if notices.is_file():
        texts.append('Libraries inside the chemiscope bundle:\n\n' + notices.read_text(encoding='utf-8').strip())
    if not texts:
        raise VisualisationError(
            'the licence of the installed chemiscope was not found, and a page may not be given away without it; '
            'install it with: pip install --force-reinstall "chemiscope>=1.1,<2"'
        )
    return '\n\n'.join(texts)
