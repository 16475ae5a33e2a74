"""How the rows behind a map were computed: what new structures need to be comparable with its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common import LinkType
from aiida.engine import ProcessBuilder

from aiida_limap.calculations._parents import (
    PARENT_MAP,
    encoding_parameters,
    ensemble_of,
    input_of,
    model_of,
    parameters_of,
)
from aiida_limap.common.layouts import PHONONS_PART
from aiida_limap.common.parameters import LANDSCAPE
from aiida_limap.data.autoencoder import AutoencoderData
from aiida_limap.data.map import MapData
from aiida_limap.workflows._featurize_ports import OUTPUTS
from aiida_limap.workflows._force_field import FORCE_FIELD
from aiida_limap.workflows.featurize import fill_featurize
from aiida_limap.workflows.protocols.mixin import ProtocolMixin, read_overrides

__all__ = ['Recipe', 'fill_from_parent', 'recipe_of']

LAYOUT = 'layout'
Overrides = Mapping[str, Any] | str | Path | None


@dataclass(frozen=True)
class Recipe:
    """What the jobs of one kind behind a map were given.

    :param n_jobs: how many jobs there were; 0 for a table that no job made.
    :param parameters: their parameters, each different set once.
    :param bond_valence: their sets of bond-valence parameters, each once; None stands for the tabulated ones.
    """

    n_jobs: int = 0
    parameters: list[dict[str, Any]] = field(default_factory=list)
    bond_valence: list[orm.Data | None] = field(default_factory=list)


def recipe_of(map_node: MapData, task: str) -> Recipe:
    """Return how the migration energies or the descriptors behind a map were computed.

    :param map_node: the map; of one with a parent the first ancestor decides, which its model was trained on.
    :param task: ``bvff`` or ``descriptors``.
    """
    encoding = map_node.creator
    parent = input_of(encoding, PARENT_MAP)
    if isinstance(parent, MapData):
        return recipe_of(parent, task)
    table = input_of(encoding, OUTPUTS[task])
    jobs = [] if table is None else _jobs(table)
    parameters: list[dict[str, Any]] = []
    files: dict[str, orm.Data | None] = {}
    for job in jobs:
        given = parameters_of(job)
        if given not in parameters:
            parameters.append(given)
        file = input_of(job, FORCE_FIELD)
        files['' if file is None else file.uuid] = file
    return Recipe(len(jobs), parameters, list(files.values()))


def _jobs(table: orm.Data) -> Sequence[orm.CalcJobNode]:
    """Return the jobs that computed the rows of a table; tables joined from batches are followed to the batches."""
    creator = table.creator
    if isinstance(creator, orm.CalcJobNode):
        return [creator]
    if creator is None:
        return []
    inputs = creator.base.links.get_incoming(node_class=type(table), link_type=LinkType.INPUT_CALC).all()
    # A table of phonons is joined to the rows, and computed none of them.
    return [job for link in inputs if link.link_label != PHONONS_PART for job in _jobs(link.node)]


def fill_from_parent(
    builder: ProcessBuilder,
    process: type[ProtocolMixin],
    parent: MapData,
    protocol: str | None,
    overrides: tuple[Overrides, Mapping[str, Any] | None],
) -> None:
    """Put what a map was made with into the builder of structures that are placed on it.

    :param builder: the builder of a ``limap.encode`` work chain.
    :param process: its class.
    :param parent: the map.
    :param protocol: named protocol, whose force field replaces that of the map; None keeps the latter.
    :param overrides: what stands over both, and what comes after that.
    :raises ValueError: if the protocol or a key is unknown, a value has the wrong type, the model of the map is not in
        the profile, or the jobs behind the map do not agree on a force field.
    """
    model = model_of(parent)
    if model is None:
        raise ValueError(
            f'map {parent.pk} does not say which model drew it, or its model is not in this profile; import the model '
            'too, or draw the map again with `aiida-limap launch map`'
        )
    inputs = process.get_protocol_inputs(protocol, *overrides)
    featurize, described, computed = inputs['featurize'], recipe_of(parent, 'descriptors'), recipe_of(parent, 'bvff')
    featurize['descriptors'] = {'parameters': _layout(parent, described, model)}
    own = read_overrides(overrides[0]).get('featurize', {}).get('bvff', {})
    if protocol is None and computed.n_jobs and inputs['with_energies']:
        changed = own.get('parameters', {})
        featurize['bvff']['parameters'] = {**_only(parent, 'parameters', computed.parameters), **changed}
    known = [node for node in (*computed.bond_valence, *described.bond_valence) if node is not None]
    if known and FORCE_FIELD not in own:
        uuids = list(dict.fromkeys(node.uuid for node in known))
        featurize['bvff'][FORCE_FIELD] = _only(parent, 'bond-valence parameters', uuids)
    fill_featurize(builder.featurize, featurize)
    builder.with_energies = orm.Bool(inputs['with_energies'])
    if 'clean_workdir' in inputs:
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
    builder.encode.model = model
    builder.encode.ensemble = ensemble_of(parent)
    builder.encode.parameters = orm.Dict({**encoding_parameters(parent), **inputs['encode'].get('parameters', {})})
    builder.encode.options = inputs['encode']['options']


def _layout(parent: MapData, described: Recipe, model: AutoencoderData) -> dict[str, Any]:
    """Return the parameters of the descriptors: those behind the map, else the layout in the header of its model."""
    # Joined tables have one layout; their jobs can only differ in whether the landscape part was computed too.
    given = dict(described.parameters[0]) if described.parameters else {}
    if LAYOUT not in given:
        layout = model.header['columns'].get(LAYOUT)
        if layout is None:
            raise ValueError(f'neither map {parent.pk} nor its model says which descriptor layout it was drawn from')
        given[LAYOUT] = layout
    return {**given, LANDSCAPE: True} if model.reads_landscape else given


def _only(parent: MapData, what: str, found: Sequence[Any]) -> Any:
    """Return the one thing that all jobs behind a map were given."""
    if len(found) > 1:
        raise ValueError(
            f'the migration energies of map {parent.pk} were computed with {len(found)} different sets of {what}; name '
            'a protocol to say which force field the new structures get'
        )
    return found[0]
