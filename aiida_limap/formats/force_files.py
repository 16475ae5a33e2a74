"""Files that a job of computed phonons leaves of each compound: displacements and forces, and the relaxed crystal."""

from __future__ import annotations

__all__ = ['FORCES_ENDING', 'FORCES_FOLDER', 'RELAXED_ENDING']

#: Folder of a job in which the engine writes these files, named by the row and an ending.
FORCES_FOLDER = 'forces'
#: A file of phonopy with crystal, supercell, displacements and forces.
FORCES_ENDING = '.phonopy_params.yaml.xz'
#: A file of structures with the relaxed crystal alone.
RELAXED_ENDING = '.structures.json'
