"""The text that goes with a shared map: what each file is, how to open it, and under which licences."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_limap import __version__

if TYPE_CHECKING:
    from aiida_limap.formats.mapbundle import MapBundle
    from aiida_limap.tools._export_tables import Column

__all__ = ['readme']

_WIDTH = 100
#: Tables with more columns are described in columns.csv alone.
_MOST_COLUMNS = 80
_FILES = {
    'compounds.csv': 'one row per point of the map: origin and licence of the structure, its two codes, calculated and '
    'predicted migration energy, how both were obtained, and the UUIDs of the calculations',
    'not_on_the_map.csv': 'structures of the dataset without a point, and why',
    'plane.csv': 'predicted migration energy over the plane of the two codes',
    'licences.csv': 'licences of the sources, and what they allow',
    'descriptors_composition.csv': 'descriptors of the compositions, one row per point',
    'descriptors_structure.csv': 'descriptors of the structures, one row per point',
    'descriptors_landscape.csv': 'features of the bond-valence landscapes, one row per point',
    'descriptors_phonons.csv': 'phonon quantities that the model reads, one row per point',
}


def readme(
    bundle: MapBundle,
    tables: Mapping[str, Sequence[Column]],
    missing: int,
    *,
    documents: Mapping[str, str],
    warnings: Sequence[str],
    notes: Sequence[str],
) -> str:
    """Return the text of the README of an export.

    :param bundle: the bundle of the map.
    :param tables: columns of the tables by name of the file.
    :param missing: number of structures of the dataset that are no points of the map.
    :param documents: what the files beside the tables are, by their name.
    :param warnings: what the licences forbid or leave open.
    :param notes: what was left out.
    :returns: the text.
    """
    facts: Mapping[str, Any] = bundle.metadata
    lines = [bundle.title, '=' * len(bundle.title), '']
    lines += _paragraph(
        f'A materials map of {len(bundle.ids)} compounds, drawn with aiida-limap {facts["aiida_limap_version"]} on '
        f'{str(facts["created"])[:10]} (map {facts["map_uuid"]}), and shared with aiida-limap {__version__}. '
        f'{missing} structures of its dataset have no point. Every structure, calculation and result has a UUID, which '
        'is the same in all files here and in every AiiDA profile.'
    )
    lines += _heading('Files')
    for name, text in documents.items():
        lines += _entry(name, text)
    for name in tables:
        lines += _entry(f'tables/{name}', _FILES.get(name, ''))
    lines += _entry('tables/columns.csv', 'name, unit and meaning of every column of every table')
    lines += _entry('SHA256SUMS', 'checksums; `sha256sum -c SHA256SUMS` verifies all files')
    if 'map.aiida' in documents:
        lines += _how_to_open(bundle)
    lines += _columns(tables)
    lines += _heading('Licences')
    lines += _paragraph(
        'tables/licences.csv lists the licence of every source as the source states it, and compounds.csv that of '
        'every structure. Whoever passes these files on keeps to them.'
    )
    for sentence in warnings:
        lines += _entry('!', sentence)
    if notes:
        lines += _heading('Left out')
        for sentence in notes:
            lines += _entry('-', sentence)
    return '\n'.join(lines).rstrip() + '\n'


def _how_to_open(bundle: MapBundle) -> list[str]:
    uuid = str(bundle.metadata['map_uuid'])
    return [
        *_heading('Open the archive'),
        *_paragraph('With AiiDA and aiida-limap installed, in a profile of your own (`verdi presto` makes one):'),
        '    pip install aiida-limap',
        '    verdi archive import map.aiida',
        f'    aiida-limap map show {uuid}',
        f'    aiida-limap point show {_example(bundle)} --map {uuid}',
        '',
        'Or read it where it is, as a profile that cannot be changed:',
        '',
        '    verdi profile setup core.sqlite_zip --profile-name shared --filepath map.aiida --no-set-as-default',
        f'    aiida-limap --profile shared map show {uuid}',
        '',
    ]


def _columns(tables: Mapping[str, Sequence[Column]]) -> list[str]:
    lines = [
        *_heading('Columns of the tables'),
        *_paragraph(
            'Tables are CSV in UTF-8 with one line of headings. Energies are in eV (names end in _eV), lengths in Å; '
            'other units stand in brackets in the heading. The unit of a column of a histogram is that of its axis, '
            'and the number at the end of its name is the middle of its bin. Codes and all other columns without a '
            'unit are pure numbers or words. An empty field means that there is no value. Descriptors have ten '
            'digits; what is below 1e-15 is written as 0.'
        ),
    ]
    for name, columns in tables.items():
        if len(columns) > _MOST_COLUMNS:
            lines += _paragraph(f'tables/{name}: structure_uuid and {len(columns) - 1} descriptors; see columns.csv.')
            continue
        lines += [f'tables/{name}', '']
        for column in columns:
            lines += _entry(column.heading, column.meaning)
        lines.append('')
    return lines


def _example(bundle: MapBundle) -> str:
    return str(bundle.sources[0].get('id') or bundle.ids[0])


def _heading(text: str) -> list[str]:
    return ['', text, '-' * len(text), '']


def _paragraph(text: str) -> list[str]:
    return [*textwrap.wrap(text, _WIDTH, break_on_hyphens=False, break_long_words=False), '']


def _entry(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        f'{name}  {text}',
        _WIDTH,
        initial_indent='  ',
        subsequent_indent='      ',
        break_on_hyphens=False,
        break_long_words=False,
    )
