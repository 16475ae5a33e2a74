"""Time of descriptors by block, beside featurizers of matminer for the same geometry."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from aiida_limap.engines.descriptors.layout import Layout, layout_names, load_layout
from benchmarks.common import (
    choose,
    load_entries,
    print_table,
    shared_options,
    spread,
    write_markdown,
    write_result,
)
from benchmarks.featurizing import PEERS, block_names
from benchmarks.plots import bars
from benchmarks.worker import measure

__all__ = ['descriptors']

#: What blocks share is one line if it takes less than this part of the row.
LEAST_SHARE = 0.03
STATISTICS = ('median', 'mean', 'p90')


@click.command('descriptors')
@shared_options
@click.option('--structures', default=None, type=int, help='Number of structures  [default: all]')
@click.option('--layout', 'layouts', multiple=True, help='Name or YAML file  [default: all shipped ones]')
@click.option('--repeats', default=3, show_default=True, help='Runs of each structure, of which the median counts.')
@click.option('--peer-structures', default=60, show_default=True, help='Number of structures for matminer; 0 for none.')
@click.option('--peer-limit', default=60.0, show_default=True, help='Seconds per structure and featurizer of matminer.')
def descriptors(
    data: Path | None,
    output: Path,
    structures: int | None,
    layouts: tuple[str, ...],
    repeats: int,
    peer_structures: int,
    peer_limit: float,
) -> None:
    """Time the descriptors by block, in processor time of one thread, and matminer beside them.

    \b
    Examples:
      python -m benchmarks descriptors --structures 100 --peer-structures 10
      python -m benchmarks descriptors --layout compact --peer-structures 0
    """
    entries = load_entries(data)
    if structures is not None:
        entries = choose(entries, structures)
    chosen = layouts or tuple(layout_names())
    known = {name: load_layout(name) for name in chosen}
    common = {'data': None if data is None else str(data.resolve()), 'repeats': repeats}
    timed = {}
    for name in chosen:
        task = {'action': 'blocks', 'layout': name, 'ids': [entry.id for entry in entries], **common}
        timed[name] = measure(task, shown=True)
    summary = {name: _blocks(timed[name]['rows'], block_names(known[name])) for name in chosen}
    tables = [(f'{name}: ms per structure', *_block_table(summary[name])) for name in chosen]
    bars(
        output / 'descriptors.png',
        [(name, [(row['block'], row['ms']) for row in summary[name] if row['ms']['mean'] > 0]) for name in chosen],
        label='processor time per structure (ms)',
    )
    peers = None
    if peer_structures and _has_matminer():
        ids = [entry.id for entry in choose(entries, peer_structures)]
        task = {'action': 'peers', 'layouts': list(chosen), 'ids': ids, 'limit_s': peer_limit, **common}
        found = measure(task, shown=True)
        beside = {name: compared(found['rows'], layout, name) for name, layout in known.items()}
        peers = {'rows': found['rows'], 'summary': beside}
        tables += [(f'{name} beside matminer', *_peer_table(beside[name])) for name in chosen]
        bars(
            output / 'descriptors_peers.png',
            _peer_bars(beside),
            label='processor time per structure (ms)',
            colour_of=lambda name: int(name not in chosen),
        )
    for title, headings, rows in tables:
        print_table(title, headings, rows)
    write_markdown(output / 'descriptors.md', tables)
    write_result(output, 'descriptors', {'repeats': repeats, 'layouts': timed, 'summary': summary, 'peers': peers})


def _has_matminer() -> bool:
    try:
        importlib.metadata.version('matminer')
    except importlib.metadata.PackageNotFoundError:
        click.echo("matminer is not installed, so nothing is compared with it: pip install 'aiida-limap[bench]'")
        return False
    return True


def _blocks(rows: Sequence[dict[str, Any]], names: dict[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Return milliseconds by block, by what they share, and of the whole row without and with the landscape."""
    seconds = {name: [row['seconds'].get(name, 0.0) for row in rows] for row in rows for name in row['seconds']}
    whole = np.sum([seconds[name] for name in seconds if not name.startswith('landscape')], axis=0)
    small = [
        name for name in seconds if name.startswith('shared') and np.sum(seconds[name]) < LEAST_SHARE * whole.sum()
    ]
    if small:
        seconds['shared: rest'] = np.sum([seconds.pop(name) for name in small], axis=0).tolist()
    order = ['composition: atomic fractions', *dict.fromkeys(names.values())]
    order = [name for name in order if name in seconds and not name.startswith('landscape')]
    order += sorted(
        (name for name in seconds if name.startswith('shared')), key=lambda name: (name.endswith('rest'), name)
    )
    found = [(name, seconds[name]) for name in order] + [('composition and structure', whole)]
    landscape = [name for name in dict.fromkeys(names.values()) if name.startswith('landscape') and name in seconds]
    if landscape:
        found += [(name, seconds[name]) for name in landscape]
        found.append(('with landscape', whole + np.sum([seconds[name] for name in landscape], axis=0)))
    return [{'block': name, 'ms': spread(1000 * np.asarray(values))} for name, values in found]


def _block_table(summary: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    return ['block', *STATISTICS], [[row['block'], *(row['ms'][name] for name in STATISTICS)] for row in summary]


def compared(rows: Sequence[dict[str, Any]], layout: Layout, name: str) -> list[dict[str, Any]]:
    """Compare the blocks of a layout with the featurizers of matminer, structure by structure.

    A block counts with all that it needs, as if it were the only one. In the total the row is the whole one, in which
    blocks share neighbours, without the landscape; blocks that nothing stands beside count on our side only.

    :param rows: as :func:`benchmarks.featurizing.time_peers` returns them.
    :param layout: the layout.
    :param name: what the rows call it.
    :returns: per featurizer and in total: milliseconds of both, ratios, and how many ran out of time or failed.
    """
    described = [row for row in rows if row['layouts'][name] is not None]
    found = []
    for peer in PEERS:
        if not peer.stands_beside(layout):
            continue
        pairs = [
            (sum(row['layouts'][name]['alone'].get(kind, 0.0) for kind in peer.kinds), row['peers'][peer.name])
            for row in described
        ]
        found.append({'peer': peer.name, 'kinds': list(peer.kinds), 'counted': peer.counted, **_ratios(pairs)})
    counted = [entry['peer'] for entry in found if entry['counted']]
    whole = []
    for row in described:
        own = sum(value for block, value in row['layouts'][name]['row'].items() if not block.startswith('landscape'))
        results = [row['peers'][peer] for peer in counted]
        complete = all(result['seconds'] is not None for result in results)
        late = any(result['out_of_time'] for result in results)
        theirs = sum(result['seconds'] for result in results) if complete else None
        whole.append((own, {'seconds': theirs, 'out_of_time': late}))
    return [*found, {'peer': 'total', 'kinds': [], 'counted': False, **_ratios(whole)}]


def _ratios(pairs: Sequence[tuple[float, dict[str, Any]]]) -> dict[str, Any]:
    """Return statistics of pairs of our seconds and a result of matminer; failures are left out, and counted."""
    both = np.array([(own, theirs['seconds']) for own, theirs in pairs if theirs['seconds'] is not None]).reshape(-1, 2)
    return {
        'own_ms': spread(1000 * both[:, 0]),
        'peer_ms': spread(1000 * both[:, 1]),
        'ratio': spread(both[:, 1] / both[:, 0]),
        'ratio_of_means': float(both[:, 1].sum() / both[:, 0].sum()) if len(both) else None,
        'out_of_time': sum(theirs['out_of_time'] for _, theirs in pairs),
        'failed': len(pairs) - len(both),
    }


def _peer_table(summary: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    headings = ['featurizer', 'beside', 'matminer, median ms', 'mean', 'ours, median ms', 'mean']
    headings += ['ratio, median', 'least', 'of means', 'out of time', 'failed']
    rows = []
    for entry in summary:
        row: list[Any] = [entry['peer'] + ('' if entry['counted'] or entry['peer'] == 'total' else ' (not counted)')]
        row += [', '.join(entry['kinds']) or 'whole row']
        row += [entry[side][name] for side in ('peer_ms', 'own_ms') for name in ('median', 'mean')]
        row += [entry['ratio']['median'], entry['ratio']['min'], entry['ratio_of_means']]
        rows.append([*row, entry['out_of_time'], entry['failed']])
    return headings, rows


def _peer_bars(summary: dict[str, list[dict[str, Any]]]) -> list[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """Return one panel per kind of block: featurizers of matminer, then our blocks of each layout; last the totals."""
    panels: dict[str, dict[str, dict[str, Any]]] = {}
    whole: dict[str, dict[str, Any]] = {}
    for layout, entries in summary.items():
        for entry in entries:
            if entry['kinds']:
                panels.setdefault(', '.join(entry['kinds']), {})[entry['peer']] = entry['peer_ms']
            else:
                whole |= {f'matminer, all beside {layout}': entry['peer_ms'], layout: entry['own_ms']}
    for layout, entries in summary.items():
        for entry in entries:
            if entry['kinds']:
                panels[', '.join(entry['kinds'])][layout] = entry['own_ms']
    return [(title, list(panel.items())) for title, panel in {**panels, 'whole row': whole}.items()]
