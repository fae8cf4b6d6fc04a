"""What the associations of one attempt share: what waits, and what became of it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from activities.consignment import Answer, Image

IDLE = 1.0
"""Seconds that an association outlives the last image, for the gaps of a study that still grows."""


class Work:
    """What waits, and what became of it.

    To an image put `aside` the Node was too busy: the ledger does not have it. While it `stands_aside` no association
    begins an image.
    """

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[Image] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.pairs: dict[tuple[str, str], None] = {}
        self.busy: list[str] = []
        self.aside = 0
        self.complete = threading.Event()
        self.over = threading.Event()
        self.stands_aside = threading.Event()
        self._lock = threading.Lock()
        self.nudge = threading.Event()

    def add(self, images: Iterable[Image]) -> None:
        for image in images:
            self.pairs[image.pair] = None
            self.waiting.put(image)

    def put_aside(self, sentence: str) -> None:
        """An image that the Node was too busy for: it is for another attempt."""
        with self._lock:
            self.aside += 1
        self.busy.append(sentence)

    def again(self, image: Image) -> None:
        """The Node may answer otherwise a second time."""
        self.waiting.put(replace(image, tries=image.tries + 1, resent=image.resent + 1))

    def next(self) -> Image | None:
        """The next image; None when there is none within IDLE, or will be none."""
        deadline = time.monotonic() + IDLE
        while not self.over.is_set():
            try:
                return self.waiting.get_nowait() if self.complete.is_set() else self.waiting.get(timeout=IDLE / 10)
            except queue.Empty:
                if self.complete.is_set() or time.monotonic() > deadline:
                    break
        return None
