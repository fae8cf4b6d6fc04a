"""Times as people read them: in their Institution's time zone, with UTC for whoever points at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from models.queries.clock import clock_words

ELEMENT = Markup('<time datetime="{utc}" title="{title}">{words}</time>')


def at_length(time: datetime, zone: str) -> str:
    """Like "3 May 2026 at 14:02"."""
    local = time.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y} at {local:%H:%M}"


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
