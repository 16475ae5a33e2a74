"""``limap.screening_model``: a model that calls compounds fast or slow, as one file that says what it is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from aiida.common.exceptions import ValidationError
from aiida.orm import SinglefileData
from aiida.orm.implementation.utils import clean_value
from numpy.typing import NDArray

from aiida_limap.common.screening import MODEL_NAMES
from aiida_limap.formats.weights import MODEL_FILE, read_header, read_weights

__all__ = ['KIND_PREFIX', 'ScreeningModelData']

#: How the kind of every model file of a screening begins.
KIND_PREFIX = 'screening-'
_FACTS = ('seed', 'engine_version', 'data_hash')
#: Kinds of files that stand in for another model: the published rule labels structures as a trained one does.
_ALIASES = {'sendek-2017': 'sml'}


class ScreeningModelData(SinglefileData):
    """A trained classifier of lithium-ion conductors: fast (1e-4 S/cm or more at room temperature) or slow.

    The file ``model.safetensors`` holds the weights and a header with the features that it reads, their scaling, its
    calibration, seed, options and a hash of the training data. Attributes (queryable): ``kind`` (``sml`` reads features
    of the structure, ``eml`` and ``esml`` reductions of element properties, ``atom2vec`` learns vectors of the
    elements), ``features``, ``metrics``, ``seed``, ``engine_version``, ``data_hash``.

    :param file: absolute path of a model file, or a binary stream.
    :raises ValueError: if it is not a model file of a screening, is cut short, or of another schema version.
    """

    DEFAULT_FILENAME = MODEL_FILE

    def set_file(self, file: str | Path | IO, filename: str | Path | None = None) -> None:
        """Take over a model file and read its header.

        :param file: absolute path, or a binary stream.
        :param filename: name of the file in the repository; ``model.safetensors`` unless given.
        :raises ValueError: if it is not a model file of a screening.
        """
        super().set_file(file, filename=filename or MODEL_FILE)
        self.base.attributes.set_many(_attributes_of(self.header))

    def _validate(self) -> None:
        super()._validate()
        try:
            expected = _attributes_of(self.header)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        found = self.base.attributes.all
        # AiiDA rounds numbers when it stores them.
        for key, value in clean_value(expected).items():
            if clean_value(found.get(key)) != value:
                raise ValidationError(f'the attribute {key!r} of the model differs from the header of its file')

    @property
    def header(self) -> dict[str, Any]:
        """What the weights mean: kind, architecture, columns, scaling, seed, training, data_hash, engine_version."""
        return self._with_file(read_header)

    def weights(self) -> dict[str, NDArray]:
        """Return the weight arrays by name.

        :raises ValueError: if the file is damaged.
        """
        return self._with_file(read_weights)[0]

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

    @property
    def engine_version(self) -> str:
        """Version of the engine that trained the model."""
        return str(self.base.attributes.get('engine_version'))

    def _with_file(self, function: Any) -> Any:
        """Call a reader of :mod:`aiida_limap.formats.weights`, which takes a path, on the file in the repository."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL_FILE
            path.write_bytes(self.get_content(mode='rb'))
            return function(path)


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
