"""How many of one worker's threads each Node has: one that is dead or slow must not keep the others waiting."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from models.domain.errors import NoSlot

MOST = 8
"""Of a worker's threads, for one Node: its slots, and some that wait for one of them."""


class Shares:
    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.held: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, node_id: str, name: str) -> Iterator[None]:
        """A thread for this Node during the block. Raises NoSlot when it has its share: the thread is for others."""
        with self._lock:
            if self.held[node_id] >= self.most:
                raise NoSlot(f"Every association that {name} allows is in use.")
            self.held[node_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self.held[node_id] -= 1
