"""Every AiiDA entry point of the package loads, under the name that it is registered with."""

from __future__ import annotations

from importlib.metadata import distribution

import pytest

ENTRY_POINTS = [entry for entry in distribution('aiida-limap').entry_points if entry.group.startswith('aiida.')]


def test_there_are_entry_points_in_every_group():
    groups = {entry.group for entry in ENTRY_POINTS}
    assert groups >= {'aiida.calculations', 'aiida.parsers', 'aiida.workflows', 'aiida.data', 'aiida.groups'}


@pytest.mark.parametrize('entry', ENTRY_POINTS, ids=lambda entry: f'{entry.group}:{entry.name}')
def test_an_entry_point_loads(entry):
    from aiida.plugins.entry_point import load_entry_point

    assert load_entry_point(entry.group, entry.name).__doc__
