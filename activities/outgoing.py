"""Keeping an object that is sent out of memory: no more of it is read ahead than the connection soon takes.

pynetdicom puts all PDUs of a data set into its queue at once: an object of a gigabyte would be on the heap while a slow
peer takes it.
"""

from __future__ import annotations

import queue
import time
from typing import Any

from pynetdicom.association import Association
from pynetdicom.pdu_primitives import P_DATA

from models.bell import Bell
from models.domain.errors import PeerUnreachable

AHEAD = 4 << 20
"""Bytes: more than a usual image, so that its sending waits for nothing."""
FEWEST = 2
LOOK_EVERY = 1.0
CLOSING = 1.0
"""Seconds for the thread of an association that is over; what takes longer gives its descriptor back later."""


class Outgoing(queue.Queue[Any]):
    """In the place of an association's `dul.to_provider_queue`: whoever adds data waits until there is room."""

    def __init__(self, assoc: Association, name: str, patience: float) -> None:
        super().__init__()
        self.bell = Bell()
        self._provider = assoc.dul
        self._name = name
        self._patience = patience
        self._most = max(FEWEST, AHEAD // (assoc.acceptor.maximum_length or AHEAD))

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """PeerUnreachable when the peer has taken nothing for as long as it may be silent."""
        # Whatever else is said, an abort above all, must not wait behind the data.
        if isinstance(item, P_DATA):
            self._wait_for_room()
        super().put(item, block, timeout)
        self.bell.ring()

    def _wait_for_room(self) -> None:
        deadline = time.monotonic() + self._patience
        with self.not_full:
            while self._qsize() >= self._most and self._provider.is_alive():
                if self.not_full.wait(min(LOOK_EVERY, self._patience)):
                    deadline = time.monotonic() + self._patience
                elif time.monotonic() > deadline:
                    raise PeerUnreachable(f"{self._name} takes no more of what is sent to it.")


def read_no_further_ahead(assoc: Association, name: str, patience: float) -> None:
    """For an association that has just been opened to the peer of this name.

    Its thread then waits for what comes and what is to be sent, and does not look for both each millisecond.
    """
    outgoing = Outgoing(assoc, name, patience)
    assoc.dul.to_provider_queue, assoc.dul._run_loop_delay = outgoing, 0
    assoc.dul.socket.bell, assoc.dul.socket.is_waited_for = outgoing.bell, True


def give_back(assoc: Association) -> None:
    """Close the descriptor of an association that is over, once its thread has ended."""
    outgoing = assoc.dul.to_provider_queue
    if isinstance(outgoing, Outgoing):
        outgoing.bell.ring()
        assoc.dul.join(CLOSING)
        if not assoc.dul.is_alive():
            outgoing.bell.close()
