"""State changes that a broker tells, over a broker that runs for the test."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aiida_limap.tools.events import StateChanges


@pytest.fixture
def daemon(monkeypatch) -> SimpleNamespace:
    """Return what says whether a daemon runs."""
    client = SimpleNamespace(is_daemon_running=True)
    monkeypatch.setattr('aiida.engine.daemon.client.get_daemon_client', lambda: client)
    return client


@pytest.fixture
def broker(aiida_config_tmp, aiida_profile_factory, run_aiida_broker_service_for_profile):
    """Return the broker of a loaded profile, which runs until the end of the test."""
    with (
        aiida_profile_factory(
            aiida_config_tmp, broker_backend='core.zeromq', broker_config={'supervised_by_daemon': False}
        ) as profile,
        run_aiida_broker_service_for_profile(profile) as broker,
    ):
        yield broker


def is_told(changes, communicator) -> bool:
    """Return whether a change is told, and told once for each time that it was sent.

    It is sent again until it is told, since the broker may still be taking note of who listens. What was sent before
    may be told too then, a little later.
    """
    for sent in range(1, 61):
        communicator.broadcast_send(None, sender=1, subject='state_changed.running.finished')
        if changes.wait(1):
            return any(not changes.wait(0.01 if sent == 1 else 1) for _ in range(sent))
    return False


def test_a_change_of_state_is_told_at_once_and_other_messages_are_not(broker, daemon):
    with StateChanges() as changes:
        assert changes.is_listening
        assert not changes.wait(0.01)
        communicator = broker.get_communicator()
        communicator.broadcast_send(None, sender=1, subject='intent.pause')
        assert not changes.wait(1)
        assert is_told(changes, communicator)
        assert changes.connect()
        assert is_told(changes, communicator)
    assert not changes.is_listening


def test_without_daemon_only_time_passes(broker, daemon):
    daemon.is_daemon_running = False
    with StateChanges() as changes:
        assert not changes.is_listening
        assert not changes.wait(0.01)


def test_a_profile_without_broker_has_nobody_to_listen_to(aiida_profile, daemon):
    with StateChanges() as changes:
        assert not changes.is_listening
        assert not changes.wait(0.01)
