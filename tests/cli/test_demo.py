"""The daemon of the demonstration, as slow as it is on a busy machine."""

from __future__ import annotations

from types import SimpleNamespace

import click
import pytest
from aiida.engine.daemon.client import DaemonTimeoutException

from aiida_limap.cli import demo


def late(**options: object) -> None:
    assert options['timeout'] == demo._DAEMON_S
    raise DaemonTimeoutException('Connection to the daemon timed out.')


def test_a_daemon_that_does_not_stop_is_no_reason_to_lose_the_map(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv('AIIDA_PATH', str(tmp_path))
    demo._stop(SimpleNamespace(stop_daemon=late))
    error = capsys.readouterr().err
    assert error.startswith('the daemon could not be stopped: Connection to the daemon timed out. `AIIDA_PATH=')
    assert error.endswith('verdi daemon stop` stops it\n')


def test_a_daemon_that_does_not_start_gets_a_sentence():
    with pytest.raises(click.ClickException, match='the daemon could not be started: Connection to the daemon timed'):
        demo._start(SimpleNamespace(start_daemon=late), 2)
