"""What all models have in common that are one safetensors file, whose header says what it is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

from aiida.common.exceptions import ValidationError
from aiida.orm import SinglefileData
from aiida.orm.implementation.utils import clean_value
from numpy.typing import NDArray

from aiida_limap.formats.weights import MODEL_FILE, read_header, read_weights

__all__ = ['ModelFileData']


class ModelFileData(SinglefileData):
    """The file ``model.safetensors`` with weights and a header; attributes are those facts that queries filter on."""

    DEFAULT_FILENAME = MODEL_FILE
    #: Attributes that every node has; one of the others may be missing where an older version made the node.
    _REQUIRED: ClassVar[tuple[str, ...]]

    @staticmethod
    def _facts_of(header: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes that belong to a header.

        :param header: the header of a model file.
        :raises ValueError: if it is the header of another kind of model.
        """
        raise NotImplementedError

    def set_file(self, file: str | Path | IO, filename: str | Path | None = None) -> None:
        """Take over a model file and read its header.

        :param file: absolute path, or a binary stream.
        :param filename: name of the file in the repository; ``model.safetensors`` unless given.
        :raises ValueError: if it is not a model file of this kind.
        """
        super().set_file(file, filename=filename or MODEL_FILE)
        self.base.attributes.set_many(self._facts_of(self.header))

    def _validate(self) -> None:
        super()._validate()
        try:
            expected = self._facts_of(self.header)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        found = self.base.attributes.all
        # AiiDA rounds numbers when it stores them.
        for key, value in clean_value(expected).items():
            if (key in self._REQUIRED and key not in found) or (key in found and clean_value(found[key]) != value):
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
    def engine_version(self) -> str:
        """Version of the engine that trained the model."""
        return str(self.base.attributes.get('engine_version'))

    def _with_file(self, function: Any) -> Any:
        """Call a reader of :mod:`aiida_limap.formats.weights`, which takes a path, on the file in the repository."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL_FILE
            path.write_bytes(self.get_content(mode='rb'))
            return function(path)
