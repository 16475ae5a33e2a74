"""Nodes of the data classes as the content of files that other programs read."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.formats.phonon_files import DOS_FILE
from aiida_limap.tools.query import QueryError

if TYPE_CHECKING:
    from aiida import orm

    from aiida_limap.data.dataset import DatasetData
    from aiida_limap.data.map import MapData
    from aiida_limap.data.phonon_dos import PhononDosData
    from aiida_limap.data.table import TableData

__all__ = ['FORMATS', 'export_node', 'extended_xyz']

#: For each data class its formats with the ending of the file, the default first.
FORMATS: Mapping[str, Mapping[str, str]] = {
    'dataset': {'csv': '.csv', 'json': '.json', 'cif': '.cif', 'extxyz': '.xyz'},
    'table': {'csv': '.csv', 'json': '.json', 'npz': '.npz'},
    'bond_valence': {'yaml': '.yaml'},
    'autoencoder': {'safetensors': '.safetensors'},
    'map': {'csv': '.csv', 'json': '.json', 'bundle': '.json.gz', 'page': '.html'},
    'screening_model': {'safetensors': '.safetensors'},
    'phonon_dos': {'csv': '.csv', 'json': '.json', 'npz': '.npz'},
}
#: Structures are loaded in chunks and let go again.
_CHUNK = 100


def export_node(node: orm.Data, kind: str, file_format: str) -> tuple[bytes, list[str]]:
    """Return a node as the content of a file.

    :param node: a node of the class.
    :param kind: one of :data:`FORMATS`.
    :param file_format: one of its formats.
    :returns: the content, and what a person should know about it, one sentence each.
    :raises QueryError: if structures of a dataset are no longer in the profile.
    """
    notes: list[str] = []
    writer: Callable[..., Any] = _WRITERS[kind, file_format]
    content = writer(node, notes)
    return (content.encode() if isinstance(content, str) else content), notes


def extended_xyz(node: orm.StructureData, properties: Mapping[str, str]) -> str | None:
    """Return a structure in the extended XYZ format, or None if a site is not occupied by one whole atom.

    :param node: the structure; cell and positions are in Å.
    :param properties: words that stand beside the cell, by name.
    """
    from aiida_limap.common.conversion import record_from_node

    record = record_from_node(node)
    if any(list(site.values()) != [1.0] for site in record.species):
        return None
    cell = ' '.join(f'{number:.10g}' for vector in record.cell for number in vector)
    words = ' '.join(f'{key}="{value}"' for key, value in properties.items() if value and '"' not in value)
    lines = [
        str(len(record.species)),
        f'Lattice="{cell}" Properties=species:S:1:pos:R:3 pbc="T T T" {words}'.rstrip(),
    ]
    cartesian = record.positions @ record.cell
    for site, position in zip(record.species, cartesian, strict=True):
        lines.append(f'{next(iter(site)):<3} ' + ' '.join(f'{number:16.10f}' for number in position))
    return '\n'.join(lines) + '\n'


def _csv(rows: Sequence[Mapping[str, Any]], heading: Sequence[str]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=heading, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + '\n'


def _members(dataset: DatasetData) -> list[dict[str, Any]]:
    from aiida_limap.tools.provenance import structure_facts

    facts = structure_facts(dataset.structure_uuids)
    return [
        {
            'structure_uuid': uuid,
            'source_id': source_id,
            'pk': facts.get(uuid, {}).get('pk'),
            'label': facts.get(uuid, {}).get('label', ''),
            'database': facts.get(uuid, {}).get('source', {}).get('db_name', ''),
        }
        for uuid, source_id in zip(dataset.structure_uuids, dataset.source_ids, strict=True)
    ]


def _dataset_csv(dataset: DatasetData, _notes: list[str]) -> str:
    return _csv(_members(dataset), ['structure_uuid', 'source_id', 'pk', 'label', 'database'])


def _dataset_json(dataset: DatasetData, _notes: list[str]) -> str:
    facts = {'uuid': dataset.uuid, 'name': dataset.name, 'filter': dataset.filter, 'checksum': dataset.checksum}
    return _json({**facts, 'structures': _members(dataset)})


def _structures(dataset: DatasetData) -> Iterator[tuple[orm.StructureData, str]]:
    """Yield the structures of a dataset with their source ids."""
    from aiida import orm

    names = dict(zip(dataset.structure_uuids, dataset.source_ids, strict=True))
    uuids = list(names)
    for start in range(0, len(uuids), _CHUNK):
        chunk = uuids[start : start + _CHUNK]
        query = orm.QueryBuilder().append(orm.StructureData, filters={'uuid': {'in': chunk}}, project='*')
        nodes = {node.uuid: node for (node,) in query.iterall()}
        for uuid in chunk:
            if uuid not in nodes:
                raise QueryError(f'the structure {uuid} of the dataset is no longer in this profile; import it again')
            yield nodes[uuid], names[uuid]


def _dataset_cif(dataset: DatasetData, _notes: list[str]) -> str:
    from pymatgen.io.cif import CifWriter

    from aiida_limap.common.conversion import pymatgen_from_node

    parts = []
    for node, source_id in _structures(dataset):
        text = str(CifWriter(pymatgen_from_node(node)))
        # The name of a block must be one word, and tell the structures of the file apart.
        _heading, _, body = text[text.index('data_') :].partition('\n')
        parts.append(f'data_{_one_word(source_id or node.uuid)}\n# UUID {node.uuid}\n{body}')
    return '\n'.join(parts)


def _one_word(text: str) -> str:
    return ''.join(letter if letter.isalnum() or letter in '-_.' else '_' for letter in text)


def _dataset_extxyz(dataset: DatasetData, notes: list[str]) -> str:
    parts, left_out = [], 0
    for node, source_id in _structures(dataset):
        text = extended_xyz(node, {'uuid': node.uuid, 'source_id': source_id})
        if text is None:
            left_out += 1
        else:
            parts.append(text)
    if left_out:
        notes.append(f'{left_out} disordered structures are left out: the format knows whole atoms only, cif knows all')
    return ''.join(parts)


def _table_csv(table: TableData, _notes: list[str]) -> str:
    return table.to_dataframe(blocks=True).to_csv(lineterminator='\n')


def _table_json(table: TableData, _notes: list[str]) -> str:
    blocks = {
        name: {'columns': table.block_columns(name), 'rows': _plain_rows(table.block(name))}
        for name in table.block_names
    }
    rows = [{'id': uuid, **table.row(uuid)} for uuid in table.ids]
    return _json({'uuid': table.uuid, 'columns': table.info, 'rows': rows, 'blocks': blocks, **table.metadata})


def _plain_rows(block: Any) -> list[list[float | None]]:
    return [[None if number != number else float(number) for number in row] for row in block]


def _repository_file(name: str) -> Callable[[orm.Data, list[str]], bytes]:
    def write(node: orm.Data, _notes: list[str]) -> bytes:
        return node.base.repository.get_object_content(name, mode='rb')

    return write


def _single_file(node: orm.SinglefileData, _notes: list[str]) -> bytes:
    return node.get_content(mode='rb')


def _points(node: MapData) -> list[dict[str, Any]]:
    from aiida_limap.tools.provenance import structure_facts

    facts = structure_facts(node.ids)
    return [
        {
            'structure_uuid': uuid,
            'source_id': facts.get(uuid, {}).get('source', {}).get('id', ''),
            **node.point(uuid),
        }
        for uuid in node.ids
    ]


def _map_csv(node: MapData, _notes: list[str]) -> str:
    return _csv(_points(node), ['structure_uuid', 'source_id', *node.columns])


def _map_json(node: MapData, _notes: list[str]) -> str:
    attributes = {key: value for key, value in node.base.attributes.all.items() if key != 'columns'}
    return _json({'uuid': node.uuid, **attributes, 'points': _points(node)})


def _map_bundle(node: MapData, _notes: list[str]) -> bytes:
    from aiida_limap.formats.mapbundle import write_bundle
    from aiida_limap.tools.bundle import map_bundle

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'map.json.gz'
        write_bundle(path, map_bundle(node))
        return path.read_bytes()


def _map_page(node: MapData, _notes: list[str]) -> bytes:
    from aiida_limap.tools.bundle import map_bundle
    from aiida_limap.visualisation.page import write_page

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'map.html'
        write_page(map_bundle(node), path)
        return path.read_bytes()


def _densities(node: PhononDosData) -> dict[str, list[float]]:
    """Return frequencies (THz) and densities (1/THz per primitive cell) by the names of their columns."""
    columns = {'frequency_THz': node.frequencies_THz, 'total': node.density()}
    return {name: values.tolist() for name, values in (columns | {e: node.density(e) for e in node.elements}).items()}


def _dos_csv(node: PhononDosData, _notes: list[str]) -> str:
    columns = _densities(node)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return _csv(rows, list(columns))


def _dos_json(node: PhononDosData, _notes: list[str]) -> str:
    facts = {'uuid': node.uuid, 'structure_uuid': node.structure_uuid, 'counts': node.counts, 'unit': '1/THz per cell'}
    return _json({**facts, **_densities(node)})


_WRITERS: Mapping[tuple[str, str], Callable[..., str | bytes]] = {
    ('dataset', 'csv'): _dataset_csv,
    ('dataset', 'json'): _dataset_json,
    ('dataset', 'cif'): _dataset_cif,
    ('dataset', 'extxyz'): _dataset_extxyz,
    ('table', 'csv'): _table_csv,
    ('table', 'json'): _table_json,
    ('table', 'npz'): _repository_file('table.npz'),
    ('bond_valence', 'yaml'): _single_file,
    ('autoencoder', 'safetensors'): _single_file,
    ('map', 'csv'): _map_csv,
    ('map', 'json'): _map_json,
    ('map', 'bundle'): _map_bundle,
    ('map', 'page'): _map_page,
    ('screening_model', 'safetensors'): _single_file,
    ('phonon_dos', 'csv'): _dos_csv,
    ('phonon_dos', 'json'): _dos_json,
    ('phonon_dos', 'npz'): _repository_file(DOS_FILE),
}
