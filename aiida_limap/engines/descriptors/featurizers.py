"""The blocks and layouts as featurizers of matminer, for anyone's pipeline of matminer, pandas or scikit-learn."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
from matminer.featurizers.base import BaseFeaturizer

from aiida_limap.engines.descriptors.blocks import Block, CompositionBlock, block_class, read_block
from aiida_limap.engines.descriptors.classes import ClassSpec
from aiida_limap.engines.descriptors.columns import PARTS, Column
from aiida_limap.engines.descriptors.composition import atomic_fractions
from aiida_limap.engines.descriptors.composition_blocks import ElementHistogram
from aiida_limap.engines.descriptors.external import ExternalFeaturizer
from aiida_limap.engines.descriptors.geometry import Geometry
from aiida_limap.engines.descriptors.layout import layout_names, load_layout
from aiida_limap.engines.descriptors.references import citations_of
from aiida_limap.engines.descriptors.statistics import STATISTICS, ElementStatistics
from aiida_limap.engines.errors import InputError, LimapError

__all__ = [
    'AngularDistributionFeaturizer',
    'BlockFeaturizer',
    'ElementFractionFeaturizer',
    'ElementHistogramFeaturizer',
    'ElementStatisticsFeaturizer',
    'LayoutFeaturizer',
    'RadialDistributionFeaturizer',
    'VoronoiFaceFeaturizer',
]

#: Where the options and the classes of sites that a featurizer is not given come from; other layouts follow.
_LAYOUT_OF_DEFAULTS = 'yamaguchi2023'
#: Its ranges hold all elements.
_LAYOUT_OF_HISTOGRAMS = 'all_elements'
_QUANTITIES = (
    'atomic_weight',
    'electronegativity',
    'covalent_radius',
    'ionic_radius',
    'ionisation_energy',
    'valence_electrons',
    'highest_oxidation_state',
    'mendeleev_number',
)
_COMMON = tuple(field.name for field in fields(Block))


@cache
def _default_options(kind: str) -> dict[str, Any]:
    """Return the options of a kind with the values that they have where nothing else is said."""
    names = [field.name for field in fields(block_class(kind)) if field.name not in _COMMON]
    if kind == ElementStatistics.kind:
        return {'quantities': _QUANTITIES, 'statistics': tuple(STATISTICS)}
    if kind == ElementHistogram.kind:
        # The bins belong to the property.
        return {name: 'electronegativity' if name == 'quantity' else None for name in names}
    block, _ = _first_block(kind)
    return {name: getattr(block, name) for name in names}


@cache
def _first_block(kind: str) -> tuple[Block, ClassSpec]:
    """Return the first block of a kind in the shipped layouts, and the classes of sites of its layout."""
    for name in dict.fromkeys((_LAYOUT_OF_DEFAULTS, *layout_names())):
        layout = load_layout(name)
        for block in (block for blocks in layout.parts.values() for block in blocks):
            if block.kind == kind:
                return block, layout.classes
    raise InputError(f'BlockFeaturizer: no shipped layout has a block of kind {kind!r}; give all options and classes')


def _bins_of(quantity: Any) -> dict[str, Any]:
    """Return range, bins and width of the histogram of an element property in the layout that has all elements."""
    for block in load_layout(_LAYOUT_OF_HISTOGRAMS).parts['composition']:
        if isinstance(block, ElementHistogram) and block.quantity == quantity:
            return {name: getattr(block, name) for name in ('minimum', 'maximum', 'bins', 'sigma')}
    return {}


@dataclass(frozen=True, eq=False)
class _Work:
    """What a featurizer computes.

    :param part: part of a layout, which says what the blocks take.
    :param blocks: the blocks.
    :param classes: classes of sites.
    :param reach: neighbours are searched this far, Å.
    :param columns: what each number is.
    """

    part: str
    blocks: Sequence[Block]
    classes: ClassSpec
    reach: float
    columns: Sequence[Column]


def _work_of_block(kind: str, options: Mapping[str, Any], classes: Mapping[str, Any] | None) -> _Work:
    given = {**_default_options(kind), **options}
    if kind == ElementHistogram.kind:
        bins = _bins_of(given['quantity'])
        given = {key: bins.get(key) if value is None else value for key, value in given.items()}
    given = {key: value for key, value in given.items() if value is not None}
    part = 'composition' if issubclass(block_class(kind), CompositionBlock) else 'structure'
    block = read_block(part, {'kind': kind, **given})
    if classes is not None:
        spec = ClassSpec(**classes)
    else:
        spec = load_layout(_LAYOUT_OF_DEFAULTS).classes if part == 'composition' else _first_block(kind)[1]
    columns = [replace(column, part=part, block=block.label) for column in block.columns(spec)]
    return _Work(part, (block,), spec, block.reach, columns)


def _citations(block: Block) -> list[str]:
    if isinstance(block, ExternalFeaturizer):
        return block.citations()
    quantities = getattr(block, 'quantities', (getattr(block, 'quantity', ''),))
    return citations_of(block.kind, tuple(quantities))


class _RowFeaturizer(BaseFeaturizer):
    """A featurizer that is made of blocks.

    Other than the featurizers of matminer these start no processes unless ``set_n_jobs`` asks for them.
    """

    _n_jobs = 1
    _known: tuple[list[Any], _Work] | None = None

    @abstractmethod
    def _read(self) -> _Work:
        """Return what the parameters ask for."""

    @property
    def _work(self) -> _Work:
        # Parameters may be set at any time, as scikit-learn does; what they ask for is read again only then.
        values = [getattr(self, name) for name in self._get_param_names()]
        if self._known is None or any(now is not then for now, then in zip(values, self._known[0], strict=True)):
            self._known = values, self._read()
        return self._known[1]

    def __getstate__(self) -> dict[str, Any]:
        # Workers get the parameters alone.
        return {key: value for key, value in super().__getstate__().items() if key != '_known'}

    def featurize(self, entry: Any) -> list[float]:
        """Return the numbers of one composition or structure.

        :param entry: an ordered pymatgen structure; a pymatgen composition or a formula for those of compositions.
        :returns: one number per label.
        :raises LimapError: if a number is not defined for it.
        """
        work = self._work
        source: Any
        if work.part == 'composition':
            source = atomic_fractions(entry)
        else:
            disordered = all(block.takes_disorder for block in work.blocks)
            source = Geometry(entry, work.classes, work.reach, disordered=disordered)
        row = np.concatenate([block.row(source) for block in work.blocks])
        if not np.isfinite(row).all():
            name = work.columns[int(np.flatnonzero(~np.isfinite(row))[0])].name
            raise LimapError(f'{type(self).__name__}: the value of {name} is not finite')
        return [float(value) for value in row]

    def feature_labels(self) -> list[str]:
        """Return the names of the numbers."""
        return [column.name for column in self._work.columns]

    def describe(self) -> list[Column]:
        """Return name, unit and meaning of each number."""
        return list(self._work.columns)

    def citations(self) -> list[str]:
        """Return what to cite, as BibTeX."""
        return list(dict.fromkeys(entry for block in self._work.blocks for entry in _citations(block)))

    def implementors(self) -> list[str]:
        """Return who wrote it."""
        return ['The aiida-limap developers']


class LayoutFeaturizer(_RowFeaturizer):
    """All columns of one part of a layout.

    :param layout: name of a shipped layout, path of a YAML file, or the layout as a mapping.
    :param part: ``composition`` takes compositions; ``structure`` and ``landscape`` take structures.
    """

    def __init__(self, layout: Any = 'yamaguchi2023', part: str = 'structure') -> None:
        self.layout = layout
        self.part = part

    def _read(self) -> _Work:
        layout = load_layout(self.layout)
        if self.part not in PARTS or not layout.parts.get(self.part):
            full = ', '.join(part for part in PARTS if layout.parts.get(part))
            raise InputError(f'the layout {layout.name} has no part {self.part!r}; it has {full}')
        return _Work(self.part, layout.parts[self.part], layout.classes, layout.reach, layout.columns(self.part))


class BlockFeaturizer(_RowFeaturizer):
    """The columns of one block, of any kind that layouts have but ``featurizer``, which is one already.

    :param kind: kind of the block.
    :param options: its options; those that are not given are as in the first shipped layout that has the kind,
        yamaguchi2023 before others, and for histograms of element properties as in all_elements.
    :param classes: classes of sites as in a layout, a mapping with ``named`` and ``rest``; None for those of that one.
    """

    def __init__(
        self,
        kind: str = 'rdf',
        options: Mapping[str, Any] | None = None,
        classes: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.options = options
        self.classes = classes

    def _read(self) -> _Work:
        if self.kind == ExternalFeaturizer.kind:
            raise InputError('BlockFeaturizer: the kind featurizer is a featurizer of matminer already; use that')
        return _work_of_block(self.kind, self.options or {}, self.classes)


class _KindFeaturizer(_RowFeaturizer):
    """The columns of one block; the parameters are the options of its kind, and ``classes``."""

    block_kind: ClassVar[str]

    def __init_subclass__(cls, kind: str) -> None:
        """Give the class a constructor with the options of its kind as parameters, which scikit-learn reads."""
        super().__init_subclass__()
        cls.block_kind = kind
        defaults = {**_default_options(kind), 'classes': None}

        def construct(self: _KindFeaturizer, **parameters: Any) -> None:
            unknown = sorted(set(parameters) - set(defaults))
            if unknown:
                raise TypeError(f'{cls.__name__} has no parameter {unknown[0]!r}; it has {", ".join(defaults)}')
            for name, default in defaults.items():
                setattr(self, name, parameters.get(name, default))

        keywords = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in defaults.items()
        ]
        first = inspect.Parameter('self', inspect.Parameter.POSITIONAL_OR_KEYWORD)
        construct.__signature__ = inspect.Signature([first, *keywords])  # type: ignore[attr-defined]
        cls.__init__ = construct  # type: ignore[method-assign,assignment]

    def _read(self) -> _Work:
        parameters = self.get_params(deep=False)
        classes = parameters.pop('classes')
        return _work_of_block(self.block_kind, parameters, classes)


class ElementHistogramFeaturizer(_KindFeaturizer, kind='element_histogram'):
    """Histogram of one element property over the atoms of a composition.

    :param quantity: an element property, see ``aiida_limap.engines.descriptors.elements.PROPERTIES``.
    :param minimum: lower end of the bins, in the unit of the property; None, here and below, for the bins of the layout
        all_elements, which has twelve of the properties.
    :param maximum: upper end of the bins.
    :param bins: number of bins.
    :param sigma: width of the Gaussians in the unit of the property; 0 for hard bins.
    """


class ElementFractionFeaturizer(_KindFeaturizer, kind='element_fractions'):
    """Atomic fraction of every element in a range of atomic numbers.

    :param first: first atomic number.
    :param last: last atomic number.
    """


class ElementStatisticsFeaturizer(_KindFeaturizer, kind='element_statistics'):
    """Mean, standard deviation, minimum, maximum and range of element properties over the atoms of a composition.

    :param quantities: element properties, see ``aiida_limap.engines.descriptors.elements.PROPERTIES``.
    :param statistics: any of ``mean``, ``std``, ``minimum``, ``maximum`` and ``range``.
    """


class RadialDistributionFeaturizer(_KindFeaturizer, kind='rdf'):
    """Radial distribution functions by pair of site classes.

    :param pairs: pairs of class names; the first is the centre.
    :param maximum: upper end of the bins, Å.
    :param bins: number of bins.
    :param sigma: width of the Gaussians, Å.
    :param normalisation: ``g`` or ``count``.
    :param classes: classes of sites as in a layout; None for Li, O and M.
    """


class AngularDistributionFeaturizer(_KindFeaturizer, kind='adf'):
    """Distribution of the angles between the neighbours of the sites.

    :param bins: number of bins.
    :param sigma: width of the Gaussians, degrees.
    :param inner_ratio: neighbours up to this multiple of the nearest distance of the centre count fully,
    :param outer_ratio: fading to none at this one.
    """


class VoronoiFaceFeaturizer(_KindFeaturizer, kind='voronoi'):
    """Numbers of faces of the Voronoi cells of each class of sites.

    :param minimum_faces: first number of faces.
    :param maximum_faces: last number of faces.
    :param small_face_ratio: faces seen under a solid angle below this part of the largest one are dropped.
    :param sigma: width of the Gaussians, in faces; 0 for hard counts.
    :param classes: classes of sites as in a layout; None for Li, O and M.
    """
