"""The parameters of the jobs of a screening, and what the columns of its hits are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiida_limap.common._parameter import NUMBER, Parameter, unknown

__all__ = ['HIT_COLUMNS', 'MODEL_NAMES', 'PLACE', 'RANGE', 'SCREEN', 'SCREEN_TRAIN']

#: Models by the names that they have in jobs and outputs: structure, elements, transferred, learnt element vectors.
MODEL_NAMES = ('sml', 'eml', 'esml', 'atom2vec')
#: Parameters that name the chemical systems of one job; the others are the same for all jobs of a screening.
RANGE = ('first', 'last', 'part')


def _each_of(known: tuple[Any, ...], what: str) -> Callable[[Any], str | None]:
    """Return a check of a list whose entries are all known."""

    def check(values: Any) -> str | None:
        if not values:
            return f'names no {what}; known are {", ".join(map(str, known))}'
        for value in values:
            if value not in known:
                return f'names an {unknown(what, value, map(str, known))}'
        return None

    return check


def _words(values: Any) -> str | None:
    """Return what is wrong with a list of words, as the end of a sentence, or None."""
    wrong = [value for value in values if not isinstance(value, str) or not value]
    return f'must be a list of words, but holds {wrong[0]!r}' if wrong else None


def _lengths(values: Any) -> str | None:
    """Return what is wrong with a list of whole numbers above zero, as the end of a sentence, or None."""
    wrong = [value for value in values if isinstance(value, bool) or not isinstance(value, int) or value < 1]
    return f'must be a list of whole numbers above zero, but holds {wrong[0]!r}' if wrong else None


def _part(value: Any) -> str | None:
    """Return what is wrong with the number of a job and the number of jobs, as the end of a sentence, or None."""
    whole = len(value) == 2 and all(isinstance(entry, int) and not isinstance(entry, bool) for entry in value)
    if not whole or not 0 <= value[0] < value[1]:
        return f'must be the number of a job, from 0, and the number of jobs, not {value!r}'
    return None


SCREEN_TRAIN: dict[str, Parameter] = {
    'models': Parameter(
        (list, tuple), 'which models are trained: sml, eml, esml, atom2vec', check=_each_of(MODEL_NAMES, 'model')
    ),
    'rule': Parameter(
        (str,),
        'how the structure model decides: support-vector machine, logistic regression, or the published numbers',
        choices=('svm', 'logistic', 'sendek2017'),
    ),
    'features': Parameter((list, tuple), 'features of structures that the structure model reads', check=_words),
    'c': Parameter(NUMBER, 'how much an error counts against small weights, a pure number'),
    'transfer_c': Parameter(NUMBER, 'the same in the model esml, a pure number'),
    'class_weight': Parameter(
        (str,), 'balanced, so that both classes count alike, or nothing', optional=True, choices=('balanced',)
    ),
    'max_subset': Parameter((int,), 'largest number of features of eml; all subsets up to it are tried', minimum=1),
    'nested': Parameter((bool,), 'judge the search for the subset by repeating it without each measured formula'),
    'folds': Parameter((int,), 'folds of the cross-validation on measured compounds', minimum=2),
    'repeats': Parameter((int,), 'how often it is repeated; 0 leaves it out', minimum=0),
    'learning_curves': Parameter((bool,), 'also judge esml on parts of its data'),
    'dimension': Parameter((int,), 'length of the element vectors of atom2vec', minimum=1),
    'dimensions': Parameter((list, tuple), 'lengths that atom2vec is also judged with', check=_lengths),
    'epochs': Parameter((int,), 'passes of atom2vec over its data', minimum=1),
    'members': Parameter((int,), 'networks of atom2vec whose mean score counts', minimum=1),
    'starts': Parameter((int,), 'random starts for the contribution of each element; 0 leaves it out', minimum=0),
    'seed': Parameter((int,), 'seed of folds, weights and orders', minimum=0),
    'device': Parameter((str,), 'where atom2vec computes, e.g. cpu or cuda'),
}

SCREEN: dict[str, Parameter] = {
    'elements': Parameter((list, tuple), 'chemical symbols; all with tabulated properties without', True, check=_words),
    'base': Parameter((str,), 'the element in every composition', optional=True),
    'sizes': Parameter((list, tuple), 'numbers of elements of a system: 3, 4 or both', check=_each_of((3, 4), 'size')),
    'step_percent': Parameter((int,), 'step of the grid of compositions, %', minimum=1),
    'largest_index': Parameter((int,), 'formulas of whole numbers up to it are screened too; 0 for none', minimum=0),
    'largest_sum': Parameter((int,), 'greatest sum of the indices of such a formula', optional=True, minimum=3),
    'oxidation_states': Parameter(
        (str,), 'list of oxidation states: common, icsd or all', choices=('common', 'icsd', 'all')
    ),
    'own_states': Parameter((dict,), 'oxidation states by symbol, in place of those of the list', optional=True),
    'mixed_valence': Parameter((bool,), 'any mean state between the least and the greatest one of an element'),
    'electronegativity_order': Parameter((bool,), 'every cation must be less electronegative than every anion'),
    'max_mean_mass_g_per_mol': Parameter(NUMBER, 'greatest molar mass of a mole of atoms, g/mol', optional=True),
    'max_cost_usd_per_kg': Parameter(NUMBER, 'greatest cost of the elements, USD/kg', optional=True),
    'max_period': Parameter((int,), 'last row of the periodic table', optional=True, minimum=1),
    'anion_classes': Parameter((list, tuple), 'wanted classes, e.g. oxide, sulfide, halide; empty for all'),
    'stability_gap': Parameter(
        NUMBER, 'stability hint: least difference of electronegativity of anions and cations, Pauling', optional=True
    ),
    'applicability': Parameter(
        (bool,), 'leave out compositions far from what the model learnt from, where the model knows that'
    ),
    'count_all': Parameter((bool,), 'also count the fast compositions among those that are not neutral'),
    'best_per_system': Parameter((int,), 'hits that are kept of each chemical system', minimum=1),
    'best_total': Parameter((int,), 'hits that are kept of each job', minimum=1),
    'device': Parameter((str,), 'where compositions that need not be neutral are counted, e.g. cpu or cuda'),
    'threads': Parameter((int,), 'threads of the job; all processors that it has without', optional=True, minimum=1),
    'block_systems': Parameter((int,), 'systems after which a job keeps what it has', minimum=1),
    'first': Parameter((int,), 'number of the first chemical system', minimum=0),
    'last': Parameter((int,), 'number after that of the last one', minimum=1),
    'part': Parameter((list, tuple), 'number of the job, from 0, and number of jobs, in place of numbers', check=_part),
}

PLACE: dict[str, Parameter] = {
    'device': Parameter((str,), 'where torch computes, e.g. cpu or cuda'),
}

#: Unit and description of the columns of hits.
HIT_COLUMNS: dict[str, dict[str, str]] = {
    name: {'unit': unit, 'description': description}
    for name, unit, description in (
        ('formula', '', 'formula of the composition'),
        ('system', '', 'chemical system, elements joined by hyphens'),
        ('kind', '', 'how it was enumerated: percent steps, or small integers'),
        ('score', '', 'signed distance from the border of the model; fast above 0'),
        ('probability', '', 'probability to be fast'),
        ('oxidation_states', '', 'formal charges in units of e that make it neutral'),
        ('molar_mass_g_per_mol', 'g/mol', 'molar mass of the formula'),
        ('mean_mass_g_per_mol', 'g/mol', 'molar mass of a mole of atoms'),
        ('cost_usd_per_kg', 'USD/kg', 'cost of its elements'),
        ('anion_class', '', 'class of its anions'),
        (
            'training_distance',
            '',
            'mean distance to the nearest training rows of the model, 1 at the limit of its range',
        ),
        (
            'inside',
            '',
            'whether it is within the range of the model (1): near its training rows, no feature beyond them',
        ),
        ('probability_atom2vec', '', 'probability to be fast by the second model'),
        (
            'agrees',
            '',
            'whether its score by the second model is above zero too (1); its probability may be under 0.5 there',
        ),
        ('nearest_formula', '', 'known compound that shares the most atoms with it'),
        ('nearest_uuid', '', 'structure of the nearest known compound'),
        ('nearest_label', '', 'measured label of the nearest known compound: 1 fast, 0 slow'),
        ('nearest_distance', '', 'part of the atoms that the nearest known compound does not share'),
        ('x_comp', '', 'composition code by the model of the map'),
        ('map_nearest_formula', '', 'point of the map with the nearest composition code'),
        ('map_nearest_uuid', '', 'structure of that point'),
        ('map_nearest_distance', '', 'distance to that point, in codes'),
        ('map_nearest_migration_energy_eV', 'eV', 'computed migration energy of that point'),
        ('map_neighbours', '', 'formulas of the five points with the nearest composition codes'),
    )
}
