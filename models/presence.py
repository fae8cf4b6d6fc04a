"""Which parts of the exchange live: each holds a lock that the kernel drops when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

ENGINE = "engine"
"""No process of ours: the relay announces it while it answers (temporal/watch.py)."""

LOOKED_FOR = timedelta(seconds=20)
"""Longer than from one look to the next, each of which may take its time; what is older is not relied on."""


class Presence:
    """The locks of one host's parts, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, int] = {}

    def announce(self, part: str) -> None:
        """This process is `part` and ready; it stays so until it ends, or withdraws that."""
        if part in self._held:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / f"{part}.lock", os.O_RDWR | os.O_CREAT, 0o640)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self._held[part] = lock

    def withdraw(self, part: str) -> None:
        """What this process announced is so no longer."""
        if part in self._held:
            os.close(self._held.pop(part))

    def miss(self, part: str) -> None:
        """This process has looked for `part` just now, and it is not there."""
        self.withdraw(part)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{part}.missed").touch()

    def is_missed(self, part: str, by: str) -> bool:
        """Whether the part `by`, which lives, has looked for `part` a moment ago in vain; False where nobody knows."""
        try:
            looked_at = (self.folder / f"{part}.missed").stat().st_mtime
        except FileNotFoundError:
            return False
        is_fresh = abs(time.time() - looked_at) < LOOKED_FOR.total_seconds()
        return is_fresh and self.is_here(by) and not self.is_here(part)

    def is_here(self, part: str) -> bool:
        """Whether a living process has announced itself as `part`."""
        try:
            lock = os.open(self.folder / f"{part}.lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def of(self, parts: Iterable[str]) -> dict[str, bool]:
        return {part: self.is_here(part) for part in parts}
