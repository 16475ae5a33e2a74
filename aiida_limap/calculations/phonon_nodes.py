"""Calculation function that makes phonon files of nodes of other plugins, linked to them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_limap.calculations._phonon_files import STRUCTURE_UUID
from aiida_limap.calculations._phonopy_nodes import PHONOPY_TYPES, PhonopyNodeError, chemical_formula, phonopy_of_node
from aiida_limap.common.conversion import node_from_pymatgen

__all__ = ['EXIT_NO_PHONONS', 'FILE', 'phonon_files_from_node']

#: Exit status of :func:`phonon_files_from_node` for a node that holds no phonons.
EXIT_NO_PHONONS = 422
#: Name of the file in the node that it makes.
FILE = 'phonopy_params.yaml'


@calcfunction
def phonon_files_from_node(node: orm.Data, structure: orm.StructureData | None = None) -> dict[str, Any] | ExitCode:
    """Make phonon files of a node of aiida-phonopy or aiida-vibroscopy, as `limap.phonons` takes them.

    :param node: a ``PhonopyData``, ``ForceConstantsData``, ``VibrationalFrozenPhononData`` or ``VibrationalData``; the
        plugin need not be installed.
    :param structure: the structure that the phonons are to belong to: its crystal is that of the node.
    :returns: ``phonons``, a ``SinglefileData`` with phonopy_params.yaml; and ``structure``, the unit cell of the node,
        if no structure was given.
    """
    try:
        phonopy = phonopy_of_node(node)
    except PhonopyNodeError as error:
        return ExitCode(EXIT_NO_PHONONS, f'the node holds no phonons to compute with: {error}')
    constants = phonopy.force_constants is not None
    with tempfile.TemporaryDirectory(prefix='limap-phonons-') as folder:
        path = Path(folder) / FILE
        phonopy.save(path, settings={'force_sets': not constants, 'force_constants': constants})
        phonons = orm.SinglefileData(path, filename=FILE)
    source = _source(node, chemical_formula(phonopy))
    outputs: dict[str, Any] = {'phonons': phonons}
    if structure is None:
        structure = _structure(phonopy, source)
        outputs['structure'] = structure
    phonons.base.attributes.set(STRUCTURE_UUID, structure.uuid)
    phonons.source = source
    phonons.label = f'phonons {source["id"]}'[:255]
    return outputs


def _source(node: orm.Data, formula: str) -> dict[str, Any]:
    """Return where phonons come from: what the node tells itself, else the node."""
    attributes = node.base.attributes
    kind = PHONOPY_TYPES[str(node.node_type)]
    own: dict[str, Any] = {
        'db_name': 'aiida-vibroscopy' if kind.startswith('Vibrational') else 'aiida-phonopy',
        'id': f'{formula}-{node.uuid[:8]}',
        'version': f'phonopy {attributes.get("phonopy_version", "unknown")}',
    }
    told = node.source or {}
    extras = {**(told.get('extras') or {}), 'node': node.uuid, 'node_type': kind}
    return {**own, **{key: told[key] for key in ('license', 'description', 'uri') if told.get(key)}, 'extras': extras}


def _structure(phonopy: Any, source: dict[str, Any]) -> orm.StructureData:
    from pymatgen.core import Lattice, Structure

    cell = phonopy.unitcell
    structure = Structure(Lattice(cell.cell), [str(symbol) for symbol in cell.symbols], cell.scaled_positions)
    node = node_from_pymatgen(structure, source=source)
    node.label = str(source['id'])[:255]
    return node
