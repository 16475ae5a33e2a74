"""Submit the work chain of a map from Python, with a protocol and changes of it.

It needs an AiiDA profile with a broker and a running daemon, a code of the engines, and imported structures:

    aiida-limap setup computer
    aiida-limap import files my-cifs/ --name oxides
    verdi daemon start 2
    python examples/submit_a_map.py oxides

The name `prototypes` after `aiida-limap import prototypes` works as well.
"""

from __future__ import annotations

import sys

from aiida import load_profile, orm
from aiida.engine import submit

from aiida_limap.groups.dataset import DatasetGroup
from aiida_limap.workflows.map import MapWorkChain

CODE = 'limap@localhost'
#: Values in place of those of the protocol, nested as the inputs of the work chain are; a misspelt key is refused.
OVERRIDES = {
    'featurize': {
        'batch_size': 50,
        'bvff': {'parameters': {'spacing_angstrom': 0.25}},
        'options': {'max_wallclock_seconds': 3600},
    },
    'train': {'parameters': {'me_weight': 0.3, 'seed': 7, 'basis': 'compact'}},
    'encode': {'parameters': {'grid_size': 81}},
}


def main() -> None:
    load_profile()
    name = sys.argv[1] if len(sys.argv) > 1 else 'prototypes'
    dataset = DatasetGroup.collection.get(label=f'limap/{name}').dataset
    builder = MapWorkChain.get_builder_from_protocol(
        orm.load_code(CODE), dataset, protocol='balanced', overrides=OVERRIDES
    )
    builder.metadata.label = f'map of {name}'
    chain = submit(builder)
    print(f'submitted map work chain {chain.pk} of {len(dataset)} structures')
    print(f'progress: aiida-limap status {chain.pk} --watch')


if __name__ == '__main__':
    main()
