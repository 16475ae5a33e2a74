"""Which featurizers a layout may name, and how the others are refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fixtures.external_layouts import MAGPIE, layout_with, site_statistics
from matminer.featurizers.composition import ElementProperty, Stoichiometry

from aiida_limap.engines.descriptors.external_build import featurizer_class
from aiida_limap.engines.errors import InputError


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('os.system', 'os.system may not be named'),
        ('subprocess.Popen', 'may not be named'),
        ('builtins.eval', 'may not be named'),
        ('aiida_limap.engines.run', 'may not be named'),
        ('aiida_limap.engines.run.main', 'may not be named'),
        ('aiida_limap.engines.descriptors.featurizers.LayoutFeaturizer', 'may not be named'),
        ('matminer.featurizers.function.FunctionFeaturizer', 'may not be named'),
        ('matminer.featurizers.conversions.CompositionToStructureFromMP', 'may not be named'),
        ('matminer.featurizers.base.MultipleFeaturizer', 'may not be named'),
        ('matminer.utils.io.load_dataframe_from_json', 'may not be named'),
        ('matminer.featurizers.composition.composite.warnings', 'is no featurizer'),
        ('matminer.featurizers.structure.sites.np', 'is no featurizer'),
        ('matminer.featurizers.composition.composite.BaseFeaturizer', 'is no featurizer'),
        ('matminer.featurizers.composition.composite.MagpieData', 'is no featurizer'),
        ('matminer.featurizers.composition.composite.__loader__', 'is no featurizer'),
        ('matminer.featurizers.composition.thermo.CohesiveEnergy', 'over the network'),
        ('CohesiveEnergyMP', 'over the network'),
        ('NoSuchFeaturizer', "no composition, structure or site featurizer called 'NoSuchFeaturizer'"),
        ('BaseFeaturizer', 'no composition, structure or site featurizer'),
        ('__import__("os")', 'is not the name of a class'),
        ('a..b', 'is not the name of a class'),
        ('', 'is not the name of a class'),
        (7, 'is not the name of a class'),
    ],
)
def test_nothing_but_featurizers_of_structures_and_compositions_can_be_named(name, words):
    with pytest.raises(InputError, match='layout: featurizer: .*' + words.replace('(', r'\(')):
        featurizer_class(name)
    with pytest.raises(InputError):
        layout_with(structure=[{'kind': 'featurizer', 'featurizer': name}])
    with pytest.raises(InputError):
        layout_with(structure=[site_statistics(name)])


def test_other_modules_are_not_even_imported():
    code = (
        'import sys\n'
        'from aiida_limap.engines.descriptors.external_build import featurizer_class\n'
        'from aiida_limap.engines.errors import InputError\n'
        'modules = ("turtle", "aiida_limap.engines.run", "matminer.featurizers.function")\n'
        'for name in modules:\n'
        '    try:\n'
        '        featurizer_class(name + ".Anything")\n'
        '    except InputError:\n'
        '        continue\n'
        '    raise SystemExit(name)\n'
        'raise SystemExit(", ".join(set(modules) & set(sys.modules)) or 0)\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.parametrize(
    ('block', 'words'),
    [
        ({**MAGPIE, 'preset': 'magpies'}, "ElementProperty cannot be built from the preset 'magpies': Invalid preset"),
        ({**MAGPIE, 'preset': 'optical'}, "the data 'optical' write files into the folder of matminer"),
        (
            {
                'featurizer': 'ElementProperty',
                'options': {'data_source': 'mp_transport', 'features': ['x'], 'stats': ['mean']},
            },
            "the data 'mp_transport' write files",
        ),
        ({'featurizer': 'Stoichiometry', 'preset': 'x'}, 'Stoichiometry has no presets'),
        ({'featurizer': 'Stoichiometry', 'options': {'colour': 1}}, "built from its options: .*'colour'"),
        ({'featurizer': 'Stoichiometry', 'options': 3}, 'options are keys with values'),
        ({'featurizer': 'Stoichiometry', 'options': {'p_list': {1, 2}}}, 'options are plain values, not set'),
        ({'featurizer': 'Stoichiometry', 'oxidation_states': 'yes'}, 'oxidation_states is true or false'),
        ({'featurizer': 'Stoichiometry', 'elements': ['Li']}, 'Stoichiometry takes no elements'),
        ({'featurizer': 'DensityFeatures'}, "cannot stand in the part 'composition'"),
    ],
)
def test_wrong_blocks_of_compositions_are_refused(block, words):
    with pytest.raises(InputError, match=words):
        layout_with(composition=[{'kind': 'featurizer', **block}])


@pytest.mark.parametrize(
    ('block', 'words'),
    [
        ({'featurizer': 'VoronoiFingerprint'}, 'describes single sites; make it the site_featurizer'),
        ({'featurizer': 'Stoichiometry'}, "cannot stand in the part 'structure'"),
        ({'featurizer': 'SineCoulombMatrix'}, 'must be fitted to data cannot stand in a layout'),
        ({'featurizer': 'BagofBonds'}, 'must be fitted to data'),
        ({'featurizer': 'PartialRadialDistributionFunction'}, 'but for those that are told their elements'),
        (
            {'featurizer': 'PartialRadialDistributionFunction', 'elements': ['Li', 'Qq']},
            'elements is a list of element symbols',
        ),
        (
            {'featurizer': 'SiteStatsFingerprint', 'preset': 'get_neighbors_of_site_with_index'},
            "the preset 'get_neighbors_of_site_with_index' is none of",
        ),
        (site_statistics('CoordinationNumber', preset='Critic2NN'), "the preset 'Critic2NN' is none of"),
        (site_statistics('CoordinationNumber', options={'nn': {'neighbours': 'Critic2NN'}}), 'neighbours is one of'),
        (
            site_statistics('CoordinationNumber', options={'nn': {'neighbours': 'VoronoiNN', 'options': {'x': 1}}}),
            'VoronoiNN cannot be built from its options',
        ),
        (site_statistics('CoordinationNumber', colour=1), "unknown key 'colour'"),
        (site_statistics('CoordinationNumber', elements=['Li']), "unknown key 'elements'"),
        (
            {'featurizer': 'SiteStatsFingerprint', 'preset': 'LocalPropertyDifference_ward-prb-2017'},
            'fills in the mean over all elements',
        ),
    ],
)
def test_wrong_blocks_of_structures_are_refused(block, words):
    with pytest.raises(InputError, match=words):
        layout_with(structure=[{'kind': 'featurizer', **block}])


def test_missing_optional_packages_are_named(monkeypatch):
    monkeypatch.setattr('matminer.featurizers.site.external.dscribe', None)
    block = site_statistics('SOAP', preset='formation_energy')
    with pytest.raises(InputError, match=r'SOAP cannot be built from the preset .* requires DScribe'):
        layout_with(structure=[{**block, 'elements': ['Li', 'O']}])


def test_ambiguous_short_names_are_listed(monkeypatch):
    twice = {'Twin': [ElementProperty, Stoichiometry]}
    monkeypatch.setattr('aiida_limap.engines.descriptors.external_build._classes_by_short_name', lambda: twice)
    with pytest.raises(InputError, match=r'Twin is ambiguous; write one of matminer.*ElementProperty, matminer.*'):
        featurizer_class('Twin')
