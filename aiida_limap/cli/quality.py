"""How good a model and its map are, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ['print_quality', 'quality_lines']

#: Rows of the table: heading, metric, and what the mean of the training rows reaches, if that says something.
_METRICS = (
    ('R² composition', 'r2_composition', 'baseline_column_means_r2_composition'),
    ('R² structure', 'r2_structure', 'baseline_column_means_r2_structure'),
    ('R² energy', 'r2_me', 'baseline_mean_r2_me'),
    ('R² of its logarithm', 'r2_log_me', None),
    ('mean abs. error / eV', 'mae_me_eV', 'baseline_mean_mae_me_eV'),
    ('Spearman', 'spearman_me', None),
    ('wide head: R² energy', 'wide_r2_me', None),
    ('wide head: R² logarithm', 'wide_r2_log_me', None),
    ('wide head: error / eV', 'wide_mae_me_eV', None),
)
_MAP_METRICS = (
    ('trustworthiness, k = 10', 'trustworthiness_10'),
    ('continuity, k = 10', 'continuity_10'),
    ('neighbours kept, k = 10', 'knn_recall_10'),
    ('label smoothness, k = 10', 'label_smoothness_10'),
)
_SPLITS = ('train', 'validation', 'test')
_WIDTH = 18


def print_quality(metrics: Mapping[str, Any], map_quality: Mapping[str, Any] | None = None) -> None:
    """Print scores by split; nothing where there are none.

    :param metrics: scores by split, as a training gives them.
    :param map_quality: how well the map keeps neighbourhoods, by split.
    """
    lines = quality_lines(metrics, map_quality)
    if lines:
        click.echo('\n' + '\n'.join(lines) + '\n')


def quality_lines(metrics: Mapping[str, Any], map_quality: Mapping[str, Any] | None = None) -> list[str]:
    """Return the lines of :func:`print_quality`.

    :param metrics: scores by split.
    :param map_quality: how well the map keeps neighbourhoods, by split.
    """
    # A file or a database may have stored them in another order.
    splits = [name for name in _SPLITS if isinstance(metrics.get(name), Mapping)]
    if not splits:
        return []
    rows = [_row('rows with an energy', [str(metrics[split].get('n_me', '')) for split in splits])]
    for heading, metric, baseline in _METRICS:
        cells = [_cell(metrics[split].get(metric), metrics[split].get(baseline or '')) for split in splits]
        rows.append(_row(heading, cells))
    found = map_quality or {}
    for heading, metric in _MAP_METRICS:
        rows.append(_row(heading, [_cell((found.get(split) or {}).get(metric)) for split in splits]))
    title = 'quality by split (in brackets: what the mean of the training rows reaches)'
    return [title, _row('', splits), *(row for row in rows if row[25:].strip())]


def _row(heading: str, cells: Sequence[str]) -> str:
    return f'{heading:<25} ' + ''.join(f'{cell:>{_WIDTH}}' for cell in cells).rstrip()


def _cell(value: Any, beside: Any = None) -> str:
    if value is None:
        return ''
    return f'{value:.2f}' if beside is None else f'{value:.2f} ({beside:.2f})'
