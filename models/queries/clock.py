"""A time as the reader's Institution reads it: on pages, and inside the one sentence of a Transaction."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def clock_words(time: datetime, zone: str, now: datetime, seconds: bool = False) -> str:
    """Like "14:02" where the day is today's, else "3 May, 14:02", in the time zone called `zone`."""
    local, today = time.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    words = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    if local.date() == today:
        return words
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {words}"
