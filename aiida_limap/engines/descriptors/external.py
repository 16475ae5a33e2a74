"""Blocks that are featurizers of matminer, or of other engines that speak its interface."""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aiida_limap.engines.descriptors.blocks import Block, require
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import Column
from aiida_limap.engines.descriptors.external_build import build_featurizer, parts_of_featurizer
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.errors import InputError, LimapError

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

__all__ = ['ExternalFeaturizer']

#: Counts of atoms that atomic fractions are read back to.
_LARGEST_COUNT = 10_000
_BUILT = threading.local()


@dataclass(frozen=True, kw_only=True, eq=False)
class ExternalFeaturizer(Block):
    """Any featurizer of matminer, by name; its numbers are those that matminer gives.

    What holds for the other kinds of blocks does not hold here by itself: many featurizers of matminer jump under tiny
    strain, or when a site changes its neighbours. A number that matminer does not have is an error, not a gap.

    :param featurizer: full path of a class of matminer, or its name alone.
    :param preset: the word for its ``from_preset``, if it has one.
    :param options: arguments of the class, or further ones of the preset. A mapping with a key ``featurizer`` (and
        ``preset``, ``options``) stands for another featurizer, one with a key ``neighbours`` (and ``options``) for a
        neighbour finder of pymatgen.
    :param elements: element symbols, for those that must be told which elements occur.
    :param oxidation_states: whether it gets formal charges with the species.
    :raises InputError: if it may not be named, has no such preset or option, or must be fitted to data.
    """

    kind = 'featurizer'
    #: File of bond-valence parameters in place of those of the package; where it lies changes no number.
    _parameters: ClassVar[Path | None] = None

    featurizer: str
    preset: str = ''
    options: Mapping[str, Any] = field(default_factory=dict)
    elements: Sequence[str] = ()
    oxidation_states: bool = False

    def __post_init__(self) -> None:
        require(isinstance(self.oxidation_states, bool), self.kind, 'oxidation_states is true or false')
        require(isinstance(self.options, Mapping), self.kind, 'options are keys with values')
        object.__setattr__(self, 'options', copy.deepcopy(dict(self.options)))
        self._labels()

    @property
    def parts(self) -> tuple[str, ...]:  # type: ignore[override]
        """Composition for featurizers of compositions, the others for those of structures."""
        return parts_of_featurizer(self.featurizer)

    @property
    def default_label(self) -> str:
        """Name of the class."""
        return self.featurizer.rpartition('.')[2]

    @property
    def reach(self) -> float:
        """Featurizers search neighbours by themselves."""
        return 0.0

    @property
    def takes_disorder(self) -> bool:
        """Whether the featurizer says so of itself."""
        return bool(getattr(self._built(), 'takes_disorder', False)) and not self.oxidation_states

    def columns(self, classes: ClassSpec) -> list[Column]:
        """Return one column per feature label; each has its own scale, since the units of matminer differ.

        Featurizers with a method ``columns()`` that gives (label, unit, meaning, scale) say more themselves; with
        ``bare_labels`` their labels stand as they are.
        """
        described = getattr(self._built(), 'columns', None)
        if described is not None:
            prefix = '' if getattr(self._built(), 'bare_labels', False) else f'{self.label}_'
            return [
                Column(f'{prefix}{label}', unit, meaning, scale=scale) for label, unit, meaning, scale in described()
            ]
        origin = f'by {self.default_label} of matminer'
        return [Column(f'{self.label}_{label}', '', f'{label} {origin}', scale=label) for label in self._labels()]

    def row(self, source: Mapping[str, float] | Geometry) -> NDArray[np.float64]:
        """Return what the featurizer says.

        :param source: see :meth:`Block.row`.
        :raises LimapError: if the featurizer fails, or has no number for a label.
        """
        entry: Composition | Structure
        if isinstance(source, Geometry):
            entry = self._structure(source)
            formula = entry.composition.reduced_formula
        else:
            entry = self._composition(source)
            formula = entry.reduced_formula
        try:
            values = list(self._built().featurize(entry))
        except LimapError:
            raise
        except Exception as error:
            # Featurizers raise anything at all; whoever reads the row wants to know which one and for what.
            words = ' '.join(str(error).split())
            raise LimapError(
                f'{self.label}: {self.featurizer} fails for {formula}: {type(error).__name__}: {words}'
            ) from error
        return self._numbers(values, formula)

    def reading(self, parameters: Path) -> Block:
        """See :meth:`Block.reading`.

        :raises InputError: if the file is refused, or lacks what the featurizer asks for.
        """
        if not hasattr(self._built(), 'use_parameters'):
            return self
        changed = copy.copy(self)
        # Kept beside the options, which say what the numbers are and go into the checksum of a layout.
        object.__setattr__(changed, '_parameters', parameters)
        changed._built()
        return changed

    def facts(self) -> dict[str, str]:
        """See :meth:`Block.facts`."""
        facts = getattr(self._built(), 'parameters_facts', None)
        return {} if facts is None else facts()

    def citations(self) -> list[str]:
        """Return what to cite, as the featurizer says."""
        return [str(entry) for entry in self._built().citations()]

    def _numbers(self, values: list[Any], formula: str) -> NDArray[np.float64]:
        labels = self._labels()
        if len(values) != len(labels):
            raise LimapError(
                f'{self.label}: {self.featurizer} has {len(labels)} labels, but {len(values)} values for {formula}'
            )
        row = np.empty(len(values))
        for index, (label, value) in enumerate(zip(labels, values, strict=True)):
            if isinstance(value, str) or np.ndim(value) != 0:
                raise LimapError(f'{self.label}: {label} of {self.featurizer} is not a number for {formula}: {value!r}')
            if value is None or not np.isfinite(value):
                raise LimapError(f'{self.label}: {self.featurizer} has no value of {label} for {formula}')
            row[index] = float(value)
        return row

    def _built(self) -> Any:
        """Return the featurizer of this thread: some keep notes in themselves while they work."""
        if not hasattr(_BUILT, 'featurizers'):
            _BUILT.featurizers = weakref.WeakKeyDictionary()
        known: weakref.WeakKeyDictionary[ExternalFeaturizer, Any] = _BUILT.featurizers
        if self not in known:
            options = {'preset': self.preset, 'options': self.options, 'elements': self.elements}
            built = build_featurizer({'featurizer': self.featurizer, **options})
            if self._parameters is not None:
                built.use_parameters(self._parameters)
            known[self] = built
        return known[self]

    def _labels(self) -> list[str]:
        built = self._built()
        try:
            labels = [str(label) for label in built.feature_labels()]
        except Exception as error:
            words = ' '.join(str(error).split())
            raise InputError(
                f'layout: featurizer: {self.featurizer} cannot tell its columns ({words}); one that must be fitted to '
                'data cannot stand in a layout, but for those that are told their elements'
            ) from error
        return labels

    def _structure(self, geometry: Geometry) -> Structure:
        structure = geometry.structure.copy()
        structure.remove_oxidation_states()
        if self.oxidation_states:
            structure.add_oxidation_state_by_site([float(charge) for charge in geometry.charges])
        return structure

    def _composition(self, fractions: Mapping[str, float]) -> Composition:
        from pymatgen.core import Composition, Species

        amounts = _counts(fractions)
        if not self.oxidation_states:
            return Composition(amounts)
        from aiida_limap.engines.chemistry.oxidation_occupancies import composition_states

        states, _ = composition_states(amounts, Composition(amounts).reduced_formula)
        return Composition({Species(symbol, states[symbol]): amount for symbol, amount in amounts.items()})


def _counts(fractions: Mapping[str, float]) -> dict[str, float]:
    """Return the counts of atoms of the formula unit, since some featurizers ask for whole ones."""
    ratios = {symbol: Fraction(value).limit_denominator(_LARGEST_COUNT) for symbol, value in fractions.items()}
    total = int(np.lcm.reduce([ratio.denominator for ratio in ratios.values()]))
    close = all(abs(float(ratio) - fractions[symbol]) < 1e-14 for symbol, ratio in ratios.items())
    if not close or total > _LARGEST_COUNT:
        return dict(fractions)
    return {symbol: float(ratio * total) for symbol, ratio in ratios.items()}
