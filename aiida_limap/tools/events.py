"""Wait until a process changes its state: told by the broker where there is one, after a while elsewhere."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any
from uuid import uuid4

__all__ = ['StateChanges']

_SUBJECT = 'state_changed.*'


class StateChanges:
    """Listen to the state changes of all processes of the profile; a context manager.

    It has a connection of its own to the broker, since that of the profile would not survive a restart of the daemon.
    """

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._broker: Any = None

    def __enter__(self) -> StateChanges:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    @property
    def is_listening(self) -> bool:
        """Whether changes are told by a broker."""
        return self._broker is not None

    def wait(self, timeout_s: float) -> bool:
        """Wait for the next change.

        :param timeout_s: how long at most, s.
        :returns: whether there was one since the last call.
        """
        changed = self._changed.wait(timeout_s)
        self._changed.clear()
        return changed

    def connect(self) -> bool:
        """Listen to the broker of the profile, if it has one that can be reached.

        :returns: whether changes are told from now on.
        """
        from aiida.engine.daemon.client import get_daemon_client
        from aiida.manage import get_manager
        from aiida.plugins import BrokerFactory
        from kiwipy import BroadcastFilter  # type: ignore[import-untyped]

        self.disconnect()
        profile = get_manager().get_profile()
        if profile is None or profile.process_control_backend is None or not get_daemon_client().is_daemon_running:
            return False
        broker = BrokerFactory(profile.process_control_backend)(profile)
        try:
            communicator = broker.get_communicator()
            communicator.add_broadcast_subscriber(BroadcastFilter(self._notice, subject=_SUBJECT))
            # The ZeroMQ broker passes broadcasts on to those only that also take calls, which nobody makes here.
            communicator.add_rpc_subscriber(_take_no_calls, identifier=f'limap-watch-{uuid4().hex}')
        except (ConnectionError, OSError, RuntimeError, FutureTimeoutError):
            broker.close()
            return False
        self._broker = broker
        return True

    def disconnect(self) -> None:
        """Stop listening."""
        if self._broker is not None:
            broker, self._broker = self._broker, None
            # If the other end is gone already, that is what was wanted.
            with suppress(ConnectionError, OSError, RuntimeError, FutureTimeoutError):
                broker.close()

    def _notice(self, *_: Any) -> None:
        self._changed.set()


def _take_no_calls(_communicator: Any, _message: Any) -> Future[None]:
    answer: Future[None] = Future()
    answer.set_exception(NotImplementedError('this client only listens'))
    return answer
