"""The page as a file: complete, offline, and free of markup from its data."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest

from aiida_limap.formats.mapbundle import MapProperty
from aiida_limap.formats.structures import StructureRecord
from aiida_limap.visualisation import assets
from aiida_limap.visualisation.dataset import MAX_CATEGORIES, page_data
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.page import write_page

ATTACK = '</script><script>alert(1)</script><img src=x onerror=alert(2)>'


class _Collector(HTMLParser):
    """Tags with their attributes, and the text inside of scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.title = ''
        self._inside = ''

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == 'script':
            self.scripts.append('')

    def handle_endtag(self, tag):
        self._inside = ''

    def handle_data(self, data):
        if self._inside == 'script':
            self.scripts[-1] += data
        if self._inside == 'title':
            self.title += data


def _parse(path):
    collector = _Collector()
    collector.feed(path.read_text(encoding='utf-8'))
    return collector


def test_page_loads_nothing_from_elsewhere(make_bundle, tmp_path):
    page = _parse(write_page(make_bundle(), tmp_path / 'map.html'))
    for tag, attributes in page.tags:
        assert 'src' not in attributes and 'srcset' not in attributes, tag
        assert 'href' not in attributes or tag == 'a', tag
    assert not {'link', 'iframe', 'object', 'embed', 'base'} & {tag for tag, _ in page.tags}
    assert [path.name for path in tmp_path.iterdir()] == ['map.html']
    policy = next(attrs['content'] for tag, attrs in page.tags if attrs.get('http-equiv') == 'Content-Security-Policy')
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert 'http' not in policy


def test_page_records_versions_and_keeps_licences(make_bundle, tmp_path):
    path = write_page(make_bundle(), tmp_path / 'map.html')
    viewer = assets.load_chemiscope()
    metas = {attrs.get('name'): attrs.get('content') for tag, attrs in _parse(path).tags if tag == 'meta'}
    assert metas['chemiscope-version'] == viewer.version
    text = path.read_text(encoding='utf-8')
    assert 'Redistribution and use in source and binary forms' in text
    assert 'Bootstrap' in text and '3dmol' in text.lower() and 'plotly.js' in text


def test_markup_in_the_data_stays_text(make_bundle, tmp_path):
    bundle = make_bundle(3)
    properties = dict(bundle.properties) | {
        'formula': MapProperty((ATTACK,) * 3, ATTACK),
        ATTACK: MapProperty((ATTACK, 'b', None), ATTACK, ATTACK, ATTACK),
    }
    hostile = make_bundle(
        3,
        title=ATTACK,
        properties=properties,
        sources=({'id': ATTACK, 'uri': 'javascript:alert(1)', ATTACK: ATTACK},) * 3,
        provenance=({ATTACK: ATTACK},) * 3,
        metadata={ATTACK: [ATTACK]},
    )
    clean = _parse(write_page(bundle, tmp_path / 'clean.html'))
    page = _parse(write_page(hostile, tmp_path / 'hostile.html'))
    assert page.tags[7:] == clean.tags[7:], 'hostile texts add no element'
    assert page.title == ATTACK
    document = json.loads(page.scripts[0])
    assert document['title'] == ATTACK
    assert document['points']['formula'] == [ATTACK] * 3
    # chemiscope reads some strings as markup: what it gets must not hold any.
    assert not re.search('[<>&"\'`]', ''.join(document['dataset']['properties']))
    categories = [entry['values'] for entry in document['dataset']['properties'].values()]
    assert not any(isinstance(value, str) and '<' in value for values in categories for value in values)


def test_same_bundle_gives_the_same_page(make_bundle, tmp_path):
    first, second = (write_page(make_bundle(), tmp_path / name) for name in ('a.html', 'b.html'))
    assert first.read_bytes() == second.read_bytes()


def test_structures_are_cartesian_with_the_cell_as_rows(make_bundle):
    record = StructureRecord(
        'a', [[4, 0, 0], [1, 5, 0], [0, 0, 6]], ({'Li': 1.0}, {'F': 0.7, 'Cl': 0.3}), [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    data = page_data(make_bundle(1, structures=(record,)))
    assert data['dataset']['structures'] == [
        {
            'size': 2,
            'names': ['Li', 'F'],
            'x': [0.0, 2.5],
            'y': [0.0, 2.5],
            'z': [0.0, 3.0],
            'cell': [4.0, 0.0, 0.0, 1.0, 5.0, 0.0, 0.0, 0.0, 6.0],
        }
    ]
    assert data['points']['disordered'] == [True]


def test_map_is_coloured_by_the_energy_and_opens_at_the_best_conductor(make_bundle):
    bundle = make_bundle(8, missing=(0,))
    settings = page_data(bundle)['dataset']['settings']
    assert settings['map']['x'] == {'property': 'Composition code'}
    assert settings['map']['y'] == {'property': 'Structure code'}
    assert settings['map']['color']['property'] == 'Migration energy'
    assert settings['map']['color']['min'] < settings['map']['color']['max']
    assert settings['map']['symbol'] == 'Energy', 'points without an energy differ in more than their colour'
    assert settings['pinned'] == [1]
    assert page_data(make_bundle(8, missing=()))['dataset']['settings']['map']['symbol'] == ''


def test_only_few_words_become_categories_of_the_map(make_bundle):
    n_points = MAX_CATEGORIES + 1
    bundle = make_bundle(n_points)
    words = tuple(f'word {i}' for i in range(n_points))
    properties = dict(bundle.properties) | {
        'family': MapProperty((None, *('garnet',) * (n_points - 1)), 'Family'),
        'note': MapProperty(words, 'Note'),
    }
    data = page_data(make_bundle(n_points, properties=properties))
    drawn = data['dataset']['properties']
    assert drawn['Family']['values'][:2] == ['not given', 'garnet']
    assert 'Note' not in drawn
    assert 'note' in {entry['name'] for entry in data['properties']}


def test_properties_of_equal_label_stay_apart(make_bundle):
    bundle = make_bundle(2)
    properties = dict(bundle.properties) | {'other': MapProperty((1.0, 2.0), 'Band gap')}
    drawn = page_data(make_bundle(2, properties=properties))['dataset']['properties']
    assert {'Band gap', 'Band gap (other)'} <= set(drawn)


@pytest.mark.parametrize('missing', [(0, 1, 2), (0, 1)])
def test_energies_that_no_colour_scale_can_show_are_left_off_the_map(make_bundle, missing):
    data = page_data(make_bundle(3, missing=missing, heatmap=False))
    assert 'Migration energy' not in data['dataset']['properties']
    assert data['dataset']['settings']['map']['color']['property'] == ''
    assert data['legend'].startswith('One colour')


def test_page_is_refused_with_a_sentence(make_bundle, tmp_path, monkeypatch):
    with pytest.raises(VisualisationError, match='cannot be written to'):
        write_page(make_bundle(), tmp_path / 'nowhere' / 'map.html')
    with pytest.raises(VisualisationError, match='holds no points'):
        write_page(make_bundle(0), tmp_path / 'map.html')
    bundle = make_bundle(2)
    properties = dict(bundle.properties) | {'band_gap_eV': MapProperty((1.0, float('nan')), 'Band gap', 'eV')}
    with pytest.raises(VisualisationError, match='use None for missing values'):
        write_page(make_bundle(2, properties=properties), tmp_path / 'map.html')
    monkeypatch.setattr(assets.util, 'find_spec', lambda name: None)
    with pytest.raises(VisualisationError, match='needs the package chemiscope'):
        write_page(bundle, tmp_path / 'map.html')
    assert list(tmp_path.iterdir()) == []


def test_the_page_says_what_is_not_known(uncertain_bundle, make_bundle):
    data = page_data(uncertain_bundle)
    assert data['level'] == 0.9
    assert data['support']['axes'] == ['Composition code', 'Structure code']
    assert data['support']['values'][0] == [1.0, 1.0, 0.2, 0.0]
    assert 'Hatched: nothing known here' in data['legend']
    assert data['dataset']['properties']['Energy']['values'][3:6] == ['no energy', 'calculated', 'outside domain']
    plain = page_data(make_bundle())
    assert plain['support'] is None and plain['level'] is None
    assert 'Hatched' not in plain['legend']


def test_a_page_shows_no_prediction_of_a_model_that_has_learnt_no_energy(explored_bundle):
    metadata = {'options': {'me_weight': 0.0}}
    data = page_data(dataclasses.replace(explored_bundle, metadata=metadata))
    assert 'no migration energy learnt from the codes' in data['summary']
    names = [entry['name'] for entry in data['properties']]
    assert 'migration_energy_eV' in names
    assert not {name for name in names if 'predicted' in name or name.endswith(('_wide_eV', '_low_eV', '_high_eV'))}
    assert [layer['name'] for layer in data['plane']['layers']] == ['density']
    assert data['prediction'] is None
    # Where the training data lie is known all the same.
    assert data['support'] is not None
    learnt = page_data(explored_bundle)
    assert [layer['name'] for layer in learnt['plane']['layers']] == ['predicted', 'low', 'high', 'density']
