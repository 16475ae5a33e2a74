"""Checkpoints of a training: one file per model, found again by what the model is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from aiida_limap import __version__
from aiida_limap.engines.autoencoder.config import TrainConfig
from aiida_limap.engines.autoencoder.data import TrainingData
from aiida_limap.engines.autoencoder.plan import Program, State
from aiida_limap.formats._files import checksum
from aiida_limap.formats.weights import model_name

__all__ = ['Checkpoints']

#: Options that no number of a model depends on.
_FREE = ('checkpoint_every', 'threads', 'models_at_once', 'device', 'baselines')


class Checkpoints:
    """The checkpoints of a list of models.

    :param folder: where they are; made if absent. None keeps nothing.
    :param data: the rows.
    :param configs: the options of each model. The device is none of them: a training may go on on another one, and then
        differs by rounding from one that did not move.
    """

    def __init__(self, folder: Path | None, data: TrainingData, configs: Sequence[TrainConfig]) -> None:
        self._folder = folder
        self._every = [config.checkpoint_every for config in configs]
        self._keys: list[str] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            rows = data.hash
            self._keys = [_key(rows, config) for config in configs]

    def state(self, index: int, program: Program) -> State:
        """Return where a model goes on from: its checkpoint, or the start.

        :param index: number of the model.
        :param program: what it is trained on.
        :raises FormatError: if its checkpoint is damaged, or is that of another model.
        """
        if self._folder is None or not self._path(index).is_file():
            return State.start(program)
        from aiida_limap.engines.autoencoder.checkpoint import read_checkpoint

        return read_checkpoint(self._path(index), self._keys[index])

    def keep(self, index: int, state: State) -> None:
        """Write a checkpoint if one is due.

        :param index: number of the model.
        :param state: its state after an epoch.
        """
        every = self._every[index]
        if self._folder is not None and every and (state.ended or state.epoch % every == 0):
            from aiida_limap.engines.autoencoder.checkpoint import write_checkpoint

            write_checkpoint(self._path(index), self._keys[index], state)

    def _path(self, index: int) -> Path:
        assert self._folder is not None
        return self._folder / f'{model_name(index)}.safetensors'


def _key(rows: str, config: TrainConfig) -> str:
    options = {name: value for name, value in config.as_dict().items() if name not in _FREE}
    document = json.dumps([rows, options, __version__], sort_keys=True)
    return checksum(document.encode())
