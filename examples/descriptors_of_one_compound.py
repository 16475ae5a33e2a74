"""The descriptors of one crystal, as a picture and as a table, without AiiDA.

Run it with a structure file (CIF, POSCAR and whatever else pymatgen reads) and, if you like, the name of a layout:

    python examples/descriptors_of_one_compound.py my-crystal.cif compact

Without a file it takes LiZr2(PO4)3 from the embedded library, and the layout `yamaguchi2023`:

    python examples/descriptors_of_one_compound.py

It writes `descriptors.png`, and `descriptors.csv` with every number beside its name, unit and meaning.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from aiida_limap.engines.chemistry.prototypes import load_prototypes
from aiida_limap.engines.descriptors import composition_descriptors, load_layout, structure_descriptors
from aiida_limap.visualisation.descriptors import draw_descriptors

PROTOTYPE = 'LiZr2P3O12'


def embedded() -> Structure:
    prototype = next(entry for entry in load_prototypes() if entry.name == PROTOTYPE)
    print(f'{prototype.formula}: {prototype.citation}')
    return prototype.structure()


def main() -> None:
    structure = Structure.from_file(sys.argv[1]) if len(sys.argv) > 1 else embedded()
    layout = load_layout(sys.argv[2] if len(sys.argv) > 2 else 'yamaguchi2023')
    # The landscape part is left out: it comes from the site energies that a migration energy comes from as well.
    columns = [*layout.columns('composition'), *layout.columns('structure')]
    row = np.concatenate(
        [composition_descriptors([structure.composition], layout)[0], structure_descriptors([structure], layout)[0]]
    )
    with Path('descriptors.csv').open('w', newline='', encoding='utf-8') as file:
        table = csv.writer(file)
        table.writerow(['index', 'part', 'block', 'name', 'value', 'unit', 'meaning'])
        for index, (column, value) in enumerate(zip(columns, row.tolist(), strict=True), start=1):
            table.writerow([index, column.part, column.block, column.name, value, column.unit, column.meaning])
    title = f'{structure.reduced_formula}, layout {layout.name}'
    path = draw_descriptors(columns, row, Path('descriptors.png'), title=title)
    print(f'{len(row)} numbers in descriptors.csv, drawn in {path}')


if __name__ == '__main__':
    main()
