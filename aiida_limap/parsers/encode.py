"""Parser of ``limap.encode``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import ExitCode

from aiida_limap.calculations.base import target_of
from aiida_limap.data.map import UNCERTAINTY_COLUMNS, MapData
from aiida_limap.data.table import TableData
from aiida_limap.formats.mapbundle import Heatmap
from aiida_limap.formats.results import Results
from aiida_limap.parsers._placing import with_points_of
from aiida_limap.parsers._tables import item_columns
from aiida_limap.parsers.base import EngineParser, count_items

__all__ = ['EncodeParser']

_CODES = (
    'x_comp',
    'x_struc',
    'migration_energy_predicted_eV',
    'reconstruction_mse_composition',
    'reconstruction_mse_structure',
)
_GRIDS = ('grid_x_comp', 'grid_x_struc', 'grid_migration_energy_eV')


class EncodeParser(EngineParser):
    """The map: codes from the engine, computed migration energies (eV) from the table that was given."""

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Attach the map.

        :param results: the results.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        if not results.complete:
            return self.or_scheduler(self.exit_codes.ERROR_OUTPUT_INCOMPLETE)
        columns = item_columns(results.items)
        for name in _CODES:
            if name not in columns:
                return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=f'the value {name!r} is missing')
        for name in _GRIDS:
            if name not in results.arrays:
                return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=f'the array {name!r} is missing')
        self.out('map', self._map(results, columns))
        self.output_parameters(
            results,
            {
                **results.summary,
                'target': target_of(self.input_or_none('parameters')),
                'number_of_points': len(results.items),
                'counts_by_status': count_items(results.items),
            },
        )
        return None

    def _map(self, results: Results, columns: dict[str, list]) -> MapData:
        ids = [item.id for item in results.items]
        target = target_of(self.input_or_none('parameters'))
        energies, parent = self.input_or_none('migration_energies'), self.input_or_none('parent_map')
        points: dict[str, Any] = {
            **{name: columns[name] for name in _CODES},
            **{name: columns[name] for name in UNCERTAINTY_COLUMNS if name in columns},
            **_computed(ids, energies, target),
            **_formulas(ids, self.node.inputs.descriptors),
        }
        facts = {
            'target': target,
            'mobile_ion': None if energies is None else energies.metadata.get('mobile_ion'),
            'model_uuid': self.node.inputs.model.uuid,
            'engine_version': results.engine_version,
        }
        heatmap = _heatmap(results)
        if parent is not None:
            ids, points = with_points_of(parent, ids, points)
            facts |= {'mobile_ion': parent.mobile_ion or facts['mobile_ion'], 'parent': parent.uuid}
            heatmap = parent.heatmap()
        metrics = results.summary.get('metrics') or {}
        return MapData.from_points(ids, points, heatmap=heatmap, facts=facts, metrics=metrics)


def _heatmap(results: Results) -> Heatmap:
    return Heatmap(
        x_comp=results.arrays['grid_x_comp'],
        x_struc=results.arrays['grid_x_struc'],
        values=results.arrays['grid_migration_energy_eV'],
        label='Predicted migration energy',
        unit='eV',
        support=results.arrays.get('grid_support'),
    )


def _computed(ids: list[str], energies: TableData | None, target: str) -> dict[str, list[Any]]:
    """Return the computed migration energy (eV), its grid error (eV) and the status word of each point."""
    columns = {'migration_energy_eV': target, 'grid_error_eV': 'grid_error_eV', 'status': 'status'}
    found: dict[str, dict[str, Any]] = {name: {} for name in columns}
    if energies is not None:
        for name, column in columns.items():
            if column in energies.column_names:
                found[name] = dict(zip(energies.ids, energies.column(column).tolist(), strict=True))
    # A point without a row has no word either: it was never computed.
    return {
        name: [values.get(identifier, '' if name == 'status' else None) for identifier in ids]
        for name, values in found.items()
    }


def _formulas(ids: list[str], descriptors: TableData) -> dict[str, list[str]]:
    """Return the reduced formula of each point, where the descriptor table has them."""
    if 'formula' not in descriptors.column_names:
        return {}
    by_id = dict(zip(descriptors.ids, descriptors.column('formula').tolist(), strict=True))
    return {'formula': [by_id.get(identifier, '') for identifier in ids]}
