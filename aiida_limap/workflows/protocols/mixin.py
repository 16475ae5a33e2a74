"""How a work chain gets its inputs from a protocol; a misspelt key is an error."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import yaml

from aiida_limap.common.layouts import is_layout_file, read_layout_file
from aiida_limap.common.parameters import check_parameters

__all__ = ['OPTIONS', 'ParametersOf', 'ProtocolMixin', 'merge', 'read_overrides']

_KEYS = ('default_inputs', 'default_protocol', 'protocols')
#: Marks ``options`` in a schema: scheduler options, whose names are those of a calculation job.
OPTIONS = 'options'
_LAYOUT = 'layout'


class ParametersOf(str):
    """Marks the parameters of an engine task in a schema; the value is the name of the task."""

    __slots__ = ()


class ProtocolMixin:
    """Give a work chain protocols from a YAML file beside this module."""

    PROTOCOL: ClassVar[str]

    @classmethod
    def protocol_schema(cls) -> dict[str, Any]:
        """Return the inputs that a protocol or an override may set, nested as the inputs are.

        Leaves are a type, a :class:`ParametersOf`, or :data:`OPTIONS`.
        """
        raise NotImplementedError

    @classmethod
    def inherited_inputs(cls, protocol: str) -> dict[str, Any]:
        """Return plain inputs that the protocols of inner work chains give; those of its own protocol stand over them.

        :param protocol: name of a protocol that this work chain knows.
        """
        return {}

    @classmethod
    def get_available_protocols(cls) -> dict[str, str]:
        """Return one line of description by name of protocol."""
        return {name: entry['description'] for name, entry in cls._document()['protocols'].items()}

    @classmethod
    def get_default_protocol(cls) -> str:
        """Return the name of the protocol that is used unless another is asked for."""
        return str(cls._document()['default_protocol'])

    @classmethod
    def get_protocol_inputs(
        cls,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | str | Path | None = None,
        last: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return plain inputs.

        :param protocol: name of a protocol, or None for the default one.
        :param overrides: values that replace those of the protocol, nested as the inputs are, or the path of a YAML
            file with them; it is not changed. A descriptor layout may be the path of a YAML file, from the folder of
            the overrides, or from the current folder where they are no file; its content becomes the input.
        :param last: overrides that come after ``overrides``.
        :returns: nested plain values, a copy of their own.
        :raises ValueError: if the protocol or a key is unknown, or a value has the wrong type.
        """
        document = cls._document()
        name = protocol or cls.get_default_protocol()
        if name not in document['protocols']:
            raise ValueError(f'unknown protocol {name!r}; known are {", ".join(document["protocols"])}')
        chosen = {key: value for key, value in document['protocols'][name].items() if key != 'description'}
        inputs = merge(cls.inherited_inputs(name), merge(document['default_inputs'], chosen))
        folder = Path(overrides).parent if isinstance(overrides, (str, Path)) else Path()
        schema = cls.protocol_schema()
        for given in (_with_layout_files(read_overrides(overrides), schema, folder), last or {}):
            check_against_schema(given, schema)
            inputs = merge(inputs, given)
        return inputs

    @classmethod
    def _document(cls) -> dict[str, Any]:
        text = resources.files(__package__).joinpath(f'{cls.PROTOCOL}.yaml').read_text(encoding='utf-8')
        document = yaml.safe_load(text)
        if set(document) != set(_KEYS):
            raise ValueError(f'{cls.PROTOCOL}.yaml must have the keys {", ".join(_KEYS)}')
        return document


def merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``top`` in place of its own, nested mappings merged; nothing is shared.

    Each entry of ``options`` is replaced as a whole: half of one set of resources does not fit half of another. So is
    ``layout``: two layouts are not mixed.

    :param base: nested plain values.
    :param top: nested plain values.
    :returns: a new mapping.
    """
    result = {key: copy.deepcopy(value) for key, value in base.items()}
    for key, value in top.items():
        if key == OPTIONS and isinstance(value, Mapping):
            result[key] = {**(result.get(key) or {}), **copy.deepcopy(dict(value))}
        elif key != _LAYOUT and isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def check_against_schema(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = '') -> None:
    """Refuse keys that are not in the schema and values of another type.

    :param values: nested plain values.
    :param schema: what :meth:`ProtocolMixin.protocol_schema` gives.
    :param path: where ``values`` stands, for messages.
    :raises ValueError: naming the key and the known ones.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f'{path.rstrip(".") or "the overrides"} must be a mapping, not {values!r}')
    for key, value in values.items():
        if key not in schema:
            raise ValueError(f'unknown key {path + str(key)!r}; known are {", ".join(path + name for name in schema)}')
        _check_leaf(value, schema[key], path + key)


def _check_leaf(value: Any, expected: Any, path: str) -> None:
    if isinstance(expected, Mapping):
        check_against_schema(value, expected, f'{path}.')
    elif isinstance(expected, ParametersOf):
        if not isinstance(value, Mapping):
            raise ValueError(f'{path} must be a mapping, not {value!r}')
        message = check_parameters(str(expected), value)
        if message is not None:
            raise ValueError(f'{path}: {message}')
    elif expected == OPTIONS:
        check_against_schema(value, dict.fromkeys(_option_names(), object), f'{path}.')
    elif not isinstance(value, (int, float) if expected is float else expected) or (
        isinstance(value, bool) and expected in (int, float)
    ):
        raise ValueError(f'{path} must be of type {expected.__name__}, not {value!r}')


def _with_layout_files(values: Any, schema: Any, folder: Path) -> Any:
    """Return overrides in which a layout that is the path of a file has become its content."""
    if not isinstance(values, Mapping):
        return values
    if schema == ParametersOf('descriptors'):
        layout = values.get(_LAYOUT)
        return {**values, _LAYOUT: read_layout_file(folder / str(layout))} if is_layout_file(layout) else values
    if not isinstance(schema, Mapping):
        return values
    return {key: _with_layout_files(value, schema.get(key), folder) for key, value in values.items()}


def _option_names() -> list[str]:
    from aiida.engine import CalcJob

    return sorted(CalcJob.spec().inputs['metadata']['options'])


def read_overrides(overrides: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """Return overrides as a mapping of their own, from wherever they stand.

    :param overrides: nested plain values, the path of a YAML file with them, or None for none; not changed.
    :raises ValueError: if the file cannot be read or is not YAML, or they are no mapping.
    """
    if overrides is None:
        return {}
    if isinstance(overrides, (str, Path)):
        path = Path(overrides)
        try:
            document = yaml.safe_load(path.read_text(encoding='utf-8'))
        except OSError as error:
            raise ValueError(f'the file of overrides cannot be read: {error}') from error
        except UnicodeDecodeError as error:
            raise ValueError(f'the file of overrides {path} is no text in UTF-8; it is a YAML file') from error
        except yaml.YAMLError as error:
            # The message of the parser runs over several lines; an error is one sentence.
            reason = ' '.join(str(error).split())
            raise ValueError(f'the file of overrides {path} is not YAML: {reason}') from error
        overrides = {} if document is None else document
    if not isinstance(overrides, Mapping):
        raise ValueError('the overrides must be a mapping from names of inputs to values')
    return copy.deepcopy(dict(overrides))
