"""Literature prototypes of lithium oxides: facts in YAML, crystals by symmetry.

Each entry of ``prototype_data/*.yaml`` states a space group, the free lattice parameters, the asymmetric unit with
oxidation states and a citation. ``coordinates`` says whether the positions are those of a published refinement
(``refined``) or those of the structure type, placed in the published cell so that bond valences are met
(``idealised``). ``citation_status`` says whether a source was seen that names the cited paper for this compound
(``confirmed``) or whether the citation was entered from memory and nothing was found about it (``recalled``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray

from aiida_limap.engines.chemistry.spacegroups import crystal_system, hall_number, orbit, reduced_by_centring
from aiida_limap.engines.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = [
    'ELEMENTS',
    'LibraryEntry',
    'Prototype',
    'PrototypeSite',
    'build_library',
    'load_prototypes',
    'parse_prototype',
]

_SYMBOLS = 'Mg Ca Sr Ba Sc Y La Ti Zr Hf Nb Ta Zn B Al Ga In C Si Ge Sn P As Sb S'
#: The elements of the materials maps beside lithium and oxygen (Yamaguchi et al., Sci. Rep. 13, 16799 (2023)).
ELEMENTS = frozenset(_SYMBOLS.split())

_LATTICE_KEYS = {
    'cubic': ('a',),
    'hexagonal': ('a', 'c'),
    'tetragonal': ('a', 'c'),
    'orthorhombic': ('a', 'b', 'c'),
    'monoclinic': ('a', 'b', 'c', 'beta'),
    'triclinic': ('a', 'b', 'c', 'alpha', 'beta', 'gamma'),
}
_WORDS = {'coordinates': ('refined', 'idealised'), 'citation_status': ('confirmed', 'recalled')}


@dataclass(frozen=True)
class PrototypeSite:
    """One site of the asymmetric unit: an ion such as ``Ti4+``, its number in the conventional cell, its position."""

    ion: str
    multiplicity: int
    position: tuple[float, float, float]


@dataclass(frozen=True)
class Prototype:
    """A crystal from the literature.

    ``lattice`` maps a, b, c (Å) and alpha, beta, gamma (degree) of the conventional cell, the free ones only.
    ``structure_type`` is shared by isotypic entries. ``setting`` is the choice of axes or origin in spglib's notation;
    the empty word means the standard one (unique axis b, hexagonal axes, origin at a centre of symmetry).
    """

    name: str
    formula: str
    family: str
    structure_type: str
    space_group_number: int
    space_group_symbol: str
    setting: str
    lattice: Mapping[str, float]
    sites: tuple[PrototypeSite, ...]
    coordinates: str
    citation: str
    citation_status: str
    doi: str | None = None
    materials_project_counterpart: str | None = None

    def structure(self, primitive: bool = True) -> Structure:
        """Return the crystal with oxidation states.

        :param primitive: whether to reduce the cell by its lattice centring.
        :raises InputError: if a site is not of the stated multiplicity or the cell does not fit the stated formula.
        """
        from pymatgen.core import Composition, Structure

        hall = hall_number(self.space_group_number, self.setting)
        species: list[str] = []
        positions: list[NDArray[np.float64]] = []
        for site in self.sites:
            images = orbit(hall, site.position)
            if len(images) != site.multiplicity:
                raise InputError(
                    f'Prototype {self.name}: the site {site.ion} at {site.position} is repeated {len(images)} times by '
                    f'{self.space_group_symbol}, not {site.multiplicity} times; correct its position or multiplicity.'
                )
            species += [site.ion] * len(images)
            positions.append(images)
        structure = Structure(self._lattice(), species, np.concatenate(positions))
        if structure.composition.element_composition.reduced_formula != Composition(self.formula).reduced_formula:
            raise InputError(
                f'Prototype {self.name}: the sites give {structure.composition.formula}, not {self.formula}; '
                'correct one of them.'
            )
        return reduced_by_centring(structure, hall) if primitive else structure

    def _lattice(self) -> NDArray[np.float64]:
        from pymatgen.core import Lattice

        values = self.lattice
        a = values['a']
        system = crystal_system(self.space_group_number)
        gamma = 120.0 if system == 'hexagonal' else values.get('gamma', 90.0)
        b = values.get('b', a)
        c = values.get('c', a)
        matrix = Lattice.from_parameters(a, b, c, values.get('alpha', 90.0), values.get('beta', 90.0), gamma).matrix
        return np.asarray(matrix, dtype=float)


def parse_prototype(entry: Mapping[str, Any], elements: frozenset[str] | None = ELEMENTS) -> Prototype:
    """Turn one YAML entry into a :class:`Prototype`.

    :param entry: the entry.
    :param elements: elements that may occur beside lithium and oxygen; None for any.
    :raises InputError: for unknown or missing keys, superfluous lattice parameters, foreign elements or net charge.
    """
    known = {field.name for field in fields(Prototype)} - {'space_group_number', 'space_group_symbol', 'setting'} | {
        'space_group'
    }
    required = known - {'doi', 'materials_project_counterpart'}
    name = entry.get('name', '?')
    _check_keys(f'Prototype {name}', set(entry), known, required)
    group = entry['space_group']
    _check_keys(f'Space group of prototype {name}', set(group), {'number', 'symbol', 'setting'}, {'number', 'symbol'})
    wanted = set(_LATTICE_KEYS[crystal_system(group['number'])])
    _check_keys(f'Lattice of prototype {name}', set(entry['lattice']), wanted, wanted)
    for key, words in _WORDS.items():
        if entry[key] not in words:
            raise InputError(f'Prototype {name}: {key} must be "{words[0]}" or "{words[1]}", not {entry[key]!r}.')
    sites = tuple(PrototypeSite(str(ion), int(n), (float(x), float(y), float(z))) for ion, n, x, y, z in entry['sites'])
    _check_ions(name, sites, elements)
    return Prototype(
        name=name,
        formula=entry['formula'],
        family=entry['family'],
        structure_type=entry['structure_type'],
        space_group_number=int(group['number']),
        space_group_symbol=str(group['symbol']),
        setting=str(group.get('setting', '')),
        lattice={key: float(value) for key, value in entry['lattice'].items()},
        sites=sites,
        coordinates=entry['coordinates'],
        citation=entry['citation'],
        citation_status=entry['citation_status'],
        doi=entry.get('doi'),
        materials_project_counterpart=entry.get('materials_project_counterpart'),
    )


def _check_keys(what: str, given: set[str], known: set[str], required: set[str]) -> None:
    if unknown := sorted(given - known):
        raise InputError(f'{what}: unknown key {unknown[0]!r}; known keys are {", ".join(sorted(known))}.')
    if missing := sorted(required - given):
        raise InputError(f'{what}: the key {missing[0]!r} is missing.')


def _check_ions(name: str, sites: tuple[PrototypeSite, ...], elements: frozenset[str] | None) -> None:
    from pymatgen.core import Species

    charge: Counter[str] = Counter()
    for site in sites:
        species = Species.from_str(site.ion)
        if elements is not None and species.symbol not in elements | {'Li', 'O'}:
            raise InputError(f'Prototype {name}: {species.symbol} is not one of the elements of the maps.')
        charge['total'] += round(species.oxi_state * site.multiplicity)
    if charge['total'] != 0:
        raise InputError(f'Prototype {name}: the charges of its sites add up to {charge["total"]:+d}, not to zero.')


def load_prototypes(folder: Path | None = None, elements: frozenset[str] | None = ELEMENTS) -> tuple[Prototype, ...]:
    """Read all prototypes, in the order of file names and of entries within a file.

    :param folder: where the YAML files lie; those of the embedded library by default.
    :param elements: elements that may occur beside lithium and oxygen; None for any.
    :raises InputError: for a faulty entry or a name that occurs twice.
    """
    if folder is None:
        folder = Path(__file__).parent / 'prototype_data'
    paths = sorted(folder.glob('*.yaml'))
    prototypes = [
        parse_prototype(entry, elements) for path in paths for entry in yaml.safe_load(path.read_text(encoding='utf-8'))
    ]
    repeated = [name for name, count in Counter(prototype.name for prototype in prototypes).items() if count > 1]
    if repeated:
        raise InputError(f'The prototype name {repeated[0]!r} occurs more than once; names must be unique.')
    return tuple(prototypes)


@dataclass(frozen=True)
class LibraryEntry:
    """One crystal of the embedded library.

    ``origin`` is ``literature`` or ``substituted``. ``substitutions`` maps a replaced ion to the new one, such as
    ``{'Ti4+': 'Zr4+'}``, or to the shares of several, ``{'Ti4+': '1/2 Al3+ + 1/2 Nb5+'}``; it is empty for literature
    entries. ``citation``, ``citation_status`` and ``doi`` are those of the prototype.
    """

    id: str
    formula: str
    family: str
    structure_type: str
    origin: str
    prototype: str
    substitutions: Mapping[str, str]
    citation: str
    citation_status: str
    doi: str | None
    materials_project_counterpart: str | None
    structure: Structure

    @classmethod
    def of_prototype(cls, identifier: str, prototype: Prototype) -> LibraryEntry:
        """Return the entry of a crystal of the literature.

        :param identifier: id of the entry.
        :param prototype: the crystal.
        """
        return cls(
            id=identifier,
            formula=prototype.formula,
            family=prototype.family,
            structure_type=prototype.structure_type,
            origin='literature',
            prototype=prototype.name,
            substitutions={},
            citation=prototype.citation,
            citation_status=prototype.citation_status,
            doi=prototype.doi,
            materials_project_counterpart=prototype.materials_project_counterpart,
            structure=prototype.structure(),
        )


def build_library() -> list[LibraryEntry]:
    """Return the embedded library: all literature prototypes, then the crystals made from them by ionic substitution.

    The order and the content are the same in every process. Crystals of one composition and structure type occur once;
    where several prototypes of the type lead to a composition, the one whose bonds change least is taken.
    """
    from aiida_limap.engines.chemistry.substitution import substituted_entries

    prototypes = load_prototypes()
    literature = [LibraryEntry.of_prototype(f'limap-proto-{entry.name}', entry) for entry in prototypes]
    return literature + substituted_entries(prototypes, [entry.structure for entry in literature])
