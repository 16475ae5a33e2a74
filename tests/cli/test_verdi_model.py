"""``verdi data limap model`` on the model of a map that was really run, and the table of its quality."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiida.cmdline.commands.cmd_verdi import verdi
from click.testing import CliRunner, Result

from aiida_limap import __version__
from aiida_limap.cli.quality import quality_lines


@pytest.fixture
def call(aiida_profile, tmp_path, monkeypatch) -> Callable[..., Result]:
    """Return a function that runs ``verdi data limap model``."""
    from aiida.manage import get_manager

    monkeypatch.chdir(tmp_path)
    profile = get_manager().get_profile()

    def run(*arguments: Any) -> Result:
        words = ['-p', profile.name, 'data', 'limap', 'model', *map(str, arguments)]
        return CliRunner().invoke(verdi, words)

    return run


def test_models_are_listed_and_shown(call, graph):
    model = graph.map.creator.inputs.model
    result = call('list', '--raw')
    assert result.exit_code == 0, result.output
    rows = [line.split('\t') for line in result.stdout.splitlines()]
    (row,) = (row for row in rows if row[0] == str(model.pk))
    assert row[1] == model.uuid
    assert row[3:7] == ['stand-in', 'quick', '', '0']
    assert 'R² energy (test)' in call('list').stdout
    assert model.uuid in [document['uuid'] for document in json.loads(call('list', '--json').stdout)]
    # By the model, the map, or the work chain.
    shown = [call('show', node).stdout for node in (model.pk, model.uuid, graph.map.pk, graph.chain.pk)]
    assert len(set(shown)) == 1
    lines = shown[0].splitlines()
    assert lines[0] == f'model {model.pk} ({model.uuid})'
    assert lines[1] == 'reads the layout stand-in, trained by aiida-limap ' + __version__
    assert [line.split() for line in lines[2:5]] == [['preset', 'quick'], ['seed', '0'], ['patience', '20']]
    header = json.loads(call('show', model.pk, '--json').stdout)
    assert header == model.header


def test_a_model_is_exported_as_it_is(call, graph, tmp_path):
    model = graph.map.creator.inputs.model
    result = call('export', graph.map.pk, '--output', 'there/model.safetensors')
    assert result.exit_code == 0, result.output
    assert (tmp_path / 'there' / 'model.safetensors').read_bytes() == model.get_content(mode='rb')
    (tmp_path / 'a-folder').mkdir()
    assert call('export', graph.map.pk, '--output', 'a-folder').exit_code != 0


def test_what_is_no_model_gets_a_sentence(call, graph):
    for command in (('show', graph.dataset.pk), ('export', graph.dataset.pk, '--output', 'x')):
        result = call(*command)
        assert result.exit_code == 1
        assert f'no model belongs to node {graph.dataset.pk}, a DatasetData' in result.stderr
    assert 'no node 999999' in call('show', '999999').stderr


def test_the_quality_is_a_table_by_split():
    metrics = {
        'test': {'n_me': 20, 'r2_me': 0.25, 'baseline_mean_r2_me': -0.1},
        'train': {'n_me': 70, 'r2_me': 0.5, 'baseline_mean_r2_me': 0.0, 'mae_me_eV': None, 'r2_composition': 0.876},
    }
    lines = quality_lines(metrics, {'test': {'trustworthiness_10': 0.9}})
    assert [line.split() for line in lines[1:]] == [
        ['train', 'test'],
        ['rows', 'with', 'an', 'energy', '70', '20'],
        ['R²', 'composition', '0.88'],
        ['R²', 'energy', '0.50', '(0.00)', '0.25', '(-0.10)'],
        ['trustworthiness,', 'k', '=', '10', '0.90'],
    ]
    # Numbers of one split stand below each other, also where another split has none.
    assert lines[-1].endswith('0.90')
    assert len(lines[-1]) == len(lines[1])
    assert quality_lines({}) == []
