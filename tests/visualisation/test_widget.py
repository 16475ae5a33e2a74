"""The map inside of a notebook: the same dataset as the page, and what stands below the chosen point."""

from __future__ import annotations

import dataclasses
import json

import pytest

from aiida_limap.visualisation import widget as module
from aiida_limap.visualisation.dataset import page_data
from aiida_limap.visualisation.errors import VisualisationError
from aiida_limap.visualisation.widget import describe_point, map_widget


@pytest.fixture
def bundle(make_bundle):
    return make_bundle()


def test_viewer_has_the_dataset_and_the_settings_of_the_page(bundle):
    viewer = map_widget(bundle).viewer
    expected = page_data(bundle)['dataset']
    data = json.loads(viewer.value)
    assert data['properties'] == json.loads(json.dumps(expected['properties']))
    assert viewer.settings == expected['settings']
    assert len(data['structures']) == len(bundle.ids)


def test_a_choice_changes_the_panel_and_is_told_once(bundle):
    chosen: list[str] = []
    widget = map_widget(bundle, on_select=chosen.append)
    start = bundle.ids.index(widget.selected())
    assert widget.panel.value == describe_point(bundle, start)
    other = (start + 1) % len(bundle.ids)
    widget.viewer.selected_ids = {'structure': other}
    widget.viewer.selected_ids = {'structure': other, 'atom': 0}
    widget.viewer.selected_ids = {}
    assert chosen == [bundle.ids[other]] == [widget.selected()]
    assert widget.panel.value == describe_point(bundle, other)


def test_many_structures_are_not_packed_since_the_kernel_gives_them_one_by_one(bundle, monkeypatch):
    from aiida_limap.visualisation import dataset

    monkeypatch.setattr(module, 'MAX_INLINE', 1)
    pack = dataset.page_structures
    monkeypatch.setattr(dataset, 'page_structures', lambda records: pack(records, max_inline=1))
    assert 'names' not in page_data(bundle)['dataset']['structures'][0]
    viewer = map_widget(bundle).viewer
    assert all(set(entry) >= {'size', 'names', 'x', 'cell'} for entry in viewer._structures_cache.values())
    assert len(viewer._structures_cache) == len(bundle.ids)


def test_words_of_a_source_are_text_and_only_web_addresses_are_links(bundle):
    source = {'id': '<img src=x onerror=alert(1)>', 'uri': 'https://example.org/"a', 'other': 'javascript:alert(1)'}
    provenance = {'structure': 'aaa', 'map': 'bbb', 'migration_energy': '<b>'}
    changed = dataclasses.replace(
        bundle, sources=(source, *bundle.sources[1:]), provenance=(provenance, *bundle.provenance[1:])
    )
    text = describe_point(changed, 0)
    assert '<img' not in text
    assert '&lt;img src=x' in text
    assert '<a href="https://example.org/&quot;a"' in text
    assert 'href="javascript' not in text
    assert '<b>' not in text
    assert 'aiida-limap point show aaa --map bbb' in text


def test_values_stand_with_their_units(bundle):
    entry = bundle.properties['migration_energy_eV']
    index = next(row for row, value in enumerate(entry.values) if value is not None)
    assert f'<td>{entry.label}</td><td>{entry.values[index]:.4g} eV</td>' in describe_point(bundle, index)


def test_a_map_without_points_is_refused(bundle):
    empty = dataclasses.replace(
        bundle,
        ids=(),
        properties={name: dataclasses.replace(entry, values=()) for name, entry in bundle.properties.items()},
        structures=(),
        provenance=(),
        sources=(),
        descriptors={},
        profiles=None,
    )
    with pytest.raises(VisualisationError):
        map_widget(empty)


def test_missing_packages_are_named(bundle, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'ipywidgets', None)
    with pytest.raises(VisualisationError, match=r'pip install "aiida-limap\[jupyter\]"'):
        map_widget(bundle)
