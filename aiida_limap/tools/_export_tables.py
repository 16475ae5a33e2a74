"""The tables of a shared map: what a Supporting Information holds, as CSV with a description of every column."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.tools._bundle_parts import _tables as tables_of
from aiida_limap.tools.provenance import MapProvenance, structure_facts

if TYPE_CHECKING:
    from aiida_limap.data.map import MapData
    from aiida_limap.data.table import TableData
    from aiida_limap.formats.mapbundle import Heatmap, MapBundle
    from aiida_limap.tools._export_archive import Behind, Progress

__all__ = [
    'Column',
    'write_columns',
    'write_compounds',
    'write_descriptors',
    'write_licences',
    'write_missing',
    'write_plane',
]

_CHUNK = 500
#: Digits of descriptors: more than the engine vouches for.
_DIGITS = 10
#: Tails of smeared histograms below this are written as 0.
_NOTHING = 1e-15
_ORIGIN = {
    'structure_uuid': 'UUID of the structure in AiiDA; the same in every profile, and in every table here.',
    'source_id': 'Id of the structure where it came from.',
    'database': 'Where the structure came from.',
    'version': 'Version of that database or collection.',
    'uri': 'Address of the entry.',
    'licence': 'Licence under which the source gives the structure.',
    'citation': 'Publication of the structure, where the source names one.',
}
_OBTAINED = {
    'message': 'Why there is no migration energy, where there is none.',
    'method': 'How the migration energy was calculated.',
    'parameters': 'SHA-256 of the set of bond-valence parameters; licences.csv and CITATION name the set.',
    'oxidation_method': 'How the oxidation states were found.',
}
_JOBS = {
    'migration_energy': 'UUID of the calculation job of the migration energy.',
    'descriptors': 'UUID of the calculation job of the descriptors.',
    'encoding': 'UUID of the calculation job that found codes and prediction.',
    'model': 'UUID of the trained autoencoder.',
    'map': 'UUID of the map.',
}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    :param name: its name, the unit left out.
    :param unit: its unit, empty for pure numbers and words.
    :param meaning: one sentence.
    """

    name: str
    unit: str = ''
    meaning: str = ''

    @property
    def heading(self) -> str:
        """What stands in the first line of the file: the name, and the unit in brackets unless the name ends in it."""
        plain = self.unit in {'', '1'} or self.name.endswith((f'_{self.unit}', '_angstrom'))
        return self.name if plain else f'{self.name} [{self.unit}]'


@contextmanager
def _rows(path: Path, columns: Sequence[Column]) -> Iterator[Any]:
    with path.open('w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow([column.heading for column in columns])
        yield writer


def write_compounds(path: Path, bundle: MapBundle, map_node: MapData, provenance: MapProvenance) -> list[Column]:
    """Write one row per point: origin, codes, calculated and predicted migration energy, and how each was obtained.

    :param path: the file to write.
    :param bundle: the bundle of the map.
    :param map_node: the stored map.
    :param provenance: of the map.
    :returns: the columns of the file.
    """
    facts = structure_facts(bundle.ids)
    obtained = _obtained(map_node, bundle.ids)
    columns = [
        *(Column(name, '', meaning) for name, meaning in _ORIGIN.items()),
        *(Column(name, entry.unit, entry.description or entry.label) for name, entry in bundle.properties.items()),
        *(Column(name, '', meaning) for name, meaning in _OBTAINED.items()),
        *(Column(f'{role}_job' if role not in {'model', 'map'} else role, '', text) for role, text in _JOBS.items()),
    ]
    with _rows(path, columns) as writer:
        for index, uuid in enumerate(bundle.ids):
            steps = provenance.of_point(uuid)
            writer.writerow(
                [
                    *_origin(uuid, facts[uuid]['source']).values(),
                    *(_cell(entry.values[index]) for entry in bundle.properties.values()),
                    *(obtained.get(uuid, {}).get(name) or '' for name in _OBTAINED),
                    *(steps.get(role, '') for role in _JOBS),
                ]
            )
    return columns


def _origin(uuid: str, source: Mapping[str, Any]) -> dict[str, str]:
    keys = {'source_id': 'id', 'database': 'db_name', 'version': 'version', 'uri': 'uri', 'licence': 'license'}
    words = {name: str(source.get(key) or '') for name, key in keys.items()}
    return {'structure_uuid': uuid, **words, 'citation': str(source.get('description') or '')}


def _cell(value: float | str | None) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ''
    return value if isinstance(value, str) else repr(value).removesuffix('.0')


def _obtained(map_node: MapData, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return by structure why there is no energy, and the method; of points that were taken over those of their map."""
    wanted = set(ids)
    found: dict[str, dict[str, str]] = {}
    for table in tables_of(map_node, 'migration_energies'):
        known = {name: table.column(name) for name in ('message', 'oxidation_method') if name in table.column_names}
        shared = {'method': _method(table), 'parameters': str(table.metadata.get('parameters_checksum') or '')}
        for row, uuid in enumerate(table.ids):
            if uuid in wanted:
                found[uuid] = {**shared, **{name: str(words[row]) for name, words in known.items()}}
        table.forget()
    return found


def _method(table: TableData) -> str:
    options = table.metadata.get('options') or {}
    if not options:
        return ''
    words = [f'bond-valence force field, preset {options.get("preset")}', f'mobile ion {options.get("mobile_ion")}']
    for key, text in (('spacing_angstrom', 'grid {} Å'), ('cutoff_angstrom', 'cut-off {} Å')):
        if options.get(key) is not None:
            words.append(text.format(options[key]))
    return ', '.join([*words, f'engine {table.engine_version}'])


def write_missing(path: Path, map_node: MapData, provenance: MapProvenance) -> tuple[list[Column], int]:
    """Write the structures of the dataset that are no points of the map, and why.

    :param path: the file to write.
    :param map_node: the stored map.
    :param provenance: of the map.
    :returns: the columns of the file, and the number of rows.
    """
    from aiida import orm

    columns = [
        *(Column(name, '', meaning) for name, meaning in _ORIGIN.items()),
        Column('status', '', 'What became of the descriptors.'),
        Column('message', '', 'Why, in a sentence.'),
    ]
    step = provenance.shared.get('dataset')
    dataset: Any = None if step is None else orm.load_node(step.uuid)
    here = set(map_node.ids)
    uuids = [] if dataset is None else [uuid for uuid in dataset.structure_uuids if uuid not in here]
    facts = structure_facts(uuids)
    reasons: dict[str, tuple[str, str]] = {}
    for table in tables_of(map_node, 'descriptors'):
        words = [table.column(name) if name in table.column_names else None for name in ('status', 'message')]
        for row, uuid in enumerate(table.ids):
            if uuid in facts and uuid not in reasons:
                status, message = ('' if column is None else str(column[row]) for column in words)
                reasons[uuid] = (status, message)
        table.forget()
    with _rows(path, columns) as writer:
        for uuid in uuids:
            origin = _origin(uuid, facts.get(uuid, {}).get('source', {}))
            writer.writerow([*origin.values(), *reasons.get(uuid, ('', 'no descriptors came back'))])
    return columns, len(uuids)


def write_descriptors(
    folder: Path, map_node: MapData, ids: Sequence[str], progress: Progress
) -> dict[str, list[Column]]:
    """Write the descriptors of the points, one file per part and one row per point, in the order of their tables.

    :param folder: the folder to write to.
    :param map_node: the stored map.
    :param ids: the points.
    :param progress: is told how many rows are written.
    :returns: the columns by name of the file; nothing where no table is in the profile.
    """
    left = set(ids)
    total = len(left)
    found: dict[str, list[Column]] = {}
    for table in tables_of(map_node, 'descriptors'):
        rows = [row for row, uuid in enumerate(table.ids) if uuid in left]
        if not rows:
            continue
        for number, part in enumerate(table.block_names):
            name = f'descriptors_{part}.csv'
            columns = [Column('structure_uuid', '', _ORIGIN['structure_uuid']), *_described(table, part)]
            new = name not in found
            if not new and [column.name for column in found[name]] != [column.name for column in columns]:
                continue
            found[name] = columns
            with (folder / name).open('w' if new else 'a', encoding='utf-8', newline='') as file:
                if new:
                    csv.writer(file, lineterminator='\n').writerow([column.heading for column in columns])
                for done in _write_block(file, table, part, rows):
                    if number == 0:
                        progress('descriptors', total - len(left) + done, total)
        left -= {table.ids[row] for row in rows}
        table.forget()
    return found


def _described(table: TableData, part: str) -> list[Column]:
    return [
        Column(entry['name'], entry['unit'], ': '.join(word for word in (entry['block'], entry['meaning']) if word))
        for entry in table.block_columns(part)
    ]


def _write_block(file: Any, table: TableData, part: str, rows: Sequence[int]) -> Iterator[int]:
    values, ids = table.block(part), table.ids
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        for row, numbers in zip(chunk, values[chunk].tolist(), strict=True):
            words = (_number(value) for value in numbers)
            file.write(f'{ids[row]},{",".join(words)}\n')
        yield start + len(chunk)


def _number(value: float) -> str:
    if value != value:
        return ''
    return '0' if abs(value) < _NOTHING else f'{value:.{_DIGITS}g}'


def write_plane(path: Path, heatmap: Heatmap) -> list[Column]:
    """Write the prediction over the plane of the map.

    :param path: the file to write.
    :param heatmap: the prediction.
    :returns: the columns of the file.
    """
    columns = [
        Column('x_comp', '', 'Composition code.'),
        Column('x_struc', '', 'Structure code.'),
        Column('migration_energy_predicted_eV', 'eV', 'What the model predicts at this place.'),
        Column('support', '', 'From 0, no training data near this place, to 1; nothing is known below 0.5.'),
    ]
    with _rows(path, columns) as writer:
        for row, x_struc in enumerate(heatmap.x_struc.tolist()):
            for column, x_comp in enumerate(heatmap.x_comp.tolist()):
                support = '' if heatmap.support is None else f'{heatmap.support[row, column]:.3g}'
                writer.writerow([f'{x_comp:.6g}', f'{x_struc:.6g}', f'{heatmap.values[row, column]:.6g}', support])
    return columns


def write_licences(path: Path, behind: Behind) -> list[Column]:
    """Write under which licences the structures and parameters came in.

    :param path: the file to write.
    :param behind: what is behind the map.
    :returns: the columns of the file.
    """
    from aiida_limap.tools.licences import licence_terms

    columns = [
        Column('what', '', 'Structures of a source, or a set of parameters.'),
        Column('structures', '', 'How many structures; empty for parameters.'),
        Column('licence', '', 'As the source states it.'),
        Column('redistribution', '', 'Whether it may be passed on: yes, no, or ask the owner.'),
        Column('commercial_use', '', 'Whether commercial use is allowed: yes, no, or ask the owner.'),
        Column('condition', '', 'What the licence asks for.'),
    ]
    entries: list[tuple[str, Any, str]] = [
        *((source or 'an unnamed source', count, licence) for source, licence, count in behind.licences),
        *((f'bond-valence parameters {title}', '', licence) for title, licence in behind.parameter_licences),
    ]
    with _rows(path, columns) as writer:
        for what, count, licence in entries:
            terms = licence_terms(licence)
            writer.writerow([what, count, terms.licence, terms.redistribution, terms.commercial, terms.condition])
    return columns


def write_columns(path: Path, tables: Mapping[str, Sequence[Column]]) -> None:
    """Write what the columns of all tables are.

    :param path: the file to write.
    :param tables: the columns by name of the file.
    """
    columns = [Column('file'), Column('column'), Column('unit'), Column('meaning')]
    with _rows(path, columns) as writer:
        for name, entries in tables.items():
            writer.writerows([name, entry.name, entry.unit, entry.meaning] for entry in entries)
