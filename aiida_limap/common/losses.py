"""Whether a training is lost, read from the summary that it keeps up to date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ['why_lost']


def why_lost(summary: Mapping[str, Any]) -> str | None:
    """Return why a training cannot come to a good end, or None where it can.

    A loss that is not finite stays so: every weight follows it in the next step. A model of a grid ends by itself then,
    and the others go on, so a grid is lost only with its last model.

    :param summary: the part ``summary`` of a results file, in which numbers that are not finite are None.
    :returns: a sentence or None.
    """
    epoch, total = summary.get('epoch'), summary.get('n_models') or 1
    if epoch is None:
        return None
    if total > 1:
        lost = summary.get('models_not_finite') or 0
        return f'the losses of all {total} models are not finite' if lost >= total else None
    for name in ('loss_train', 'loss_validation'):
        if name in summary and summary[name] is None:
            return f'the {name.removeprefix("loss_")} loss is not finite in epoch {epoch}'
    return None
