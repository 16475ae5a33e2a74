"""Monitors of running jobs: functions that AiiDA calls while a job runs, and that may stop it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_limap.common.losses import why_lost
from aiida_limap.formats.results import RESULTS_FILE

if TYPE_CHECKING:
    from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorResult
    from aiida.orm import CalcJobNode
    from aiida.transports import Transport

__all__ = ['loss_not_finite', 'running_summary']


def loss_not_finite(node: CalcJobNode, transport: Transport) -> CalcJobMonitorResult | None:
    """Stop a training whose loss is not finite; of a grid only if that is so for all of its models.

    The job then ends with the exit code 430 of its parser, so that a work chain lowers the learning rate.

    :param node: the running job.
    :param transport: an open connection to its computer.
    :returns: the order to stop, or None to let it run.
    """
    from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorResult

    reason = why_lost(running_summary(node, transport))
    # The parser finds the same reason in the results, and has an exit code for it.
    return None if reason is None else CalcJobMonitorResult(message=reason, override_exit_code=False)


def running_summary(node: CalcJobNode, transport: Transport) -> dict[str, Any]:
    """Return the summary in the results file of a running job; empty if there is none yet.

    :param node: the running job.
    :param transport: an open connection to its computer.
    """
    folder = node.get_remote_workdir()
    if folder is None:
        return {}
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary) / RESULTS_FILE
        try:
            transport.getfile(f'{folder}/{RESULTS_FILE}', str(target))
            document = json.loads(target.read_text(encoding='utf-8'))
        except (OSError, ValueError):
            # The job has not written its first results yet, or is just writing them.
            return {}
    summary = document.get('summary') if isinstance(document, dict) else None
    return summary if isinstance(summary, dict) else {}
