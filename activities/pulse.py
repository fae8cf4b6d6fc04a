"""Heartbeats while a peer or the database is waited for: that a process has died is heard soon."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity

EVERY = 2.0


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
