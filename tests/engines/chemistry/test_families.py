"""Structure families: prototypes and what is made from them get their own family back, others are unknown."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_limap.engines.chemistry import families
from aiida_limap.engines.chemistry.families import FRAMEWORK, NETWORK, UNKNOWN, WHOLE, find_families, find_family
from aiida_limap.engines.chemistry.family_references import families_checksum, networks
from aiida_limap.engines.chemistry.networks import BondNetwork
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.chemistry.substitution import substituted_entries
from aiida_limap.engines.errors import InputError

# spglib warns at every call of pymatgen that may fail; its new handling of errors is for the next version.
pytestmark = pytest.mark.filterwarnings('ignore:Set OLD_ERROR_HANDLING to false:DeprecationWarning')

PROTOTYPES = {prototype.name: prototype for prototype in load_prototypes()}
#: What the source calls the members of its first table (Yamaguchi et al., Sci. Rep. 13, 16799 (2023)).
TABLE_1 = {
    'garnet': [
        'mp-761986',
        'mp-775628',
        'mp-1200057',
        'mp-554747',
        'mp-774721',
        'mp-559776',
        'mp-774437',
        'mp-942733',
        'mp-779434',
    ],
    'NASICON': ['mp-10499', 'mp-759280', 'mp-773074', 'mp-681439', 'mp-541661'],
    'perovskite': ['mp-1222522', 'mp-768320'],
}


def _bare(name: str) -> Structure:
    structure = PROTOTYPES[name].structure()
    structure.remove_oxidation_states()
    return structure


def _noisy(structure: Structure, seed: int = 1) -> Structure:
    random = np.random.default_rng(seed)
    moved = structure.cart_coords + random.uniform(-0.05, 0.05, (len(structure), 3))
    strained = Lattice(structure.lattice.matrix @ (np.eye(3) + 0.02 * random.uniform(-1, 1, (3, 3))))
    return Structure(strained, structure.species, structure.lattice.get_fractional_coords(moved))


@pytest.mark.parametrize('name', PROTOTYPES)
def test_every_prototype_has_its_own_family(name):
    found = find_family(PROTOTYPES[name].structure())
    assert found.family == PROTOTYPES[name].family
    assert found.matched == WHOLE
    assert PROTOTYPES[found.prototype].structure_type == PROTOTYPES[name].structure_type
    assert found.rms == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize('structure_type', ['NASICON', 'olivine', 'gamma-LiFeO2', 'Li2Si2O5', 'layered LiLaTi2O6'])
def test_substituted_crystals_have_the_family_of_their_type(structure_type):
    members = [one for one in PROTOTYPES.values() if one.structure_type == structure_type]
    entries = substituted_entries(members, [one.structure() for one in members])
    assert len(entries) > 5
    found = [find_family(entry.structure).family for entry in entries[::3]]
    assert found == [members[0].family] * len(found)


def test_table_1_of_the_map_is_recognised(shared_data: Path):
    wanted = {mp_id: family for family, ids in TABLE_1.items() for mp_id in ids}
    found = {}
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt', encoding='utf-8') as lines:
        for row in map(json.loads, lines):
            if row['id'] in wanted:
                content = row['structure']
                structure = Structure.from_dict(json.loads(content) if isinstance(content, str) else content)
                found[row['id']] = find_family(structure).family
    assert found == wanted


def test_noise_and_another_cell_do_not_matter():
    garnet = _bare('Li5La3Nb2O12')
    assert find_family(_noisy(garnet)).family == 'garnet'
    rock_salt = _noisy(_bare('Li3NbO4') * (1, 1, 2))
    assert find_family(rock_salt).family == 'rock-salt ordered'


def test_lithium_may_be_missing_or_elsewhere():
    framework = _bare('LiZr2P3O12')
    framework.remove_species(['Li'])
    framework.append('Li', [0.31, 0.12, 0.77])
    found = find_family(framework)
    assert (found.family, found.matched) == ('NASICON', FRAMEWORK)
    layered = _bare('LiGaO2-alpha') * (2, 1, 1)
    layered.remove_sites([layered.species.index(layered.species[0])])
    assert find_family(layered).family == 'rock-salt layered'


def test_shared_sites_are_compared_too():
    garnet = _bare('Li5La3Nb2O12')
    garnet.replace_species({'Li': {'Li': 0.8, 'Al': 0.05}, 'Nb': {'Nb': 0.6, 'Zr': 0.4}})
    assert find_family(garnet).family == 'garnet'


def test_perovskites_are_known_by_their_octahedra():
    cubic = Structure.from_spacegroup(
        'Pm-3m', Lattice.cubic(3.9), ['La', 'Ti', 'O'], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0]]
    )
    deficient = cubic * (3, 2, 1)
    deficient.remove_sites([0])
    deficient.replace(0, 'Li')
    found = find_family(deficient)
    assert (found.family, found.matched, found.rms) == ('perovskite', NETWORK, None)
    crowded = cubic.copy()
    crowded.append('Li', [0.5, 0, 0])
    assert find_family(crowded).family == UNKNOWN


def test_tilt_tells_lithium_niobate_from_perovskite():
    niobate = _bare('LiNbO3') * (1, 1, 3)
    niobate.replace(0, 'Mg')
    assert find_family(niobate).family == 'corundum ordered'
    reference = _bare('LiNbO3')
    angles = BondNetwork.of(reference).angles({'Nb'}, 1.3)
    assert angles.mean() == pytest.approx(140.4, abs=0.1)


def test_layers_that_share_edges_are_layered():
    layers, framework = _bare('LiGaO2-alpha'), _bare('LiScO2')
    assert BondNetwork.of(layers).directions({'Ga'}, 1.3) == 2
    assert BondNetwork.of(framework).directions({'Sc'}, 1.3) == 3
    assert BondNetwork.of(_bare('Li3PO4-beta')).directions({'P'}, 1.3) == 0
    mixed = _noisy(layers * (2, 2, 2))
    assert find_family(mixed).family == 'rock-salt layered'


def test_coordination_sequences_are_those_of_known_nets():
    sequences = {one.name: set(one.sequences) for one in networks()}
    # Octahedra of rock salt: the primitive cubic net, 4 n^2 + 2 atoms in shell n; wurtzite: lonsdaleite.
    assert sequences['rock salt'] == {tuple(4 * n * n + 2 for n in range(1, 7))}
    assert sequences['wurtzite'] == {(4, 12, 25, 44, 67, 96)}
    assert {sequence[0] for sequence in sequences['Sc2(WO4)3']} == {4, 6}


def test_what_matches_nothing_is_unknown_with_reasons():
    random = np.random.default_rng(3)
    scattered = Structure(Lattice.cubic(9), _bare('LiMgPO4').species, random.random((28, 3)))
    found = find_family(scattered)
    assert (found.family, found.prototype, found.rms, found.matched) == (UNKNOWN, None, None, '')
    assert 'LiMgPO4' in found.tried
    assert found.reason == 'no prototype of fitting composition matches'
    metal = Structure(Lattice.cubic(3.5), ['Li'], [[0, 0, 0]])
    assert find_family(metal).reason == 'no cations or no anions were recognised'
    assert json.loads(json.dumps(found.as_dict()))['tried'] == list(found.tried)


def test_anions_are_not_laid_onto_cations():
    # An antiperovskite has the atoms of a perovskite, with lithium where oxygen should be.
    anti = Structure.from_spacegroup(
        'Pm-3m', Lattice.cubic(3.9), ['Cl', 'O', 'Li'], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0]]
    )
    assert find_family(anti).family == UNKNOWN
    sulfide = _bare('LiGaO2-alpha')
    sulfide.replace_species({'O': 'S'})
    sulfide.scale_lattice(1.6 * sulfide.volume)
    assert find_family(sulfide).family == 'rock-salt layered'


def test_size_and_time_are_limited():
    large = _bare('Li2O') * (5, 5, 5)
    assert find_family(large).reason == f'375 sites are more than the {families.MAX_SITES} that are compared'
    assert find_family(_bare('LiZr2P3O12'), time_limit_s=1e-9).reason == 'not done within 1e-09 s of the processor'
    with pytest.raises(InputError, match='time_limit_s must be positive, not 0'):
        find_family(large, time_limit_s=0)


def test_many_structures_in_processes_are_as_one_by_one():
    structures = [_bare(name) for name in ('Li2O', 'LiScO2', 'LiMgPO4', 'LiGaO2-alpha')]
    steps: list[int] = []
    alone = find_families(structures, on_progress=steps.append)
    assert steps == [1, 1, 1, 1]
    assert find_families(structures, processes=2) == alone
    with pytest.raises(InputError, match='processes must be at least 1, not 0'):
        find_families(structures, processes=0)


def test_the_checksum_is_that_of_data_and_code():
    assert len(families_checksum()) == 64
    assert families_checksum() == families_checksum()
