"""Heartbeats beside a question to a peer: during it, and not after."""

from __future__ import annotations

import threading

import pytest
from temporalio.testing import ActivityEnvironment

from activities.pulse import Beats, pulse


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


@pytest.mark.parametrize(("apart", "heard"), [(3600.0, [1]), (0.0, [1, 2, 3])])
def test_what_gets_on_quickly_is_heard_now_and_then(
    monkeypatch: pytest.MonkeyPatch, apart: float, heard: list[int]
) -> None:
    monkeypatch.setattr("activities.pulse.AT_MOST_EVERY", apart)
    environment, said = ActivityEnvironment(), list[int]()
    environment.on_heartbeat = said.append

    def getting_on() -> None:
        beat = Beats()
        for count in (1, 2, 3):
            beat(count)

    environment.run(getting_on)
    assert said == heard
