"""Parser of ``limap.cluster_phonons``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_limap.common.phonons import cluster_column_info
from aiida_limap.data.table import TableData
from aiida_limap.formats.results import ROW_IDS, Results
from aiida_limap.parsers._tables import item_columns
from aiida_limap.parsers.base import EngineParser

__all__ = ['ClusterPhononsParser']

#: Words are no array of numbers; they stand in the metadata of the table.
_CLUSTERED = 'clustered_ids'


class ClusterPhononsParser(EngineParser):
    """One row per compound, the facts of each method, and what a dendrogram is drawn of."""

    REFUSAL = 'ERROR_NOTHING_TO_CLUSTER'

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach table, arrays and facts; a clustering that was stopped has none that can be used.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        if not results.complete:
            return self.or_scheduler(self.exit_codes.ERROR_OUT_OF_WALLTIME)
        if _CLUSTERED not in results.arrays:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=f'the array {_CLUSTERED!r} is missing')
        self.out('clusters', self._table(results))
        arrays = orm.ArrayData()
        for name, array in results.arrays.items():
            if name != ROW_IDS and array.dtype.kind in 'iufb':
                arrays.set_array(name, np.asarray(array))
        self.out('arrays', arrays)
        self.output_parameters(results, results.summary)
        return None

    def _table(self, results: Results) -> TableData:
        columns = item_columns(results.items)
        phonons = self.input_or_none('phonons')
        if phonons is not None and 'formula' in phonons.column_names:
            rows = [phonons.position(item.id) for item in results.items]
            columns['formula'] = phonons.column('formula')[rows].tolist()
        return TableData.from_arrays(
            [item.id for item in results.items],
            columns,
            column_info=cluster_column_info(list(columns)),
            metadata={
                'task': results.task,
                'engine_version': results.engine_version,
                'options': results.summary.get('options') or {},
                _CLUSTERED: results.arrays[_CLUSTERED].tolist(),
            },
        )
