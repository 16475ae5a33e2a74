"""What work chains that repeat a job share: the bound of their iterations and the inputs that every one of them has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder
from aiida.engine.processes.workchains.workchain import WorkChainSpec

from aiida_limap.workflows._batches import positive

__all__ = ['bound_iterations', 'fill_restart', 'job_options']


def bound_iterations(spec: WorkChainSpec, meaning: str) -> None:
    """Let ``max_iterations`` be ten unless given, and at least one.

    :param spec: the specification of a restart work chain.
    :param meaning: help of the input.
    """
    port = spec.inputs['max_iterations']
    port.default = partial(orm.Int, 10)
    port.validator = positive
    port.help = meaning


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
    job, given = builder[namespace], inputs[namespace]
    job.code = code
    job.parameters = orm.Dict(given['parameters'])
    job.metadata.options = given['metadata']['options']
