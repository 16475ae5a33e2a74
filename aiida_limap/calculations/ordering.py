"""Calculation function that makes an ordered structure of a disordered one, linked to it."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_limap.calculations._ordering import MAX_SITES, OrderingError, order, plan_cell
from aiida_limap.common.conversion import node_from_pymatgen, pymatgen_from_node

__all__ = ['EXIT_NOT_ORDERED', 'MAX_SITES', 'OrderingError', 'order_structure', 'plan_cell']

#: Exit status of :func:`order_structure` for a structure whose atoms cannot be placed.
EXIT_NOT_ORDERED = 421


@calcfunction
def order_structure(structure: orm.StructureData, parameters: orm.Dict) -> orm.StructureData | ExitCode:
    """Make an ordered structure of a disordered one: whole atoms where their electrostatic energy is low.

    The atoms are placed by ``OrderDisorderedStructureTransformation`` of pymatgen: one possible arrangement, neither a
    random one nor an average.

    :param structure: a disordered structure.
    :param parameters: ``oxidation_states`` (charge by element symbol, e) and ``repetitions`` (three whole numbers: how
        often the cell is repeated along its vectors).
    :returns: the ordered structure. Its source is that of the disordered one, without the MD5 sum; its extras say under
        ``ordered`` how it was made.
    """
    values = parameters.get_dict()
    disordered = pymatgen_from_node(structure)
    try:
        result = order(disordered, values['oxidation_states'], values['repetitions'])
    except OrderingError as error:
        return ExitCode(EXIT_NOT_ORDERED, f'the structure cannot be ordered: {error}')
    source: dict[str, Any] = {key: value for key, value in (structure.source or {}).items() if key != 'source_md5'}
    source['extras'] = {
        **(source.get('extras') or {}),
        'ordered': {
            'by': 'limap.order_structure',
            'composition_before': disordered.composition.formula,
            'composition_after': result.structure.composition.formula,
            'repetitions': values['repetitions'],
            'energy_eV': result.energy_eV,
            'arrangements': str(result.arrangements),
            'search': 'exhaustive' if result.searched else 'greedy',
        },
    }
    node = node_from_pymatgen(result.structure, source=source)
    node.label = f'{structure.label[:240]} (ordered)'.strip()
    return node
