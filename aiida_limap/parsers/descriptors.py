"""Parser of ``limap.descriptors``."""

from __future__ import annotations

from typing import Any

from aiida_limap.data.table import TableData
from aiida_limap.formats.results import Results
from aiida_limap.parsers._tables import rows_by_item, table_from_items
from aiida_limap.parsers.structures import StructuresParser

__all__ = ['DescriptorsParser']


class DescriptorsParser(StructuresParser):
    """One row of descriptors per structure, in two blocks."""

    def table(self, results: Results) -> TableData:
        """Return the unstored table of the results.

        :param results: the results.
        """
        blocks = {}
        for name in ('composition', 'structure'):
            block = rows_by_item(results, name)
            if block is not None:
                blocks[name] = block
        return table_from_items(
            results,
            blocks=blocks,
            block_info={name: _meaning(results.summary, name) for name in blocks},
        )


def _meaning(summary: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        'layout': summary.get('layout'),
        'layout_checksum': summary.get('layout_checksum'),
        'labels': summary.get(f'{name}_labels'),
        'blocks': (summary.get('blocks') or {}).get(name),
    }
