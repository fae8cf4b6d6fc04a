"""Who is connected: so that nobody can take all the places by connecting and staying silent."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass

from dicom_edge.limits import Limits

STRANGERS = "strangers"


@dataclass(eq=False)
class Connection:
    """One open connection; `place` is its address, or the one place that all strangers share."""

    socket: socket.socket
    place: str
    seated: bool = False

    def close(self) -> None:
        """Wake whichever thread waits for this peer; that thread then cleans up."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class Connections:
    """Pending connections and seated associations, within `limits`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._open: list[Connection] = []

    def arrived(self, connection: Connection) -> None:
        """A new one. Over the limit its oldest pending neighbour is closed: a stalled peer makes room for a live one.

        A live peer asks for its association within milliseconds, so it is never the oldest for long.
        """
        with self._lock:
            self._open.append(connection)
            pending = [one for one in self._open if not one.seated and one.place == connection.place]
            surplus = pending[: -self._limits.pending_per_address]
            for one in surplus:
                self._open.remove(one)
        for one in surplus:
            one.close()

    def seat(self, connection: Connection) -> bool:
        """Whether the connection, whose peer has now asked for an association, may have one."""
        with self._lock:
            seated = [one for one in self._open if one.seated]
            neighbours = sum(one.place == connection.place for one in seated)
            room = len(seated) < self._limits.associations and neighbours < self._limits.associations_per_address
            if room and connection in self._open:
                connection.seated = True
            return connection.seated

    def left(self, connection: Connection) -> None:
        """It is over. May be said more than once."""
        with self._lock, contextlib.suppress(ValueError):
            self._open.remove(connection)

    def close_all(self) -> None:
        """Hang up on everybody."""
        with self._lock:
            remaining = list(self._open)
        for one in remaining:
            one.close()
