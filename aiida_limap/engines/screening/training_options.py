"""What is trained for a screening, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from aiida_limap.common.screening import MODEL_NAMES
from aiida_limap.engines.errors import InputError

__all__ = ['RULES', 'TrainingOptions']

#: How the structure model decides: a support-vector machine, a logistic regression, or the published numbers.
RULES = ('svm', 'logistic', 'sendek2017')
#: Least value of the whole numbers.
_LEAST = {'max_subset': 1, 'folds': 2, 'repeats': 0, 'dimension': 1, 'epochs': 1, 'members': 1, 'starts': 0, 'seed': 0}
_FIVE = ('LLB', 'SBI', 'AFC', 'LASD', 'LLSD')
#: The same with bonds to lithium, as the published numbers have them.
_PUBLISHED_FIVE = ('LLB', 'SBIL', 'AFC', 'LASD', 'LLSD')


@dataclass(frozen=True)
class TrainingOptions:
    """Options of a training of screening models.

    :param models: which ones; ``sml`` is always trained, since ``esml`` and ``atom2vec`` learn its labels.
    :param rule: how ``sml`` decides, one of :data:`RULES`; ``sendek2017`` is a preset that is to be verified.
    :param features: the features of structures that ``sml`` reads; the preset has its own.
    :param c: how much an error counts against small weights, in ``sml`` and ``eml``.
    :param transfer_c: the same in ``esml``.
    :param class_weight: ``balanced``, so that both classes count alike, or None.
    :param max_subset: largest number of features of ``eml``; all subsets up to it are tried.
    :param nested: whether the search for the subset is repeated without each measured formula, to judge it.
    :param folds: folds of the cross-validation on measured compounds; fewer where a class is rarer.
    :param repeats: how often it is repeated; 0 leaves it out.
    :param learning_curves: whether ``esml`` is also judged on parts of its data.
    :param dimension: length of the element vectors of ``atom2vec``.
    :param dimensions: lengths that ``atom2vec`` is also judged with; empty for none.
    :param epochs: passes of ``atom2vec`` over its data.
    :param members: networks of ``atom2vec`` whose mean score counts.
    :param starts: random starts for the contribution of each element; 0 leaves it out.
    :param seed: seed of folds, weights and orders.
    :param device: where ``atom2vec`` computes, e.g. ``cpu`` or ``cuda``.
    """

    models: tuple[str, ...] = ('sml', 'esml', 'atom2vec')
    rule: str = 'svm'
    features: tuple[str, ...] = _FIVE
    c: float = 1.0
    transfer_c: float = 1.0
    class_weight: str | None = 'balanced'
    max_subset: int = 3
    nested: bool = False
    folds: int = 5
    repeats: int = 10
    learning_curves: bool = False
    dimension: int = 3
    dimensions: tuple[int, ...] = ()
    epochs: int = 80
    members: int = 1
    starts: int = 0
    seed: int = 0
    device: str = 'cpu'

    def __post_init__(self) -> None:
        for name in ('models', 'features'):
            value = getattr(self, name)
            if isinstance(value, str) or not value:
                raise InputError(f'screen_train: {name} must be a list of names, not {value!r}')
            object.__setattr__(self, name, tuple(str(entry) for entry in value))
        if self.rule == 'sendek2017':
            object.__setattr__(self, 'features', _PUBLISHED_FIVE)
        unknown = [name for name in self.models if name not in MODEL_NAMES]
        if unknown:
            raise InputError(f'screen_train: unknown model {unknown[0]!r}; known are {", ".join(MODEL_NAMES)}')
        if any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in self.dimensions):
            raise InputError(f'screen_train: dimensions must be a list of whole numbers, not {self.dimensions!r}')
        object.__setattr__(self, 'dimensions', tuple(self.dimensions))
        for name in ('nested', 'learning_curves'):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f'screen_train: {name} is true or false, not {getattr(self, name)!r}')
        if self.rule not in RULES:
            raise InputError(f'screen_train: rule is one of {", ".join(RULES)}, not {self.rule!r}')
        if self.class_weight not in ('balanced', None):
            raise InputError(f"screen_train: class_weight must be 'balanced' or null, not {self.class_weight!r}")
        for name in ('c', 'transfer_c'):
            _check_number(name, getattr(self, name), (int, float), above=0)
        for name, least in _LEAST.items():
            _check_number(name, getattr(self, name), (int,), least=least)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> TrainingOptions:
        """Read options from plain values.

        :param parameters: values by name.
        :raises InputError: if one is unknown or wrong.
        """
        known = [entry.name for entry in fields(cls)]
        for name in parameters:
            if name not in known:
                raise InputError(f'screen_train: unknown parameter {name!r}; known are {", ".join(known)}')
        return cls(**parameters)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _check_number(
    name: str, value: Any, types: tuple[type, ...], least: float | None = None, above: float | None = None
) -> None:
    fits = isinstance(value, types) and not isinstance(value, bool)
    if not fits or (least is not None and value < least) or (above is not None and value <= above):
        bound = f'of at least {least:g}' if least is not None else f'above {above:g}'
        kind = 'a whole number' if types == (int,) else 'a number'
        raise InputError(f'screen_train: {name} must be {kind} {bound}, not {value!r}')
