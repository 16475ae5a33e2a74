"""Migration barriers of crystal structures, without AiiDA.

Run it with structure files (CIF, POSCAR and whatever else pymatgen reads):

    python examples/barrier_of_a_file.py my-crystal.cif another.cif

Without files it takes a crystal from the embedded library, writes it as a CIF file and computes that:

    python examples/barrier_of_a_file.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from pymatgen.core import Structure

from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.errors import LimapError

PROTOTYPE = 'Li3PO4-gamma'


def write_prototype(folder: Path) -> Path:
    """Write a crystal of the library as a CIF file; the file keeps no oxidation states, as files from elsewhere."""
    prototype = next(entry for entry in load_prototypes() if entry.name == PROTOTYPE)
    path = folder / f'{prototype.name}.cif'
    prototype.structure().remove_oxidation_states().to(str(path), fmt='cif')
    print(f'wrote {path}: {prototype.formula}, {prototype.citation}\n')
    return path


def show(barrier: float | None) -> str:
    return '-' if barrier is None else f'{barrier:.3f}'


def main() -> None:
    files = [Path(name) for name in sys.argv[1:]] or [write_prototype(Path())]
    print(f'{"file":<32} {"1D (eV)":>9} {"2D (eV)":>9} {"3D (eV)":>9}  status')
    for file in files:
        try:
            result = migration_energy(Structure.from_file(file), spacing=0.2)
        except LimapError as error:
            print(f'{file.name:<32} {"-":>9} {"-":>9} {"-":>9}  {error.status}: {error}')
            continue
        barriers = (result.barrier_1d, result.barrier_2d, result.barrier_3d)
        print(f'{file.name:<32} ' + ' '.join(f'{show(barrier):>9}' for barrier in barriers) + f'  {result.status}')


if __name__ == '__main__':
    main()
