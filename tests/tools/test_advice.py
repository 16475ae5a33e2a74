"""Every way in which a process of the plugin can end has a next step."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from aiida.plugins import CalculationFactory, WorkflowFactory
from aiida.plugins.entry_point import get_entry_point_names

from aiida_limap.tools.advice import advice_for
from aiida_limap.tools.processes import ProcessFacts

FACTORIES = {'aiida.calculations': CalculationFactory, 'aiida.workflows': WorkflowFactory}
#: Below are those of every process of AiiDA, which mean a fault of the plugin.
FIRST = 100


def facts(state: str = 'finished', exit_status: int | None = None, paused: bool = False) -> ProcessFacts:
    now = datetime.now(timezone.utc)
    return ProcessFacts(7, 'u', 'process.', 'X', state, now, now, exit_status, None, paused, None, None)


def codes() -> list[tuple[str, int]]:
    return sorted(
        {
            (name, code.status)
            for group, factory in FACTORIES.items()
            for name in get_entry_point_names(group)
            if name.startswith('limap.')
            for code in factory(name).spec().exit_codes.values()
            if code.status >= FIRST
        }
    )


def test_every_exit_code_has_a_next_step_of_its_own():
    known = codes()
    assert len(known) > 50
    unknown = advice_for(facts(exit_status=99))
    assert unknown == 'verdi process report 7'
    for name, status in known:
        advice = advice_for(facts(exit_status=status))
        assert advice and advice != unknown, (name, status)
        assert '{' not in advice


@pytest.mark.parametrize(('state', 'words'), [('killed', 'if nobody wanted that'), ('excepted', 'process report 7')])
def test_what_was_stopped_has_a_next_step(state, words):
    assert words in advice_for(facts(state))


def test_what_is_well_needs_nothing():
    assert advice_for(facts(exit_status=0)) == advice_for(facts('waiting')) == ''
