"""Whether an office that is asked is open, in the words of the page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.office_hours import office_hours
from models.queries.clock import clock_words
from web.times import with_local_times


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 5, 5, 8, 0, tzinfo=UTC), "open until 17:00"),  # 09:00 in London, a Tuesday
        (datetime(2026, 5, 5, 7, 59, tzinfo=UTC), "closed until 09:00"),
        (datetime(2026, 5, 5, 16, 0, tzinfo=UTC), "closed until 6 May, 09:00"),
        (datetime(2026, 5, 1, 16, 30, tzinfo=UTC), "closed until 5 May, 09:00"),  # over the early May bank holiday
        (datetime(2026, 12, 24, 18, 0, tzinfo=UTC), "closed until 29 Dec, 09:00"),
    ],
)
def test_office_hours(at: datetime, words: str) -> None:
    assert office_hours(at, "Europe/London") == words


def test_a_clock_is_the_reader_s() -> None:
    at = datetime(2026, 5, 3, 23, 30, tzinfo=UTC)
    assert clock_words(at, "Europe/London", at) == "00:30"
    assert clock_words(at, "UTC", at.replace(day=4)) == "3 May, 23:30"
    assert clock_words(at, "UTC", at.replace(year=2027)) == "3 May 2026, 23:30"


def test_what_the_engine_says_of_times_is_the_reader_s_too() -> None:
    summer, winter = datetime(2026, 7, 3, 9, 0, tzinfo=UTC), datetime(2026, 12, 3, 9, 0, tzinfo=UTC)
    said = "Too late: it was declined by Ann at 23:05 UTC and is now declined."
    assert with_local_times(said, "Europe/London", summer) == said.replace("23:05 UTC", "00:05")
    assert with_local_times(said, "Europe/London", winter) == said.replace(" UTC", "")
    assert with_local_times("Study 1.2.99:99 UTC", "Europe/London", summer) == "Study 1.2.99:99 UTC"
