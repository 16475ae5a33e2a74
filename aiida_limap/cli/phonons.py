"""``aiida-limap phonons``: list and show clusters of compounds by their phonons."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from aiida_limap.cli.base import with_profile
from aiida_limap.cli.listing import list_options, refuse_both, tell_listed
from aiida_limap.cli.phonon_report import phonons_figures_command, phonons_page_command

if TYPE_CHECKING:
    from aiida_limap.data.table import TableData
    from aiida_limap.tools.phonons import PhononClusters

__all__ = ['phonons_group', 'print_clusters']

_SHOWN = 10


@click.group('phonons')
def phonons_group() -> None:
    """List, show and draw clusters of compounds by their phonons.

    CLUSTERS is the pk of a work chain or of a table that it made, a UUID or its start; without it the newest is taken.

    \b
    Examples:
      aiida-limap phonons list
      aiida-limap phonons show 1234
      aiida-limap phonons show --compound mp-1138
      aiida-limap phonons page 1234 --output page
    """


phonons_group.add_command(phonons_page_command)
phonons_group.add_command(phonons_figures_command)


@phonons_group.command('list')
@list_options('the work chains')
@with_profile
def list_command(raw: bool, as_json: bool) -> None:
    """List the work chains of phonon clusters, newest first.

    \b
    Example:
      aiida-limap phonons list
    """
    from aiida_limap.tools.phonons import list_phonon_clusters

    refuse_both(raw, as_json)
    tell_listed(
        list_phonon_clusters(),
        lambda facts: f'{facts.n_ok} of {facts.n_compounds} compounds',
        'no phonon clusters yet; make some with `aiida-limap launch phonons --demo`',
        raw=raw,
        as_json=as_json,
    )


@phonons_group.command('show')
@click.argument('clusters', metavar='[CLUSTERS]', required=False)
@click.option('--compound', 'name', metavar='NAME', help='Show one compound: id at the source, formula or UUID.')
@click.option('--limit', type=click.IntRange(0), default=_SHOWN, show_default=True, help='Candidates that are shown.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON, with all candidates.')
@with_profile
def show(clusters: str | None, name: str | None, limit: int, as_json: bool) -> None:
    """Show what became of the compounds, the clusters of each method, and the candidates.

    \b
    Examples:
      aiida-limap phonons show 1234
      aiida-limap phonons show --compound Li3N
    """
    from aiida_limap.tools.phonons import compound, load_phonon_clusters

    found = load_phonon_clusters(clusters)
    if name is not None:
        answer = compound(name, found)
        if as_json:
            click.echo(json.dumps(asdict(answer), indent=1))
        else:
            _print_compound(answer)
        return
    if as_json:
        document = {
            'pk': found.chain.pk,
            'uuid': found.chain.uuid,
            'phonons': found.phonons.uuid,
            'clusters': None if found.clusters is None else found.clusters.uuid,
            'facts': found.facts,
            'candidates': _candidates(found.clusters),
        }
        click.echo(json.dumps(document, indent=1))
        return
    print_clusters(found, limit)


def print_clusters(found: PhononClusters, limit: int = _SHOWN) -> None:
    """Print what a work chain of phonon clusters found.

    :param found: its tables and facts.
    :param limit: number of candidates that are shown.
    """
    click.echo(f'phonon clusters {found.chain.pk} ({found.chain.uuid})')
    counts = found.phonons.counts_by_status
    words = ', '.join(f'{count} {word}' for word, count in counts.items())
    click.echo(f'{len(found.phonons)} compounds: {words}')
    clustering = found.facts.get('clustering') or {}
    if not clustering:
        click.echo('they are not clustered' if found.chain.is_terminated else 'the clustering still runs')
        return
    click.echo(f'{clustering["n_clustered"]} are clustered by {", ".join(clustering.get("features") or [])}')
    for method, facts in clustering['methods'].items():
        _print_method(method, facts)
    candidates = _candidates(found.clusters)
    if candidates:
        click.echo(f'{len(candidates)} candidates in clusters that hold conductors; the first:')
        _print_candidates(candidates[:limit])


def _print_method(method: str, facts: dict[str, Any]) -> None:
    sizes, means = facts['sizes'], facts['means']
    parts = ', '.join(f'{size} (mean {mean:.2f})' for size, mean in zip(sizes, means, strict=True)) or 'no clusters'
    silhouette = facts.get('silhouette')
    quality = [] if silhouette is None else [f'silhouette {silhouette:.3f}']
    stability = (facts.get('stability') or {}).get('rand_mean')
    if stability is not None:
        quality.append(f'adjusted Rand index of resamples {stability:.2f}')
    click.echo(f'  {method:<9} {"; ".join([parts, ", ".join(quality)] if quality else [parts])}')
    for kind, by_background in (facts.get('enrichment') or {}).items():
        for background, clusters in by_background.items():
            for entry in clusters:
                if entry.get('p_adjusted') is not None and entry['p_adjusted'] < 0.05:
                    click.echo(
                        f'            cluster {entry["cluster"]}: enriched with {kind} (against {background}, p '
                        f'{entry["p_adjusted"]:.2g})'
                    )


def _candidates(table: TableData | None) -> list[dict[str, Any]]:
    """Return the candidates, the nearest to a known conductor first."""
    if table is None or 'candidate_rank' not in table.column_names:
        return []
    rows = [table.row(name) | {'uuid': name} for name in table.ids]
    chosen = [row for row in rows if row.get('candidate') == 1]
    for row in chosen:
        near = row.get('nearest_conductor')
        row['nearest_formula'] = table.row(str(near)).get('formula') if near else None
    return sorted(chosen, key=lambda row: float(row['candidate_rank'] or 0))


def _print_candidates(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ('formula', 'structure', 'nearest conductor', 'distance'):
        table.add_column(heading, justify='right' if heading == 'distance' else 'left', no_wrap=True)
    for row in rows:
        distance = row['nearest_conductor_distance']
        table.add_row(
            row.get('formula') or '',
            row['uuid'][:8],
            row['nearest_formula'] or '',
            '' if distance is None else f'{distance:.3f}',
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def _print_compound(answer: Any) -> None:
    click.echo(f'{answer.values.get("formula") or answer.uuid} ({answer.uuid})')
    for name, value in answer.values.items():
        if value is not None:
            click.echo(f'  {name:<34} {value:.6g}' if isinstance(value, float) else f'  {name:<34} {value}')
    for step in answer.steps:
        click.echo(f'  {step.role:<24} {step.kind:<28} {step.pk:>7}  {step.uuid}')
