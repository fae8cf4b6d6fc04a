"""How long a worker's bulk stands aside at each Node: so much at a time, and never for more than half of the time."""

from __future__ import annotations

import threading

AT_MOST = 300.0
"""Seconds at a time. While bulk goes on they come back as fast as they went, so that nothing starves."""
AT_LEAST = 30.0
"""It stands aside no more until that many have come back."""
APART = 5.0
"""Between two looks further apart nobody stood aside: there was no bulk."""


class Aside:
    """At one Node, for all attempts of this worker together."""

    def __init__(self) -> None:
        self.stands = False
        self._left = AT_MOST
        self._looked = 0.0
        self._lock = threading.Lock()

    def look(self, comes: bool, at: float) -> bool:
        """Whether bulk stands aside from now on; `at` is in seconds of a clock that never goes back."""
        with self._lock:
            passed, self._looked = at - self._looked, at
            spent = -passed if self.stands and passed < APART else passed
            self._left = min(max(self._left + spent, 0.0), AT_MOST)
            self.stands = comes and self._left > (0.0 if self.stands else AT_LEAST)
            return self.stands
