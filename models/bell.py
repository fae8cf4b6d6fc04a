"""Waking a thread that waits for a socket or for a queue, so that it need not look a thousand times a second."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import ssl
import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 0.05
"""Seconds that a thread waits before it looks at its timers again."""


class Bell:
    """A descriptor to poll beside a socket; ringing makes it readable."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._descriptor: int | None = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        return -1 if self._descriptor is None else self._descriptor

    def ring(self) -> None:
        # Locked, for a number that has been closed may be a file of somebody else's by now.
        with self._lock:
            if self._descriptor is not None:
                os.eventfd_write(self._descriptor, 1)

    def hush(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._descriptor is not None:
                os.eventfd_read(self._descriptor)

    def or_readable(self, connection: Any, seconds: float) -> bool:
        """Wait until it rings, or `connection` (None: none) is readable, `seconds` at most; whether the latter.

        ValueError where one of them is closed already.
        """
        # poll, since select cannot see descriptors beyond 1023.
        poll = select.poll()
        poll.register(self, select.POLLIN)
        if connection is not None:
            poll.register(connection, select.POLLIN)
        woken = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
        rings = self.fileno() in woken
        if rings:
            self.hush()
        return len(woken) > rings

    def close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    __del__ = close


class Waiting:
    """A part of what pynetdicom reads a connection with (its AssociationSocket): waits instead of looking each ms."""

    bell: Bell
    socket: Any
    event_queue: Any
    _is_connected: bool

    def something_came(self) -> bool:
        """Whether there is something to read; waits for it, or for the bell, or for PATIENCE."""
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        # An event that waits for its turn must not wait for the peer as well.
        patience = PATIENCE if self.event_queue.empty() else 0
        try:
            return self.bell.or_readable(self.socket if self._is_connected else None, patience)
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False


class WakingQueue(queue.Queue[Any]):
    """Calls `wake` after each thing put in."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        self._wake()


class Checkpoint:
    """Where pynetdicom's association pauses in each round: here until there is news, `patience` seconds at most.

    Takes the place of its `threading.Event`, which is only ever cleared by a side that sends requests.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._news = threading.Event()

    def set(self) -> None:
        self._news.set()

    def clear(self) -> None:
        """Nothing: this side sends no requests."""

    def wait(self) -> bool:
        self._news.wait(self._patience)
        self._news.clear()
        return True
