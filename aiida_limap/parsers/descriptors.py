"""Parser of ``limap.descriptors``."""

from __future__ import annotations

from typing import Any

from aiida_limap.data.table import TableData
from aiida_limap.formats.parameters import PARAMETER_FACTS
from aiida_limap.formats.results import Results
from aiida_limap.parsers._tables import rows_by_item, table_from_items
from aiida_limap.parsers.structures import StructuresParser

__all__ = ['DescriptorsParser']


_PARTS = ('composition', 'structure', 'landscape')


class DescriptorsParser(StructuresParser):
    """One row of descriptors per structure, in one block per part of the layout that was computed."""

    def table(self, results: Results) -> TableData:
        """Return the unstored table of the results.

        :param results: the results.
        """
        facts = {name: results.summary[name] for name in PARAMETER_FACTS if name in results.summary}
        blocks = {part: block for part in _PARTS if (block := rows_by_item(results, part)) is not None}
        return table_from_items(
            results,
            blocks=blocks,
            block_info={part: _meaning(results.summary, part) for part in blocks},
            metadata=facts,
        )


def _meaning(summary: dict[str, Any], part: str) -> dict[str, Any]:
    """Return what the numbers of a part are; lists have one entry per column, ranges are counted within the part."""
    return {
        'layout': summary.get('layout'),
        'layout_checksum': summary.get('layout_checksum'),
        **{key: summary.get(f'{part}_{key}') for key in ('labels', 'units', 'meanings')},
        **{key: (summary.get(key) or {}).get(part) for key in ('blocks', 'scales')},
    }
