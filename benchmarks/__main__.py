"""``python -m benchmarks``: run one benchmark, or all of them."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.agreement import agreement
from benchmarks.batch import batch
from benchmarks.common import shared_options
from benchmarks.descriptors import descriptors
from benchmarks.literature import literature
from benchmarks.map import map_
from benchmarks.overhead import overhead
from benchmarks.peer import peer
from benchmarks.phonon_clusters import phonon_clusters
from benchmarks.phonon_embedded import phonon_embedded
from benchmarks.phonon_mlip import phonon_mlip
from benchmarks.phonons import phonons
from benchmarks.published import published
from benchmarks.refinement import refinement
from benchmarks.scale import scale
from benchmarks.screening_atom2vec import screening_atom2vec
from benchmarks.screening_enumeration import screening_enumeration
from benchmarks.screening_features import screening_features
from benchmarks.screening_models import screening_models
from benchmarks.training import grid, training
from benchmarks.worth import worth

PARTS = (
    published,
    literature,
    refinement,
    agreement,
    batch,
    peer,
    descriptors,
    worth,
    map_,
    training,
    grid,
    phonons,
    phonon_mlip,
    phonon_embedded,
    phonon_clusters,
    screening_features,
    screening_models,
    screening_atom2vec,
    screening_enumeration,
)
#: They make a profile of AiiDA, which a process can do once.
ALONE = (overhead, scale)


@click.group(context_settings={'help_option_names': ['-h', '--help']})
def main() -> None:
    """Measure the force field (accuracy, agreement with bvlain, time, memory), descriptors (time, worth) and maps.

    \b
    Examples:
      python -m benchmarks all
      python -m benchmarks refinement --structures 5
      python -m benchmarks peer --help
    """


for _part in (*PARTS, *ALONE):
    main.add_command(_part)


@main.command('all')
@shared_options
@click.pass_context
def run_all(context: click.Context, data: Path | None, output: Path) -> None:
    """Run all benchmarks with their defaults, but for overhead and scale, which need a process of their own.

    \b
    Example:
      python -m benchmarks all --output bench-output
    """
    for part in PARTS:
        click.echo(f'\n{part.name}')
        try:
            context.invoke(part, data=data, output=output)
        except click.ClickException as error:
            click.echo(f'{part.name} was left out: {error.message}')


if __name__ == '__main__':
    main(prog_name='python -m benchmarks')
