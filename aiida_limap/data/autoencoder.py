"""``limap.autoencoder``: a trained model, as one safetensors file that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_limap.common.layouts import further_parts
from aiida_limap.data._model_file import ModelFileData

__all__ = ['AutoencoderData']

#: Facts that the header of every model states; models of older versions have fewer of the other attributes.
_FACTS = ('seed', 'engine_version', 'data_hash')


class AutoencoderData(ModelFileData):
    """A trained two-branch autoencoder: composition and structure to one code each, the codes to the migration energy.

    The file ``model.safetensors`` holds the weights and a header with architecture, descriptor columns, scaling, seed,
    training options and a hash of the training data. Attributes (queryable): ``layout``, ``landscape``, ``phonons``
    (only where it reads them), ``preset``, ``me_weight``, ``seed``, ``metrics`` (by split), ``engine_version``,
    ``data_hash``.

    :param file: absolute path of a model file, or a binary stream.
    :raises ValueError: if it is not a model file of this plugin, is cut short, or of another schema version.
    """

    _REQUIRED = _FACTS

    @staticmethod
    def _facts_of(header: Mapping[str, Any]) -> dict[str, Any]:
        return _attributes_of(header)

    @property
    def layout(self) -> str | None:
        """Name of the descriptor layout that the model reads."""
        return self.base.attributes.get('layout', None)

    @property
    def reads_landscape(self) -> bool:
        """Whether the structure row of the model ends with the landscape part of the layout.

        Such a map is drawn from numbers of the same energy landscape as the migration energy that it shows.
        """
        # Models of older versions have no such attribute, and never read it.
        return bool(self.base.attributes.get('landscape', False))

    @property
    def reads_phonons(self) -> bool:
        """Whether the structure row of the model ends with phonon quantities."""
        return bool(self.base.attributes.get('phonons', False))

    @property
    def further_parts(self) -> tuple[str, ...]:
        """What follows the structure part in the structure row of the model: ``landscape``, ``phonons``, or nothing."""
        known = {'landscape': self.reads_landscape, 'phonons': self.reads_phonons}
        return tuple(part for part, is_read in known.items() if is_read)

    @property
    def me_weight(self) -> float | None:
        """Weight W of the migration energy in the loss."""
        return self.base.attributes.get('me_weight', None)

    @property
    def metrics(self) -> dict[str, Any]:
        """Scores by split: ``train``, ``validation``, ``test``."""
        # Models of older versions have no such attribute, but the same scores in their file.
        found = self.base.attributes.get('metrics', None)
        return dict(self.header['training'].get('metrics') or {} if found is None else found)


def _attributes_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a header that queries filter on."""
    training = header['training'] if isinstance(header['training'], Mapping) else {}
    further = further_parts(header['columns'])
    return {
        'layout': _layout_name(header['columns']),
        'landscape': 'landscape' in further,
        # Absent in the others, so that a model without phonons has the hash that it had before there were any.
        **({'phonons': True} if 'phonons' in further else {}),
        'preset': training.get('preset'),
        'me_weight': training.get('me_weight'),
        'metrics': training.get('metrics') or {},
        **{key: header[key] for key in _FACTS},
    }


def _layout_name(columns: Any) -> str | None:
    """Return the name of the layout in the ``columns`` part of a header, which may hold the layout in full."""
    if not isinstance(columns, Mapping):
        return None
    layout = columns.get('layout')
    if isinstance(layout, Mapping):
        layout = layout.get('name')
    return layout if isinstance(layout, str) else None
