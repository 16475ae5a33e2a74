"""What work chains that repeat jobs share: bounds, inputs of every job, what is done at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import ExitCode, ProcessBuilder, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.workflows._ports import define_number, define_switch

__all__ = [
    'CleaningMixin',
    'RestartMixin',
    'bound_iterations',
    'clean_folders',
    'define_cleaning',
    'fill_restart',
    'job_options',
]


class CleaningMixin:
    """Delete the work folders of all jobs when a work chain has ended, if its input ``clean_workdir`` says so.

    What stands in the database stays. Jobs that were taken from the cache did not write the folder that they name.
    """

    def on_terminated(self) -> None:
        """Clean once nothing can need a folder any more: results are parsed, and no job is submitted again."""
        # Not that of the restart work chain: it stops at the first job that never had a folder.
        WorkChain.on_terminated(self)  # type: ignore[arg-type]
        if not self.inputs.clean_workdir.value:  # type: ignore[attr-defined]
            return
        cleaned, kept = clean_folders(self.node)  # type: ignore[attr-defined]
        if cleaned:
            self.report(f'cleaned the work folders of {cleaned} jobs')  # type: ignore[attr-defined]
        for pk, reason in kept.items():
            self.report(f'the work folder of job <{pk}> could not be cleaned: {reason}')  # type: ignore[attr-defined]


class RestartMixin(CleaningMixin):
    """What restart work chains do beside what AiiDA's does: a job that was killed is for a handler, too."""

    def inspect_stopped(self, node: orm.CalcJobNode, name: str) -> tuple[bool, ExitCode | None]:
        """Ask the handler what to do about a job without exit status, which says nothing against its inputs.

        :param node: the job, terminated.
        :param name: name of the handler.
        :returns: whether a handler took it, and the exit code of the work chain, if it is to end with one.
        """
        handlers = {handler.__name__ for _priority, handler in self.get_process_handlers_by_priority()}  # type: ignore[attr-defined]
        if not (node.is_killed or node.is_excepted) or name not in handlers:
            return False, None
        report = getattr(self, name)(node)
        return True, report.exit_code if report.exit_code.status else None


def define_cleaning(spec: WorkChainSpec) -> None:
    """Define the input ``clean_workdir`` as restart work chains have it.

    :param spec: the specification to fill.
    """
    define_switch(
        spec,
        'clean_workdir',
        False,
        'Whether the work folders of all jobs are deleted from the computer when the work chain has ended.',
    )


def bound_iterations(spec: WorkChainSpec, meaning: str, default: int = 10) -> None:
    """Let ``max_iterations`` have a default that suits, and be at least one.

    :param spec: the specification of a restart work chain.
    :param meaning: help of the input.
    :param default: number of jobs.
    """
    define_number(spec, 'max_iterations', default, meaning)
    define_cleaning(spec)
    # It counts iterations anew, but then looks at the jobs from before the pause.
    spec.inputs.pop('pause_on_max_iterations', None)


def clean_folders(node: orm.WorkChainNode) -> tuple[int, dict[int, str]]:
    """Delete the work folders of all jobs below a work chain.

    :param node: the work chain.
    :returns: how many were deleted, and by job the reason why one was not.
    """
    cleaned, kept = 0, {}
    for job in node.called_descendants:
        if not isinstance(job, orm.CalcJobNode) or job.base.caching.is_created_from_cache:
            continue
        try:
            job.outputs.remote_folder._clean()
        except NotExistent:
            # The job ended before it had one.
            continue
        except Exception as error:
            # Each transport raises its own; a folder that stays is no reason to lose the results.
            kept[job.pk] = f'{type(error).__name__}: {error}'
            continue
        cleaned += 1
    return cleaned, kept


def job_options(namespace: str, options: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return overrides that set the scheduler options of the jobs.

    :param namespace: the namespace of the inputs of a job.
    :param options: scheduler options, or None for no change.
    """
    return None if options is None else {namespace: {'metadata': {'options': options}}}


def fill_restart(builder: ProcessBuilder, namespace: str, inputs: Mapping[str, Any], code: orm.AbstractCode) -> None:
    """Put into a builder what all restart work chains take from their protocol.

    :param builder: the builder.
    :param namespace: the namespace of the inputs of a job.
    :param inputs: plain inputs of the protocol.
    :param code: the code that runs limap-engine.
    """
    builder.max_iterations = orm.Int(inputs['max_iterations'])
    if 'clean_workdir' in inputs:
        builder.clean_workdir = orm.Bool(inputs['clean_workdir'])
    if 'handler_overrides' in inputs:
        builder.handler_overrides = orm.Dict(inputs['handler_overrides'])
    job, given = builder[namespace], inputs[namespace]
    job.code = code
    job.parameters = orm.Dict(given['parameters'])
    job.metadata.options = given['metadata']['options']
