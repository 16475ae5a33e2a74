"""Ions that a substitution may place: bond-valence parameters, radii, and which ion may replace which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

__all__ = [
    'MAX_BOND_CHANGE',
    'OXIDE_RADIUS_ANGSTROM',
    'bond_valence_r0',
    'charge_of',
    'replacements',
    'shannon_radius',
]

#: Largest relative change of the cation-oxygen bond length (sum of Shannon radii) by one substitution.
MAX_BOND_CHANGE = 0.15
#: Shannon radius of O2- with three to four neighbours.
OXIDE_RADIUS_ANGSTROM = 1.38

_ROMAN = ('', 'I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX', 'X', 'XI', 'XII')


@dataclass(frozen=True)
class _IonFacts:
    """Bond-valence parameter with O2- in Å and the coordination numbers in which the ion may be placed."""

    r0: float
    coordinations: tuple[int, ...]


@lru_cache(maxsize=1)
def _ions() -> Mapping[str, _IonFacts]:
    content = yaml.safe_load(Path(__file__).with_name('ions.yaml').read_text(encoding='utf-8'))
    return {ion: _IonFacts(float(facts['r0']), tuple(facts['coordinations'])) for ion, facts in content['ions'].items()}


def bond_valence_r0(ion: str) -> float:
    """Return the bond-valence parameter R0 in Å of a cation with O2-, such as ``Ti4+``; nan for O2-."""
    return float('nan') if ion == 'O2-' else _ions()[ion].r0


@lru_cache(maxsize=512)
def shannon_radius(ion: str, coordination: int) -> float:
    """Return the ionic radius in Å; where the coordination is not tabulated, that of the nearest one which is."""
    from pymatgen.core import Species

    species = Species.from_str(ion)
    tabulated = species.element.data['Shannon radii'][str(int(species.oxi_state))]
    known = sorted(_ROMAN.index(label) for label in tabulated if label in _ROMAN)
    nearest = min(known, key=lambda number: (abs(number - coordination), number))
    spins = tabulated[_ROMAN[nearest]]
    chosen = spins[''] if '' in spins else next(iter(spins.values()))
    return float(chosen['ionic_radius'])


@lru_cache(maxsize=512)
def replacements(ion: str, coordination: int) -> tuple[tuple[str, float], ...]:
    """Return the ions that may replace one, with the relative change of bond length, as ordered in ``ions.yaml``."""
    old = shannon_radius(ion, coordination) + OXIDE_RADIUS_ANGSTROM
    found = []
    for other, facts in _ions().items():
        if other in (ion, 'Li+') or coordination not in facts.coordinations:
            continue
        change = (shannon_radius(other, coordination) + OXIDE_RADIUS_ANGSTROM) / old - 1
        if abs(change) <= MAX_BOND_CHANGE:
            found.append((other, change))
    return tuple(found)


@lru_cache(maxsize=64)
def charge_of(ion: str) -> int:
    """Return the size of the charge that a label such as ``Ti4+`` states."""
    return int(ion.rstrip('+-')[-1]) if ion.rstrip('+-')[-1].isdigit() else 1
