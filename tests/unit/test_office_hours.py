"""When an unanswered request is brought up again: by urgency, over week-ends, bank holidays and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from models.domain.lifecycles import REQUEST
from models.domain.lifecycles.request import OPEN
from models.domain.urgency import Urgency
from models.office_hours import PERSISTENCE, expires_at, is_working_day, next_reminder

LONDON = "Europe/London"


def reminders(urgency: Urgency, asked_at: datetime, count: int, zone: str = LONDON) -> list[str]:
    """The first `count`, as clocks of the zone show them."""
    times = (next_reminder(urgency, asked_at, reminded, zone) for reminded in range(count))
    return [f"{time.astimezone(ZoneInfo(zone)):%a %d %b %H:%M}" for time in times]


def at(text: str) -> datetime:
    """A time as clocks in London show it, as it is stored."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(LONDON)).astimezone(UTC)


def test_a_life_is_not_kept_waiting_for_office_hours() -> None:
    night_before_christmas = at("2026-12-24 23:50")
    assert reminders(Urgency.LIFE_CRITICAL, night_before_christmas, 3) == [
        "Thu 24 Dec 23:55", "Fri 25 Dec 00:05", "Fri 25 Dec 00:15",
    ]  # fmt: skip
    assert reminders(Urgency.URGENT, night_before_christmas, 2) == ["Fri 25 Dec 00:50", "Fri 25 Dec 02:50"]


def test_a_deadline_is_brought_up_each_working_day() -> None:
    assert reminders(Urgency.BY_DEADLINE, at("2026-11-20 16:00"), 3) == [
        "Mon 23 Nov 09:00", "Tue 24 Nov 09:00", "Wed 25 Nov 09:00",
    ]  # fmt: skip


def test_routine_is_brought_up_every_second_working_day() -> None:
    assert reminders(Urgency.ROUTINE, at("2026-11-19 10:00"), 3) == [
        "Mon 23 Nov 09:00", "Wed 25 Nov 09:00", "Fri 27 Nov 09:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        # Good Friday and Easter Monday: four days on which nobody is at a desk.
        ("2027-03-24 15:00", "Tue 30 Mar 09:00"),
        ("2027-03-25 08:00", "Wed 31 Mar 09:00"),
        # Christmas Day on a Friday, Boxing Day kept on the Monday.
        ("2026-12-23 12:00", "Tue 29 Dec 09:00"),
        # Both on a week-end, kept on Monday and Tuesday.
        ("2027-12-24 12:00", "Thu 30 Dec 09:00"),
        # New Year's Day.
        ("2026-12-31 12:00", "Tue 05 Jan 09:00"),
        # Asked on a Sunday.
        ("2026-11-22 12:00", "Tue 24 Nov 09:00"),
    ],
)
def test_bank_holidays_are_no_working_days(asked: str, first: str) -> None:
    assert reminders(Urgency.ROUTINE, at(asked), 1) == [first]


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        # Clocks go back on 25 October 2026 and forward on 28 March 2027 (which is Easter Sunday).
        ("2026-10-23 12:00", "2026-10-26 09:00"),
        ("2026-10-22 12:00", "2026-10-23 08:00"),
        ("2027-03-25 12:00", "2027-03-30 08:00"),
    ],
)
def test_nine_is_nine_whatever_the_clock_does(asked: str, stored: str) -> None:
    due = next_reminder(Urgency.BY_DEADLINE, at(asked), 0, LONDON)
    assert due == datetime.fromisoformat(stored).replace(tzinfo=UTC)


def test_a_night_of_change_makes_no_urgent_reminder_late() -> None:
    asked = at("2026-10-25 00:30")
    times = [next_reminder(Urgency.LIFE_CRITICAL, asked, reminded, LONDON) for reminded in range(20)]
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(minutes=10)}


def test_whose_day_it_is_depends_on_where_they_work() -> None:
    late_on_sunday_in_london = at("2026-11-22 23:30")
    assert reminders(Urgency.BY_DEADLINE, late_on_sunday_in_london, 1, "Europe/Berlin") == ["Tue 24 Nov 09:00"]


def test_every_urgency_is_brought_up_before_it_expires_and_expires_within_the_patience_of_its_states() -> None:
    placed = at("2026-11-24 10:00")
    assert set(PERSISTENCE) == set(Urgency)
    for urgency in Urgency:
        assert next_reminder(urgency, placed, 2, LONDON) < expires_at(urgency, placed)
        assert all(PERSISTENCE[urgency].lasts <= REQUEST.patience[state] for state in OPEN)


def test_the_more_urgent_the_sooner() -> None:
    placed = at("2026-11-24 10:00")
    firsts = [next_reminder(urgency, placed, 0, LONDON) for urgency in Urgency]
    assert firsts == sorted(firsts)
    assert len(set(firsts)) == len(firsts)


def test_a_week_end_is_no_working_day() -> None:
    assert [is_working_day(date(2026, 11, day)) for day in range(20, 25)] == [True, False, False, True, True]
