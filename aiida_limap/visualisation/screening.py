"""Figures of a screening for print, each with its numbers and its caption beside it."""

from __future__ import annotations

from aiida_limap.formats.screening import ScreeningReport
from aiida_limap.visualisation._screening_counts import funnel, scores
from aiida_limap.visualisation._screening_elements import contribution, occurrence, price
from aiida_limap.visualisation._screening_models import learning, models, plateau, subsets
from aiida_limap.visualisation._screening_ternary import ternary
from aiida_limap.visualisation.figure_files import ReportFigure, ReportFigures

__all__ = ['SCREENING_FIGURES', 'choose_screening_figures', 'write_screening_figures']


#: Every figure by the name of its files.
SCREENING_FIGURES: dict[str, ReportFigure[ScreeningReport]] = {
    'models': ReportFigure('accuracy of each model on each set', models),
    'learning': ReportFigure('scores against the number of labels', learning),
    'subsets': ReportFigure('the best subset of features by its size', subsets),
    'plateau': ReportFigure('scores against the dimension of the element vectors', plateau),
    'funnel': ReportFigure('compositions left after each stage', funnel),
    'scores': ReportFigure('compositions by score', scores),
    'contribution': ReportFigure('contribution of each element', contribution),
    'occurrence': ReportFigure('hits that hold each element', occurrence),
    'price': ReportFigure('price of each element', price),
    'ternary': ReportFigure('predicted conduction of ternary systems', ternary),
}

_ALL = ReportFigures(SCREENING_FIGURES, 'of a screening')
choose_screening_figures = _ALL.choose
write_screening_figures = _ALL.write
