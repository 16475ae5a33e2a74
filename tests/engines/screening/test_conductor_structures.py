"""Crystals of conductors that stand beside the library: neutral, sensible, and known to others."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.bond_valence import BV_PARAMS
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Element, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from aiida_limap.engines.chemistry.ions import bond_valence_r0
from aiida_limap.engines.chemistry.prototypes import load_prototypes, parse_prototype
from aiida_limap.engines.errors import InputError
from aiida_limap.engines.screening.labels import load_conductors, read_obelix

# spglib 2.7 warns at every call that may fail, also of pymatgen; its new handling of errors is for the next version.
pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')

CONDUCTORS = load_conductors()
NAMES = [conductor.name for conductor in CONDUCTORS]
by_name = pytest.mark.parametrize('conductor', CONDUCTORS, ids=NAMES)

#: Bond valences fall with the distance by this (Å); I. D. Brown, D. Altermatt, Acta Crystallogr. B 41, 244 (1985).
SOFTNESS_ANGSTROM = 0.37
#: Brown and Altermatt's own value (Å) for an ion whose general parameters are those of its lower charge.
BISMUTH_V_OXYGEN_ANGSTROM = 2.06
#: Crystals whose bond valences are far from the charges in the refinements too: lithium on the site midway between the
#: halves of a split one, and phosphides and iodides, whose bonds the general parameters make too long.
STRAINED = {'Li6PS5Cl', 'Li6PS5Br', 'Li6PS5I', 'Li3P', 'Li3N-beta', 'Li3OBr', 'Li3N-alpha', 'LiI'}
#: Crystals of OBELiX by name of the conductor; its positions carry noise.
OBELIX = {
    'Li3N-beta': 'fft',
    'Li3OBr': 'qbb',
    'Li3BN2-alpha': 'qa9',
    'Li3SbS4': 'mq1',
    'Li2SnS3': 'xas',
    'Li3VO4-beta': 'h6c',
    'LiNdTiO4': '3rx',
    'LiVO3': 'uu4',
}
#: The same for disordered crystals, of which only the anions can be compared.
OBELIX_ANIONS = {
    'Li6PS5Br': '9zr',
    'Li10GeP2S12': 'mtn',
    'Li10SnP2S12': '13q',
    'Li3PS4-gamma': 'joc',
    'Li3PS4-beta': 'nhq',
    'Li5La3Sb2O12': 'xog',
    'Li5La3Bi2O12': 'kbq',
    'Li2MgCl4': 'dvn',
    'Li2MnCl4': 'bjw',
}


@cache
def crystal(name: str) -> Structure:
    return next(conductor for conductor in CONDUCTORS if conductor.name == name).structure()


def bare(structure: Structure) -> Structure:
    return structure.copy().remove_oxidation_states()


def r0(one: str, other: str) -> float:
    """Return the length (Å) of a bond of valence 1; M. O'Keeffe, N. E. Brese, J. Am. Chem. Soc. 113, 3226 (1991)."""
    first, second = (BV_PARAMS[Element(symbol)] for symbol in (one, other))
    difference = np.sqrt(first['c']) - np.sqrt(second['c'])
    return (
        first['r']
        + second['r']
        - first['r'] * second['r'] * difference**2 / (first['c'] * first['r'] + second['c'] * second['r'])
    )


def bond_valence_sums(structure: Structure) -> np.ndarray:
    charges = np.array([site.specie.oxi_state for site in structure])
    centres, neighbours, _, distances = structure.get_neighbor_list(4.6)
    sums = np.zeros(len(structure))
    for centre, neighbour, distance in zip(centres, neighbours, distances, strict=True):
        if charges[centre] * charges[neighbour] < 0:
            cation, anion = (
                structure[int(index)].specie
                for index in ((centre, neighbour) if charges[centre] > 0 else (neighbour, centre))
            )
            sums[centre] += np.exp((bond_length(cation, anion) - distance) / SOFTNESS_ANGSTROM)
    return sums


@cache
def bond_length(cation, anion) -> float:
    if (str(cation), anion.symbol) == ('Bi5+', 'O'):
        return BISMUTH_V_OXYGEN_ANGSTROM
    if anion.symbol == 'O':
        try:
            return bond_valence_r0(str(cation))
        except KeyError:
            # Ions that no substitution places have no entry; the general parameters stand in.
            pass
    return r0(cation.symbol, anion.symbol)


@by_name
def test_the_crystal_has_the_space_group_that_its_entry_states(conductor):
    analyzer = SpacegroupAnalyzer(bare(conductor.structure()), symprec=1e-3)
    assert analyzer.get_space_group_number() == conductor.space_group_number
    assert conductor.structure().charge == pytest.approx(0.0)


@by_name
def test_distances_are_those_of_a_crystal(conductor):
    structure = conductor.structure()
    charges = np.array([site.specie.oxi_state for site in structure])
    centres, neighbours, _, distances = structure.get_neighbor_list(5.0)
    products = charges[centres] * charges[neighbours]
    assert distances[products < 0].min() > 1.3
    assert distances[products > 0].min() > 2.0
    lithium = np.array([site.specie.symbol == 'Li' for site in structure])
    bonds = distances[(products < 0) & lithium[centres]]
    assert 1.6 < bonds.min() < 3.1
    # Each lithium ion has at least two anions within a bond.
    counts = [np.sum((products < 0) & (centres == index) & (distances < 3.1)) for index in np.flatnonzero(lithium)]
    assert min(counts) >= 2


@by_name
def test_bond_valences_add_up_to_the_charges(conductor):
    structure = conductor.structure()
    charges = np.array([abs(site.specie.oxi_state) for site in structure])
    instability = np.sqrt(np.mean((bond_valence_sums(structure) - charges) ** 2))
    assert instability < (0.46 if conductor.name in STRAINED else 0.25)


def test_names_differ_from_those_of_the_library_and_its_crystals_stay_what_they_were():
    library = load_prototypes()
    assert not {prototype.name for prototype in library} & set(NAMES)
    assert len(set(NAMES)) == len(NAMES) >= 25


def test_elements_beyond_those_of_the_maps_are_refused_in_the_library_only():
    entry = {
        'name': 'salt',
        'formula': 'LiCl',
        'family': 'rock salt',
        'structure_type': 'NaCl',
        'space_group': {'number': 225, 'symbol': 'Fm-3m'},
        'lattice': {'a': 5.13},
        'sites': [['Li+', 4, 0, 0, 0], ['Cl-', 4, 0.5, 0.5, 0.5]],
        'coordinates': 'refined',
        'citation': 'textbook',
        'citation_status': 'recalled',
    }
    with pytest.raises(InputError, match='Cl is not one of the elements of the maps'):
        parse_prototype(entry)
    assert parse_prototype(entry, None).structure().composition.reduced_formula == 'LiCl'


@pytest.fixture(scope='module')
def materials_project(shared_data: Path) -> dict[str, Structure]:
    """Return the counterparts in the Materials Project, by id."""
    wanted = {conductor.materials_project_counterpart for conductor in CONDUCTORS} | {'mp-1097036', 'mp-9625'}
    found = {}
    for name in ('mp_li_oxides.jsonl.gz', 'mp_li_other.jsonl.gz'):
        with gzip.open(shared_data / name, 'rt', encoding='utf-8') as lines:
            for line in lines:
                identifier = line[8 : line.index('"', 8)]
                if identifier in wanted:
                    content = json.loads(line)['structure']
                    found[identifier] = Structure.from_dict(
                        json.loads(content) if isinstance(content, str) else content
                    )
    return found


@pytest.fixture(scope='module')
def obelix(shared_data: Path, tmp_path_factory) -> dict[str, Structure]:
    """Return crystals of OBELiX by their ids."""
    import tarfile

    wanted = {*OBELIX.values(), *OBELIX_ANIONS.values()}
    folder = tmp_path_factory.mktemp('obelix')
    with tarfile.open(shared_data / 'obelix_train_cifs.tar.gz') as archive:
        for member in archive:
            name = Path(member.name)
            stream = archive.extractfile(member) if name.stem in wanted else None
            if stream is not None:
                (folder / name.name).write_bytes(stream.read())
    labelled = read_obelix(shared_data / 'obelix_train.csv', folder, duplicates='keep')
    return {row.id.removeprefix('obelix:'): row.structure for row in labelled if row.structure is not None}


def rms(one: Structure, other: Structure) -> float:
    """Return how far two crystals are apart, in units of the cube root of the volume per atom; 9 without any fit."""
    found = StructureMatcher(ltol=0.2, stol=0.35, angle_tol=6).get_rms_dist(one, other)
    return 9.0 if found is None else float(found[0])


@pytest.mark.parametrize(
    'conductor',
    [conductor for conductor in CONDUCTORS if conductor.materials_project_counterpart],
    ids=lambda conductor: conductor.name,
)
def test_the_counterpart_of_the_materials_project_is_the_same_crystal(conductor, materials_project):
    reference = materials_project[conductor.materials_project_counterpart]
    assert rms(bare(conductor.structure()), reference) < 0.1


def test_thiophosphate_and_olivine_have_the_frameworks_of_their_relatives(materials_project):
    frames = [bare(crystal('Li3PS4-beta')), materials_project['mp-1097036'].copy()]
    for frame in frames:
        frame.remove_species(['Li'])
    assert rms(*frames) < 0.1
    olivine = materials_project['mp-9625'].copy()
    olivine.replace_species({'Mg': 'Fe'})
    assert rms(bare(crystal('LiFePO4')), olivine) < 0.1


@pytest.mark.parametrize('name', OBELIX)
def test_the_crystal_is_that_of_the_measured_sample(name, obelix):
    reference = obelix[OBELIX[name]]
    assert reference.is_ordered
    assert rms(bare(crystal(name)), reference) < 0.1


def anions(structure: Structure) -> Structure:
    """Return the sites on which anions are, all of one kind."""
    symbols = {'N', 'O', 'S', 'Cl', 'Br'}
    sites = [site for site in structure if max(site.species.items(), key=lambda pair: pair[1])[0].symbol in symbols]
    sites = [site for site in sites if site.species.num_atoms > 0.5]
    return Structure(structure.lattice, ['S'] * len(sites), [site.frac_coords for site in sites])


@pytest.mark.parametrize('name', OBELIX_ANIONS)
def test_the_anions_are_where_they_are_in_the_disordered_sample(name, obelix):
    reference = obelix[OBELIX_ANIONS[name]]
    assert not reference.is_ordered
    own = crystal(name)
    assert Composition(own.reduced_formula).chemical_system == reference.composition.element_composition.chemical_system
    assert rms(anions(bare(own)), anions(reference)) < 0.12
