"""A set of bond-valence parameters as the input of a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida.engine import CalcJobProcessSpec

from aiida_limap.data.bond_valence import BondValenceData
from aiida_limap.formats.parameters import PARAMETERS_FILE, PARAMETERS_ROLE

__all__ = ['check_force_field', 'define_bond_valence', 'write_bond_valence']

#: The mobile ion of the engine where nobody names another.
_DEFAULT_MOBILE_ION = 'Li+'


def define_bond_valence(spec: CalcJobProcessSpec) -> None:
    """Define the input ``bond_valence``.

    :param spec: the specification to fill.
    """
    spec.input(
        PARAMETERS_ROLE,
        valid_type=BondValenceData,
        required=False,
        help='Bond-valence parameters (Å, eV) of the force field; those that the engine comes with unless given.',
    )


def write_bond_valence(inputs: Mapping[str, Any], directory: Path) -> dict[str, str]:
    """Write the file of the parameters where they are given.

    :param inputs: the inputs of the job.
    :param directory: the folder of the job.
    :returns: file name by role.
    """
    node = inputs.get(PARAMETERS_ROLE)
    if node is None:
        return {}
    (directory / PARAMETERS_FILE).write_bytes(node.get_content(mode='rb'))
    return {PARAMETERS_ROLE: PARAMETERS_FILE}


def check_force_field(node: BondValenceData | None, parameters: Mapping[str, Any]) -> str | None:
    """Return why a set cannot serve a ``limap.bvff``, or None.

    :param node: the set, where one is given.
    :param parameters: the parameters of the job.
    :returns: a sentence or None.
    """
    if node is None:
        return None
    return node.check(parameters.get('preset', 'bvff'), parameters.get('mobile_ion', _DEFAULT_MOBILE_ION))
