"""Parser of ``limap.screen``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from numpy.typing import NDArray

from aiida_limap.common.screening import HIT_COLUMNS
from aiida_limap.data.table import TableData
from aiida_limap.formats.results import Results
from aiida_limap.formats.screen_job import (
    HIT,
    HIT_BLOCK,
    merged_ranges,
    remaining_ranges,
    sum_counts,
    sum_tallies,
)
from aiida_limap.parsers.base import EngineParser

__all__ = ['ScreenParser']

_WHOLE = ('first', 'last')
#: What a table of hits says of the screen that found them.
_OF_THE_TABLE = (
    'options', 'counts', 'integer_counts', 'tallies', 'n_compositions', 'n_systems', 'n_systems_in_all', 'done',
    'notes',
)  # fmt: skip


class ScreenParser(EngineParser):
    """The hits of all blocks of systems that are finished, how many compositions each stage left, and what is left."""

    REFUSAL = 'ERROR_OPTIONS_NOT_USABLE'

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach hits and counts.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        if not results.items and not results.complete:
            return self.or_scheduler(self.exit_codes.ERROR_OUTPUT_INCOMPLETE)
        missing = [name for name in _WHOLE if name not in results.summary]
        if missing:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=f'the summary lacks {missing[0]!r}')
        whole = tuple(int(results.summary[name]) for name in _WHOLE)
        done = merged_ranges((item.values['first'], item.values['last']) for item in results.items)
        left = remaining_ranges(whole, done)
        facts = {
            **results.summary,
            'counts': sum_counts(item.values['counts'] for item in results.items),
            'integer_counts': sum_counts(item.values['integer_counts'] for item in results.items),
            'tallies': sum_tallies(item.values['tallies'] for item in results.items),
            'n_compositions': sum(int(item.values['n_compositions']) for item in results.items),
            'n_systems': whole[1] - whole[0],
            'n_done': sum(last - first for first, last in done),
            'done': [list(pair) for pair in done],
            'systems_left': [list(pair) for pair in left],
        }
        self.out('hits', _hits(results, facts))
        self.output_parameters(results, facts)
        if left and results.complete:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(
                reason=f'the engine reached its end, but left out the systems {left[0][0]} to {left[0][1]}'
            )
        if left:
            return self.exit_codes.ERROR_OUT_OF_WALLTIME.format(n_done=facts['n_done'], n_systems=facts['n_systems'])
        return None


def _hits(results: Results, facts: Mapping[str, Any]) -> TableData:
    """Return the hits of the finished blocks; arrays may hold some of a block that no item speaks of yet."""
    arrays = {name.removeprefix(HIT): array for name, array in results.arrays.items() if name.startswith(HIT)}
    block = arrays.pop(HIT_BLOCK.removeprefix(HIT), np.zeros(0))
    finished = {int(item.values['first']) for item in results.items}
    rows = _first_of_each(arrays.get('formula', np.zeros(0, dtype='U1')), np.isin(block, sorted(finished)))
    # In the order in which people read them, not in that of the letters; what is not known comes last.
    names = sorted(arrays, key=lambda name: list(HIT_COLUMNS).index(name) if name in HIT_COLUMNS else len(HIT_COLUMNS))
    columns = {name: arrays[name][rows] for name in names}
    return TableData.from_arrays(
        columns['formula'].tolist() if rows.size else [],
        columns,
        column_info={name: HIT_COLUMNS.get(name, {}) for name in columns},
        metadata={
            'task': results.task,
            'engine_version': results.engine_version,
            **{name: facts[name] for name in _OF_THE_TABLE if name in facts},
        },
    )


def _first_of_each(formulas: NDArray, wanted: NDArray) -> NDArray[np.int64]:
    """Return the rows that are wanted, each formula once."""
    rows = np.flatnonzero(wanted)
    _names, first = np.unique(formulas[rows], return_index=True)
    return rows[np.sort(first)]
