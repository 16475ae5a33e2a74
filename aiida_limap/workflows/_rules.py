"""What is done about a job that did not finish all of its structures: one rule per kind of failure.

``limap.bvff.base`` has a process handler for each rule; ``limap.featurize``, which submits its jobs itself, follows the
same ones. Both take their names and exit codes from here, so that ``handler_overrides`` means the same to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiida import orm
from aiida.common.exceptions import FeatureNotAvailable
from aiida.engine.processes.workchains.workchain import WorkChainSpec

__all__ = [
    'CRASH',
    'KILLED',
    'LOST',
    'MEMORY',
    'REFUSED',
    'RULES',
    'STOP',
    'WALLTIME',
    'Rule',
    'define_no_job_can_run',
    'how_to_mend',
    'is_worth_retrying',
    'reason_of',
    'rule_of',
    'validate_switches',
]

STOP = 'stop_where_no_job_can_run'
MEMORY = 'halve_out_of_memory'
WALLTIME = 'go_on_after_walltime'
CRASH = 'resubmit_after_crash'
LOST = 'resubmit_lost_results'
KILLED = 'resubmit_killed'
REFUSED = 'give_up_refused'


class Rule(NamedTuple):
    """When a rule holds.

    ``statuses`` are exit statuses of the job. A rule without any holds for a job without exit status, or for all that
    no other rule takes. ``priority`` is that of the process handler.
    """

    priority: int
    statuses: tuple[int, ...]


#: Statuses below 200 are those that AiiDA gives, mostly on behalf of the scheduler.
RULES: dict[str, Rule] = {
    STOP: Rule(700, (131, 320, 321, 322)),
    MEMORY: Rule(600, (110,)),
    WALLTIME: Rule(500, (120, 400)),
    CRASH: Rule(400, (100, 140, 150, 160, 303)),
    LOST: Rule(300, (304, 305, 312)),
    KILLED: Rule(200, ()),
    REFUSED: Rule(100, ()),
}
_FIRST_INPUT_STATUS = 200
_OUT_OF_MEMORY = 110
_MENDING = {
    131: 'Give an account that you may use in the scheduler options (account).',
    320: 'Mend the code: `verdi code show {code}` says which executable it runs, `verdi code test {code}` whether it '
    'is there; prepend_text must load the environment of limap-engine; `aiida-limap setup --help` makes a new code.',
    321: 'Install the release of aiida-limap that runs here on {computer} too.',
    322: 'Mend what the reason says in the environment of {code} on {computer}, or choose another calculator.',
}


def rule_of(node: orm.CalcJobNode) -> str:
    """Return the name of the rule that holds for a job that left structures unfinished.

    :param node: the job, terminated.
    """
    status = node.exit_status
    if status is None:
        return KILLED
    if status in RULES[WALLTIME].statuses and _status_of_scheduler(node) == _OUT_OF_MEMORY:
        # Where there are rows, the parser says so, and not why there are no more.
        return MEMORY
    for name, rule in RULES.items():
        if status in rule.statuses:
            return name
    return CRASH if status < _FIRST_INPUT_STATUS else REFUSED


def is_worth_retrying(node: orm.CalcJobNode) -> bool:
    """Return whether what a job left may finish in another one.

    :param node: the job, terminated.
    :returns: False where the same inputs would end the same way.
    """
    return node.exit_status != 0 and rule_of(node) not in {STOP, REFUSED}


def reason_of(node: orm.CalcJobNode) -> str:
    """Return why a job did not finish, as the end of a sentence.

    :param node: the job, terminated.
    """
    if node.is_killed:
        return 'it was killed.'
    if node.is_excepted:
        # What is kept is a whole traceback.
        lines = (node.exception or '').strip().splitlines() or ['no reason given']
        return f'it excepted ({lines[-1].rstrip(".")}).'
    return f'exit status {node.exit_status}: {node.exit_message}'


def define_no_job_can_run(spec: WorkChainSpec) -> None:
    """Define the exit code of a work chain that the rule :data:`STOP` ended.

    :param spec: the specification to fill.
    """
    spec.exit_code(
        320,
        'ERROR_NO_JOB_CAN_RUN',
        'No job can run until something is mended, so none was repeated: {reason} {mending}',
        invalidates_cache=True,
    )


def how_to_mend(node: orm.CalcJobNode) -> str:
    """Return what a person has to do before any job can run, as a sentence.

    :param node: a job for which the rule :data:`STOP` holds.
    """
    code = node.inputs.code
    return _MENDING[node.exit_status].format(code=code.full_label, computer=node.computer.label)


def validate_switches(value: orm.Dict | None, _port: Any) -> str | None:
    """Return what is wrong with ``handler_overrides`` of a work chain without process handlers, or None.

    :param value: the input.
    """
    for name, switch in ({} if value is None else value.get_dict()).items():
        if name not in RULES:
            return f'there is no handler {name!r}; known are {", ".join(RULES)}'
        if not isinstance(switch, Mapping) or set(switch) != {'enabled'} or not isinstance(switch['enabled'], bool):
            return (
                f"the handler {name!r} can be switched off with {{'enabled': False}}, and nothing else; not {switch!r}"
            )
    return None


def _status_of_scheduler(node: orm.CalcJobNode) -> int | None:
    """Return the exit status that the scheduler gives a job, where it can tell."""
    details = node.get_detailed_job_info()
    texts = [node.get_scheduler_stdout() or '', node.get_scheduler_stderr() or '']
    try:
        exit_code = node.computer.get_scheduler().parse_output(details, *texts)
    except (FeatureNotAvailable, ValueError, TypeError):
        # What schedulers raise for details that they do not understand, or have not kept.
        return None
    return None if exit_code is None else exit_code.status
