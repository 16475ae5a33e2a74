"""The features of screening as featurizers of matminer. This is the only module of the stage that imports matminer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matminer.featurizers.base import BaseFeaturizer

from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.element_properties import ELEMENT_PROPERTIES, property_sources
from aiida_limap.engines.screening.reductions import REDUCTIONS, composition_features, feature_labels
from aiida_limap.engines.screening.sendek import (
    BOND_LENGTH,
    SENDEK_FEATURES,
    SENDEK_MEANINGS,
    check_arguments,
    sendek_features,
)

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

__all__ = ['ElementReductions', 'SendekFeatures']

_Column = tuple[str, str, str, str]

_SENDEK = (
    '@article{sendek2017, author={Sendek, Austin D. and Yang, Qian and Cubuk, Ekin D. and Duerloo, Karel-Alexander '
    'N. and Cui, Yi and Reed, Evan J.}, title={Holistic computational structure screening of more than 12000 '
    'candidates for solid lithium-ion conductor materials}, journal={Energy \\& Environmental Science}, volume={10}, '
    'pages={306--320}, year={2017}, doi={10.1039/C6EE02697D}}'
)
_CUBUK = (
    '@article{cubuk2019, author={Cubuk, Ekin D. and Sendek, Austin D. and Reed, Evan J.}, title={Screening billions of '
    'candidates for solid lithium-ion conductors: A transfer learning approach for small data}, journal={The Journal '
    'of Chemical Physics}, volume={150}, pages={214701}, year={2019}, doi={10.1063/1.5093220}}'
)


class SendekFeatures(BaseFeaturizer):
    """The features of Sendek et al. for structures with any ordering, see ``sendek.sendek_features``.

    :param mobile_ion: element symbol of the mobile ion.
    :param bond_length: atoms closer than this are bonded, Å.
    :param names: the features, any of ``sendek.ALL_FEATURES``.
    :param undefined: what stands for a ratio that does not exist (RBI where SBI is zero); None for NaN, which layouts
        refuse.
    :raises InputError: if an option is wrong.
    """

    #: For layouts: labels need no prefix, and shared or partially occupied sites are described as they are.
    bare_labels = True
    takes_disorder = True

    def __init__(
        self,
        mobile_ion: str = 'Li',
        bond_length: float = BOND_LENGTH,
        names: Sequence[str] = SENDEK_FEATURES,
        undefined: float | None = None,
    ) -> None:
        # As scikit-learn wants it: options are kept as they are given.
        self.mobile_ion = mobile_ion
        self.bond_length = bond_length
        self.names = names
        self.undefined = undefined
        check_arguments(mobile_ion, bond_length, names)
        number = isinstance(undefined, (int, float)) and not isinstance(undefined, bool) and math.isfinite(undefined)
        if undefined is not None and not number:
            raise InputError(f'Sendek features: undefined is a number or nothing, not {undefined!r}')

    def featurize(self, structure: Structure) -> list[float]:
        """Compute the features of a structure.

        :param structure: a pymatgen structure, Å.
        :returns: one number per label.
        :raises LimapError: one of its kinds says why there are none.
        """
        found = sendek_features(
            structure, mobile_ion=self.mobile_ion, bond_length=self.bond_length, names=tuple(self.names)
        )
        instead = math.nan if self.undefined is None else float(self.undefined)
        return [instead if math.isnan(value) else value for value in found.values()]

    def columns(self) -> list[_Column]:
        """Return label, unit, meaning and scale of each feature."""
        return [(name, *SENDEK_MEANINGS[name], name) for name in self.names]

    def feature_labels(self) -> list[str]:
        """Return the names of the features."""
        return [column[0] for column in self.columns()]

    def citations(self) -> list[str]:
        """Return what to cite, as BibTeX."""
        return [_SENDEK]

    def implementors(self) -> list[str]:
        """Return who wrote it."""
        return ['The aiida-limap developers']


class ElementReductions(BaseFeaturizer):
    """Reductions of element properties over the atoms of a composition, see ``reductions.composition_features``.

    :param properties: any of ``element_properties.ELEMENT_PROPERTIES``.
    :param reductions: any of ``reductions.ALL_REDUCTIONS``.
    :raises InputError: if a name is wrong.
    """

    #: For layouts: labels need no prefix, and it takes compositions.
    bare_labels = True
    takes_compositions = True

    def __init__(self, properties: Sequence[str] = ELEMENT_PROPERTIES, reductions: Sequence[str] = REDUCTIONS) -> None:
        # As scikit-learn wants it: options are kept as they are given.
        self.properties = properties
        self.reductions = reductions
        feature_labels(properties, reductions)

    def featurize(self, composition: Composition | str) -> list[float]:
        """Compute the features of a composition.

        :param composition: a pymatgen composition or a formula.
        :returns: one finite number per label.
        :raises ElementDataError: if a property of an element is not known.
        """
        row = composition_features([composition], tuple(self.properties), tuple(self.reductions))[0]
        return [float(value) for value in row]

    def columns(self) -> list[_Column]:
        """Return label, unit, meaning and scale of each feature; those of one property share their scale."""
        meanings = {
            'mean': 'mean over the atoms of the',
            'std': 'standard deviation over the atoms of the',
            'min': 'smallest',
            'max': 'largest',
            'range': 'largest minus smallest',
        }
        return [
            (f'{reduction} {name}', _UNITS.get(name, ''), f'{meanings[reduction]} {_WORDS.get(name, name)}', name)
            for name in self.properties
            for reduction in self.reductions
        ]

    def feature_labels(self) -> list[str]:
        """Return the names of the features."""
        return list(feature_labels(tuple(self.properties), tuple(self.reductions)))

    def citations(self) -> list[str]:
        """Return what to cite, as BibTeX; the sources of the values stand in a note."""
        sources = '; '.join(f'{name}: {property_sources()[name]}' for name in self.properties)
        return [_CUBUK, f'@misc{{elementproperties, title={{Element properties}}, note={{{sources}}}}}']

    def implementors(self) -> list[str]:
        """Return who wrote it."""
        return ['The aiida-limap developers']


_UNITS = {
    'electron_affinity_eV': 'eV',
    'boiling_temperature_K': 'K',
    'melting_temperature_K': 'K',
    'density_g_per_cm3': 'g/cm^3',
    'ionization_energy_eV': 'eV',
}
_WORDS = {
    'atomic_number': 'atomic number',
    'group': 'group of the periodic table, 3 for lanthanoids and actinoids',
    'period': 'period of the periodic table',
    'electronegativity': 'Pauling electronegativity',
    'electron_affinity_eV': 'electron affinity',
    'boiling_temperature_K': 'boiling temperature of the element',
    'melting_temperature_K': 'melting temperature of the element',
    'density_g_per_cm3': 'density of the element under normal conditions',
    'ionization_energy_eV': 'first ionisation energy',
}
