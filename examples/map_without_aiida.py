"""A small materials map of the embedded library, without AiiDA: figures and an interactive page.

    python examples/map_without_aiida.py [FOLDER]

It takes some seconds and writes map.html and the figures into FOLDER, by default `map-without-aiida`. What is missing
in comparison with `aiida-limap demo` is the provenance: nothing remembers how these numbers came about.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from aiida_limap.engines.autoencoder import TrainConfig, TrainingData, train
from aiida_limap.engines.bvff import migration_energy
from aiida_limap.engines.chemistry.prototypes import LibraryEntry, build_library
from aiida_limap.engines.chemistry.structures import record_from_structure
from aiida_limap.engines.descriptors import composition_descriptors, structure_descriptors
from aiida_limap.formats.mapbundle import Heatmap, MapBundle, MapProperty
from aiida_limap.visualisation.figures import write_figures
from aiida_limap.visualisation.page import write_page

NUMBER_OF_STRUCTURES = 60
SPACING = 0.3  # Å; 0.2 is what maps are made with, this is quicker
EPOCHS = 60


def choose() -> list[LibraryEntry]:
    """Return crystals spread evenly over the library."""
    library = build_library()
    return [library[index * len(library) // NUMBER_OF_STRUCTURES] for index in range(NUMBER_OF_STRUCTURES)]


def numbers(values: np.ndarray) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)


def make_map() -> MapBundle:
    """Return a map with everything that a page, a figure or a widget of a notebook needs."""
    entries = choose()
    structures = [entry.structure for entry in entries]
    results = [migration_energy(structure, spacing=SPACING) for structure in structures]
    energies = np.array([np.nan if result.barrier_2d is None else result.barrier_2d for result in results])
    composition = composition_descriptors([structure.composition for structure in structures])
    structure = structure_descriptors(structures)
    print(f'{np.isfinite(energies).sum()} of {len(entries)} structures have a migration energy in two dimensions')

    ids = [entry.id for entry in entries]
    # Rows of one formula stay together, so that no polymorph is tested on what another one taught.
    formulas = [crystal.reduced_formula for crystal in structures]
    data = TrainingData(ids, composition, structure, energies, formulas)
    model = train(data, TrainConfig.from_parameters({'preset': 'quick', 'max_epochs': EPOCHS}))
    x_comp, x_struc = model.encode(composition, structure)
    axes = [np.linspace(codes.min(), codes.max(), 41) for codes in (x_comp, x_struc)]
    plane = np.meshgrid(*axes)
    predicted = model.predict(plane[0].ravel(), plane[1].ravel()).reshape(plane[0].shape)

    return MapBundle(
        title=f'{len(entries)} lithium oxides',
        ids=tuple(ids),
        properties={
            'x_comp': MapProperty(numbers(x_comp), 'Composition code'),
            'x_struc': MapProperty(numbers(x_struc), 'Structure code'),
            'migration_energy_eV': MapProperty(numbers(energies), 'Migration energy', 'eV'),
            'migration_energy_predicted_eV': MapProperty(numbers(model.predict(x_comp, x_struc)), 'Predicted', 'eV'),
            'status': MapProperty(tuple(str(result.status) for result in results), 'Status'),
            'formula': MapProperty(tuple(entry.formula for entry in entries), 'Formula'),
        },
        structures=tuple(record_from_structure(entry.structure, entry.id) for entry in entries),
        provenance=tuple({} for _ in entries),
        sources=tuple({'id': entry.id, 'citation': entry.citation} for entry in entries),
        heatmap=Heatmap(axes[0], axes[1], predicted, 'Predicted migration energy', 'eV'),
        metadata={'metrics': model.metrics},
    )


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else 'map-without-aiida')
    folder.mkdir(parents=True, exist_ok=True)
    bundle = make_map()
    for path in (write_page(bundle, folder / 'map.html'), *write_figures(bundle, folder, formats=('png',))):
        print(f'wrote {path}')


if __name__ == '__main__':
    main()
