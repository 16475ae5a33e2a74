"""``aiida-limap map figures``: the figures of the publication, drawn from a map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aiida_limap.cli.base import counting_bar, with_profile, writable_folder
from aiida_limap.cli.report_output import figure_options, tell_figures

__all__ = ['figures']

_ALL = 'losses, history, diagnostics, worst, map, fractions, families, heatmap, zoom'


class WindowType(click.ParamType):
    """Four numbers: lowest and highest composition code, lowest and highest structure code."""

    name = 'x0,x1,y0,y1'

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float, float]:
        """Read the numbers.

        :param value: four numbers, separated by commas.
        :param param: the option.
        :param ctx: the context of the command.
        """
        try:
            first, second, third, fourth = (float(part) for part in str(value).split(','))
        except ValueError:
            self.fail(f'{value!r} is not a window; give four numbers such as -1,2,0,3', param, ctx)
        # Also false for NaN.
        if not (first < second and third < fourth):
            self.fail(f'{value!r} is an empty window; x0 must be less than x1, and y0 less than y1', param, ctx)
        return first, second, third, fourth


@click.command('figures')
@click.argument('map_id', metavar='[MAP]', required=False)
@figure_options(_ALL, '; or fig2, fig3, … fig8')
@click.option('--compare', 'compared', metavar='MAP', multiple=True, help='Another map, for losses and families.')
@click.option('--zoom', 'window', type=WindowType(), help='Window of the codes that is enlarged; else one is found.')
@click.option('--families', metavar='NAMES', help='Families to highlight, separated by commas.')
@click.option('--title', help='Name of the map in the captions.')
@click.option('--json', 'as_json', is_flag=True, help='Print files, captions and what was left out as JSON.')
@with_profile
def figures(  # noqa: PLR0913
    map_id: str | None,
    output: Path,
    formats: tuple[str, ...],
    only: str | None,
    compared: tuple[str, ...],
    window: tuple[float, float, float, float] | None,
    families: str | None,
    title: str | None,
    as_json: bool,
) -> None:
    """Draw the figures of a map, each with its numbers as CSV and its caption as text.

    \b
    losses       losses against the weight W (fig2): of a grid over me_weight, or of the maps of --compare
    history      losses by epoch
    diagnostics  rebuilt descriptors and predicted energies (fig3a-c)
    worst        descriptors of the compounds that are rebuilt worst (fig3d-f)
    map          points coloured by their migration energy (fig4)
    fractions    Li and O fraction against each axis (fig5)
    families     structure families (fig6), beside those of the maps of --compare
    heatmap      predicted migration energy over the plane (fig7)
    zoom         an enlarged window with formulas (fig8)

    The numbers are those of Yamaguchi et al., Sci. Rep. 13, 16799 (2023). What a map cannot give is left out, with a
    sentence on standard error.

    \b
    Examples:
      aiida-limap map figures 1234 --output figures --format pdf
      aiida-limap map figures 1234 --only fig6 --compare 1200 --families garnet,NASICON,perovskite
      aiida-limap map figures 1234 --only zoom --zoom=-1,2,0,3
    """
    from aiida_limap.tools.figure_data import figure_inputs
    from aiida_limap.tools.query import load_map
    from aiida_limap.visualisation.drawing import FigureOptions
    from aiida_limap.visualisation.figures import FIGURES, choose_figures, write_map_figures

    names = choose_figures(only)
    node = load_map(map_id)
    others = [load_map(identifier) for identifier in compared]
    folder = writable_folder(output)
    chosen = FigureOptions(zoom=window, families=_words(families))
    with counting_bar('reading and drawing') as (total, advance):
        total(1 + len(names))
        inputs = figure_inputs(node, compare=others, only=names, title=title)
        advance(1)
        written = write_map_figures(
            inputs, folder, formats=formats, only=names, options=chosen, on_figure=lambda _name: advance(1)
        )
    tell_figures(written, as_json, lambda name: {'published': FIGURES[name].published})


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or '').split(',') if word.strip())
