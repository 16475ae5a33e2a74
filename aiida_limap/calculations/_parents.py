"""What drew a map, read from the graph: its encoding, the model, the ensemble and their parameters."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from aiida import orm
from aiida.common import LinkType
from aiida.common.exceptions import NotExistent

from aiida_limap.common.parameters import TARGET
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.map import MapData

__all__ = [
    'PARENT_MAP',
    'PLANE',
    'check_parent',
    'encoding_parameters',
    'ensemble_of',
    'input_of',
    'model_of',
    'parameters_of',
]

#: Label of the link from a map to the encoding that placed new structures on it.
PARENT_MAP = 'parent_map'
#: Parameters that say what the plane looks like; new structures are placed on the plane that is there.
PLANE = ('grid_size', 'grid_margin')
#: Parameters that give the columns of a map their meaning, which is one for all its points.
_MEANING = ('level', 'interval')


def input_of(process: orm.Node | None, label: str) -> orm.Node | None:
    """Return an input of a process, or None where it has none of this label.

    :param process: the process node; None has no inputs.
    :param label: the link label.
    """
    if process is None:
        return None
    link = process.base.links.get_incoming(link_type=LinkType.INPUT_CALC, link_label_filter=label).first()
    return None if link is None else link.node


def parameters_of(process: orm.Node | None) -> dict[str, Any]:
    """Return the ``parameters`` that a process was given, empty where it had none.

    :param process: the process node.
    """
    node = input_of(process, 'parameters')
    return {} if node is None else dict(node.get_dict())


def model_of(map_node: MapData) -> AutoencoderData | None:
    """Return the model that drew a map: that of its encoding, else the one that the map names.

    :param map_node: the map.
    :returns: the model, or None where it is not in the profile.
    """
    linked = input_of(map_node.creator, 'model')
    if linked is None and map_node.model_uuid is not None:
        try:
            linked = orm.load_node(map_node.model_uuid)
        except NotExistent:
            return None
    return linked if isinstance(linked, AutoencoderData) else None


def ensemble_of(map_node: MapData) -> dict[str, AutoencoderData]:
    """Return the further models that a map was encoded with, by their keys.

    :param map_node: the map.
    """
    if map_node.creator is None:
        return {}
    prefix = 'ensemble__'
    links = map_node.creator.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all()
    return {link.link_label.removeprefix(prefix): link.node for link in links if link.link_label.startswith(prefix)}


def encoding_parameters(map_node: MapData) -> dict[str, Any]:
    """Return the parameters for structures that are placed on a map: those of the map, without the plane.

    :param map_node: the map.
    """
    given = {name: value for name, value in parameters_of(map_node.creator).items() if name not in PLANE}
    return {**given, TARGET: map_node.target}


def check_parent(
    parent: MapData, model: AutoencoderData | None, parameters: dict[str, Any], target: str, ids: Collection[str]
) -> str | None:
    """Return what stands against placing structures on a map, or None.

    :param parent: the map.
    :param model: the model that is to encode the structures.
    :param parameters: what the encoding is given.
    :param target: column of the migration energies that is shown.
    :param ids: structures that have descriptors.
    :returns: a sentence or None.
    """
    for name in PLANE:
        if name in parameters:
            return (
                f'parameters: {name} says how a plane is drawn, but the plane is that of the parent map; leave it out'
            )
    if target != parent.target:
        return f'parameters: the target is {target!r}, but the parent map shows {parent.target!r}; give the same'
    drawn_with = model_of(parent)
    if model is not None and model.uuid not in {parent.model_uuid, drawn_with.uuid if drawn_with else None}:
        return (
            f'the model {model.uuid} did not draw the parent map {parent.uuid}, so its codes are other axes; give the '
            f'model {parent.model_uuid}'
        )
    if parent.creator is not None:
        known = parameters_of(parent.creator)
        for name in _MEANING:
            if parameters.get(name) != known.get(name):
                word = 'its default' if known.get(name) is None else repr(known[name])
                return f'parameters: the parent map has {word} for {name}, which holds for all points; give the same'
    if set(ids) <= set(parent.ids):
        return 'descriptors: every structure that has descriptors is a point of the parent map already'
    return None
