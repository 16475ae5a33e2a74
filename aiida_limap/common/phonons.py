"""The parameters of the jobs of phonons, and what the columns and blocks of their tables are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_limap.common._parameter import NUMBER, Parameter, unknown
from aiida_limap.common.calculators import CALCULATOR, CALCULATOR_OPTIONS, check_calculator

__all__ = [
    'BLOCKS',
    'CLUSTER_METHODS',
    'CLUSTER_PHONONS',
    'DENSITIES',
    'PHONONS',
    'cluster_column_info',
    'phonon_block_info',
    'phonon_column_info',
]

CLUSTER_METHODS = ('ward', 'kmeans', 'spectral', 'density')
#: Whether densities of states come back as nodes of their own.
DENSITIES = 'densities'
_METHODS = 'method of clustering'


def _words(values: Any) -> str | None:
    """Return what is wrong with a list of words, as the end of a sentence, or None."""
    wrong = [value for value in values if not isinstance(value, str) or not value]
    return f'must be a list of words, but holds {wrong[0]!r}' if wrong else None


def _temperatures(values: Any) -> str | None:
    """Return what is wrong with a list of temperatures, as the end of a sentence, or None."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            return f'must be a list of temperatures above zero, K, but holds {value!r}'
    return None


def _methods(values: Any) -> str | None:
    """Return what is wrong with a list of methods, as the end of a sentence, or None."""
    if not values:
        return f'names no {_METHODS}; known are {", ".join(CLUSTER_METHODS)}'
    for value in values:
        if value not in CLUSTER_METHODS:
            return f'names an {unknown(_METHODS, value, CLUSTER_METHODS)}'
    return None


def _number_of_clusters(value: Any) -> str | None:
    """Return what is wrong with a number of clusters, as the end of a sentence, or None."""
    if value == 'auto' or (isinstance(value, int) and value >= 2):
        return None
    return f"must be 2 or more, or 'auto', not {value!r}"


PHONONS: dict[str, Parameter] = {
    'mobile': Parameter((str,), 'symbol of the mobile element, e.g. Li'),
    'nac': Parameter((bool,), 'apply the non-analytical correction where there are Born charges'),
    'mesh_length_angstrom': Parameter(
        NUMBER, 'density of the mesh of q-points: points along a reciprocal vector times its length, Å', minimum=1
    ),
    'refinements': Parameter((int,), 'how often the cell of the mesh around Γ is divided into 3 x 3 x 3', minimum=0),
    'temperatures_K': Parameter(
        (list, tuple), 'temperatures of which band centres get columns of their own, K', check=_temperatures
    ),
    'smearing_THz': Parameter(NUMBER, 'standard deviation of the Gaussian in densities of states, THz', minimum=0.01),
    'max_imaginary_share': Parameter(
        NUMBER, 'compounds with a larger share of imaginary modes get no numbers, 0 to 1', minimum=0
    ),
    'symprec_angstrom': Parameter(NUMBER, 'distance within which atoms are symmetric, Å', minimum=0),
    DENSITIES: Parameter((bool,), 'also give the density of states of each compound as a node of its own'),
    CALCULATOR: Parameter(
        (dict,),
        'how phonons of structures are computed: '
        + ', '.join(f'{name} ({entry.help})' for name, entry in CALCULATOR_OPTIONS.items()),
        check=check_calculator,
    ),
}

CLUSTER_PHONONS: dict[str, Parameter] = {
    'methods': Parameter((list, tuple), 'methods: ward, kmeans, spectral, density', check=_methods),
    'n_clusters': Parameter((int, str), "how many clusters, or 'auto'", check=_number_of_clusters),
    'features': Parameter(
        (list, tuple), 'columns and blocks of the table of phonon quantities that are compared', check=_words
    ),
    'scale': Parameter(
        (str,), 'how features are scaled before they are compared', choices=('auto', 'none', 'columns', 'blocks')
    ),
    'seed': Parameter((int,), 'seed of all that is random', minimum=0),
    'choose_by': Parameter(
        (str,),
        'what chooses the number of clusters',
        choices=('silhouette', 'calinski_harabasz', 'gap', 'within_ss'),
    ),
    'largest_k': Parameter((int,), 'largest number of clusters that is tried', minimum=2),
    'restarts': Parameter((int,), 'starts of k-means, the best of which counts', minimum=1),
    'neighbours': Parameter((int,), 'spectral: neighbours in the graph; 0 for a Gaussian of the distance', minimum=0),
    'min_cluster_size': Parameter((int,), 'density: least size of a cluster', optional=True, minimum=2),
    'single_cluster': Parameter((bool,), 'density: whether all rows may be one cluster'),
    'gap_references': Parameter((int,), 'uniform sets that the gap statistic compares with', minimum=2),
    'order_by': Parameter((str,), 'column by whose mean clusters are numbered', optional=True),
    'resamples': Parameter((int,), 'bootstrap resamples for the stability of clusters; 0 leaves it out', minimum=0),
    'candidates_by': Parameter((str,), 'the method whose clusters name candidates', choices=CLUSTER_METHODS),
    'alpha': Parameter(NUMBER, 'level below which a cluster counts as enriched with conductors', minimum=0),
    'background': Parameter(
        (str,),
        'what the enrichment is compared with: all compounds, or those with a label',
        choices=('all', 'labelled'),
    ),
    'diffusivity_temperature_K': Parameter(NUMBER, 'temperature at which diffusivities become labels, K', minimum=0),
    'diffusivity_threshold_cm2_per_s': Parameter(
        NUMBER, 'compounds with a larger diffusivity count as conductors, cm²/s', minimum=0
    ),
}

_UNITS = {
    '_K_THz': 'THz',
    '_THz': 'THz',
    '_s': 's',
    '_cm2_per_s': 'cm²/s',
    '_eV_per_angstrom': 'eV/Å',
    '_eV': 'eV',
    '_angstrom': 'Å',
    '_degree': '°',
}
_PHONON_COLUMNS = {
    'status': 'what became of the compound',
    'message': 'why there are no numbers, or what is doubtful about them',
    'formula': 'reduced formula',
    'source_id': 'identifier that the files give themselves, or the name of the file',
    'files': 'which file gave the structure, the forces and the Born charges',
    'mobile': 'the mobile element',
    'source': 'what the numbers were made of: modes, or a density of states',
    'nac': 'whether the non-analytical correction was applied (1)',
    'asymmetry': 'relative change of the force constants by making them symmetric',
    'mesh': 'points of the mesh along the reciprocal vectors',
    'q_points': 'number of q-points after symmetry',
    'read_s': 'time to read or compute the forces, and to make force constants',
    'calculator': 'what computed the forces: package and model',
    'energy_per_atom_eV': 'energy of the crystal at rest, per atom',
    'largest_force_at_rest_eV_per_angstrom': 'largest force on an atom of the crystal at rest',
    'relaxation_steps': 'steps of the relaxation; no value where nothing was relaxed',
    'relative_volume_change': 'change of the volume by the relaxation, over the given volume',
    'cell_lengths_angstrom': 'lengths of the relaxed conventional cell',
    'cell_angles_degree': 'angles of the relaxed conventional cell',
    'space_group': 'space group of the relaxed crystal',
    'supercell_atoms': 'number of atoms of the supercell',
    'displacements': 'number of displacements whose forces were computed',
    'displacement_angstrom': 'how far an atom was displaced',
    'wall_s': 'time that the engine took in all',
}
#: Of both the mobile element and all atoms; the word comes in place of the braces.
_OF_A_PART = {
    'atoms': 'number of atoms in the primitive cell: {}',
    'band_centre_THz': 'mean frequency of {}, imaginary modes negative',
    'real_band_centre_THz': 'mean frequency of {} over modes above 0.05 THz',
    'norm': 'sum of the weights of {}: three times the number of atoms',
    'norm_deviation': 'relative deviation of the norm of {} from three times the number of atoms',
    'imaginary_share': 'share of the modes of {} that are imaginary',
    'lowest_THz': 'lowest frequency of {}',
    'highest_THz': 'highest frequency of {}',
    'onset_THz': 'frequency below which a hundredth of the real modes of {} lies',
    'spread_THz': 'standard deviation of the frequencies of {}',
    'first_peak_THz': 'first peak of the density of states of {}',
    'width_THz': 'total length of the frequencies with a density of {}',
}
_PARTS = {'mobile': 'the mobile element', 'total': 'all atoms'}
#: Blocks of the table: what they are, and the fact of the engine that holds the numbers of their columns.
BLOCKS = {
    'mobile_band_centres_THz': ('thermal band centre of the mobile element', 'THz', 'temperatures_K'),
    'total_band_centres_THz': ('thermal band centre of all atoms', 'THz', 'temperatures_K'),
    'mobile_dos': ('density of states of the mobile element, per atom', '1/THz', 'frequencies_THz'),
    'total_dos': ('density of states of all atoms, per atom', '1/THz', 'frequencies_THz'),
}


def phonon_column_info(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return unit and description of the columns of a table of phonon quantities.

    :param names: names of columns.
    :returns: ``unit`` and ``description`` by column.
    """
    return {name: {'unit': _unit(name), 'description': _phonon_description(name)} for name in names}


def _phonon_description(name: str) -> str:
    if name in _PHONON_COLUMNS:
        return _PHONON_COLUMNS[name]
    part, _, rest = name.partition('_')
    if part in _PARTS and rest in _OF_A_PART:
        return _OF_A_PART[rest].format(_PARTS[part])
    if part in _PARTS and rest.startswith('band_centre_'):
        temperature = rest.removeprefix('band_centre_').removesuffix('K_THz')
        return f'mean frequency of {_PARTS[part]} at {temperature} K, by occupation'
    if part == 'relative':
        return f'{rest} of the mobile element over that of all atoms'
    return ''


def phonon_block_info(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the columns of the blocks of a table of phonon quantities are.

    :param facts: the summary of the engine, with ``temperatures_K`` and ``frequencies_THz``.
    :returns: by block ``labels``, ``units`` and ``meanings`` of its columns, and the numbers that they stand for.
    """
    found = {}
    for name, (meaning, unit, key) in BLOCKS.items():
        values = list(facts.get(key) or ())
        word = 'K' if key == 'temperatures_K' else 'THz'
        found[name] = {
            'labels': [f'{name}_{value:g}_{word}' for value in values],
            'units': [unit] * len(values),
            'meanings': [f'{meaning} at {value:g} {word}' for value in values],
            key: values,
        }
    return found


_CLUSTER_COLUMNS = {
    'status': 'whether the compound was clustered',
    'message': 'why not',
    'formula': 'reduced formula',
    'conductor': 'known conductor (1), known poor conductor (0), or not known',
    'diffusivity_cm2_per_s': 'diffusivity at the temperature of the labels',
    'candidate': 'whether it is no known conductor, but in a cluster that holds more of them than chance would (1)',
    'candidate_rank': 'place among the candidates, the nearest to a known conductor first',
    'nearest_conductor': 'identifier of the nearest known conductor in the cluster',
    'nearest_conductor_distance': 'distance to it in the scaled features',
}
_BY_METHOD = {
    'cluster': 'number of the cluster by {}, from 0 for the lowest mean; -1 for none',
    'silhouette': 'silhouette in the clusters by {}: 1 well inside, below 0 nearer to another cluster',
    'membership': 'strength of the membership in the cluster by {}, 0 to 1',
}


def cluster_column_info(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return unit and description of the columns of a table of clusters.

    :param names: names of columns.
    :returns: ``unit`` and ``description`` by column.
    """
    found = {}
    for name in names:
        what, _, method = name.partition('_')
        text = _CLUSTER_COLUMNS.get(name) or _BY_METHOD.get(what, '').format(method)
        found[name] = {'unit': _unit(name), 'description': text}
    return found


def _unit(name: str) -> str:
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), '')
