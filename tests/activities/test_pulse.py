"""Heartbeats beside a question to a peer: during it, and not after."""

from __future__ import annotations

import threading

import pytest
from temporalio.testing import ActivityEnvironment

from activities.pulse import pulse


def test_it_beats_while_a_peer_is_waited_for_and_then_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.pulse.EVERY", 0.01)
    environment, beaten = ActivityEnvironment(), threading.Event()
    environment.on_heartbeat = lambda *details: beaten.set()

    def asking() -> None:
        with pulse():
            assert beaten.wait(10)
        assert "pulse" not in {thread.name for thread in threading.enumerate()}

    environment.run(asking)


def test_it_ends_with_the_error_of_the_question() -> None:
    def asking() -> None:
        with pulse():
            raise ConnectionError

    with pytest.raises(ConnectionError):
        ActivityEnvironment().run(asking)
    assert "pulse" not in {thread.name for thread in threading.enumerate()}
