"""Phonons: from the files of phonopy to modes, densities of states and band centres.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_limap.common.lazy import lazy_attributes

if TYPE_CHECKING:
    from aiida_limap.engines.phonons._embedded import EmbeddedPhonons, embedded_phonons
    from aiida_limap.engines.phonons.calculators import CalculatorOptions, phonons_from_calculator
    from aiida_limap.engines.phonons.documents import dos_from_document
    from aiida_limap.engines.phonons.dos import PhononDos, density_of_states
    from aiida_limap.engines.phonons.errors import ImaginaryModesError, PhononSourceError
    from aiida_limap.engines.phonons.fingerprint import FINGERPRINT_FREQUENCIES_THZ, dos_fingerprint
    from aiida_limap.engines.phonons.items import compute_item, phonon_quantities
    from aiida_limap.engines.phonons.modes import PhononModes, phonon_modes
    from aiida_limap.engines.phonons.options import PhononOptions
    from aiida_limap.engines.phonons.quantities import TEMPERATURES_K, BandQuantities, band_quantities
    from aiida_limap.engines.phonons.sources import DosInput, PhononInput, read_phonons

__all__ = [
    'FINGERPRINT_FREQUENCIES_THZ',
    'TEMPERATURES_K',
    'BandQuantities',
    'CalculatorOptions',
    'DosInput',
    'EmbeddedPhonons',
    'ImaginaryModesError',
    'PhononDos',
    'PhononInput',
    'PhononModes',
    'PhononOptions',
    'PhononSourceError',
    'band_quantities',
    'compute_item',
    'density_of_states',
    'dos_fingerprint',
    'dos_from_document',
    'embedded_phonons',
    'phonon_modes',
    'phonon_quantities',
    'phonons_from_calculator',
    'read_phonons',
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        'FINGERPRINT_FREQUENCIES_THZ': 'fingerprint',
        'TEMPERATURES_K': 'quantities',
        'BandQuantities': 'quantities',
        'CalculatorOptions': 'calculators',
        'DosInput': 'sources',
        'EmbeddedPhonons': '_embedded',
        'ImaginaryModesError': 'errors',
        'PhononDos': 'dos',
        'PhononInput': 'sources',
        'PhononModes': 'modes',
        'PhononOptions': 'options',
        'PhononSourceError': 'errors',
        'band_quantities': 'quantities',
        'compute_item': 'items',
        'density_of_states': 'dos',
        'dos_fingerprint': 'fingerprint',
        'dos_from_document': 'documents',
        'embedded_phonons': '_embedded',
        'phonon_modes': 'modes',
        'phonon_quantities': 'items',
        'phonons_from_calculator': 'calculators',
        'read_phonons': 'sources',
    },
)
