"""The page on questions: its code runs, one block after the other, and prints answers."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from plugins_placed import placed

from aiida_limap.tools.query import list_maps

__all__ = ['placed']

TEXT = (Path(__file__).parents[2] / 'docs' / 'howto' / 'query_points.md').read_text()
BLOCKS = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)


def test_every_block_runs_and_prints_an_answer(graph, placed, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    # Other tests may have stored newer maps.
    two = [row for row in list_maps() if row[0] in {graph.map.pk, placed.map.pk}]
    assert len(two) == 2
    monkeypatch.setattr('aiida_limap.tools.query.list_maps', lambda: two)
    assert len(BLOCKS) > 10
    names: dict[str, object] = {}
    for number, block in enumerate(BLOCKS):
        # Another test may have stored a structure of the same name, which is on no map.
        code = block.replace("maps_of('mp-10499')", "maps_of('twin-a')").replace('mp-10499', 'mp-1960')
        if shutil.which('dot') is None:
            code = code.replace('.svg', '.dot')
        exec(compile(code, f'query_points.md, block {number}', 'exec'), names)
        printed = capsys.readouterr().out.strip()
        assert printed, block
        assert printed not in {'[]', '{}'}, block
        assert 'Empty DataFrame' not in printed, block
    assert len(names['both'].points) == 5


def test_every_answer_is_documented():
    for word in ('point', 'nearest', 'in_region', 'to_dataframe', 'provenance', 'maps_of', 'compare', 'QueryError'):
        assert f'{word}(' in ''.join(BLOCKS) or word in TEXT
