"""Inputs, outputs and exit codes of ``limap.screen``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.calculations._labels import check_labels, labelled_structures
from aiida_limap.calculations._parents import model_of
from aiida_limap.calculations.base import add_inputs_validator
from aiida_limap.calculations.place_compositions import PlaceCompositionsCalculation
from aiida_limap.calculations.screen import SCREENING_KINDS, ScreenCalculation
from aiida_limap.calculations.screen_train import ScreenTrainCalculation
from aiida_limap.data.dataset import DatasetData
from aiida_limap.data.map import MapData
from aiida_limap.data.screening_model import ScreeningModelData
from aiida_limap.data.table import TableData
from aiida_limap.workflows._checks import check_code, check_options
from aiida_limap.workflows._describing import DescribeWorkChain
from aiida_limap.workflows._ports import define_numbers, define_options
from aiida_limap.workflows._restart import define_cleaning
from aiida_limap.workflows._rules import define_no_job_can_run

__all__ = ['CHECK', 'SCORING', 'TASKS', 'define_inputs', 'define_outputs', 'number_of_parts']

#: Namespaces of the jobs that the work chain submits itself.
TASKS = {
    'train': ScreenTrainCalculation,
    'screen': ScreenCalculation,
    'place': PlaceCompositionsCalculation,
}
#: Kinds of models that compositions are scored with, the first one that there is; and that of the second opinion.
SCORING = SCREENING_KINDS
CHECK = 'atom2vec'
_NUMBERS = (
    ('jobs', 2, 'Jobs that the chemical systems are shared among.'),
    ('max_concurrent', 4, 'Jobs that run at a time.'),
    ('max_attempts', 3, 'Jobs that may end without getting further before their systems are given up.'),
    ('max_hits', 1000, 'Hits that are kept, the best by the score of the model.'),
)


def define_inputs(spec: WorkChainSpec) -> None:
    """Define the inputs, and what is checked of them.

    :param spec: the specification to fill.
    """
    spec.input('code', valid_type=orm.AbstractCode, help='The code that runs limap-engine.')
    spec.input(
        'labels',
        valid_type=TableData,
        required=False,
        help='Measured compounds, as `aiida-limap import conductivities` makes them; needed unless models are given.',
    )
    spec.input(
        'dataset',
        valid_type=DatasetData,
        required=False,
        help='Structures without a label, thousands if possible: the models of compositions learn what the structure '
        'model calls them.',
    )
    spec.input_namespace(
        'models',
        valid_type=ScreeningModelData,
        dynamic=True,
        required=False,
        help='Trained models by kind (esml or eml, and atom2vec as second opinion), in place of labels: nothing is '
        'trained then.',
    )
    spec.input(
        'map',
        valid_type=MapData,
        required=False,
        help='A materials map: hits get their composition code, and the points that are nearest by it.',
    )
    define_numbers(spec, _NUMBERS)
    spec.expose_inputs(
        DescribeWorkChain, namespace='featurize', exclude=('dataset', 'code', 'with_descriptors', 'bvff', 'metadata')
    )
    for task, process in TASKS.items():
        spec.expose_inputs(process, namespace=task, include=('parameters',))
        define_options(spec, f'{task}.options', 'Scheduler options of these jobs.')
    for part, text in (
        ('featurize', 'How the structures are described: batches, tolerance, layout.'),
        ('train', 'How the models are trained.'),
        ('screen', 'Which compositions are enumerated, and which of them pass.'),
        ('place', 'How the hits are placed on the map.'),
    ):
        spec.inputs[part].help = text
    define_cleaning(spec)
    add_inputs_validator(spec, _validate_inputs)


def define_outputs(spec: WorkChainSpec) -> None:
    """Define outputs and exit codes.

    :param spec: the specification to fill.
    """
    spec.output(
        'hits',
        valid_type=TableData,
        help='One row per composition that passes the funnel, the best first: score and probability (pure numbers), '
        'molar mass (g/mol), cost (USD/kg), distance to the training (1 at the limit of its range), second opinion, '
        'and the nearest known compound.',
    )
    spec.output_namespace(
        'models', valid_type=ScreeningModelData, dynamic=True, required=False, help='The trained models by kind.'
    )
    spec.output(
        'predictions',
        valid_type=TableData,
        required=False,
        help='What the models make of every structure: calls (1 fast) and probabilities (pure numbers).',
    )
    spec.output('descriptors', valid_type=TableData, required=False, help='Features by structure, one block per part.')
    spec.output(
        'output_parameters',
        valid_type=orm.Dict,
        help='Counts by stage of the funnel, metrics of the models, numbers of systems and compositions.',
    )
    _define_exit_codes(spec)


def number_of_parts(inputs: Mapping[str, Any]) -> int:
    """Return how many jobs the systems are shared among: one where a range of them is named.

    :param inputs: the inputs of the work chain.
    """
    parameters = (inputs.get('screen') or {}).get('parameters')
    given = {} if parameters is None else parameters.get_dict()
    return 1 if {'first', 'last', 'part'} & set(given) else int(inputs['jobs'].value)


def _define_exit_codes(spec: WorkChainSpec) -> None:
    spec.exit_code(
        204,
        'ERROR_NO_LABELLED_STRUCTURES',
        'None of the {count} labelled compounds has a structure, so no model of structures can learn from them; import '
        'them with structures, or give trained models.',
    )
    define_no_job_can_run(spec)
    spec.exit_code(
        340, 'ERROR_JOB_REFUSED', 'The job failed in a way that would come again, so it is not repeated: {reason}'
    )
    spec.exit_code(
        410,
        'ERROR_NO_RESULTS',
        'No screening job brought anything back; the last one ended with: {reason}',
        invalidates_cache=True,
    )
    spec.exit_code(
        414,
        'ERROR_NO_HITS',
        'No composition passes the funnel: the stage {stage!r} left none of {before}. Loosen its limit, or screen more '
        'elements.',
    )
    spec.exit_code(
        420, 'ERROR_TABLES_DIFFER', 'The hits of the jobs do not fit together: {reason}', invalidates_cache=True
    )
    spec.exit_code(449, 'ERROR_FEATURIZE_FAILED', 'The featurization failed with {reason}', invalidates_cache=True)
    spec.exit_code(450, 'ERROR_TRAIN_FAILED', 'The training failed with {reason}', invalidates_cache=True)
    spec.exit_code(
        711,
        'WARNING_SYSTEMS_UNFINISHED',
        'The hits are complete but for {count} chemical systems, which no job finished; output_parameters names those '
        'that are done. The last job that left some ended with: {reason}',
        invalidates_cache=True,
    )
    spec.exit_code(
        712,
        'WARNING_NOT_PLACED',
        'The hits are complete, but not placed on the map: {reason}',
        invalidates_cache=True,
    )


def _validate_inputs(inputs: Mapping[str, Any], _namespace: Any) -> str | None:
    """Check what no port can check by itself."""
    code = inputs.get('code')
    messages = [check_options((inputs.get('featurize') or {}).get('options'), code, 'featurize.options')]
    messages += [check_options((inputs.get(task) or {}).get('options'), code, f'{task}.options') for task in TASKS]
    return (
        check_code(code)
        or next(filter(None, messages), None)
        or _check_knowledge(inputs)
        or _check_map(inputs.get('map'))
    )


def _check_knowledge(inputs: Mapping[str, Any]) -> str | None:
    """Check that there is something to learn from, or a model that has learnt."""
    models, labels = inputs.get('models') or {}, inputs.get('labels')
    if models:
        if labels is not None:
            return 'give labels to train models, or trained models, not both'
        for key, model in models.items():
            if key != model.kind:
                return f'models: the model {key!r} is of kind {model.kind}; name models by their kind'
        if not set(models) & set(SCORING):
            return f'models: none of {", ".join(models)} can score compositions; give {" or ".join(SCORING)}'
        return None
    if labels is None:
        return 'give labels (a table of measured conductivities) to train models, or trained models'
    message = check_labels(labels)
    if message is None and not labelled_structures(labels):
        return (
            f'labels: none of the {len(labels)} compounds has a structure, so no model of structures can learn from '
            'them; import them with structures, or give trained models'
        )
    return message or _check_wanted(inputs)


def _check_wanted(inputs: Mapping[str, Any]) -> str | None:
    parameters = (inputs.get('train') or {}).get('parameters')
    wanted = None if parameters is None else parameters.get_dict().get('models')
    if wanted is not None and not set(wanted) & set(SCORING):
        return f'train.parameters: none of the models {", ".join(wanted)} can score compositions; add {SCORING[0]}'
    return None


def _check_map(map_node: MapData | None) -> str | None:
    if map_node is not None and model_of(map_node) is None:
        return f'map: the map {map_node.pk} does not say which model drew it, so nothing can be placed on it'
    return None
