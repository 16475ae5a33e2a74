"""Featurizers of matminer that layouts name."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import yaml
from fixtures.external_layouts import DENSITY, MAGPIE, layout_with, site_statistics
from matminer.featurizers.base import BaseFeaturizer
from matminer.featurizers.composition import ElementProperty, Stoichiometry
from matminer.featurizers.site import CoordinationNumber, VoronoiFingerprint
from matminer.featurizers.structure import (
    DensityFeatures,
    EwaldEnergy,
    PartialRadialDistributionFunction,
    SiteStatsFingerprint,
)
from pymatgen.core import Composition, Lattice, Structure

from aiida_limap.engines.descriptors import composition_descriptors, load_layout, structure_descriptors
from aiida_limap.engines.descriptors.external import ExternalFeaturizer
from aiida_limap.engines.descriptors.external_build import nested_featurizers
from aiida_limap.engines.descriptors.task import describe_item, describe_items
from aiida_limap.engines.errors import LimapError


@pytest.fixture(scope='module')
def antifluorite():
    sites = [[0.25, 0.25, 0.25], [0, 0, 0]]
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.62), ['Li', 'O'], sites).get_primitive_structure()


@pytest.fixture(scope='module')
def rock_salt():
    return Structure.from_spacegroup('Fm-3m', Lattice.cubic(4.2), ['Mg', 'O'], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_compositions_get_the_numbers_of_matminer():
    layout = layout_with(composition=[MAGPIE, {'kind': 'featurizer', 'featurizer': 'Stoichiometry'}])
    rows = composition_descriptors(['Li3PO4', 'LiTi2P3O12'], layout)
    theirs = [ElementProperty.from_preset('magpie', impute_nan=False), Stoichiometry()]
    for row, formula in zip(rows, ['Li3PO4', 'LiTi2P3O12'], strict=True):
        expected = [value for featurizer in theirs for value in featurizer.featurize(Composition(formula))]
        assert row == pytest.approx(expected, rel=1e-12, abs=1e-12)
    columns = layout.columns('composition')
    assert columns[0].name == 'magpie_MagpieData minimum Number'
    assert columns[0].meaning == 'MagpieData minimum Number by ElementProperty of matminer'
    assert layout.blocks('composition') == {'magpie': [0, 132], 'Stoichiometry': [132, 138]}
    # Units differ from column to column.
    assert len(layout.scales('composition')) == 138


def test_polymorphs_have_equal_bits():
    first, second = composition_descriptors(['Li3PO4', {'O': 16, 'P': 4, 'Li': 12}], layout_with())
    assert first.tobytes() == second.tobytes()


def test_whole_counts_reach_featurizers_that_ask_for_them():
    block = {'kind': 'featurizer', 'featurizer': 'Stoichiometry', 'options': {'num_atoms': True}}
    row = composition_descriptors(['Li14O44P12Ti6'], layout_with(composition=[block]))[0]
    assert row.tolist() == pytest.approx(Stoichiometry(num_atoms=True).featurize(Composition('Li7O22P6Ti3')))


@pytest.mark.parametrize(
    ('block', 'theirs'),
    [
        (DENSITY, lambda: DensityFeatures()),
        (
            site_statistics('VoronoiFingerprint'),
            lambda: SiteStatsFingerprint(VoronoiFingerprint(), stats=('mean', 'maximum')),
        ),
        (
            site_statistics('CoordinationNumber', preset='VoronoiNN'),
            lambda: SiteStatsFingerprint(CoordinationNumber.from_preset('VoronoiNN'), stats=('mean', 'maximum')),
        ),
        (
            site_statistics('CoordinationNumber', options={'nn': {'neighbours': 'VoronoiNN', 'options': {'tol': 0.3}}}),
            lambda: SiteStatsFingerprint(
                CoordinationNumber.from_preset('VoronoiNN', tol=0.3), stats=('mean', 'maximum')
            ),
        ),
    ],
)
def test_structures_get_the_numbers_of_matminer(block, theirs, antifluorite, rock_salt):
    layout = layout_with(structure=[block])
    rows = structure_descriptors([antifluorite, rock_salt], layout)
    featurizer = theirs()
    for row, structure in zip(rows, [antifluorite, rock_salt], strict=True):
        assert row == pytest.approx(featurizer.featurize(structure), rel=1e-12, abs=1e-12)
    labels = [name.partition('_')[2] for name in layout.labels('structure')]
    assert labels == featurizer.feature_labels()


# matminer calls a method that pymatgen has given another name.
@pytest.mark.filterwarnings('ignore:to_reduced_dict is deprecated:FutureWarning')
def test_featurizers_that_only_ask_for_the_elements_are_told(antifluorite):
    block = {
        'kind': 'featurizer',
        'featurizer': 'PartialRadialDistributionFunction',
        'options': {'cutoff': 6.0, 'bin_size': 0.5},
        'elements': ['Li', 'O', 'P'],
    }
    layout = layout_with(structure=[block])
    theirs = PartialRadialDistributionFunction(cutoff=6.0, bin_size=0.5, include_elems=['Li', 'O', 'P']).fit([])
    assert [name.partition('_')[2] for name in layout.labels('structure')] == theirs.feature_labels()
    assert structure_descriptors([antifluorite], layout)[0] == pytest.approx(theirs.featurize(antifluorite))


def test_oxidation_states_are_given_to_those_that_need_them(antifluorite):
    without = {'kind': 'featurizer', 'featurizer': 'EwaldEnergy'}
    with pytest.raises(LimapError, match='EwaldEnergy fails for Li2O: ValueError: Ewald summation can only'):
        structure_descriptors([antifluorite], layout_with(structure=[without]))
    layout = layout_with(structure=[{**without, 'oxidation_states': True}])
    decorated = antifluorite.copy().add_oxidation_state_by_element({'Li': 1, 'O': -2})
    expected = EwaldEnergy().featurize(decorated)
    assert structure_descriptors([antifluorite], layout)[0] == pytest.approx(expected)
    # What decorates the input decides neither way.
    assert structure_descriptors([decorated], layout)[0] == pytest.approx(expected)
    plain = load_layout('compact')
    assert (structure_descriptors([decorated], plain) == structure_descriptors([antifluorite], plain)).all()


def test_oxidation_states_of_compositions():
    block = {
        'kind': 'featurizer',
        'featurizer': 'OxidationStates',
        'options': {'stats': ['minimum', 'maximum']},
        'oxidation_states': True,
    }
    assert composition_descriptors(['Li3PO4'], layout_with(composition=[block]))[0].tolist() == [-2, 5]


def test_layouts_go_through_yaml_and_the_checksum_follows_the_options(tmp_path):
    layout = layout_with(structure=[site_statistics('CoordinationNumber', preset='VoronoiNN')])
    path = tmp_path / 'mine.yaml'
    path.write_text(yaml.safe_dump(layout.as_dict()))
    again = load_layout(path)
    assert again.checksum == layout.checksum
    assert again.columns() == layout.columns()
    assert json.loads(json.dumps(layout.as_dict())) == layout.as_dict()
    others = [
        layout_with(structure=[site_statistics('CoordinationNumber', preset='JmolNN')]),
        layout_with(structure=[site_statistics('CoordinationNumber', options={'use_weights': 'sum'})]),
        layout_with(
            structure=[{**site_statistics('CoordinationNumber', preset='VoronoiNN'), 'oxidation_states': True}]
        ),
    ]
    assert len({entry.checksum for entry in [layout, *others]}) == 4


def test_options_cannot_be_changed_afterwards():
    options = {'site_featurizer': {'featurizer': 'CoordinationNumber'}}
    block = ExternalFeaturizer(featurizer='SiteStatsFingerprint', options=options)
    options['site_featurizer']['featurizer'] = 'AGNIFingerprints'
    assert block.as_dict()['options'] == {'site_featurizer': {'featurizer': 'CoordinationNumber'}}


def test_matminer_is_not_imported_unless_a_layout_names_it():
    code = (
        'import sys\n'
        'import aiida_limap.engines.descriptors as descriptors\n'
        'from aiida_limap.engines.descriptors import task\n'
        'from pymatgen.core import Lattice, Structure\n'
        'structure = Structure(Lattice.cubic(4), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])\n'
        'for name in ("yamaguchi2023", "all_elements", "compact"):\n'
        '    descriptors.composition_descriptors(["LiO"], name)\n'
        '    descriptors.structure_descriptors([structure], name)\n'
        'raise SystemExit("matminer" in sys.modules)\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')


def test_unknown_element_values_are_no_number_unless_asked_for():
    assert np.isfinite(
        composition_descriptors(['LiAt'], layout_with([{**MAGPIE, 'options': {'impute_nan': True}}]))
    ).all()
    with pytest.raises(LimapError, match=r'magpie: .*ElementProperty has no value of MagpieData .* for LiAt'):
        composition_descriptors(['LiAt'], layout_with())


def test_words_are_no_numbers(antifluorite):
    layout = layout_with(structure=[{'kind': 'featurizer', 'featurizer': 'GlobalSymmetryFeatures'}])
    with pytest.raises(LimapError, match="crystal_system of GlobalSymmetryFeatures is not a number for Li2O: 'cubic'"):
        structure_descriptors([antifluorite], layout)


def test_labels_and_values_must_match(antifluorite, monkeypatch):
    layout = layout_with()
    monkeypatch.setattr(DensityFeatures, 'featurize', lambda self, structure: [1.0])
    with pytest.raises(LimapError, match='DensityFeatures has 3 labels, but 1 values for Li2O'):
        structure_descriptors([antifluorite], layout)


def test_own_errors_keep_their_status(antifluorite, monkeypatch):
    from aiida_limap.engines.errors import NoMobileIonError

    def featurize(self, structure):
        raise NoMobileIonError('none')

    layout = layout_with()
    monkeypatch.setattr(DensityFeatures, 'featurize', featurize)
    item, rows = describe_item('a', lambda: antifluorite, layout, ['composition', 'structure'])
    assert (item.status, item.message, rows) == ('no_mobile_ion', 'none', None)


def test_a_bad_structure_does_not_stop_the_others(antifluorite):
    astatide = Structure(Lattice.cubic(4), ['Li', 'At'], [[0, 0, 0], [0.5, 0.5, 0.5]])
    loaders = [('good', lambda: antifluorite), ('bad', lambda: astatide), ('again', lambda: antifluorite)]
    found = list(describe_items(loaders, layout_with(), ['composition', 'structure']))
    assert [item.status for item, _ in found] == ['ok', 'failed', 'ok']
    assert 'ElementProperty has no value of' in found[1][0].message
    assert found[0][1]['structure'].tobytes() == found[2][1]['structure'].tobytes()


def test_threads_share_no_featurizer_and_agree(antifluorite, rock_salt):
    # Order parameters keep trigonometric terms in the featurizer while they work.
    layout = layout_with(structure=[site_statistics('OPSiteFingerprint')])
    structures = [antifluorite, rock_salt] * 4
    alone = structure_descriptors(structures, layout)
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(lambda entry: structure_descriptors([entry], layout)[0], structures))
    assert np.array_equal(alone, together)
    block = layout.parts['structure'][0]
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(block._built).result() is not block._built()


def test_no_processes_are_started(monkeypatch, antifluorite):
    def refuse(*args, **kwargs):
        raise AssertionError('a pool of processes was started')

    monkeypatch.setattr('matminer.featurizers.base.Pool', refuse)
    layout = layout_with(structure=[site_statistics('CoordinationNumber')])
    structure_descriptors([antifluorite], layout)
    for featurizer in nested_featurizers(layout.parts['structure'][0]._built()):
        assert featurizer.n_jobs == 1


def test_own_featurizers_say_what_their_columns_are(monkeypatch, antifluorite):
    class Described(BaseFeaturizer):
        def featurize(self, structure):
            return [structure.volume]

        def feature_labels(self):
            return ['volume']

        def columns(self):
            return [('volume', 'Å3', 'volume of the cell', 'sizes')]

        def citations(self):
            return []

        def implementors(self):
            return []

    Described.__module__ = 'aiida_limap.engines.bvff.featurizers'
    monkeypatch.setattr('aiida_limap.engines.descriptors.external_build._named', lambda name: Described)
    layout = layout_with(
        composition=[{'kind': 'element_fractions'}],
        structure=[{'kind': 'featurizer', 'featurizer': 'Described', 'name': 'own'}],
    )
    (column,) = layout.columns('structure')
    assert (column.name, column.unit, column.meaning, column.scale) == (
        'own_volume',
        'Å3',
        'volume of the cell',
        'own.sizes',
    )
    assert structure_descriptors([antifluorite], layout)[0, 0] == pytest.approx(antifluorite.volume)


def test_real_oxides(shared_data):
    structures = []
    with gzip.open(shared_data / 'mp_li_oxides.jsonl.gz', 'rt') as lines:
        for line in lines:
            document = json.loads(line)['structure']
            structure = Structure.from_dict(json.loads(document) if isinstance(document, str) else document)
            if len(structure) <= 12:
                structures.append(structure)
            if len(structures) == 5:
                break
    layout = layout_with(structure=[DENSITY, site_statistics('VoronoiFingerprint')])
    loaders = [(str(index), lambda structure=structure: structure) for index, structure in enumerate(structures)]
    theirs = [DensityFeatures(), SiteStatsFingerprint(VoronoiFingerprint(), stats=('mean', 'maximum'))]
    parts = ['composition', 'structure']
    for (item, rows), structure in zip(describe_items(loaders, layout, parts, threads=2), structures, strict=True):
        assert item.status == 'ok', item.message
        plain = structure.copy().remove_oxidation_states()
        expected = [value for featurizer in theirs for value in featurizer.featurize(plain)]
        assert rows['structure'] == pytest.approx(expected, rel=1e-10, abs=1e-10)
        expected = ElementProperty.from_preset('magpie', impute_nan=False).featurize(plain.composition)
        assert rows['composition'] == pytest.approx(expected, rel=1e-10, abs=1e-10)
