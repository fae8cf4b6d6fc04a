"""How soon a transaction matters, and what follows for queues."""

from __future__ import annotations

from enum import StrEnum


class Urgency(StrEnum):
    LIFE_CRITICAL = "life-critical"
    URGENT = "urgent"
    BY_DEADLINE = "by-deadline"
    ROUTINE = "routine"
    BULK = "bulk"
    """Many at once, which nobody waits for: behind everything else. Only rows of a bulk sheet have it."""

    @property
    def priority(self) -> int:
        """Temporal's priority key: 1 goes first."""
        return {"life-critical": 1, "urgent": 2, "by-deadline": 3, "routine": 4, "bulk": 5}[self.value]

    @property
    def can_wait(self) -> bool:
        """Whether it goes only in the hours that a Node keeps for such, if it keeps any."""
        return self is Urgency.BULK

    @property
    def is_urgent(self) -> bool:
        return self in (Urgency.LIFE_CRITICAL, Urgency.URGENT)
