"""What an association has yet to send, with an end: else pynetdicom (3.0.4) reads a long object into memory at once."""

from __future__ import annotations

import queue
from typing import Any

from pynetdicom.association import Association

MOST = 64
"""PDUs that wait to be sent."""
ROOM_WITHIN = 10.0
"""Seconds after which a peer that reads nothing is waited for no more; whether it answers shows then."""


class Backlog(queue.Queue[Any]):
    """In the place of the queue between an association and the thread that sends for it."""

    def __init__(self, dul: Any) -> None:
        super().__init__()
        self.dul = dul
        self._stalled = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if not self._stalled and self.dul.is_alive():
            with self.not_full:
                self._stalled = not self.not_full.wait_for(lambda: self._qsize() < MOST, ROOM_WITHIN)
        super().put(item)


def limit_backlog(assoc: Association) -> None:
    """From now on. Nothing may be waiting to be sent."""
    assoc.dul.to_provider_queue = Backlog(assoc.dul)
