"""Build the matminer featurizers that layouts name, and nothing else.

A layout may come from a stranger. It can therefore name only classes of :data:`PACKAGES`, of modules called
``featurizers`` of the engines, and of :data:`NEIGHBOUR_FINDERS`; their options are plain values.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from aiida_limap.engines.errors import InputError

__all__ = [
    'NEIGHBOUR_FINDERS',
    'PACKAGES',
    'build_featurizer',
    'featurizer_class',
    'nested_featurizers',
    'parts_of_featurizer',
]

#: Packages of matminer whose featurizers may be named. Those of band structures and densities of states have no input
#: here; ``function`` evaluates text as code, and ``conversions`` asks databases.
PACKAGES = {
    'composition': 'matminer.featurizers.composition',
    'structure': 'matminer.featurizers.structure',
    'site': 'matminer.featurizers.site',
}
#: Classes of ``pymatgen.analysis.local_env`` that may be named as ``neighbours`` or as a preset; others start programs.
NEIGHBOUR_FINDERS = (
    'BrunnerNNReal',
    'BrunnerNNReciprocal',
    'BrunnerNNRelative',
    'CrystalNN',
    'EconNN',
    'JmolNN',
    'MinimumDistanceNN',
    'MinimumOKeeffeNN',
    'MinimumVIRENN',
    'VoronoiNN',
)
_NETWORK = ('CohesiveEnergy', 'CohesiveEnergyMP')
#: Data of these names are unpacked into the folder of matminer when they are first asked for.
_UNPACKED = ('optical', 'mp_transport')
#: Fitting these means no more than telling them the elements.
_FIT_TO_ELEMENTS = ('PartialRadialDistributionFunction', 'PartialsSiteStatsFingerprint', 'SOAP')
_OWN = re.compile(r'aiida_limap\.engines\.(?!descriptors\.)[a-z_]+\.featurizers')
_NAME = re.compile(r'[A-Za-z_]\w*(\.[A-Za-z_]\w*)*')


def _refuse(sentence: str) -> InputError:
    return InputError(f'layout: featurizer: {sentence}')


@cache
def _module_names() -> frozenset[str]:
    """Return the modules of the packages, found without importing what lies outside of them."""
    names = set()
    for package in PACKAGES.values():
        names.add(package)
        for entry in pkgutil.iter_modules(importlib.import_module(package).__path__, f'{package}.'):
            if not entry.ispkg:
                names.add(entry.name)
    return frozenset(names)


@cache
def _classes_by_short_name() -> dict[str, list[type]]:
    found: dict[str, list[type]] = {}
    for name in sorted(_module_names()):
        for label, value in vars(importlib.import_module(name)).items():
            if _is_featurizer(value) and value not in found.setdefault(label, []):
                found[label].append(value)
    return {label: classes for label, classes in found.items() if classes}


def _is_featurizer(value: Any) -> bool:
    from matminer.featurizers.base import BaseFeaturizer

    if not inspect.isclass(value) or not issubclass(value, BaseFeaturizer) or inspect.isabstract(value):
        return False
    module = value.__module__
    inside = module in _module_names() or _OWN.fullmatch(module) is not None
    return inside and not value.__name__.startswith('_')


def featurizer_class(name: str) -> type:
    """Find a featurizer by name.

    :param name: the full path of a class, or its name alone if that is unique within matminer.
    :returns: the class.
    :raises InputError: if it is no featurizer that a layout may name, or matminer cannot be imported.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _refuse(f'{name!r} is not the name of a class')
    try:
        found = _named(name)
    except ImportError as error:
        raise _refuse(f'{name} cannot be imported: {error}; install the missing package') from error
    if found.__name__ in _NETWORK:
        raise _refuse(f'{name} asks the Materials Project over the network, which a layout must not')
    return found


def _named(name: str) -> type:
    module, _, label = name.rpartition('.')
    if not module:
        classes = _classes_by_short_name().get(name, [])
        if len(classes) > 1:
            paths = ', '.join(f'{entry.__module__}.{entry.__name__}' for entry in classes)
            raise _refuse(f'{name} is ambiguous; write one of {paths}')
        if not classes:
            raise _refuse(f'matminer has no composition, structure or site featurizer called {name!r}')
        return classes[0]
    if module not in _module_names() and not _OWN.fullmatch(module):
        packages = ', '.join(PACKAGES.values())
        raise _refuse(f'{name} may not be named; only featurizers of {packages} and of the engines may')
    found = getattr(importlib.import_module(module), label, None)
    if not _is_featurizer(found):
        raise _refuse(f'{name} is no featurizer')
    assert inspect.isclass(found)
    return found


def build_featurizer(document: Mapping[str, Any]) -> Any:
    """Build a featurizer, with those that stand in its options.

    Element values that matminer does not know stay unknown (``impute_nan: false``) unless the options say otherwise:
    matminer fills in the mean over all elements by default. Nothing starts processes.

    :param document: ``featurizer``, and optionally ``preset``, ``options`` and ``elements``.
    :returns: a ``BaseFeaturizer``, fitted where knowing the elements is enough.
    :raises InputError: if something in the document is wrong, or an optional package is missing.
    """
    built = _build({key: value for key, value in document.items() if key != 'elements'})
    name = type(built).__name__
    if type(built).__module__.startswith(PACKAGES['site']):
        raise _refuse(f'{name} describes single sites; make it the site_featurizer of a SiteStatsFingerprint')
    if not _asks_to_impute(document) and any(_imputes(part) for part in nested_featurizers(built)):
        raise _refuse(
            f'{name} fills in the mean over all elements where an element has no value; name the featurizer inside of '
            'it in the options instead of by a preset'
        )
    for part in nested_featurizers(built):
        part.set_n_jobs(1)
    elements = document.get('elements') or ()
    to_fit = [part for part in nested_featurizers(built) if type(part).__name__ in _FIT_TO_ELEMENTS]
    if elements and not to_fit:
        raise _refuse(f'{name} takes no elements; those that do are {", ".join(_FIT_TO_ELEMENTS)}')
    if elements:
        built.fit([_sample(elements)])
    return built


def parts_of_featurizer(name: str) -> tuple[str, ...]:
    """Return the parts of a layout that a featurizer can stand in, by what it takes.

    :param name: see :func:`featurizer_class`.
    :raises InputError: as :func:`featurizer_class`.
    """
    found = featurizer_class(name)
    if found.__module__.startswith(PACKAGES['composition']) or getattr(found, 'takes_compositions', False):
        return ('composition',)
    return ('structure', 'landscape')


def nested_featurizers(featurizer: Any) -> Iterator[Any]:
    """Yield a featurizer and all that it holds.

    :param featurizer: a ``BaseFeaturizer``.
    """
    from matminer.featurizers.base import BaseFeaturizer

    yield featurizer
    for value in vars(featurizer).values():
        for entry in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(entry, BaseFeaturizer):
                yield from nested_featurizers(entry)


def _build(document: Mapping[str, Any]) -> Any:
    found = featurizer_class(document['featurizer'])
    unknown = sorted(set(document) - {'featurizer', 'preset', 'options'})
    if unknown:
        raise _refuse(f'{found.__name__}: unknown key {unknown[0]!r}; known are featurizer, preset and options')
    preset, options = document.get('preset', ''), document.get('options', {})
    if not isinstance(preset, str) or not isinstance(options, Mapping):
        raise _refuse(f'{found.__name__}: preset is a word, and options are keys with values')
    values = {str(key): _plain(value, found.__name__) for key, value in options.items()}
    for name in (preset, values.get('data_source')):
        if name in _UNPACKED:
            raise _refuse(f'{found.__name__}: the data {name!r} write files into the folder of matminer; choose others')
    make: Any = found
    arguments: list[str] = []
    if preset:
        make = getattr(found, 'from_preset', None)
        if make is None:
            raise _refuse(f'{found.__name__} has no presets; give options')
        _check_preset(preset, found.__name__)
        arguments = [preset]
    if 'impute_nan' in inspect.signature(make).parameters:
        values.setdefault('impute_nan', False)
    try:
        return make(*arguments, **values)
    except Exception as error:
        # matminer raises whatever it likes for wrong options, and RuntimeError for missing packages.
        what = f'the preset {preset!r}' if preset else 'its options'
        raise _refuse(f'{found.__name__} cannot be built from {what}: {_one_line(error)}') from error


def _plain(value: Any, owner: str) -> Any:
    """Return an option with the featurizers and neighbour finders that it names."""
    if isinstance(value, Mapping):
        if 'featurizer' in value:
            return _build(value)
        if 'neighbours' in value:
            return _neighbour_finder(value, owner)
        return {str(key): _plain(entry, owner) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry, owner) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise _refuse(f'{owner}: options are plain values, not {type(value).__name__}')


def _neighbour_finder(document: Mapping[str, Any], owner: str) -> Any:
    from pymatgen.analysis import local_env

    name, options = document['neighbours'], document.get('options', {})
    if name not in NEIGHBOUR_FINDERS or set(document) - {'neighbours', 'options'} or not isinstance(options, Mapping):
        known = ', '.join(NEIGHBOUR_FINDERS)
        raise _refuse(f'{owner}: neighbours is one of {known}, beside it stand options alone; found {dict(document)}')
    values = {str(key): _plain(value, owner) for key, value in options.items()}
    try:
        return getattr(local_env, name)(**values)
    except (TypeError, ValueError) as error:
        raise _refuse(f'{owner}: {name} cannot be built from its options: {_one_line(error)}') from error


def _check_preset(preset: str, owner: str) -> None:
    """Refuse presets by which matminer would call any function of the module of the neighbour finders."""
    from pymatgen.analysis import local_env

    if hasattr(local_env, preset) and preset not in NEIGHBOUR_FINDERS:
        raise _refuse(f'{owner}: the preset {preset!r} is none of {", ".join(NEIGHBOUR_FINDERS)}')


def _asks_to_impute(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value.get('impute_nan')) or any(_asks_to_impute(entry) for entry in value.values())
    return isinstance(value, (list, tuple)) and any(_asks_to_impute(entry) for entry in value)


def _imputes(featurizer: Any) -> bool:
    from matminer.utils.data import AbstractData

    # What the data source does counts, if there is one: presets do not always tell the featurizer.
    sources = [entry for entry in vars(featurizer).values() if isinstance(entry, AbstractData)]
    return any(getattr(entry, 'impute_nan', False) is True for entry in sources or [featurizer])


def _sample(elements: Any) -> Any:
    """Return a structure that holds the given elements, far from each other, for featurizers that only ask which."""
    from pymatgen.core import Element, Structure

    unknown = [symbol for symbol in elements if not Element.is_valid_symbol(symbol)]
    if isinstance(elements, str) or unknown:
        raise _refuse(f'elements is a list of element symbols, found {elements!r}')
    count = len(elements)
    positions = [[(index + 0.5) / count, 0.5, 0.5] for index in range(count)]
    return Structure([[4.0 * count, 0, 0], [0, 4, 0], [0, 0, 4]], list(elements), positions)


def _one_line(error: Exception) -> str:
    return ' '.join(f'{error or type(error).__name__}'.split())
