"""PostgreSQL stopped, or standing still, in mid-study: what is pushed meanwhile is kept and goes on by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.exchange import Exchange
from tests.eventually import eventually
from tests.faults.fault import COMING_IN, Fault, Pushed
from tests.faults.sender import RetryingSender

POSTGRESQL = "postgresql"


@contextmanager
def stopped(exchange: Exchange) -> Iterator[None]:
    exchange.stop(POSTGRESQL)
    try:
        yield
    finally:
        exchange.start(POSTGRESQL)


@contextmanager
def frozen(exchange: Exchange) -> Iterator[None]:
    """The server first, so that it makes no further process; then every process of it."""
    server = exchange.pid(POSTGRESQL)
    os.kill(server, signal.SIGSTOP)
    family = [server, *children(server)]
    try:
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


AWAY = {"stopped database": stopped, "frozen database": frozen}


class Away(Fault):
    """D2 and D3. The rest of the study is pushed without it."""

    where = (COMING_IN,)

    def strike(self, sender: RetryingSender, pushed: Pushed) -> None:
        with AWAY[self.victim](self.exchange):
            eventually(lambda: sender.acknowledged == set(pushed.images), timeout=60)
