"""``aiida-limap map families``: the structure families of the points of a map."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from aiida_limap.cli.base import counting_bar, with_profile

__all__ = ['families']

_NAMED = 6


@click.command('families')
@click.argument('map_id', metavar='[MAP]', required=False)
@click.option('--family', 'wanted', metavar='NAME', help='Only this family, with all its members.')
@click.option(
    '--processes', type=click.IntRange(min=1), default=1, show_default=True, help='Structures to compare at a time.'
)
@click.option('--json', 'as_json', is_flag=True, help='Print JSON: the family of each point and how it was found.')
@with_profile
def families(map_id: str | None, wanted: str | None, processes: int, as_json: bool) -> None:
    """Find the structure families of the points of a map (garnet, NASICON, perovskite ...).

    Each structure is compared with the prototypes of the embedded library; what matches none is called unknown. The
    answer is kept with the structure, so that it is computed once.

    \b
    Examples:
      aiida-limap map families
      aiida-limap map families 1234 --family garnet
      aiida-limap map families 1234 --json > families.json
    """
    from aiida_limap.tools.families import families_of
    from aiida_limap.tools.provenance import structure_facts
    from aiida_limap.tools.query import load_map

    node = load_map(map_id)
    with counting_bar('structures compared') as (total, advance):
        found = families_of(node.ids, processes=processes, on_start=total, on_progress=advance)
    counts = Counter(entry['family'] for entry in found.values())
    if wanted is not None:
        _check_family(wanted, counts)
        found = {uuid: entry for uuid, entry in found.items() if entry['family'] == wanted}
    facts = structure_facts(found)
    formulas = dict(zip(node.ids, node.column('formula'), strict=True)) if 'formula' in node.columns else {}
    rows = [_row(uuid, entry, facts[uuid]['source'], str(formulas.get(uuid, ''))) for uuid, entry in found.items()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        _print(rows, None if wanted else _NAMED)


def _check_family(wanted: str, counts: Counter[str]) -> None:
    if wanted not in counts:
        raise click.ClickException(f'no point of the map is of the family {wanted!r}; there are {", ".join(counts)}')


def _row(uuid: str, entry: dict[str, Any], source: dict[str, Any], formula: str) -> dict[str, Any]:
    kept = {key: value for key, value in entry.items() if key != 'library'}
    return {'structure_uuid': uuid, 'source_id': str(source.get('id', '')), 'formula': formula, **kept}


def _print(rows: list[dict[str, Any]], most: int | None) -> None:
    by_family: dict[str, list[str]] = {}
    for row in rows:
        name = ' '.join(word for word in (row['formula'], row['source_id']) if word) or row['structure_uuid'][:8]
        by_family.setdefault(row['family'], []).append(name)
    width = max((len(family) for family in by_family), default=0)
    for family, names in sorted(by_family.items(), key=lambda item: (item[0] == 'unknown', -len(item[1]), item[0])):
        shown = names if most is None else names[:most]
        more = f' and {len(names) - len(shown)} more' if len(names) > len(shown) else ''
        click.echo(f'{len(names):>6}  {family:<{width}}  {", ".join(shown)}{more}')
