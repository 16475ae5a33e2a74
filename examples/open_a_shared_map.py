"""Questions to a map that somebody shared, right from the archive: no profile, no daemon and no import is needed.

    python examples/open_a_shared_map.py oxides/map.aiida Li3PO4

The archive is what `aiida-limap map export` writes. It is opened as a profile that can be read and not changed. The
second argument is an id at the source, a formula, or a UUID; without one the point with the lowest migration energy is
shown.
"""

from __future__ import annotations

import sys

from aiida import load_profile
from aiida.storage.sqlite_zip.backend import SqliteZipBackend

from aiida_limap.tools.query import QueryError, load_map, point


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit('name an archive: python examples/open_a_shared_map.py oxides/map.aiida')
    load_profile(SqliteZipBackend.create_profile(sys.argv[1]))
    try:
        map_node = load_map()
        frame = map_node.to_dataframe().sort_values('migration_energy_eV')
        answer = point(sys.argv[2] if len(sys.argv) > 2 else frame.index[0], map_node)
    except QueryError as error:
        sys.exit(str(error))

    print(f'map {map_node.uuid} of {len(map_node)} points')
    print(f'{answer.label}: {answer.source.get("license", "no licence stated")}')
    for name in ('x_comp', 'x_struc', 'migration_energy_eV', 'migration_energy_predicted_eV', 'status'):
        print(f'  {name:<32} {answer.values[name]}')
    structure = answer.structure
    print(f'structure of {len(structure.sites)} sites, {structure.get_cell_volume():.1f} Å³')
    for step in answer.steps:
        print(f'  {step.role:<26} {step.kind:<24} {step.uuid}')
    x_comp, x_struc = answer.values['x_comp'], answer.values['x_struc']
    print('nearest on the map')
    print(map_node.nearest(x_comp, x_struc, 4)[['distance', 'formula', 'migration_energy_eV']].to_string(index=False))


if __name__ == '__main__':
    main()
