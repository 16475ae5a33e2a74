"""The page on data: its code runs, one block after the other, and its tables name what the classes have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiida import orm
from aiida.plugins import DataFactory
from plugins_aiida import make_densities, make_screening_model
from plugins_graph import graph

from aiida_limap.data.bond_valence import BondValenceData
from aiida_limap.tools.node_files import FORMATS

__all__ = ['graph']

TEXT = (Path(__file__).parents[1] / 'docs' / 'topics' / 'data.md').read_text()
BLOCKS = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)


def row_of(kind: str) -> str:
    (line,) = (line for line in TEXT.splitlines() if line.startswith(f'| `limap.{kind}` |'))
    return line


def test_every_block_runs_and_prints_an_answer(graph, capsys):
    assert len(BLOCKS) > 6
    # Other tests of this profile may have stored newer maps.
    newest, this = "append(MapData, tag='map')", f"append(MapData, filters={{'id': {graph.map.pk}}}, tag='map')"
    assert BLOCKS[0].count(newest) == 1
    names: dict[str, object] = {}
    for number, block in enumerate(BLOCKS):
        code = block.replace(newest, this)
        exec(compile(code, f'data.md, block {number}', 'exec'), names)
        printed = capsys.readouterr().out.strip()
        assert printed, block
        # A question that finds nothing in a real map would be a wrong one.
        assert printed != '[]', block
    assert graph.map.pk in [pk for (pk,) in orm.QueryBuilder().append(names['MapData'], project='id').all()]


@pytest.mark.parametrize('kind', FORMATS)
def test_the_attributes_of_a_class_are_told(graph, kind):
    encoding = graph.map.creator
    node = {
        'dataset': graph.dataset,
        'table': encoding.inputs.descriptors,
        'bond_valence': BondValenceData.get_or_create(),
        'autoencoder': encoding.inputs.model,
        'map': graph.map,
        'screening_model': make_screening_model(),
        'phonon_dos': make_densities(),
    }[kind]
    assert isinstance(node, DataFactory(f'limap.{kind}'))
    told = set(re.findall(r'`(\w+)`', row_of(kind).split('|')[3]))
    assert told <= set(node.base.attributes.all)
    (formats,) = (line for line in TEXT.splitlines() if line.startswith(f'| {kind} |'))
    assert set(re.findall(r'`(\w+)`', formats)) >= set(FORMATS[kind])
