"""``aiida-limap map figures`` on the graph of a map that was really run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PICTURES = ('png', 'svg', 'pdf')


def test_what_a_map_can_give_is_drawn_and_the_rest_is_explained(run, graph, tmp_path):
    done = run('map', 'figures', graph.map.pk, '--json', '--title', 'A title of mine')
    document = json.loads(done.stdout)
    drawn = {figure['name']: figure for figure in document['figures']}
    assert {'map', 'heatmap', 'fractions', 'families', 'zoom'} <= set(drawn)
    assert set(drawn) | set(document['left_out']) == {
        'losses', 'history', 'diagnostics', 'worst', 'map', 'fractions', 'families', 'heatmap', 'zoom',
    }  # fmt: skip
    assert 'which was no grid over me_weight' in document['left_out']['losses']
    assert drawn['map']['published'] == '4'
    assert drawn['map']['caption'].startswith('A title of mine: 5 points; 1 without a migration energy')
    assert drawn['map']['files'] == [f'figures/map.{kind}' for kind in (*PICTURES, 'csv', 'txt')]
    assert all((tmp_path / path).stat().st_size > 0 for figure in drawn.values() for path in figure['files'])
    assert 'phosphate 1' in drawn['families']['caption']


def test_only_what_was_named_is_drawn(run, graph, tmp_path):
    done = run('map', 'figures', graph.map.pk, '--only', 'fig8,losses', '--format', 'svg', '-o', tmp_path / 'own')
    assert {path.name for path in (tmp_path / 'own').iterdir()} == {'zoom.svg', 'zoom.csv', 'zoom.txt'}
    assert [Path(line).name for line in done.stdout.splitlines()] == ['zoom.svg', 'zoom.csv', 'zoom.txt']
    assert 'losses is left out: ' in done.stderr


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (('--only', 'fig1'), "there is no figure 'fig1'; known are losses (fig2)"),
        (('--zoom', '1,2,3'), 'give four numbers such as -1,2,0,3'),
        (('--zoom=2,1,0,3',), 'is an empty window'),
        (('--zoom=nan,1,0,3',), 'is an empty window'),
        (('--only', 'losses'), 'no figure was drawn; losses: '),
        (('--only', 'zoom', '--zoom=90,91,90,91'), 'no point lies in the window 90,91,90,91; the map has x_comp from'),
        (('--only', 'families', '--families', 'zeolite'), "no structure of the map belongs to the family 'zeolite'"),
        (('--compare', '999999'), 'no map 999999'),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(fails, graph, arguments, sentence):
    assert sentence in fails('map', 'figures', graph.map.pk, '--format', 'svg', *arguments)


def test_maps_of_one_weight_show_no_trade_off(fails, graph):
    sentence = fails('map', 'figures', graph.map.pk, '--only', 'losses', '--compare', graph.map.uuid)
    assert 'losses: ' in sentence
