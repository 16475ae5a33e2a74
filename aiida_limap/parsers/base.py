"""What all parsers share: one way in, one way out, and no exception on the way."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_limap.calculations.base import LOG_FILE, EngineCalculation
from aiida_limap.common.status import ANSWERS
from aiida_limap.data._columns import count_words
from aiida_limap.formats._files import FormatError, read_json
from aiida_limap.formats.results import ARRAYS_FILE, RESULTS_FILE, SCHEMA_VERSION, ItemResult, Results, read_results

__all__ = ['EngineParser', 'count_items', 'has_answer']

#: Lines of a log that say that the engine itself did not start.
_IMPORT_MARKS = (
    'command not found',
    'No such file or directory',
    'ModuleNotFoundError',
    'ImportError',
    'Permission denied',
)
_SCHEDULER_ERRORS = '_scheduler-stderr.txt'
#: Errors of an engine that nobody thought of come with the name of their class.
_UNEXPECTED = re.compile(r'[A-Z]\w+: ')


class EngineParser(Parser):
    """Read the results of an engine, turn what went wrong into an exit code, and leave the rest to :meth:`build`."""

    #: Label of the exit code where the engine refuses what nobody can compute; None where that has none of its own.
    REFUSAL: ClassVar[str | None] = None
    #: Folders that only the parser needs, beside the files that the calculation names.
    TEMPORARY_FOLDERS: ClassVar[tuple[str, ...]] = ()

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse the retrieved files.

        :param kwargs: ``retrieved_temporary_folder``: path of the files that are not kept.
        :returns: an exit code, or None where all went well.
        """
        try:
            with tempfile.TemporaryDirectory() as folder:
                directory = Path(folder)
                self._collect(directory, kwargs.get('retrieved_temporary_folder'))
                return self._parse(directory)
        except Exception as error:
            # A parser that raises leaves the job without an exit code; the log has the traceback.
            self.logger.exception('unexpected error of the parser')
            return self.exit_codes.ERROR_UNEXPECTED_PARSER_EXCEPTION.format(
                exception=f'{type(error).__name__}: {error}'
            )

    def build(self, results: Results, directory: Path) -> ExitCode | None:
        """Build the output nodes from results that can be read; they may be those of a job that was stopped.

        :param results: the results; ``error`` is None.
        :param directory: folder with the retrieved files.
        :returns: an exit code, or None where all went well.
        """
        raise NotImplementedError

    def keep(self, results: Results, directory: Path) -> None:
        """Attach what an engine that gave up had finished before; its reason says more than what the rows say.

        :param results: the results.
        :param directory: folder with the retrieved files.
        """
        if results.items:
            self.build(results, directory)

    def failed(self, reason: str) -> ExitCode:
        """Return the exit code for an engine that gave up; subclasses know some reasons better.

        :param reason: the sentence of the engine.
        :returns: the exit code.
        """
        is_refusal = self.REFUSAL is not None and not _UNEXPECTED.match(reason)
        label = self.REFUSAL if is_refusal else 'ERROR_ENGINE_FAILED'
        return self.exit_codes[label].format(reason=reason)

    def or_scheduler(self, exit_code: ExitCode) -> ExitCode:
        """Return the exit code of the scheduler where there is one, since it knows why a job left nothing.

        :param exit_code: what the files alone say.
        :returns: the exit code to use.
        """
        status = self.node.exit_status
        if status:
            return ExitCode(status, self.node.exit_message, invalidates_cache=True)
        return exit_code

    def output_parameters(self, results: Results, facts: Mapping[str, Any]) -> None:
        """Attach ``output_parameters``.

        :param results: the results, for engine version and end mark.
        :param facts: further plain values; None where a number is not finite.
        """
        self.out(
            'output_parameters',
            orm.Dict({**facts, 'engine_version': results.engine_version, 'complete': results.complete}),
        )

    def attach_model(self, label: str, data: type[orm.Data], path: Path, directory: Path) -> None:
        """Attach a model.

        :param label: label of the output.
        :param data: class of its node.
        :param path: the model file.
        :param directory: folder with the retrieved files.
        :raises OSError: if the file is missing.
        :raises ValueError: if it is no model of this kind.
        """
        if not path.is_file():
            raise FileNotFoundError(f'there is no file {path.relative_to(directory)}.')
        self.out(label, data(path))

    def input_or_none(self, name: str) -> Any:
        """Return an input of the job, or None where it was not given.

        :param name: its link label.
        """
        if name not in self.node.inputs:
            return None
        return self.node.inputs[name]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that the user gave."""
        given = self.input_or_none('parameters')
        return {} if given is None else given.get_dict()

    def _collect(self, directory: Path, temporary: str | None) -> None:
        """Put permanent and temporary files into one folder, as the engine left them."""
        names = self.retrieved.base.repository.list_object_names()
        for name in (RESULTS_FILE, *self._temporary_files()):
            source = None if temporary is None else Path(temporary) / name
            if source is not None and source.is_file():
                shutil.copyfile(source, directory / name)
            elif name in names:
                (directory / name).write_bytes(self.retrieved.base.repository.get_object_content(name, mode='rb'))
        if temporary is not None:
            for name in self.TEMPORARY_FOLDERS:
                if (Path(temporary) / name).is_dir():
                    shutil.copytree(Path(temporary) / name, directory / name)

    def _temporary_files(self) -> tuple[str, ...]:
        process_class = self.node.process_class
        return process_class.TEMPORARY_FILES if issubclass(process_class, EngineCalculation) else (ARRAYS_FILE,)

    def _parse(self, directory: Path) -> ExitCode | None:
        try:
            results = read_results(directory)
        except FormatError as error:
            return self._unreadable(directory, error)
        if results.task != self.node.process_class.TASK:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=f'they are those of the task {results.task!r}')
        if results.error is not None:
            self.logger.error('the engine gave up: %s', results.error)
            exit_code = self.failed(results.error)
            self.keep(results, directory)
            return exit_code
        return self.build(results, directory)

    def _unreadable(self, directory: Path, error: FormatError) -> ExitCode:
        if not (directory / RESULTS_FILE).is_file():
            return self._missing()
        try:
            document = read_json(directory / RESULTS_FILE)
        except FormatError as reason:
            return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=reason)
        if document.get('schema_version') != SCHEMA_VERSION:
            return self.exit_codes.ERROR_ENGINE_VERSION.format(reason=error)
        if document.get('has_arrays') and not (directory / ARRAYS_FILE).is_file():
            return self.exit_codes.ERROR_ARRAYS_MISSING
        return self.exit_codes.ERROR_RESULTS_FORMAT.format(reason=error)

    def _missing(self) -> ExitCode:
        repository = self.retrieved.base.repository
        for name in (LOG_FILE, _SCHEDULER_ERRORS):
            if name not in repository.list_object_names():
                continue
            lines = [line.strip() for line in repository.get_object_content(name).splitlines() if line.strip()]
            for line in reversed(lines):
                if any(mark in line for mark in _IMPORT_MARKS):
                    return self.exit_codes.ERROR_ENGINE_IMPORT.format(reason=line)
            if lines:
                return self.or_scheduler(
                    self.exit_codes.ERROR_RESULTS_MISSING.format(reason=f'The last line of {name} is: {lines[-1]}')
                )
        return self.or_scheduler(self.exit_codes.ERROR_RESULTS_MISSING.format(reason='Its log is empty.'))


def count_items(items: list[ItemResult]) -> dict[str, int]:
    """Return the number of items by status word.

    :param items: the items.
    :returns: count by word, the most frequent first.
    """
    return count_words(str(item.status) for item in items)


def has_answer(items: list[ItemResult]) -> bool:
    """Return whether at least one item has a scientific answer.

    :param items: the items.
    """
    return any(item.status in ANSWERS for item in items)
