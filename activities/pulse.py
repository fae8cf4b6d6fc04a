"""Heartbeats: that a process has died is heard soon, also while a peer or the database is waited for."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity

EVERY = 2.0
AT_MOST_EVERY = 1.0
"""Seconds between two of them: the engine hears no more, and the one thread of all activities must seal each."""


class Beats:
    """Heartbeats of an activity that says itself that it gets on, as often as it likes."""

    def __init__(self) -> None:
        self._due = time.monotonic()

    def __call__(self, *details: int) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + AT_MOST_EVERY
            activity.heartbeat(*details)


@contextmanager
def pulse() -> Iterator[None]:
    """Beats every two seconds during the block, in which every question must end by a timeout of its own."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(EVERY):
            activity.heartbeat()

    beating = threading.Thread(target=contextvars.copy_context().run, args=(beat,), name="pulse", daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
