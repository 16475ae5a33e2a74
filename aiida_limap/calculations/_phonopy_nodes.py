"""What nodes of the plugins aiida-phonopy and aiida-vibroscopy hold, read without them.

Where a plugin is not installed, AiiDA loads its nodes as plain data; their attributes and files are there all the same.
Read is what aiida-phonopy 1.8 writes, and displacements also where older versions of it kept them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aiida.orm import Data
    from phonopy import Phonopy

__all__ = ['PHONOPY_TYPES', 'PhonopyNodeError', 'chemical_formula', 'is_phonopy_node', 'phonopy_of_node']

#: Starts of the types of nodes that hold phonons, with what they are called.
PHONOPY_TYPES = {
    'data.phonopy.phonopy.PhonopyData.': 'PhonopyData',
    'data.phonopy.force_constants.ForceConstantsData.': 'ForceConstantsData',
    'data.vibroscopy.fp.VibrationalFrozenPhononData.': 'VibrationalFrozenPhononData',
    'data.vibroscopy.vibrational.VibrationalData.': 'VibrationalData',
}
_PREPROCESS = 'data.phonopy.preprocess.PreProcessData.'
_NEEDED = ('cell', 'positions', 'symbols', 'supercell_matrix')
_DATASET = 'displacement_dataset'


class PhonopyNodeError(ValueError):
    """A node holds no phonons that can be computed with; the message says why."""


def is_phonopy_node(node: Any) -> bool:
    """Return whether a node is of a type that holds phonons.

    :param node: any node.
    """
    return str(node.node_type) in PHONOPY_TYPES


def phonopy_of_node(node: Data) -> Phonopy:
    """Return the crystal of a node with its forces or force constants, and its Born charges where it has them.

    As the plugin does by default, Born charges are symmetrised where symmetry is used at all, and residual forces are
    not subtracted.

    :param node: a node of one of :data:`PHONOPY_TYPES`.
    :returns: what ``Phonopy.save`` writes to phonopy_params.yaml.
    :raises PhonopyNodeError: if the node is of another type, or what it holds is incomplete or does not fit together.
    """
    if str(node.node_type) == _PREPROCESS:
        raise PhonopyNodeError(
            'it is a PreProcessData, which holds displacements and no forces: name the PhonopyData that was made of it'
        )
    if not is_phonopy_node(node):
        raise PhonopyNodeError(
            f'its type is {str(node.node_type).rstrip(".").rpartition(".")[2]}, and none of {", ".join(_names())}'
        )
    attributes = node.base.attributes.all
    missing = [name for name in _NEEDED if attributes.get(name) is None]
    if missing:
        raise PhonopyNodeError(
            f'it has no {", ".join(missing)}: it was stored by a version of aiida-phonopy before 1.0'
        )
    try:
        phonopy = _crystal(attributes)
        if 'force_constants.npy' in node.base.repository.list_object_names():
            phonopy.force_constants = _array(node, 'force_constants')
        else:
            _add_forces(node, phonopy)
        _add_born_charges(node, phonopy)
    except PhonopyNodeError:
        raise
    except (ValueError, RuntimeError, KeyError, TypeError, IndexError, AssertionError) as error:
        raise PhonopyNodeError(f'what it holds does not fit together ({type(error).__name__}: {error})') from error
    return phonopy


def chemical_formula(phonopy: Phonopy) -> str:
    """Return the reduced formula of the crystal.

    :param phonopy: what :func:`phonopy_of_node` gave.
    """
    from pymatgen.core import Composition

    symbols = [str(symbol) for symbol in phonopy.unitcell.symbols]
    return str(Composition({symbol: symbols.count(symbol) for symbol in symbols}).reduced_formula)


def _names() -> list[str]:
    return list(PHONOPY_TYPES.values())


def _crystal(attributes: Mapping[str, Any]) -> Phonopy:
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    # Symbols and not the numbers, which stand for kinds where a structure had kinds of its own.
    unitcell = PhonopyAtoms(
        symbols=list(attributes['symbols']),
        cell=attributes['cell'],
        positions=attributes['positions'],
        masses=attributes.get('masses'),
        magnetic_moments=attributes.get('magnetic_moments'),
    )
    return Phonopy(
        unitcell,
        supercell_matrix=attributes['supercell_matrix'],
        primitive_matrix=attributes.get('primitive_matrix'),
        symprec=float(attributes.get('symprec') or 1e-5),
        is_symmetry=bool(attributes.get('is_symmetry', True)),
    )


def _array(node: Data, name: str) -> NDArray[Any]:
    return np.asarray(np.load(io.BytesIO(node.base.repository.get_object_content(f'{name}.npy', mode='rb'))))


def _add_forces(node: Data, phonopy: Phonopy) -> None:
    names = node.base.repository.list_object_names()
    dataset = node.base.attributes.get(_DATASET, None)
    if dataset is None and f'{_DATASET}.json' in names:
        dataset = json.loads(node.base.repository.get_object_content(f'{_DATASET}.json'))
    if not dataset:
        raise PhonopyNodeError('it holds neither displacements nor force constants')
    phonopy.dataset = dataset
    count = len(phonopy.displacements)
    if 'forces.npy' in names:
        forces = _array(node, 'forces')
    else:
        missing = [number for number in range(1, count + 1) if f'forces_{number}.npy' not in names]
        if missing:
            raise PhonopyNodeError(
                f'forces of {len(missing)} of {count} displaced supercells are missing: the calculations are not done, '
                'or failed'
            )
        place = node.base.attributes.get('forces_index', None)
        several = [_array(node, f'forces_{number}') for number in range(1, count + 1)]
        forces = np.array(several if place is None else [one[place] for one in several])
    if forces.shape != (count, len(phonopy.supercell), 3):
        raise PhonopyNodeError(
            f'it has forces of shape {forces.shape} for {count} supercells of {len(phonopy.supercell)} atoms'
        )
    if not np.isfinite(forces).all():
        raise PhonopyNodeError('one of its forces is no number')
    phonopy.forces = forces


def _add_born_charges(node: Data, phonopy: Phonopy) -> None:
    from phonopy.physical_units import get_physical_units
    from phonopy.structure.symmetry import symmetrize_borns_and_epsilon

    dielectric = node.base.attributes.get('dielectric', None)
    if dielectric is None or 'born_charges.npy' not in node.base.repository.list_object_names():
        return
    born, epsilon = _array(node, 'born_charges'), np.array(dielectric)
    attributes = node.base.attributes
    if attributes.get('is_symmetry', True):
        born, epsilon = symmetrize_borns_and_epsilon(
            born, epsilon, phonopy.primitive, symprec=float(attributes.get('symprec', None) or 1e-5)
        )
    units = get_physical_units()
    phonopy.nac_params = {'born': born, 'dielectric': epsilon, 'factor': units.Hartree * units.Bohr}
