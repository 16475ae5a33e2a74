"""Trained models of the database as modules of torch, and descriptor tables encoded with them in one call."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.tools.query import QueryError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from aiida import orm

    from aiida_limap.data.autoencoder import AutoencoderData
    from aiida_limap.data.table import TableData
    from aiida_limap.engines.autoencoder import TrainedModel

__all__ = ['encode', 'find_model', 'load']

_LISTED = '`verdi data limap model list` shows the models'


def load(node: orm.Node | int | str) -> TrainedModel:
    """Return a trained model, ready to encode, decode and predict; its module of torch is ``.network``.

    ``.module()`` gives scaling, basis, encoders and head as one differentiable module that reads descriptors as they
    are.

    :param node: a model, a map, a process that made or used one (training, encoding, or a work chain), or the pk or
        UUID of one of them.
    :returns: the model, on the CPU.
    :raises QueryError: if there is no such node, or no model belongs to it.
    :raises FormatError: if the file of the model was written by another version, or is damaged.
    """
    from aiida_limap.engines.autoencoder import load_model

    model = find_model(node)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / model.filename
        path.write_bytes(model.get_content(mode='rb'))
        return load_model(path)


def find_model(node: orm.Node | int | str) -> AutoencoderData:
    """Return the model node that belongs to a node.

    :param node: as in :func:`load`.
    :raises QueryError: if there is no such node, or no model belongs to it.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    from aiida_limap.data.autoencoder import AutoencoderData
    from aiida_limap.data.map import MapData

    if not isinstance(node, orm.Node):
        try:
            node = orm.load_node(node)
        except (NotExistent, MultipleObjectsError, ValueError) as error:
            raise QueryError(f'no node {node}: {error}; {_LISTED}') from error
    found: Any = node
    if isinstance(node, MapData):
        try:
            found = orm.load_node(node.model_uuid)
        except (NotExistent, ValueError) as error:
            raise QueryError(f'the model of map {node.pk} is not in this profile; import it with the map') from error
    elif isinstance(node, orm.ProcessNode):
        found = _of_process(node)
    if not isinstance(found, AutoencoderData):
        raise QueryError(f'no model belongs to {_named(node)}; {_LISTED}')
    return found


def encode(model: TrainedModel | orm.Node | int | str, table: TableData) -> pd.DataFrame:
    """Return where structures lie on the map of a model, and what it predicts for them.

    :param model: a loaded model, or what :func:`load` takes.
    :param table: descriptors by structure, of the layout that the model was trained with; rows without are left out.
    :returns: by identifier (UUID) of the structure the codes ``x_comp`` and ``x_struc`` (pure numbers) and
        ``migration_energy_predicted_eV`` (eV, from the two codes). A model with a wide head adds
        ``migration_energy_wide_eV`` (eV, from more than the codes).
    :raises QueryError: if the table is not of the layout of the model, has no descriptors, or there is no such model.
    :raises FormatError: as :func:`load`.
    """
    import pandas as pd
    from aiida import orm

    from aiida_limap.calculations._descriptors import (
        check_descriptors,
        check_phonon_part,
        descriptor_arrays,
        rows_with_descriptors,
    )
    from aiida_limap.common.layouts import further_parts

    trained = load(model) if isinstance(model, (orm.Node, int, str)) else model
    further = further_parts(trained.columns)
    message = check_descriptors(table, further) or _other_layout(trained, table)
    message = message or check_phonon_part(table, trained.columns)
    if message is not None:
        raise QueryError(message)
    rows = rows_with_descriptors(table, further)
    if len(rows) == 0:
        raise QueryError('descriptors: no row of the table is complete; describe the structures again')
    parts = descriptor_arrays(table, rows, further)
    x_comp, x_struc = trained.encode(parts['composition'], parts['structure'])
    columns = {
        'x_comp': x_comp,
        'x_struc': x_struc,
        'migration_energy_predicted_eV': trained.predict(x_comp, x_struc),
    }
    if trained.config.wide_head_widths:
        columns['migration_energy_wide_eV'] = trained.predict_rows(parts['composition'], parts['structure'])
    ids = table.ids
    return pd.DataFrame(columns, index=pd.Index([ids[row] for row in rows], name='id'))


def _of_process(node: orm.ProcessNode) -> Any:
    """Return the model that a process made, or else the one that it used."""
    for links in (node.base.links.get_outgoing, node.base.links.get_incoming):
        found = links(link_label_filter='model').first()
        if found is not None:
            return found.node
    return None


def _named(node: orm.Node) -> str:
    from aiida import orm

    if isinstance(node, orm.ProcessNode):
        state = '' if node.is_terminated else ', which has not ended yet'
        return f'{node.process_label} {node.pk}{state}'
    return f'node {node.pk}, a {type(node).__name__}'


def _other_layout(model: TrainedModel, table: TableData) -> str | None:
    """Return what is wrong with the layout of a table, or None; the checksum covers every number of a layout."""
    expected, found = (_layout_of(where) for where in (model.columns, table.block_info('composition')))
    if None in {expected[1], found[1]} or expected[1] == found[1]:
        return None
    return (
        f'descriptors: the table follows the layout {found[0]!r} (checksum {found[1][:8]}), but the model was trained '
        f'with {expected[0]!r} (checksum {expected[1][:8]}); describe the structures with the layout of the model'
    )


def _layout_of(document: Any) -> tuple[Any, Any]:
    layout = document.get('layout')
    return layout.get('name') if isinstance(layout, dict) else layout, document.get('layout_checksum')
