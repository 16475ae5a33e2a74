"""Submit migration energies of a few structures from Python, and print those of a finished work chain.

It needs an AiiDA profile with a broker and a running daemon, a code of the engines, and imported structures:

    aiida-limap setup computer
    aiida-limap import files my-cifs/ --name oxides
    verdi daemon start 2
    python examples/submit_migration_energies.py mp-10499 mp-2878
    python examples/submit_migration_energies.py --show 1234

A structure is named by its pk, its UUID or the id of its source.
"""

from __future__ import annotations

import sys

from aiida import load_profile, orm
from aiida.engine import submit

from aiida_limap.tools.provenance import jobs_by_row
from aiida_limap.tools.structures import find_structure
from aiida_limap.workflows.bvff import BvffBaseWorkChain

CODE = 'limap@localhost'
#: Values in place of those of the protocol, nested as the inputs of the work chain are; a misspelt key is refused.
OVERRIDES = {
    'max_iterations': 5,
    'bvff': {'parameters': {'spacing_angstrom': 0.15}, 'metadata': {'options': {'max_wallclock_seconds': 3600}}},
}


def submit_structures(names: list[str]) -> None:
    structures = [find_structure(name) for name in names]
    builder = BvffBaseWorkChain.get_builder_from_protocol(orm.load_code(CODE), structures, overrides=OVERRIDES)
    chain = submit(builder)
    print(f'submitted work chain {chain.pk} of {len(structures)} structures')
    print(f'progress: aiida-limap status {chain.pk} --watch')


def show(pk: int) -> None:
    table = orm.load_node(pk).outputs.table
    jobs = jobs_by_row(table, 'migration energy')
    for uuid in table.ids:
        row = table.row(uuid)
        print(f'{uuid}  {row["status"]}  2D barrier {row.get("barrier_2d_eV")} eV, computed by job {jobs[uuid].pk}')


def main() -> None:
    load_profile()
    arguments = sys.argv[1:]
    if arguments[:1] == ['--show']:
        show(int(arguments[1]))
    elif arguments:
        submit_structures(arguments)
    else:
        print('name structures, by pk, UUID or id of their source')


if __name__ == '__main__':
    main()
