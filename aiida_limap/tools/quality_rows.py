"""How good a model and its map are, as rows of a table with what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ['QUALITY_TITLE', 'quality_rows']

QUALITY_TITLE = 'quality by split (in brackets: what the mean of the training rows reaches)'
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


def quality_rows(
    metrics: Mapping[str, Any], map_quality: Mapping[str, Any] | None = None, *, with_models: bool = False
) -> list[list[str]]:
    """Return scores by split; nothing where there are none.

    :param metrics: scores by split, as a training gives them.
    :param map_quality: how well the map keeps neighbourhoods, by split.
    :param with_models: whether rows follow on what other models reach on the same compounds.
    :returns: a row of headings, the first of them empty and then the splits, and a row for each score that is known.
    """
    # A file or a database may have stored them in another order.
    splits = [name for name in _SPLITS if isinstance(metrics.get(name), Mapping)]
    if not splits:
        return []
    rows = [['rows with an energy', *(str(metrics[split].get('n_me', '')) for split in splits)]]
    for heading, metric, baseline in _METRICS:
        rows.append(
            [heading, *(_cell(metrics[split].get(metric), metrics[split].get(baseline or '')) for split in splits)]
        )
    found = map_quality or {}
    for heading, metric in _MAP_METRICS:
        rows.append([heading, *(_cell((found.get(split) or {}).get(metric)) for split in splits)])
    if with_models:
        rows += _baselines(metrics, splits)
    return [['', *splits], *(row for row in rows if any(row[1:]))]


def _baselines(metrics: Mapping[str, Any], splits: list[str]) -> list[list[str]]:
    """Return what other models reach: neighbours on the map, and all baselines that the training was asked for."""
    rows = [['neighbours on the map: R² energy', *(_cell(metrics[split].get('knn_r2_me')) for split in splits)]]
    shown = {baseline for _heading, _metric, baseline in _METRICS}
    names = {name for split in splits for name in metrics[split] if name.startswith('baseline_')} - shown
    for name in sorted(names):
        words = name.removeprefix('baseline_').replace('_', ' ')
        rows.append([f'baseline: {words}', *(_cell(metrics[split].get(name)) for split in splits)])
    return rows


def _cell(value: Any, beside: Any = None) -> str:
    if not isinstance(value, (int, float)):
        return ''
    return f'{value:.2f}' if beside is None else f'{value:.2f} ({beside:.2f})'
