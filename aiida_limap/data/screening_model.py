"""``limap.screening_model``: a model that calls compounds fast or slow, as one file that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_limap.common.screening import MODEL_NAMES
from aiida_limap.data._model_file import ModelFileData

__all__ = ['KIND_PREFIX', 'ScreeningModelData']

#: How the kind of every model file of a screening begins.
KIND_PREFIX = 'screening-'
_FACTS = ('seed', 'engine_version', 'data_hash')
#: Kinds of files that stand in for another model: the published rule labels structures as a trained one does.
_ALIASES = {'sendek-2017': 'sml'}


class ScreeningModelData(ModelFileData):
    """A trained classifier of lithium-ion conductors: fast (1e-4 S/cm or more at room temperature) or slow.

    The file ``model.safetensors`` holds the weights and a header with the features that it reads, their scaling, its
    calibration, seed, options and a hash of the training data. Attributes (queryable): ``kind`` (``sml`` reads features
    of the structure, ``eml`` and ``esml`` reductions of element properties, ``atom2vec`` learns vectors of the
    elements), ``features``, ``metrics``, ``seed``, ``engine_version``, ``data_hash``.

    :param file: absolute path of a model file, or a binary stream.
    :raises ValueError: if it is not a model file of a screening, is cut short, or of another schema version.
    """

    _REQUIRED = ('kind', 'features', 'metrics', *_FACTS)

    @staticmethod
    def _facts_of(header: Mapping[str, Any]) -> dict[str, Any]:
        return _attributes_of(header)

    @property
    def kind(self) -> str:
        """What kind of model it is: one of :data:`~aiida_limap.common.screening.MODEL_NAMES`."""
        return str(self.base.attributes.get('kind'))

    @property
    def features(self) -> list[str]:
        """Labels of the columns that the model reads; empty for one that reads atomic fractions."""
        return list(self.base.attributes.get('features'))

    @property
    def metrics(self) -> dict[str, Any]:
        """How well the model does, by name."""
        return dict(self.base.attributes.get('metrics'))


def _attributes_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a header that queries filter on.

    :raises ValueError: if it is the header of another model.
    """
    kind = str(header['kind'])
    name = kind.removeprefix(KIND_PREFIX)
    name = _ALIASES.get(name, name)
    if not kind.startswith(KIND_PREFIX) or name not in MODEL_NAMES:
        known = ', '.join(KIND_PREFIX + word for word in (*MODEL_NAMES, *_ALIASES))
        raise ValueError(f'a model of kind {kind!r} is no model of a screening; known kinds are {known}')
    columns = header['columns'] if isinstance(header['columns'], Mapping) else {}
    training = header['training'] if isinstance(header['training'], Mapping) else {}
    return {
        'kind': name,
        'features': [str(label) for label in columns.get('features') or ()],
        'metrics': training.get('metrics') or {},
        **{key: header[key] for key in _FACTS},
    }
