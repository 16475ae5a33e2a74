"""What to do about what went wrong: one clause for each status word, exit status and state of a process."""

from __future__ import annotations

from collections.abc import Mapping

from aiida_limap.common.status import Status
from aiida_limap.tools.processes import ProcessFacts

__all__ = ['STATUS_ADVICE', 'advice_for', 'paused_advice', 'unfinished_advice']

#: What to do about structures of a status word; answers need nothing.
STATUS_ADVICE: Mapping[Status, str] = {
    Status.NO_MOBILE_ION: 'leave them out, or choose the ion that moves with the parameter mobile_ion',
    Status.DISORDERED: 'order them when they are imported: `aiida-limap import files DIR --order`',
    Status.OVERLAPPING_SITES: 'look at them: sites on top of each other are mostly a mistake in the file',
    Status.NO_OXIDATION_STATES: 'give their charges with the input oxidation_states',
    Status.NO_PARAMETERS: 'give a parameter set that holds these ions: aiida-limap install parameters FILE',
    Status.TOO_LARGE: 'raise max_sites or max_voxels, or take a coarser grid with spacing_angstrom',
    Status.OUT_OF_TIME: 'raise the parameter time_limit_s, or take a coarser grid with spacing_angstrom',
    Status.UNREADABLE: 'look at what the message names, and get the files again or complete them',
    Status.UNSTABLE: 'relax the structure further, or raise max_imaginary_share',
    Status.NO_PHONONS: 'compute their phonons, name other columns of them, or draw the map without phonons',
    Status.NOT_RELAXED: 'raise max_steps or force_limit_eV_per_angstrom of the calculator',
    Status.UNKNOWN_ELEMENT: 'leave them out, or take another layout or calculator, which knows the element',
    Status.FAILED: 'read the message beside the word; if the structure is sound, this is a fault to report',
}

_AGAIN = 'launch it again; with caching switched on what is finished is not computed twice'
_LOG = 'read the log: verdi calcjob outputcat {pk} limap.log'
#: What to do about an exit status; those below 200 are the same for every plugin.
_EXIT_ADVICE: Mapping[int, str] = {
    100: _AGAIN,
    110: 'ask for more memory (option max_memory_kb), or take smaller batches (batch_size)',
    120: 'ask for more time (option max_wallclock_seconds), or take smaller batches (batch_size)',
    131: 'correct the option account of the jobs',
    140: f'a machine failed: {_AGAIN}',
    150: 'a monitor stopped it: verdi process report {pk}',
    160: 'look at the options of stashing: verdi process report {pk}',
    201: 'import structures first: aiida-limap import --help',
    202: 'import the structures again, which makes a new dataset',
    203: 'nothing is left to do: ask for their points with `aiida-limap point show`',
    204: 'import the conductivities with structures: aiida-limap import conductivities --help',
    205: 'import phonon files: aiida-limap import phonons --help; or compute them with --calculator',
    210: 'choose structures that hold the ion, or another ion with the parameter mobile_ion',
    301: 'see the last job below',
    302: 'see the last job below',
    303: _LOG,
    304: f'its files are damaged: {_AGAIN}',
    305: f'its files are incomplete: {_AGAIN}',
    306: _LOG,
    307: _LOG,
    308: _LOG,
    312: f'it was stopped: {_AGAIN}',
    320: 'run `verdi code test` on its code; on the computer, `pip install aiida-limap` brings the engine',
    321: 'install the same release of aiida-limap on both machines',
    322: 'install the calculator where the code runs: the reason says how',
    330: 'correct the input that the reason names, then launch it again',
    340: 'see the last job below',
    350: 'this is a fault of the plugin to report: verdi process report {pk}',
    400: 'ask for more time (option max_wallclock_seconds), or take smaller batches (batch_size)',
    401: 'raise max_iterations',
    402: 'see the last job below',
    410: 'see the jobs below',
    411: 'see what is said of the structures below',
    412: 'ask for more time (option max_wallclock_seconds), or lower checkpoint_every',
    414: 'loosen the limit that the message names, or screen more elements',
    413: 'mend what the most common reason says, or raise max_failed_fraction',
    420: 'this is a fault of the plugin to report: verdi process report {pk}',
    422: 'place them on a map of the same layout and release of aiida-limap',
    430: 'lower learning_rate',
    432: 'ask for a larger device, or take a smaller batch_size or models_at_once',
    433: 'ask the scheduler for a GPU (queue_name, custom_scheduler_commands), or take the parameter device: cpu',
    434: 'give labels of both classes, more structures, or class_weight: balanced',
    435: 'correct the option that the reason names, then launch it again',
    436: 'name other features, or import more compounds',
    449: 'see the featurization below',
    450: 'see the training below',
    451: 'see the encoding below',
    452: 'see the clustering below',
    711: _AGAIN,
    712: 'see the last job below',
}


def advice_for(facts: ProcessFacts) -> str:
    """Return what to do about a process that did not end well, or has not ended.

    :param facts: the process.
    :returns: a clause; empty where nothing is to be done.
    """
    if facts.is_ok or (not facts.has_ended and not facts.paused):
        return ''
    if facts.state == 'killed':
        return f'if nobody wanted that, {_AGAIN}'
    if facts.state == 'excepted':
        return f'verdi process report {facts.pk} shows where; if your input is sound, this is a fault to report'
    if facts.exit_status == 710:
        return unfinished_advice()
    return _EXIT_ADVICE.get(facts.exit_status or 0, 'verdi process report {pk}').format(pk=facts.pk)


def paused_advice(facts: ProcessFacts, computer: str | None) -> str:
    """Return how a paused process goes on.

    :param facts: the process.
    :param computer: label of the computer of a job.
    """
    play = f'verdi process play {facts.pk}'
    if computer is not None and 'transport task' in (facts.process_status or ''):
        return f'the computer {computer} could not be used: verdi computer test {computer}, then {play}'
    return play


def unfinished_advice() -> str:
    """Return what to do about structures that no job finished."""
    return _AGAIN
