"""Sections of a report on the points and places of a map: what is best, where to look next, where data come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from aiida_limap.formats.mapbundle import MapBundle
from aiida_limap.visualisation.facts import (
    MIGRATION_ENERGY,
    PREDICTED,
    as_far_as_learnt,
    formulas,
    numbers,
    outside_domain,
)
from aiida_limap.visualisation.report_document import Block, Cell, Facts, Identifier, Link, Section, Table, Text
from aiida_limap.visualisation.report_regions import SHARE_OF_PEAK, SPARSE, Region, promising_regions

__all__ = ['best_compounds', 'data_sources', 'sparse_regions']

_MOST_COMPOUNDS = 20
_MOST_SOURCES = 12
_MOST_ELEMENTS = 6


def sparse_regions(bundle: MapBundle) -> Section:
    """Return the section on places where to look next.

    :param bundle: the map.
    """
    found = promising_regions(bundle)
    title = 'Where to look next'
    if not found.regions:
        return Section('regions', title, [Text(found.reason, is_note=True)])
    level = (bundle.metadata.get('plane_interval') or {}).get('level')
    upper = 'the predicted energy' if found.regions[0].interval is None else 'the upper end of its interval'
    blocks: list[Block] = [
        Text(
            'Regions with low predicted migration energies where few compounds are known. The score of a place is '
            f'promise × sparsity × support, each from 0 to 1. Promise: part of the known compounds whose calculated '
            f'energy is above {upper}. Sparsity: part of the known compounds that lie where these are denser; places '
            f'with less than {SPARSE:g} do not count. Support: whether the model has seen training data near, 0 where '
            f'it has not. A region reaches over all connected places with at least {SHARE_OF_PEAK:.0%} of its highest '
            'score. What a code decodes to is a mean composition, not a formula, and nothing here says that a compound '
            'exists or is stable.'
        ),
        *(Text(note, is_note=True) for note in found.notes),
        _overview(found.regions, level),
    ]
    names = formulas(bundle)
    for number, region in enumerate(found.regions, start=1):
        blocks += [Text(f'Region {number}: {_explained(region)}'), Facts(_details(bundle, region, names))]
    return Section('regions', title, blocks)


def _overview(regions: tuple[Region, ...], level: float | None) -> Table:
    interval = 'Interval / eV' if level is None else f'{level:.0%} interval / eV'
    columns = [
        'Region', 'Score', 'Promise', 'Sparsity', 'Support', 'Composition code', 'Structure code', 'Predicted / eV',
        interval, 'Known inside',
    ]  # fmt: skip
    rows: list[list[Cell]] = [
        [
            str(number),
            *(f'{value:.2f}' for value in (region.score, region.promise, region.sparsity, region.support)),
            _range(*region.x_comp_range),
            _range(*region.x_struc_range),
            f'{region.energy:.2f}',
            '' if region.interval is None else _range(*region.interval),
            str(region.n_known),
        ]
        for number, region in enumerate(regions, start=1)
    ]
    return Table(columns, rows, numeric=columns)


def _explained(region: Region) -> str:
    if region.interval is None:
        promise = (
            f'the prediction of {region.energy:.2f} eV is below that of {region.promise:.0%} of the known compounds'
        )
    else:
        promise = (
            f'predicted are {region.energy:.2f} eV, and even the upper end of the interval, {region.interval[1]:.2f} '
            f'eV, is below what {region.promise:.0%} of the known compounds have'
        )
    support = 'training data are near' if region.support >= 0.5 else 'the model knows little here'
    return f'{promise}; {region.sparsity:.0%} of them lie in denser places; {support} (support {region.support:.2f}).'


def _details(bundle: MapBundle, region: Region, names: list[str]) -> list[tuple[str, Cell]]:
    named = region.elements[:_MOST_ELEMENTS]
    rest = 1.0 - sum(fraction for _symbol, fraction in named)
    elements = ', '.join(f'{symbol} {fraction:.2f}' for symbol, fraction in named)
    nearest = ', '.join(f'{_named(bundle, names, row)} at {distance:.2f}' for row, distance in region.nearest)
    details: list[tuple[str, Cell]] = [
        ('Best place', f'composition code {_code(region.x_comp)}, structure code {_code(region.x_struc)}'),
        ('Predicted in the region', f'{_range(*region.energy_range)} eV'),
        ('Nearest compounds', f'{nearest} (distance of the codes)'),
    ]
    if elements:
        others = f', others together {rest:.2f}' if rest >= 0.005 else ''
        details.insert(1, ('Decoded elements', f'{elements}{others} (fractions of atoms)'))
    return details


def _named(bundle: MapBundle, names: list[str], row: int) -> str:
    source, energy = bundle.sources[row].get('id', ''), numbers(bundle, MIGRATION_ENERGY)[row]
    parts = [source, f'{energy:.2f} eV' if np.isfinite(energy) else 'no energy']
    return f'{names[row]} ({", ".join(part for part in parts if part)})'


def best_compounds(bundle: MapBundle) -> Section:
    """Return the table of the known compounds with the lowest calculated energies.

    :param bundle: the map.
    """
    bundle = as_far_as_learnt(bundle)
    energies = numbers(bundle, MIGRATION_ENERGY)
    order = [row for row in np.argsort(energies, kind='stable').tolist() if np.isfinite(energies[row])]
    title = 'Best known compounds'
    if not order:
        return Section('best', title, [Text('No compound of this map has a calculated energy.', is_note=True)])
    names, outside = formulas(bundle), outside_domain(bundle)
    families = bundle.properties.get('family')
    counterparts = any(bundle.sources[row].get('counterpart') for row in order[:_MOST_COMPOUNDS])
    columns = [
        '', 'Formula', 'Family', 'Calculated / eV', 'Grid error / eV', 'Predicted / eV', 'Interval / eV', 'Source',
        *(['Counterpart'] if counterparts else []), 'UUID of the structure',
    ]  # fmt: skip
    rows: list[list[Cell]] = []
    errors, predicted = numbers(bundle, 'grid_error_eV'), numbers(bundle, PREDICTED)
    low, high = (numbers(bundle, f'migration_energy_{end}_eV') for end in ('low', 'high'))
    for number, row in enumerate(order[:_MOST_COMPOUNDS], start=1):
        family = None if families is None else families.values[row]
        source = bundle.sources[row]
        known = np.isfinite(low[row]) and np.isfinite(high[row])
        rows.append(
            [
                str(number),
                names[row] + (' *' if outside[row] else ''),
                'unknown' if family is None else str(family),
                *(_number(values[row]) for values in (energies, errors, predicted)),
                _range(float(low[row]), float(high[row])) if known else '',
                Link(source.get('id') or source.get('db_name', ''), source.get('uri', '')),
                *([_counterpart(source)] if counterparts else []),
                Identifier(bundle.ids[row]),
            ]
        )
    blocks: list[Block] = [Table(columns, rows, numeric=('', *columns[3:7]), caption=_caption(len(rows), len(order)))]
    if any(outside[order[:_MOST_COMPOUNDS]]):
        blocks.append(Text('* outside of what the model knows: its prediction is a guess.', is_note=True))
    return Section('best', title, blocks)


def _counterpart(source: Mapping[str, str]) -> Cell:
    """Return the compound of the Materials Project that a structure of the library stands for."""
    return Link(source.get('counterpart', ''), source.get('counterpart_uri', ''))


def _caption(shown: int, known: int) -> str:
    return f'The {shown} lowest of {known} calculated migration energies; equal ones in the order of the map.'


def data_sources(bundle: MapBundle) -> list[Block]:
    """Return where the structures came from, under which licences, and after which publications.

    :param bundle: the map.
    """
    counts = Counter(
        (source.get('db_name', 'not stated'), source.get('license', 'not stated')) for source in bundle.sources
    )
    cited = Counter(source['citation'] for source in bundle.sources if source.get('citation'))
    blocks: list[Block] = [
        Table(
            ('Database', 'Licence', 'Structures'),
            [(database, licence, str(count)) for (database, licence), count in counts.most_common()],
            numeric=('Structures',),
        )
    ]
    if cited:
        shown = cited.most_common(_MOST_SOURCES)
        more = (
            f', the {_MOST_SOURCES} most frequent of {len(cited)}; citations.bib holds all'
            if len(cited) > len(shown)
            else ''
        )
        blocks.append(
            Table(
                ('Publication of the structures', 'Structures'),
                [(text, str(count)) for text, count in shown],
                numeric=('Structures',),
                caption=f'Publications that the structures name{more}.',
            )
        )
    return blocks


def _range(low: float, high: float) -> str:
    return f'{_code(low)} to {_code(high)}'


def _code(value: float) -> str:
    return f'{value:.2f}'.replace('-', '\u2212')


def _number(value: float) -> str:
    return f'{value:.3f}' if np.isfinite(value) else ''
