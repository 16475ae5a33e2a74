"""The literature prototypes: every entry is a neutral, sensible crystal of its space group that others know too."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from aiida_limap.engines.chemistry.prototypes import ELEMENTS, Prototype, load_prototypes, parse_prototype
from aiida_limap.engines.chemistry.substitution import Template
from aiida_limap.engines.errors import InputError

# spglib 2.7 warns at every call that may fail, also of pymatgen; its new handling of errors is for the next version.
pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')

PROTOTYPES = load_prototypes()
by_name = pytest.mark.parametrize('prototype', PROTOTYPES, ids=[prototype.name for prototype in PROTOTYPES])

ROCK_SALT = {
    'name': 'rock salt',
    'formula': 'MgO',
    'family': 'rock salt',
    'structure_type': 'NaCl',
    'space_group': {'number': 225, 'symbol': 'Fm-3m'},
    'lattice': {'a': 4.212},
    'sites': [['Mg2+', 4, 0, 0, 0], ['O2-', 4, 0.5, 0.5, 0.5]],
    'coordinates': 'refined',
    'citation': 'textbook',
    'citation_status': 'recalled',
}


@pytest.fixture(scope='module')
def references(shared_data: Path) -> dict[str, dict[str, Structure]]:
    """Return the reference crystals with the compositions of the prototypes: formula -> id -> structure."""
    wanted = {_reduced(prototype) for prototype in PROTOTYPES}
    found: dict[str, dict[str, Structure]] = defaultdict(dict)
    for name in ('mp_li_oxides.jsonl.gz', 'mp_li_other.jsonl.gz'):
        with gzip.open(shared_data / name, 'rt', encoding='utf-8') as lines:
            for line in lines:
                row = json.loads(line)
                content = row['structure']
                formula = Composition(row['formula']).reduced_formula
                if formula in wanted:
                    structure = Structure.from_dict(json.loads(content) if isinstance(content, str) else content)
                    found[formula][row['id']] = structure
    return found


@cache
def _structure(name: str) -> Structure:
    return next(prototype for prototype in PROTOTYPES if prototype.name == name).structure()


def _reduced(prototype: Prototype) -> str:
    return _structure(prototype.name).composition.element_composition.reduced_formula


def test_breadth() -> None:
    assert len(PROTOTYPES) >= 40
    assert len({prototype.family for prototype in PROTOTYPES}) >= 15
    assert len({prototype.name for prototype in PROTOTYPES}) == len(PROTOTYPES)


@by_name
def test_entry_is_a_neutral_crystal_of_its_space_group(prototype: Prototype) -> None:
    structure = _structure(prototype.name)
    assert structure.is_ordered
    assert sum(site.specie.oxi_state for site in structure) == 0
    assert {element.symbol for element in structure.composition.element_composition} <= ELEMENTS | {'Li', 'O'}
    analyzer = SpacegroupAnalyzer(structure, symprec=0.01)
    assert analyzer.get_space_group_number() == prototype.space_group_number
    assert len(analyzer.find_primitive()) == len(structure)
    assert len(prototype.citation) > 20
    if prototype.doi is not None:
        assert prototype.doi.startswith('10.')
        assert prototype.citation_status == 'confirmed'


@by_name
def test_distances_and_bond_valences_are_sensible(prototype: Prototype) -> None:
    structure = _structure(prototype.name)
    distances = structure.distance_matrix + 9 * np.eye(len(structure))
    charges = np.array([site.specie.oxi_state for site in structure])
    like = charges[:, None] * charges[None, :] > 0
    assert distances[like].min() > 2.1
    # The shortest bonds are those of carbonate, 1.27 Å.
    assert distances.min() > 1.2
    assert Template(structure).global_instability() < 0.22


@by_name
def test_conventional_cell_holds_the_stated_sites(prototype: Prototype) -> None:
    conventional = prototype.structure(primitive=False)
    assert len(conventional) == sum(site.multiplicity for site in prototype.sites)
    assert conventional.density == pytest.approx(_structure(prototype.name).density, rel=1e-9)


@by_name
def test_counterpart(prototype: Prototype, references: dict[str, dict[str, Structure]]) -> None:
    bare = _structure(prototype.name).copy().remove_oxidation_states()
    matching = {
        name
        for name, candidate in references.get(_reduced(prototype), {}).items()
        if StructureMatcher().fit(bare, candidate)
    }
    counterpart = prototype.materials_project_counterpart
    # None only where the references hold no crystal of this structure, though maybe another form of the composition.
    assert (counterpart in matching) if counterpart is not None else not matching


def test_crystals_without_counterpart_resemble_those_of_their_type() -> None:
    compared = 0
    for prototype in PROTOTYPES:
        if prototype.materials_project_counterpart is None:
            bare = _structure(prototype.name).copy().remove_oxidation_states()
            others = [
                _structure(other.name).copy().remove_oxidation_states()
                for other in PROTOTYPES
                if other.structure_type == prototype.structure_type and other.materials_project_counterpart is not None
            ]
            assert not others or any(StructureMatcher().fit_anonymous(bare, other) for other in others)
            compared += bool(others)
    assert compared >= 5


def test_yaml_round_trip(tmp_path: Path) -> None:
    (tmp_path / 'one.yaml').write_text(yaml.safe_dump([ROCK_SALT]), encoding='utf-8')
    (prototype,) = load_prototypes(tmp_path)
    assert prototype.lattice == {'a': 4.212}
    structure = prototype.structure()
    assert len(structure) == 2
    assert structure.volume == pytest.approx(4.212**3 / 4)
    assert structure.get_distance(0, 1) == pytest.approx(2.106)


def test_names_must_be_unique(tmp_path: Path) -> None:
    (tmp_path / 'two.yaml').write_text(yaml.safe_dump([ROCK_SALT, ROCK_SALT]), encoding='utf-8')
    with pytest.raises(InputError, match='rock salt'):
        load_prototypes(tmp_path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'colour': 'white'}, "unknown key 'colour'"),
        ({'citation': None}, "'citation' is missing"),
        ({'lattice': {'a': 4.212, 'c': 4.212}}, "unknown key 'c'"),
        ({'space_group': {'number': 225, 'symbol': 'Fm-3m', 'origin': 1}}, "unknown key 'origin'"),
        ({'coordinates': 'guessed'}, 'guessed'),
        ({'citation_status': 'hearsay'}, 'hearsay'),
        ({'citation_status': None}, "'citation_status' is missing"),
        ({'sites': [['Mg2+', 4, 0, 0, 0], ['O2-', 8, 0.25, 0.25, 0.25]]}, 'add up to -8'),
        ({'sites': [['Fe2+', 4, 0, 0, 0], ['O2-', 4, 0.5, 0.5, 0.5]]}, 'Fe is not one of the elements'),
    ],
)
def test_faulty_entries_are_refused(change: dict[str, object], message: str) -> None:
    entry = {key: value for key, value in (ROCK_SALT | change).items() if value is not None}
    with pytest.raises(InputError, match=message):
        parse_prototype(entry)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'sites': [['Mg2+', 4, 0.1, 0, 0], ['O2-', 4, 0.5, 0.5, 0.5]]}, 'repeated 24 times'),
        ({'formula': 'LiO'}, 'not LiO'),
        ({'space_group': {'number': 225, 'symbol': 'Fm-3m', 'setting': 'b9'}}, "no setting 'b9'"),
    ],
)
def test_sites_must_fit_the_space_group(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_prototype(ROCK_SALT | change).structure()
