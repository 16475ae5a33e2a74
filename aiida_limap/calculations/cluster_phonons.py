"""``limap.cluster_phonons``: clusters of compounds by their phonons, and which of them hold conductors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations._labels import check_labels
from aiida_limap.calculations._phonon_tables import (
    DEFAULT_FEATURES,
    check_diffusivities,
    diffusivity_rows,
    feature_arrays,
    label_rows,
)
from aiida_limap.calculations.base import EngineCalculation, add_inputs_validator, define_out_of_walltime
from aiida_limap.data.table import TableData
from aiida_limap.formats.arrays import write_arrays

__all__ = ['ClusterPhononsCalculation']

FEATURES_FILE, LABELS_FILE, DIFFUSIVITIES_FILE = 'features.npz', 'labels.npz', 'diffusivities.npz'


class ClusterPhononsCalculation(EngineCalculation):
    """Cluster compounds by phonon quantities with several methods, and test which clusters hold known conductors."""

    TASK = 'cluster_phonons'

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input(
            'phonons',
            valid_type=TableData,
            help='The table of a limap.phonons calculation. The parameter features names columns and blocks of it, by '
            f'default {", ".join(DEFAULT_FEATURES)}; compounds without them are left out.',
        )
        spec.input(
            'labels',
            valid_type=TableData,
            required=False,
            help='Measured compounds: column label (1 fast, 0 slow), as `aiida-limap import conductivities` makes it; '
            'joined by structure, else by formula.',
        )
        spec.input(
            'diffusivities',
            valid_type=TableData,
            required=False,
            help='Diffusivities: block diffusivity_cm2_per_s with temperatures_K in its description; rows are named '
            'like structures, or like the compounds at their source.',
        )
        add_inputs_validator(spec, _validate_inputs)
        spec.output(
            'clusters',
            valid_type=TableData,
            help='One row per compound: its cluster and silhouette by each method, whether it is a known conductor, '
            'and whether it is a candidate.',
        )
        spec.output(
            'arrays',
            valid_type=orm.ArrayData,
            help='Linkage of the dendrogram, two principal components of the features, and the curves that the number '
            'of clusters was chosen by.',
        )
        define_out_of_walltime(spec, 'ask for more time, or for fewer resamples.')
        spec.exit_code(436, 'ERROR_NOTHING_TO_CLUSTER', 'The compounds cannot be clustered: {reason}')

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write features, labels and diffusivities.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        phonons = self.inputs.phonons
        files = {'features': FEATURES_FILE}
        write_arrays(directory / FEATURES_FILE, feature_arrays(phonons, _names(self.engine_parameters())))
        if 'labels' in self.inputs:
            files['labels'] = LABELS_FILE
            write_arrays(directory / LABELS_FILE, label_rows(phonons, self.inputs.labels))
        if 'diffusivities' in self.inputs:
            files['diffusivities'] = DIFFUSIVITIES_FILE
            write_arrays(directory / DIFFUSIVITIES_FILE, diffusivity_rows(phonons, self.inputs.diffusivities))
        return files

    def engine_parameters(self) -> dict[str, Any]:
        """Return the parameters for the engine; the features are always named, since it would take all otherwise."""
        given = super().engine_parameters()
        return {**given, 'features': list(given.get('features') or DEFAULT_FEATURES)}


def _names(parameters: Mapping[str, Any]) -> list[str]:
    """Return the columns and blocks that a job reads."""
    order = parameters.get('order_by')
    return [*parameters['features'], *([order] if order else [])]


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    phonons, labels, diffusivities = (inputs.get(name) for name in ('phonons', 'labels', 'diffusivities'))
    if phonons is None:
        return None
    given = {} if 'parameters' not in inputs else inputs['parameters'].get_dict()
    try:
        feature_arrays(phonons, _names({**given, 'features': given.get('features') or DEFAULT_FEATURES}))
    except ValueError as error:
        return f'phonons: {error}'
    message = None if labels is None else check_labels(labels)
    if message is None and diffusivities is not None:
        message = check_diffusivities(diffusivities)
    return message
