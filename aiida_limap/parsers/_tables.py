"""Items of an engine as a table: columns, units and words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_limap.common.status import Status
from aiida_limap.data.table import TableData
from aiida_limap.formats.results import ROW_IDS, ItemResult, Results

__all__ = ['column_info', 'item_columns', 'rows_by_item', 'table_from_items']

_UNITS = {'_eV': 'eV', '_angstrom': 'Å', '_s': 's'}
_BARRIER = (
    'lowest barrier of a periodic path in at least {} direction{}; no value where there is none below the energy cap'
)
_NETWORK = 'as {}, counted from the minimum of the percolating part of the landscape'
_GRID = 'as {}, on the grid, before the refinement'
_BOTTLENECK = 'radius of the largest sphere that passes between the ions in at least {} direction{}'
_DESCRIPTIONS = {
    'status': 'what became of the structure',
    'message': 'why, where the status is not ok',
    'barrier_1d_eV': _BARRIER.format('one', ''),
    'barrier_2d_eV': _BARRIER.format('two', 's'),
    'barrier_3d_eV': _BARRIER.format('three', 's'),
    'network_barrier_1d_eV': _NETWORK.format('barrier_1d_eV'),
    'network_barrier_2d_eV': _NETWORK.format('barrier_2d_eV'),
    'network_barrier_3d_eV': _NETWORK.format('barrier_3d_eV'),
    'grid_barrier_1d_eV': _GRID.format('barrier_1d_eV'),
    'grid_barrier_2d_eV': _GRID.format('barrier_2d_eV'),
    'grid_barrier_3d_eV': _GRID.format('barrier_3d_eV'),
    'refined': 'whether the barriers are those of the continuum (1) or of the grid (0)',
    'unresolved_saddles': 'number of the three thresholds that rest on a point of the grid instead of a saddle',
    'directions': 'lattice vectors along which paths percolate, in units of the cell',
    'bond_valence_sum_mobile': 'mean bond-valence sum of the mobile ions, valence units',
    'global_instability_index': 'root mean square deviation of the bond-valence sums, valence units',
    'bottleneck_radius_1d_angstrom': _BOTTLENECK.format('one', ''),
    'bottleneck_radius_2d_angstrom': _BOTTLENECK.format('two', 's'),
    'bottleneck_radius_3d_angstrom': _BOTTLENECK.format('three', 's'),
    'landscape': 'file of the energy landscape in the folder of the job',
    'network': 'file of the migration network in the folder of the job',
    'grid_error_eV': 'difference of the two-dimensional threshold of the grid between 6 and 26 neighbours of a point: '
    'a hint at the error of the barriers of the grid, before the refinement',
    'energy_minimum_eV': 'lowest site energy of the mobile ion',
    'sublattice_index': 'number of interpenetrating copies of the three-dimensional network',
    'grid': 'number of grid points along the three axes',
    'symmetry_operations': 'number of operations that map the grid onto itself, the identity included',
    'sites': 'number of sites in the cell',
    'mobile_sites': 'number of sites of the mobile ion in the cell',
    'oxidation_states': 'formal charges in units of e, by element or by site',
    'oxidation_method': 'how the oxidation states were found',
    'formula': 'reduced formula',
    'wall_s': 'time that the engine took',
    'split': 'part of the data: train, validation or test',
    'x_comp': 'code of the composition',
    'x_struc': 'code of the structure',
    'migration_energy_eV': 'computed migration energy',
    'migration_energy_predicted_eV': 'migration energy that the model predicts from the two codes',
    'migration_energy_wide_eV': 'migration energy that the wide head predicts from more than the two codes',
    'reconstruction_mse_composition': 'mean squared error of the rebuilt composition descriptors, scaled',
    'reconstruction_mse_structure': 'mean squared error of the rebuilt structure descriptors, scaled',
}


def column_info(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return unit and description of columns; the unit is read from the name.

    :param names: names of columns, such as ``barrier_2d_eV``.
    :returns: ``unit`` and ``description`` by column.
    """
    return {
        name: {
            'unit': next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), ''),
            'description': _DESCRIPTIONS.get(name, ''),
        }
        for name in names
    }


def item_columns(items: Sequence[ItemResult]) -> dict[str, list]:
    """Return the values of items as columns, after ``status`` and ``message``.

    :param items: the items.
    :returns: one value per item by column; lists and mappings as JSON text, None where an item lacks the value.
    """
    columns: dict[str, list] = {
        'status': [str(item.status) for item in items],
        'message': [item.message for item in items],
    }
    for name in dict.fromkeys(name for item in items for name in item.values):
        columns[name] = [_cell(item.values.get(name)) for item in items]
    return columns


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, Mapping)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return value


def rows_by_item(results: Results, name: str) -> NDArray | None:
    """Return an array that has one row per finished item as one row per item.

    :param results: the results.
    :param name: name of the array.
    :returns: (n_items, n) numbers, NaN for items without a row; None if the results have no such array.
    """
    if name not in results.arrays or ROW_IDS not in results.arrays:
        return None
    array = results.arrays[name]
    block = np.full((len(results.items), array.shape[1]), np.nan, dtype=np.result_type(array.dtype, np.float32))
    row_of = {identifier: row for row, identifier in enumerate(results.arrays[ROW_IDS].tolist())}
    for index, item in enumerate(results.items):
        # A row of an item that failed later would be taken for its answer.
        if item.id in row_of and item.status is Status.OK:
            block[index] = array[row_of[item.id]]
    return block


def table_from_items(
    results: Results,
    *,
    blocks: Mapping[str, NDArray] | None = None,
    block_info: Mapping[str, Mapping[str, Any]] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> TableData:
    """Return an unstored table with one row per item.

    :param results: the results.
    :param blocks: (n_items, n) numbers by name.
    :param block_info: what they mean.
    :param metadata: facts of the whole table beside task and engine version.
    :returns: the table.
    :raises ValueError: if an item occurs twice or a column mixes numbers and words.
    """
    columns = item_columns(results.items)
    return TableData.from_arrays(
        [item.id for item in results.items],
        columns,
        column_info=column_info(list(columns)),
        blocks=blocks or {},
        block_info=block_info or {},
        metadata={'task': results.task, 'engine_version': results.engine_version, **(metadata or {})},
    )
