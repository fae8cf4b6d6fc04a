"""The make-believe PACS waits for its peers: pynetdicom alone looks at each connection a thousand times a second."""

from __future__ import annotations

from typing import Any

from pynetdicom.transport import AssociationSocket

from models.bell import Bell, Waiting, WakingQueue


class WaitingSocket(Waiting, AssociationSocket):  # type: ignore[misc]
    @property
    def ready(self) -> bool:
        return self.something_came()


def wait_for_it(event: Any) -> None:
    """Handles the opening of a connection to the PACS (pynetdicom's EVT_CONN_OPEN)."""
    upper = event.assoc.dul
    upper.socket.__class__ = WaitingSocket
    upper.socket.bell = Bell()
    upper.to_provider_queue = WakingQueue(upper.socket.bell.ring)
    upper._run_loop_delay = 0
