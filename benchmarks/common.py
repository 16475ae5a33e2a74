"""What all benchmarks share: structures, statistics, tables, and the files they leave behind."""

from __future__ import annotations

import datetime
import gzip
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

from aiida_limap.engines.chemistry.prototypes import load_prototypes

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = [
    'OXIDES_FILE',
    'Entry',
    'choose',
    'embedded_entries',
    'environment',
    'filled',
    'load_entries',
    'print_table',
    'shared_options',
    'spearman',
    'spread',
    'write_markdown',
    'write_result',
]

ROOT = Path(__file__).resolve().parents[1]
#: A folder of reference structures beside the checkout is used when no other is named.
DEFAULT_DATA = ROOT.parent / 'shared' / 'data'
OXIDES_FILE = 'mp_li_oxides.jsonl.gz'
Function = TypeVar('Function', bound=Callable[..., Any])


@dataclass(frozen=True)
class Entry:
    """A structure of a benchmark.

    :param id: its name.
    :param formula: reduced formula.
    :param structure: the structure, without oxidation states.
    """

    id: str
    formula: str
    structure: Structure


def embedded_entries() -> list[Entry]:
    """Return the literature prototypes that come with the package."""
    return [Entry(item.name, item.formula, item.structure().remove_oxidation_states()) for item in load_prototypes()]


def load_entries(data: Path | None, file: str = OXIDES_FILE, ids: Iterable[str] | None = None) -> list[Entry]:
    """Return the structures of a data folder, or the embedded ones where there is no folder.

    :param data: the folder, or None.
    :param file: name of a file of JSON lines with ``id``, ``formula`` and ``structure`` (pymatgen's dictionary).
    :param ids: only these, in this order.
    :returns: the structures, in the order of the file unless ``ids`` says otherwise.
    """
    if data is None:
        return embedded_entries()
    from pymatgen.core import Structure

    wanted = None if ids is None else list(ids)
    found = {}
    with gzip.open(data / file, 'rt', encoding='utf-8') as lines:
        for line in lines:
            row = json.loads(line)
            if wanted is not None and row['id'] not in wanted:
                continue
            content = row['structure']
            structure = Structure.from_dict(json.loads(content) if isinstance(content, str) else content)
            found[row['id']] = Entry(row['id'], row['formula'], structure)
    return list(found.values()) if wanted is None else [found[name] for name in wanted if name in found]


def choose(entries: Sequence[Entry], count: int) -> list[Entry]:
    """Choose structures evenly by rank of size, so that nobody picks them by hand.

    :param entries: all structures.
    :param count: how many.
    :returns: at most ``count`` of them by ascending number of sites.
    """
    ranked = sorted(entries, key=lambda entry: (len(entry.structure), entry.id))
    if len(ranked) <= count:
        return ranked
    return [ranked[round(place)] for place in np.linspace(0, len(ranked) - 1, count)]


def shared_options(function: Function) -> Function:
    """Give a command the options ``--data``, ``--embedded`` and ``--output``."""
    data = click.option(
        '--data',
        type=click.Path(path_type=Path, file_okay=False),
        default=DEFAULT_DATA,
        help=f'Folder with {OXIDES_FILE} and its companions; without it the embedded structures are used.',
        callback=_data_folder,
    )
    output = click.option(
        '--output',
        type=click.Path(path_type=Path, file_okay=False),
        default=Path('bench-output'),
        show_default=True,
        help='Folder of the results: one JSON file per benchmark, and plots.',
    )
    embedded = click.option(
        '--embedded',
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help='Use the embedded structures even where there is a data folder.',
        callback=_use_embedded,
    )
    return data(embedded(output(function)))


def _use_embedded(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    context.meta['benchmarks.embedded'] = value


def _data_folder(context: click.Context, parameter: click.Parameter, value: Path) -> Path | None:
    if context.meta.get('benchmarks.embedded'):
        return None
    if (value / OXIDES_FILE).is_file():
        return value
    if context.get_parameter_source(str(parameter.name)) is not click.core.ParameterSource.DEFAULT:
        raise click.BadParameter(f'there is no {OXIDES_FILE} in {value}')
    return None


def environment() -> dict[str, Any]:
    """Return what the numbers depend on beside the code: machine and versions."""
    versions: dict[str, str | None] = {}
    for name in ('aiida-limap', 'bvlain', 'matminer', 'numba', 'numpy', 'pymatgen', 'scikit-learn', 'scipy', 'spglib'):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        'date': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
        'processor': _processor(),
        'cores': os.cpu_count(),
        'python': platform.python_version(),
        'versions': versions,
    }


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')), platform.machine())


def write_result(output: Path, name: str, result: dict[str, Any]) -> Path:
    """Write the result of a benchmark as JSON, with the environment.

    :param output: folder, made if it is not there.
    :param name: name of the benchmark.
    :param result: plain values; numbers that are not finite become null.
    :returns: the file.
    """
    output.mkdir(parents=True, exist_ok=True)
    path = output / f'{name}.json'
    document = {'benchmark': name, 'environment': environment(), **result}
    path.write_text(json.dumps(_plain(document), indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    click.echo(f'wrote {path}')
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; numbers get three decimals at most, None is a dash.

    :param title: what it shows.
    :param headings: one per column, with units.
    :param rows: the cells.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify='left')
    for place, heading in enumerate(headings):
        table.add_column(heading, justify='left' if place == 0 else 'right', overflow='fold')
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(width=150).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return '-'
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            return '-'
        return f'{value:.0f}' if abs(value) >= 100 else (f'{value:.1f}' if abs(value) >= 10 else f'{value:.3f}')
    return str(value)


def write_markdown(path: Path, tables: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]) -> None:
    """Write tables as Markdown, for the documentation.

    :param path: the file.
    :param tables: title, headings and rows of each; the cells look as :func:`print_table` shows them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for title, headings, rows in tables:
        lines += [f'**{title}**', '', _line(headings), _line(['---'] * len(headings))]
        lines += [*(_line([_cell(value) for value in row]) for row in rows), '']
    path.write_text('\n'.join(lines), encoding='utf-8')
    click.echo(f'wrote {path}')


def _line(cells: Sequence[str]) -> str:
    return f'| {" | ".join(cells)} |'


Column = Sequence[float | None] | np.ndarray


def filled(*columns: Column) -> list[np.ndarray]:
    """Return columns as arrays, without the rows in which a value is missing."""
    rows = [row for row in zip(*columns, strict=True) if all(value is not None for value in row)]
    return list(np.array(rows, dtype=float).reshape(-1, len(columns)).T)


def spearman(first: Column, second: Column) -> float | None:
    """Return the rank correlation of the rows in which neither value is missing; None below three rows."""
    from scipy.stats import spearmanr

    one, two = filled(first, second)
    return float(spearmanr(one, two).statistic) if len(one) >= 3 else None


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """Return count, least value, median, mean, 90th percentile and largest value."""
    array = np.asarray(values, dtype=float)
    if not len(array):
        return {'count': 0, 'min': None, 'median': None, 'mean': None, 'p90': None, 'max': None}
    return {
        'count': len(array),
        'min': float(array.min()),
        'median': float(np.median(array)),
        'mean': float(array.mean()),
        'p90': float(np.percentile(array, 90)),
        'max': float(array.max()),
    }
