"""When the people of an Institution are at their desks, and so when an unanswered request is brought up again.

Urgent requests are brought up round the clock; the others on working days of England, at the start of office hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from models.domain.urgency import Urgency

OPENS, CLOSES = time(9), time(17)
SATURDAY = 5
TELL_REQUESTER_FROM = 3
"""From this reminder on the requester is told too, and whom to ring."""


@dataclass(frozen=True)
class RoundTheClock:
    first: timedelta
    then: timedelta

    def reminder(self, asked_at: datetime, reminded: int, zone: str) -> datetime:
        return asked_at + self.first + reminded * self.then


@dataclass(frozen=True)
class OnWorkingDays:
    """`first` and `then` count working days after the day of asking."""

    first: int
    then: int

    def reminder(self, asked_at: datetime, reminded: int, zone: str) -> datetime:
        day = asked_at.astimezone(ZoneInfo(zone)).date()
        for _ in range(self.first + reminded * self.then):
            day = next_working_day(day)
        # A clock that is put forward or back between asking and reminding leaves 09:00 where people expect it.
        return datetime.combine(day, OPENS, ZoneInfo(zone)).astimezone(asked_at.tzinfo)


@dataclass(frozen=True)
class Persistence:
    """How a request of one urgency is brought up, and how long it stays open unanswered."""

    reminders: RoundTheClock | OnWorkingDays
    lasts: timedelta


PERSISTENCE: Mapping[Urgency, Persistence] = {
    Urgency.LIFE_CRITICAL: Persistence(
        RoundTheClock(timedelta(minutes=5), timedelta(minutes=10)), lasts=timedelta(days=1)
    ),
    Urgency.URGENT: Persistence(RoundTheClock(timedelta(hours=1), timedelta(hours=2)), lasts=timedelta(days=3)),
    Urgency.BY_DEADLINE: Persistence(OnWorkingDays(first=1, then=1), lasts=timedelta(days=14)),
    Urgency.ROUTINE: Persistence(OnWorkingDays(first=2, then=2), lasts=timedelta(days=14)),
    Urgency.BULK: Persistence(OnWorkingDays(first=3, then=3), lasts=timedelta(days=14)),
}


def next_reminder(urgency: Urgency, asked_at: datetime, reminded: int, zone: str) -> datetime:
    """When who was asked at `asked_at`, and reminded so often since, is reminded next; `zone` is where they work."""
    return PERSISTENCE[urgency].reminders.reminder(asked_at, reminded, zone)


def expires_at(urgency: Urgency, placed_at: datetime) -> datetime:
    return placed_at + PERSISTENCE[urgency].lasts


def office_hours(at: datetime, zone: str) -> str:
    """Like "open until 17:00" or "closed until 4 May, 09:00", as clocks in `zone` show it; to go on after "is"."""
    local = at.astimezone(ZoneInfo(zone))
    today = local.date()
    if is_working_day(today) and OPENS <= local.time() < CLOSES:
        return f"open until {CLOSES:%H:%M}"
    if is_working_day(today) and local.time() < OPENS:
        return f"closed until {OPENS:%H:%M}"
    opens = next_working_day(today)
    return f"closed until {opens.day} {opens:%b}, {OPENS:%H:%M}"


def next_working_day(day: date) -> date:
    day += timedelta(days=1)
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def is_working_day(day: date) -> bool:
    return day.weekday() < SATURDAY and day not in _bank_holidays(day.year)


@cache
def _bank_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year))
