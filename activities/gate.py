"""Keeping pynetdicom's own thread from taking the answers that are waited for.

An association's reactor thread and its `send_c_*` methods read from one queue. A method pauses the reactor, but takes
it for paused already while it is still waking up from the pause before; then an answer can be lost, and the method
waits for it in vain until its timeout. Here the reactor is paused once, before the first request, and stays so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pynetdicom.association import Association

PATIENCE = 5.0


class Gate(threading.Event):
    """In the place of an association's `_reactor_checkpoint`: closed until `leave_open`."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self._stays_closed = True

    def wait(self, timeout: float | None = None) -> bool:
        self.reached.set()
        return super().wait(timeout)

    def set(self) -> None:
        if not self._stays_closed:
            super().set()

    def leave_open(self) -> None:
        self._stays_closed = False
        self.set()


@contextmanager
def closed_gate(assoc: Association) -> Iterator[None]:
    """The reactor of `assoc` sleeps during the block. Whatever the peer says is read by the requests in the block."""
    gate = Gate()
    assoc._reactor_checkpoint = gate
    try:
        # An association that has just ended has no reactor any more, and fails at its first request.
        gate.reached.wait(PATIENCE)
        yield
    finally:
        gate.leave_open()
