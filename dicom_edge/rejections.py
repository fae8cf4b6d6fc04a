"""Which rejections are news: a hostile sender must not be able to fill the disk with them."""

from __future__ import annotations

import threading
import time
from collections import Counter

WINDOW_SECONDS = 60
DISTINCT_PER_ADDRESS = 20
DISTINCT = 200


class Rejections:
    """Remembers one minute of rejections, and no more of them than DISTINCT."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._seen: set[tuple[str, str, str, str]] = set()
        self._of_address: Counter[str] = Counter()

    def is_news(self, rejection: tuple[str, str, str, str]) -> bool:
        """Whether (calling, called, address, reason) is worth a fact: once a minute, and within bounds."""
        address = rejection[2]
        with self._lock:
            if time.monotonic() - self._began > WINDOW_SECONDS:
                self._began = time.monotonic()
                self._seen.clear()
                self._of_address.clear()
            if (
                rejection in self._seen
                or len(self._seen) >= DISTINCT
                or self._of_address[address] >= DISTINCT_PER_ADDRESS
            ):
                return False
            self._seen.add(rejection)
            self._of_address[address] += 1
            return True
