"""A bar that shows how far a training has come, with its losses."""

from __future__ import annotations

from types import TracebackType

from aiida_limap.engines.autoencoder.plan import State

__all__ = ['ProgressBar']


class ProgressBar:
    """A watcher for :func:`~aiida_limap.engines.autoencoder.train_grid` that draws a bar on standard error.

    Early stops are not known beforehand: the bar counts models that ended, and tells the epochs and the losses of the
    model that it heard of last.

    :param n_models: number of models in training.

    Example::

        with ProgressBar(len(configs)) as bar:
            models = train_grid(data, configs, watcher=bar)
    """

    def __init__(self, n_models: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn('models trained'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn('{task.fields[said]}'),
            console=Console(stderr=True),
            transient=True,
        )
        self._epochs = 0
        self._bar = self._progress.add_task('', total=n_models, said='')

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, index: int, state: State) -> None:
        """Take note of an epoch.

        :param index: number of the model.
        :param state: its state.
        """
        self._epochs += 1
        learnt, watched = state.history['train_all'][-1], state.history['validation_all'][-1]
        said = f'{self._epochs} epochs; model {index}, epoch {state.epoch}: loss {learnt:.4g}, validation {watched:.4g}'
        self._progress.update(self._bar, said=said, advance=1 if state.ended else 0)
