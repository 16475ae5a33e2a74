"""What files of reports share: dataclasses as JSON and back, their checks, and the nodes behind a report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aiida_limap.formats._files import FormatError, check_keys, check_schema, read_json, write_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ['NodeReference', 'check_counts', 'check_numbers', 'plain', 'read_report', 'write_report']

ReportT = TypeVar('ReportT', bound='DataclassInstance')


@dataclass(frozen=True)
class NodeReference:
    """A node behind a report.

    :param role: what it did.
    :param kind: class of the node or label of the process.
    :param uuid: its UUID.
    :param command: what shows it.
    """

    role: str
    kind: str
    uuid: str
    command: str


def write_report(path: Path, report: DataclassInstance, schema: str, version: int) -> None:
    """Write a report atomically as JSON; equal reports give equal files.

    :param path: the file to write.
    :param report: the report, a dataclass.
    :param schema: kind of the file.
    :param version: version of the schema.
    :raises FormatError: if a value cannot be written as JSON, or the file cannot be written.
    """
    try:
        write_json(path, {'schema': schema, 'schema_version': version, **asdict(report)})
    except OSError as error:
        raise FormatError(f'{path} cannot be written: {error.strerror or error}') from error


def read_report(
    path: Path, kind: type[ReportT], schema: str, version: int, build: Callable[[dict[str, Any]], None]
) -> ReportT:
    """Read a report.

    :param path: the file to read.
    :param kind: the dataclass of the report.
    :param schema: the expected kind of file.
    :param version: the version that this reader knows.
    :param build: puts parts in the place of the plain values of the fields.
    :returns: the report.
    :raises FormatError: if the file is missing, damaged, of another schema, or its parts disagree.
    """
    path = Path(path)
    document = read_json(path)
    check_schema(path.name, document, schema, version)
    names = [entry.name for entry in fields(kind)]
    check_keys(path.name, document, ('schema', 'schema_version', *names))
    found = {name: document[name] for name in names}
    try:
        build(found)
        return kind(**found)
    except FormatError as error:
        raise FormatError(f'{path.name}: {error}') from error
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise FormatError(f'{path.name}: a part is not of the kind that it should be: {error}') from error


def plain(kind: type[Any], name: str, document: Any) -> dict[str, Any]:
    """Return the fields of a dataclass from a document, which must hold those without default and no other.

    :param kind: the dataclass.
    :param name: what the document is, for messages.
    :param document: the fields.
    :raises FormatError: if a field is unknown or missing.
    """
    if not isinstance(document, Mapping):
        raise FormatError(f'{name}: expected an object, found {type(document).__name__}')
    entries = fields(kind)
    optional = {entry.name for entry in entries if entry.default is not MISSING or entry.default_factory is not MISSING}
    check_keys(name, document, {entry.name for entry in entries} - optional, optional)
    return dict(document)


def check_numbers(name: str, values: Sequence[Any], *, lowest: float = -math.inf, highest: float = math.inf) -> None:
    """Refuse what is no finite number within bounds.

    :param name: what the values are, for the message.
    :param values: the values.
    :param lowest: least value that is allowed.
    :param highest: largest value that is allowed.
    :raises FormatError: if a value is no number, is not finite, or lies outside.
    """
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise FormatError(f'{name}: {value!r} is no finite number')
        if not lowest <= value <= highest:
            raise FormatError(f'{name}: {value!r} lies outside of {lowest:g} to {highest:g}')


def check_counts(name: str, values: Sequence[Any]) -> None:
    """Refuse what is no whole number of zero or more.

    :param name: what the values are, for the message.
    :param values: the values.
    :raises FormatError: if a value is another thing.
    """
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise FormatError(f'{name}: {value!r} is no count')
