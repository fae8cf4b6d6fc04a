"""Waiting for a condition, with a deadline: never a sleep that hopes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], timeout: float = 30.0, every: float = 0.05) -> Found:
    """The first truthy answer of `look`; AssertionError with the last answer after `timeout` seconds.

    A look that takes long is repeated less often than `every`: it must not keep what it waits for from going on.
    """
    deadline = time.monotonic() + timeout
    while True:
        began = time.monotonic()
        found = look()
        if found:
            return found
        ended = time.monotonic()
        if ended > deadline:
            raise AssertionError(f"not within {timeout:g} s; the last answer was {found!r}")
        time.sleep(max(every, 3 * (ended - began)))
