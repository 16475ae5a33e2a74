"""Names of columns that come from several places, each name once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

__all__ = ['unique_names']


def unique_names(columns: Sequence[str], blocks: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the names that the columns of blocks get beside the columns of a table.

    :param columns: names of the columns of the table.
    :param blocks: names of the columns of each block.
    :returns: for each block its names, with the block in front (``structure.NAME``) where a name occurs elsewhere too.
    """
    counts = Counter([*columns, *(name for names in blocks.values() for name in names)])
    return {
        block: [f'{block}.{name}' if counts[name] > 1 else name for name in names] for block, names in blocks.items()
    }
