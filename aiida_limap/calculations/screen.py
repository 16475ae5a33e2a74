"""``limap.screen``: ask a model about all compositions of a range of chemical systems."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import CalcJobProcessSpec

from aiida_limap.calculations.base import EngineCalculation, add_inputs_validator, define_out_of_walltime
from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.data.table import TableData
from aiida_limap.formats.screen_job import CHECK_MODEL_FILE
from aiida_limap.formats.weights import MODEL_FILE

__all__ = ['SCREENING_KINDS', 'ScreenCalculation', 'check_screening_models']

#: Kinds of models that read nothing but reductions of element properties, and are linear in them.
SCREENING_KINDS = ('esml', 'eml')
_CHECK_KIND = 'atom2vec'


class ScreenCalculation(EngineCalculation):
    """Enumerate compositions of a range of chemical systems, and keep those that pass the funnel.

    The range is named by ``first`` and ``last`` (numbers of systems), or by ``part`` (number of the job and number of
    jobs). A job that was stopped hands out the hits of the blocks of systems that it finished, and
    ``output_parameters`` says which systems are left.
    """

    TASK = 'screen'
    #: Version 2: what is out of the range of the model is left out, and hits say how far they are from its training.
    CACHE_VERSION = 2

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input(
            'model',
            valid_type=ScreeningModelData,
            help='The model that compositions are scored with: esml, or eml.',
        )
        spec.input(
            'check',
            valid_type=ScreeningModelData,
            required=False,
            help='A second model, atom2vec, that every hit is shown to: the hits then say whether both agree.',
        )
        add_inputs_validator(spec, _validate_inputs)
        spec.output(
            'hits',
            valid_type=TableData,
            help='One row per composition that passes the funnel: formula, system, score and probability (pure '
            'numbers), oxidation states (e), molar mass (g/mol), cost (USD/kg), class of the anions, distance to what '
            'the model learnt from (1 at the limit of its range) and whether it is within (1), and with a second model '
            'its probability and whether both agree (1).',
        )
        define_out_of_walltime(spec, 'the hits of {n_done} of {n_systems} systems were kept.')
        spec.exit_code(435, 'ERROR_OPTIONS_NOT_USABLE', 'The screening cannot be done as it was asked for: {reason}')

    def write_inputs(self, directory: Path) -> dict[str, str]:
        """Write the models.

        :param directory: the folder of the job.
        :returns: file name by role.
        """
        files = {'model': MODEL_FILE}
        (directory / MODEL_FILE).write_bytes(self.inputs.model.get_content(mode='rb'))
        if 'check' in self.inputs:
            files['check'] = CHECK_MODEL_FILE
            (directory / CHECK_MODEL_FILE).write_bytes(self.inputs.check.get_content(mode='rb'))
        return files


def check_screening_models(model: ScreeningModelData | None, check: ScreeningModelData | None) -> str | None:
    """Return what is wrong with the two models of a screening, or None.

    :param model: the model that compositions are scored with.
    :param check: the second model, if there is one.
    :returns: a sentence or None.
    """
    if model is not None and model.kind not in SCREENING_KINDS:
        return (
            f'model: {model.kind} cannot be asked about compositions alone; give a model of kind '
            f'{" or ".join(SCREENING_KINDS)}'
        )
    if check is not None and check.kind != _CHECK_KIND:
        return f'check: hits are checked by a model of kind {_CHECK_KIND}, not {check.kind}'
    return None


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    message = check_screening_models(inputs.get('model'), inputs.get('check'))
    return message or _check_range(inputs.get('parameters'))


def _check_range(parameters: orm.Dict | None) -> str | None:
    given = {} if parameters is None else parameters.get_dict()
    if 'part' in given and ('first' in given or 'last' in given):
        return 'parameters: name the systems by part, or by first and last, not by both'
    first, last = given.get('first', 0), given.get('last')
    if last is not None and last <= first:
        return f'parameters: there are no systems from {first} to {last}; last must be greater than first'
    return None
