"""A connection to PostgreSQL that waits no longer than told, also for a server that stands still."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

Answer = TypeVar("Answer")
LONGEST = 32.0
INTERVAL = 0.1
"""Seconds between two looks at whether to stop waiting."""


class Connection(psycopg.Connection[Any]):
    """`longest`: seconds after which a server that says nothing counts as lost, and the connection as closed."""

    longest = LONGEST

    def wait(self, gen: PQGen[Answer], interval: float = INTERVAL, timeout: float | None = None) -> Answer:
        """What the server answers to one step; psycopg.OperationalError when it does not."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        until = time.monotonic() + self.longest
        try:
            return super().wait(gen, interval, self.longest)
        except psycopg.OperationalError:
            if time.monotonic() >= until:
                # What it might still answer must meet no other question.
                self.pgconn.finish()
            raise


def connect(longest: float, *address: Any, **options: Any) -> Connection:
    made = Connection.connect(*address, **options)
    made.longest = longest
    return made
