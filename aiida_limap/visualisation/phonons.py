"""Figures of phonons and their clusters for print, each with its numbers and its caption beside it."""

from __future__ import annotations

from aiida_limap.formats.phonons import PhononReport
from aiida_limap.visualisation._phonon_densities import densities
from aiida_limap.visualisation._phonon_planes import conduction, plane, scatter
from aiida_limap.visualisation._phonon_trees import choice, dendrogram, silhouettes
from aiida_limap.visualisation.figure_files import ReportFigure, ReportFigures

__all__ = ['PHONON_FIGURES', 'choose_phonon_figures', 'said_sources', 'write_phonon_figures']


#: Every figure by the name of its files.
PHONON_FIGURES: dict[str, ReportFigure[PhononReport]] = {
    'dendrogram': ReportFigure("the tree of Ward's method", dendrogram),
    'silhouettes': ReportFigure('silhouettes of the clusters', silhouettes),
    'choice': ReportFigure('measures by number of clusters', choice),
    'scatter': ReportFigure('clusters over band centre and width', scatter),
    'plane': ReportFigure('clusters over principal components', plane),
    'densities': ReportFigure('densities of states of the clusters', densities),
    'conduction': ReportFigure('conduction against band centre', conduction),
}


def said_sources(report: PhononReport) -> str:
    """Return whose data are shown, as captions end with it.

    :param report: the report.
    """
    return ''.join(f' {source.rstrip(".")}.' for source in report.sources)


_ALL = ReportFigures(PHONON_FIGURES, 'of phonons', said_sources)
choose_phonon_figures = _ALL.choose
write_phonon_figures = _ALL.write
