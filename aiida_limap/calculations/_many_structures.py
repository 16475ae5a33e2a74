"""Processes with many structures as inputs, at a cost that grows with their number and not with its square.

What aiida-core does for each single input is repeated here once for all of them, with the same outcome: the same links
with the same labels, the same hash, and checkpoints from which a process goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

from aiida import orm
from aiida.common import LinkType
from aiida.common.exceptions import NotExistent
from aiida.common.links import validate_link_label
from aiida.orm.utils.links import LinkTriple

from aiida_limap.common.keys import uuid_of_key

__all__ = ['ManyStructures', 'StoredStructures', 'attributes_by_uuid']

#: Between the names of nested namespaces in the label of a link.
_SEPARATOR = '__'
#: How structures stand in a checkpoint: this word and their keys, which hold their UUIDs.
_MARK = 'limap.structures'
#: UUIDs per query; databases limit the number of values in one.
_CHUNK = 500


class StoredStructures(Mapping[str, orm.StructureData]):
    """Structures by key, loaded from the database in one query when the first one is asked for.

    A job that waits needs its keys only, and many live nodes slow down every operation on the database.

    :param keys: what :func:`aiida_limap.common.keys.structure_key` gave.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = {key: uuid_of_key(key) for key in keys}
        self._nodes: dict[str, orm.StructureData] | None = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: str) -> orm.StructureData:
        uuid = self._keys[key]
        if self._nodes is None:
            self._nodes = dict(_rows(list(self._keys.values()), '*'))
        if uuid not in self._nodes:
            raise NotExistent(f'the structure {uuid} is no longer in the database')
        return self._nodes[uuid]

    def __repr__(self) -> str:
        return f'<{type(self).__name__}: {len(self)} structures>'


class ManyStructures:
    """Mix-in of a process with a namespace of structures, whose keys come from ``structure_key``."""

    #: Where the namespace stands in the inputs.
    STRUCTURES: ClassVar[tuple[str, ...]] = ('structures',)
    _hides_structures = False

    def _setup_inputs(self) -> None:
        """Link the inputs to the node of the process.

        For each input aiida-core goes through all links that there are, several times, and asks the database whether
        it descends from the process. Labels are unique here, since they come from one dictionary, and nothing descends
        from a node that is not stored yet. So its checks are left to it for all other inputs and for one structure.
        """
        self._hides_structures = True
        try:
            super()._setup_inputs()  # type: ignore[misc]
        finally:
            self._hides_structures = False
        prefix = self._prefix
        structures = {label: node for label, node in self._flat_inputs().items() if label.startswith(prefix)}
        links = self.node.base.links  # type: ignore[attr-defined]
        is_job = isinstance(self.node, orm.CalculationNode)  # type: ignore[attr-defined]
        link_type = LinkType.INPUT_CALC if is_job else LinkType.INPUT_WORK
        for label, node in islice(structures.items(), 1):
            links.add_incoming(node, link_type, label)
        for label, node in islice(structures.items(), 1, None):
            if not isinstance(node, orm.StructureData):
                raise ValueError(f'the input {label} is no structure, but {type(node).__name__}')
            validate_link_label(label)
            links.incoming_cache.append(LinkTriple(node, link_type, label))

    @property
    def _prefix(self) -> str:
        return _SEPARATOR.join((*self.STRUCTURES, ''))

    def _flat_inputs(self) -> dict[str, Any]:
        inputs = super()._flat_inputs()  # type: ignore[misc]
        if not self._hides_structures:
            return inputs
        return {label: node for label, node in inputs.items() if not label.startswith(self._prefix)}

    def encode_input_args(self, inputs: Mapping[str, Any]) -> str:
        """Encode inputs for a checkpoint; of the structures the keys are kept, which hold their UUIDs.

        :param inputs: the inputs, or the outputs, of the process.
        :returns: the text.
        """
        return super().encode_input_args(_replace(inputs, self.STRUCTURES, _pack))  # type: ignore[misc]

    def decode_input_args(self, encoded: str) -> Any:
        """Decode the inputs of a checkpoint; the structures are loaded when they are asked for.

        :param encoded: the text; also one in which each structure stands by itself.
        :returns: the inputs.
        """
        return _replace(super().decode_input_args(encoded), self.STRUCTURES, _unpack)  # type: ignore[misc]


def attributes_by_uuid(structures: Mapping[str, orm.StructureData]) -> dict[str, dict[str, Any]]:
    """Return the attributes of structures, those of stored ones in one query.

    :param structures: structures by key.
    :returns: attributes by UUID, in the order of the keys.
    :raises aiida.common.exceptions.NotExistent: if a structure is no longer in the database.
    """
    uuids = {key: uuid_of_key(key) for key in structures}
    found = dict(_rows(list(uuids.values()), 'attributes'))
    # Looked up one by one where the database has none: the node of a dry run is not stored.
    return {uuid: found[uuid] if uuid in found else structures[key].base.attributes.all for key, uuid in uuids.items()}


def _rows(uuids: Sequence[str], projection: str) -> Iterator[tuple[str, Any]]:
    for start in range(0, len(uuids), _CHUNK):
        query = orm.QueryBuilder().append(
            orm.StructureData,
            filters={'uuid': {'in': list(uuids[start : start + _CHUNK])}},
            project=['uuid', projection],
        )
        # Not iterall: the end of its transaction expires what was read, and each node would be read once more.
        yield from ((uuid, value) for uuid, value in query.all())


def _replace(inputs: Any, path: Sequence[str], change: Callable[[Any], Any]) -> Any:
    """Return a copy of nested inputs in which one entry is changed; the inputs themselves if it is not there."""
    if not path:
        return change(inputs)
    name, *rest = path
    if not isinstance(inputs, Mapping) or name not in inputs:
        return inputs
    changed = _replace(inputs[name], rest, change)
    return inputs if changed is inputs[name] else type(inputs)({**inputs, name: changed})  # type: ignore[call-arg]


def _pack(structures: Any) -> Any:
    if isinstance(structures, StoredStructures):
        return ' '.join((_MARK, *structures))
    if not isinstance(structures, Mapping) or not structures:
        return structures
    # The nodes themselves are not asked: validation has compared them with their keys, and each would be read again.
    if not all(isinstance(node, orm.StructureData) and _is_key(key) for key, node in structures.items()):
        return structures
    return ' '.join((_MARK, *structures))


def _unpack(encoded: Any) -> Any:
    if not isinstance(encoded, str):
        return encoded
    mark, *keys = encoded.split()
    return StoredStructures(keys) if mark == _MARK else encoded


def _is_key(key: str) -> bool:
    try:
        uuid_of_key(key)
    except ValueError:
        return False
    return True
