"""Sites, limiting path and energy landscape of one structure, with pictures; needs no AiiDA.

Run it as ``python examples/energy_profile.py [FILE]``; without a file it takes the embedded garnet Li7La3Zr2O12.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pymatgen.core import Structure

from aiida_limap.engines.bvff import BvffOptions, migration_network
from aiida_limap.engines.bvff.outputs import landscape_record
from aiida_limap.engines.bvff.solve import solve
from aiida_limap.engines.bvff.volumes import export_landscape
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.visualisation.landscape import draw_landscape
from aiida_limap.visualisation.profile import Profile, draw_profile


def embedded_garnet() -> Structure:
    for prototype in load_prototypes():
        structure = prototype.structure()
        if structure.composition.reduced_formula == 'Li7La3Zr2O12':
            return structure
    raise LookupError('the library holds no Li7La3Zr2O12')


def named(stationary: tuple[tuple[float, float, str], ...]) -> tuple[tuple[float, float, str], ...]:
    """Name sites by their kind and saddles by their energy."""
    return tuple(
        (distance, energy, f'{energy:.2f}' if label == 'saddle' else label.rstrip('0123456789'))
        for distance, energy, label in stationary
    )


def main() -> None:
    structure = Structure.from_file(sys.argv[1]) if len(sys.argv) > 1 else embedded_garnet()
    network = migration_network(structure)
    print(
        f'{network.formula}: barriers {network.barriers_eV} eV, {len(network.sites)} sites, {len(network.edges)} passes'
    )
    kinds = {site.kind: site for site in network.sites}
    for kind, site in sorted(kinds.items()):
        count = sum(other.kind == kind for other in network.sites)
        print(
            f'  {count} sites {kind}: {site.energy_eV:.3f} eV, site symmetry {site.site_symmetry}, '
            f'{site.nearest_mobile_distance_angstrom:.2f} Å from the nearest lithium site'
        )
    profiles = [
        Profile(path.distance_angstrom, path.energy_eV, named(path.stationary), label=f'{path.dimension}D')
        for path in network.paths
    ]
    record = landscape_record(solve(structure, BvffOptions()), network.formula)
    for written in (
        draw_profile(profiles, Path('profile.png')),
        draw_landscape(record, Path('landscape.png')),
        export_landscape(record, Path('landscape.cube')),
    ):
        print(f'wrote {written}')


if __name__ == '__main__':
    main()
