"""A map to give away: an archive of AiiDA with all that is behind it, page, tables and figures, in one folder."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.tools._export_archive import Behind, Progress, nodes_behind, write_archive
from aiida_limap.tools._export_readme import readme
from aiida_limap.tools._export_tables import (
    Column,
    write_columns,
    write_compounds,
    write_descriptors,
    write_licences,
    write_missing,
    write_plane,
)
from aiida_limap.tools.licences import NO, licence_terms, warnings_about
from aiida_limap.tools.provenance import map_provenance
from aiida_limap.tools.query import QueryError

if TYPE_CHECKING:
    from aiida_limap.data.map import MapData
    from aiida_limap.formats.mapbundle import MapBundle
    from aiida_limap.visualisation.drawing import FigureInputs

__all__ = ['ARCHIVE', 'SUMS', 'Exported', 'Parts', 'export_map']

ARCHIVE = 'map.aiida'
#: Lists the files of an export with their checksums; also tells an export from any other folder.
SUMS = 'SHA256SUMS'
_TABLES = 'tables'


@dataclass(frozen=True)
class Parts:
    """What an export holds beside README, tables and bundle.

    :param archive: the archive of AiiDA.
    :param page: the interactive page.
    :param report: the report, and with it what to cite.
    :param descriptors: the tables of descriptors, the largest of all.
    :param figures: formats of the figures, such as ``png``; none for no figures.
    """

    archive: bool = True
    page: bool = True
    report: bool = True
    descriptors: bool = True
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exported:
    """What was written.

    :param folder: where.
    :param sizes: bytes by the path of the file below the folder.
    :param warnings: what the licences of the sources forbid or leave open, one sentence each.
    :param notes: what was left out, one sentence each.
    """

    folder: Path
    sizes: Mapping[str, int]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def export_map(
    map_node: MapData,
    folder: Path,
    *,
    parts: Parts | None = None,
    replace: bool = False,
    protocols: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write a map with everything behind it to a folder.

    All is written beside the folder first: one that was there stays as it is until the new files are complete.

    :param map_node: the stored map.
    :param folder: the folder to write; made where it is missing.
    :param parts: what it holds; everything but figures unless given.
    :param replace: whether files of an earlier export in that folder may be replaced; other files there stay.
    :param protocols: the inputs of each protocol of a map by its name, which the report compares with.
    :param progress: is told what is being written and how far that is.
    :returns: what was written.
    :raises QueryError: if the folder holds files already, cannot be written to, or a process behind the map still runs.
    """
    folder, parts = Path(folder), parts or Parts()
    check_target(folder, replace)
    behind = nodes_behind(map_node)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f'.{folder.name}-', dir=folder.parent))
    except OSError as error:
        raise QueryError(f'the folder {folder} cannot be made: {error.strerror or error}') from error
    try:
        writer = _Writer(work, map_node, parts, progress or (lambda _what, _done, _total: None))
        writer.write(behind, protocols or {})
        sizes = _move(work, folder)
    except OSError as error:
        raise QueryError(
            f'the export to {folder} stopped: {error.strerror or error}; nothing was changed there'
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Exported(folder, sizes, tuple(_warnings(behind)), tuple(writer.notes))


def check_target(folder: Path, replace: bool) -> None:
    """Refuse a folder whose files would be lost.

    :param folder: the folder.
    :param replace: whether an earlier export may be replaced.
    :raises QueryError: if it is a file, or holds files that may not be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise QueryError(f'{folder} is a file; an export is a folder, so give another name')
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not replace:
        raise QueryError(f'the folder {folder} is not empty; give another one, or replace an older export with --force')
    if not (folder / SUMS).is_file():
        raise QueryError(f'the folder {folder} holds other files and no export, so nothing in it is replaced')


def _warnings(behind: Behind) -> list[str]:
    found = warnings_about(behind.licences)
    for title, licence in behind.parameter_licences:
        terms = licence_terms(licence)
        if NO in {terms.redistribution, terms.commercial}:
            found.append(f'bond-valence parameters {title}: the licence {licence} asks: {terms.condition}')
    return found


class _Writer:
    """Writes the files of an export into an empty folder, and remembers what they are."""

    def __init__(self, work: Path, map_node: MapData, parts: Parts, progress: Progress) -> None:
        self.work, self.map_node, self.parts, self.progress = work, map_node, parts, progress
        self.documents: dict[str, str] = {}
        self.tables: dict[str, list[Column]] = {}
        self.notes: list[str] = []
        self.missing = 0

    def write(self, behind: Behind, protocols: Mapping[str, Mapping[str, Any]]) -> None:
        """Write all files.

        :param behind: what is behind the map.
        :param protocols: what the report compares the parameters with.
        """
        from aiida_limap.formats.mapbundle import write_bundle
        from aiida_limap.tools.figure_data import figure_inputs

        self.progress('points and structures', 0, 1)
        drawn = self.parts.report or bool(self.parts.figures)
        inputs = figure_inputs(self.map_node, only=None if drawn else ())
        bundle = inputs.bundle
        self.progress('points and structures', 1, 1)
        lost = len(self.map_node) - len(bundle.ids)
        if lost:
            self.notes.append(f'{lost} points are left out: their structures are not in this profile')
        if self.parts.page:
            self._page(bundle)
        if self.parts.report:
            self._report(inputs, protocols)
        if self.parts.figures:
            self._figures(inputs)
        write_bundle(self.work / 'map.json.gz', bundle)
        self.documents['map.json.gz'] = 'points, structures and identifiers for programs, without AiiDA'
        if self.parts.archive:
            self._archive(behind)
        self._tables(bundle, behind)
        text = readme(
            bundle,
            self.tables,
            self.missing,
            documents=self.documents,
            warnings=_warnings(behind),
            notes=self.notes,
        )
        (self.work / 'README.txt').write_text(text, encoding='utf-8')

    def _page(self, bundle: MapBundle) -> None:
        from aiida_limap.visualisation.page import write_page

        self.progress('page', 0, 1)
        write_page(bundle, self.work / 'map.html')
        self.documents['map.html'] = 'the interactive page: one file for any browser, no network needed'
        self.progress('page', 1, 1)

    def _report(self, inputs: FigureInputs, protocols: Mapping[str, Mapping[str, Any]]) -> None:
        from aiida_limap.tools._export_citation import citation_file
        from aiida_limap.tools.report_data import drawn_map_report
        from aiida_limap.visualisation.report import write_citations, write_report
        from aiida_limap.visualisation.report_pictures import REPORT_FIGURES

        tell = self._counter('report', len(REPORT_FIGURES) + 1)
        report = drawn_map_report(self.map_node, inputs, protocols, tell)
        write_report(report, self.work / 'report.html')
        self.documents['report.html'] = 'data set and losses, quality, meaning of the axes, best compounds, parameters'
        write_citations(report, self.work / 'CITATION.bib')
        cff = citation_file(self.map_node, inputs.bundle.title, report.bibtex)
        (self.work / 'CITATION.cff').write_text(cff, encoding='utf-8')
        self.documents['CITATION.cff'] = 'what to cite: the map, and the works that it rests on'
        self.documents['CITATION.bib'] = 'the same works as BibTeX'
        tell('')

    def _figures(self, inputs: FigureInputs) -> None:
        from aiida_limap.visualisation.figures import FIGURES, write_map_figures

        folder = self.work / 'figures'
        folder.mkdir()
        tell = self._counter('figures', len(FIGURES))
        written = write_map_figures(inputs, folder, formats=self.parts.figures, on_figure=tell)
        self.notes += [f'figure {name}: {reason}' for name, reason in written.left_out.items()]
        self.documents['figures/'] = 'figures, each with its numbers as CSV and its caption as text'

    def _counter(self, what: str, total: int) -> Callable[[str], None]:
        """Return a function that counts its calls as the progress of what is written."""
        done = iter(range(1, total + 1))
        self.progress(what, 0, total)
        return lambda _name: self.progress(what, next(done), total)

    def _archive(self, behind: Behind) -> None:
        write_archive(self.work / ARCHIVE, [self.map_node, *behind.unlinked, *behind.groups], self.progress)
        self.documents[ARCHIVE] = (
            f'the archive of AiiDA: {len(behind.pks)} nodes, which are the map and all that it came from. Work folders '
            'on computers are not in it, only where they were'
        )
        self.notes += [
            f'the group {label} is not in the archive, since {count} of its nodes are not behind the map'
            for label, count in behind.left_out
        ]

    def _tables(self, bundle: MapBundle, behind: Behind) -> None:
        folder, tables = self.work / 'tables', self.tables
        folder.mkdir()
        self.progress('tables', 0, 1)
        provenance = map_provenance(self.map_node)
        tables['compounds.csv'] = write_compounds(folder / 'compounds.csv', bundle, self.map_node, provenance)
        tables['not_on_the_map.csv'], self.missing = write_missing(
            folder / 'not_on_the_map.csv', self.map_node, provenance
        )
        tables['plane.csv'] = write_plane(folder / 'plane.csv', self.map_node.heatmap())
        tables['licences.csv'] = write_licences(folder / 'licences.csv', behind)
        self.progress('tables', 1, 1)
        if self.parts.descriptors:
            tables |= write_descriptors(folder, self.map_node, bundle.ids, self.progress)
        write_columns(folder / 'columns.csv', tables)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob('*') if path.is_file())


def _move(work: Path, folder: Path) -> dict[str, int]:
    """Move the files into the folder, in place of those of an earlier export."""
    files = {str(path.relative_to(work).as_posix()): path for path in _files(work)}
    sums = ''.join(f'{_checksum(path)}  {name}\n' for name, path in files.items())
    (work / SUMS).write_text(sums, encoding='utf-8')
    files[SUMS] = work / SUMS
    sizes = {name: path.stat().st_size for name, path in files.items()}
    for old in _listed(folder):
        old.unlink()
        if old.parent != folder and not any(old.parent.iterdir()):
            old.parent.rmdir()
    for name, path in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # The folder may lie on another disk than the one beside it.
        shutil.move(path, target)
    return sizes


def _listed(folder: Path) -> list[Path]:
    """Return the files of an earlier export, none of them outside of its folder."""
    sums = folder / SUMS
    if not sums.is_file():
        return []
    inside = folder.resolve()
    paths = [folder / line.partition('  ')[2] for line in sums.read_text(encoding='utf-8').splitlines()]
    return [path for path in paths if inside in path.resolve().parents and path.is_file()]


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
