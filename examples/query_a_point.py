"""Everything behind a point of a map: values, source, structure, and the processes that made it.

It needs an AiiDA profile that holds a map; `aiida-limap demo` makes one, and says with which AIIDA_PATH to reach it:

    AIIDA_PATH=limap-demo python examples/query_a_point.py Li3PO4

The argument is an id at the source, an id of the counterpart in the Materials Project, a formula, or a UUID. Without
one the point with the lowest migration energy is shown.
"""

from __future__ import annotations

import sys

from aiida import load_profile

from aiida_limap.tools.query import QueryError, load_map, point


def main() -> None:
    load_profile()
    try:
        map_node = load_map()
        frame = map_node.to_dataframe().sort_values('migration_energy_eV')
        answer = point(sys.argv[1] if len(sys.argv) > 1 else frame.index[0], map_node)
    except QueryError as error:
        sys.exit(str(error))

    print(f'{answer.label} on map {map_node.pk} of {len(map_node)} points')
    for name, value in answer.values.items():
        print(f'  {name:<32} {value}')
    print('source')
    for name, value in answer.source.items():
        print(f'  {name:<32} {value}')
    structure = answer.structure
    print(f'structure {structure.pk}: {len(structure.sites)} sites, {structure.get_cell_volume():.1f} Å³')
    print('provenance')
    for step in answer.steps:
        print(f'  {step.role:<24} {step.kind:<24} {step.pk:>7}  {step.uuid}')


if __name__ == '__main__':
    main()
