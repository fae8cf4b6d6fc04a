"""Times as people read them: in their Institution's time zone, with UTC for whoever points at them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from models.queries.clock import clock_words

UTC_CLOCK = re.compile(r"\b([01][0-9]|2[0-3]):([0-5][0-9]) UTC\b")
ELEMENT = Markup('<time datetime="{utc}" title="{title}">{words}</time>')


def at_length(time: datetime, zone: str) -> str:
    """Like "3 May 2026 at 14:02"."""
    local = time.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y} at {local:%H:%M}"


def with_local_times(words: str, zone: str, now: datetime) -> str:
    """What the engine says of the last hours, like "at 13:02 UTC", in the time of `zone`: "at 14:02"."""

    def local(found: re.Match[str]) -> str:
        time = now.astimezone(UTC).replace(hour=int(found[1]), minute=int(found[2]))
        return f"{time.astimezone(ZoneInfo(zone)):%H:%M}"

    return UTC_CLOCK.sub(local, words)


def clock(time: datetime | None, zone: str, now: datetime, seconds: bool = False) -> Markup:
    """An HTML element: the time of day alone where the day is today's, else with its date."""
    if time is None:
        return Markup("never")
    words = clock_words(time, zone, now, seconds)
    utc = time.astimezone(UTC)
    return ELEMENT.format(utc=utc.isoformat(timespec="seconds"), title=f"{utc:%d %b %Y, %H:%M:%S} UTC", words=words)


def age(time: datetime, now: datetime) -> str:
    """Like "5 min", "2 h" or "3 days"."""
    span = max(now - time, timedelta())
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
