"""Whose phonons there are: what users of each source are asked to cite."""

from __future__ import annotations

__all__ = ['MATERIALS_PROJECT_PHONONS', 'PHONON_SOURCE_CITATIONS']

#: Database of phonons of the Materials Project in their sources: their crystals are not those of the summaries.
MATERIALS_PROJECT_PHONONS = 'Materials Project phonons'
_PLUGIN = (
    'aiida-phonopy and aiida-vibroscopy: L. Bastonero and N. Marzari, npj Computational Materials 10, 55 (2024), '
    'https://doi.org/10.1038/s41524-024-01236-3'
)
_CHGNET = (
    'CHGNet: B. Deng et al., Nature Machine Intelligence 5, 1031 (2023), https://doi.org/10.1038/s42256-023-00716-3'
)
#: Publications by the database in the source of phonons, or by the name of the calculator that they were computed with.
PHONON_SOURCE_CITATIONS: dict[str, tuple[str, ...]] = {
    MATERIALS_PROJECT_PHONONS: (
        'Materials Project: A. Jain et al., APL Materials 1, 011002 (2013), https://doi.org/10.1063/1.4812323',
        'phonons of the Materials Project: G. Petretto et al., Scientific Data 5, 180065 (2018), '
        'https://doi.org/10.1038/sdata.2018.65',
    ),
    'aiida-phonopy': (_PLUGIN,),
    'aiida-vibroscopy': (_PLUGIN,),
    # The phonons that come with the package were computed with it.
    'aiida-limap': (_CHGNET,),
    'chgnet': (_CHGNET,),
}
