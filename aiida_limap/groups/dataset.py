"""``limap.dataset``: a group that holds the structures of one dataset."""

from __future__ import annotations

from collections.abc import Sequence

from aiida.common.exceptions import NotExistent
from aiida.orm import Group, Node, StructureData, load_node

from aiida_limap.data.dataset import DatasetData

__all__ = ['DatasetGroup']


class DatasetGroup(Group):  # type: ignore[misc]
    """A group of structures, with the dataset node that says why these and in which order.

    Only structures can be added, and the one dataset node that is set as :attr:`dataset`; it is a member too, so that
    an archive of the group holds it.
    """

    _key_dataset = '_limap_dataset_uuid'

    def add_nodes(self, nodes: Node | Sequence[Node]) -> None:
        """Add structures.

        :param nodes: a stored structure, or a sequence of them.
        :raises TypeError: if a node is no structure; nothing is added then.
        """
        members = list(nodes) if isinstance(nodes, (list, tuple)) else [nodes]
        for node in members:
            if isinstance(node, DatasetData):
                raise TypeError('set a dataset node with `group.dataset = node`; add_nodes takes structures only')
            if not isinstance(node, StructureData):
                raise TypeError(f'a dataset group holds structures only, not {type(node).__name__}')
        super().add_nodes(members)

    @property
    def dataset(self) -> DatasetData | None:
        """The dataset node of this group, or None where there is none (or no longer)."""
        uuid = self.base.extras.get(self._key_dataset, None)
        if uuid is None:
            return None
        try:
            node = load_node(uuid)
        except NotExistent:
            return None
        return node if isinstance(node, DatasetData) else None

    @dataset.setter
    def dataset(self, node: DatasetData) -> None:
        if not isinstance(node, DatasetData):
            raise TypeError(f'the dataset of a group is a DatasetData, not {type(node).__name__}')
        if not node.is_stored:
            raise ValueError('store the dataset node before it is set as the dataset of a group')
        previous = self.dataset
        if previous is not None and previous.uuid != node.uuid:
            self.remove_nodes([previous])
        super().add_nodes([node])
        self.base.extras.set(self._key_dataset, node.uuid)
