"""Planned downtime of a Node: when it may be, and what it may be for. Nobody types words that others read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.domain.lifecycles.node import NODE, State

WORK: Mapping[str, str] = {
    "work": "planned work",
    "upgrade": "an upgrade",
    "network": "work on its network",
    "move": "a move",
}
"""What it is down for, to go on after "down for"."""
LONGEST = NODE.patience[State.IN_DOWNTIME]
AHEAD = timedelta(days=90)


@dataclass(frozen=True)
class Downtime:
    begins: datetime
    ends: datetime

    def has_begun(self, at: datetime) -> bool:
        return at >= self.begins

    def is_over(self, at: datetime) -> bool:
        return at >= self.ends


def why_not(begins: datetime, ends: datetime, now: datetime) -> str:
    """Why a downtime cannot be so; empty when it can."""
    if ends <= now:
        return "The end has passed; give one that is to come."
    if ends <= begins:
        return "It ends before it begins; correct one of the two times."
    if begins - now > AHEAD:
        return f"It begins more than {AHEAD.days} days from now; enter it nearer the time."
    if ends - begins > LONGEST:
        return f"It lasts more than {LONGEST.days} days; hold the Node instead, or enter it in parts."
    return ""
