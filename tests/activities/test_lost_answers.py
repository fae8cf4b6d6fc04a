"""An answer belongs to the request that waits for it, also when pynetdicom's reactor is slow to go to sleep."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from temporalio.exceptions import ApplicationError

from activities.gate import Gate
from activities.peer import PeerAddress, association, contexts
from tests.activities.misbehaving import CT, EXPLICIT, misbehaving
from tests.activities.parcels import Parcels
from tests.ingest.filling import small_ct


class SlowEvent(threading.Event):
    """Whoever waits for it takes 20 ms to wake up."""

    def wait(self, timeout: float | None = None) -> bool:
        blocked = not self.is_set()
        woken = super().wait(timeout)
        if blocked:
            time.sleep(0.02)
        return woken


@pytest.fixture
def stolen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each look that a requestor's reactor takes at the queue of answers, with a reactor that is slow to pause."""
    looks: list[str] = []
    get_msg, made = DIMSEServiceProvider.get_msg, Association.__init__

    def looked(self: DIMSEServiceProvider, block: bool = False) -> Any:
        if not block and self.assoc.is_requestor and self.assoc.is_established:
            looks.append(threading.current_thread().name)
        return get_msg(self, block)

    def slow(self: Association, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **options)
        self._reactor_checkpoint = SlowEvent()
        self._reactor_checkpoint.set()

    monkeypatch.setattr(DIMSEServiceProvider, "get_msg", looked)
    monkeypatch.setattr(Association, "__init__", slow)
    return looks


def send_sixty(parcels: Parcels, stolen: list[str]) -> tuple[int, int]:
    """How many were accepted, and how many looks the reactor took meanwhile."""
    delivery = parcels.release(*(small_ct(n) for n in range(1, 61)))
    with misbehaving() as peer:
        parcels.set_node(peer.port, dimse_timeout=2.0)
        report = parcels.send(delivery, parallel=2)
        return report.accepted, len(stolen)


def test_no_answer_is_taken_by_a_slow_reactor(parcels: Parcels, stolen: list[str]) -> None:
    accepted, looks = send_sixty(parcels, stolen)
    assert accepted == 60
    # Each of the two associations may look between its acceptance and its first request, before the gate is reached.
    assert looks <= 2 * 5


def test_without_the_gate_the_reactor_would_look(
    parcels: Parcels, stolen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: this is what it would see. Now and then an answer is lost in earnest."""

    @contextlib.contextmanager
    def no_gate(assoc: Association) -> Iterator[None]:
        yield

    monkeypatch.setattr("activities.peer.closed_gate", no_gate)
    try:
        _, looks = send_sixty(parcels, stolen)
    except ApplicationError:
        return
    assert looks > 2 * 5


def test_pynetdicom_still_pauses_its_reactor_by_this_event() -> None:
    """What the gate stands in for; if this fails after an upgrade, read activities/gate.py again."""
    with misbehaving() as peer:
        address = PeerAddress("peer", "PEER", "127.0.0.1", peer.port, 2.0)
        with association(address, contexts([(CT, EXPLICIT)])) as assoc:
            gate = assoc._reactor_checkpoint
            assert isinstance(gate, Gate)
            assert gate.reached.is_set()
            assert assoc._is_paused
            gate.set()
            assert not gate.is_set()
        assert gate.is_set()
        for thread in (assoc, assoc.dul):
            thread.join(5)
            assert not thread.is_alive()
