"""Reminders and expiry of requests, with the clock moved: over a bank-holiday week-end, and round the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from models.domain.request_contracts import ReminderDue, RequestOutlook
from models.domain.urgency import Urgency
from models.office_hours import expires_at, is_working_day, next_reminder
from tests.workflows.stage import Stage, by
from tests.workflows.test_image_request import came, placed, until_walk, walk
from workflows.image_request import ImageRequest


def _more_than(count: int, sent: list[datetime]) -> bool:
    return len(sent) > count


class Patience:
    """Reminders as the database counts them, by the real rule."""

    def __init__(self, urgency: Urgency, asked_at: datetime) -> None:
        self.urgency, self.asked_at = urgency, asked_at
        self.sent: list[datetime] = []

    def outlook(self, given: object) -> RequestOutlook:
        if isinstance(given, ReminderDue):
            self.sent.append(given.at)
        due = next_reminder(self.urgency, self.asked_at, len(self.sent), "Europe/London")
        expiry = expires_at(self.urgency, self.asked_at)
        return RequestOutlook(expiry, due if due < expiry else None, remind_requester=len(self.sent) + 1 >= 3)


def patient(stage: Stage, urgency: Urgency, asked_at: datetime) -> Patience:
    made = Patience(urgency, asked_at)
    stage.world.answers["request_outlook"] = stage.world.answers["reminded"] = made.outlook
    return made


def before_a_long_week_end() -> datetime:
    """Noon of the next Thursday (at least a day from now) after which Friday and Monday are bank holidays."""
    day = datetime.now(UTC).date() + timedelta(days=2)
    while not _is_before_a_long_week_end(day):
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)


def _is_before_a_long_week_end(day: date) -> bool:
    return is_working_day(day) and not any(is_working_day(day + timedelta(days=n)) for n in range(1, 5))


async def test_nobody_is_reminded_over_a_bank_holiday_week_end(stage: Stage) -> None:
    asked_at = before_a_long_week_end()
    patience = patient(stage, Urgency.BY_DEADLINE, asked_at)
    handle = await placed(stage)
    until_noon = asked_at - datetime.now(UTC)
    await stage.forward(handle, until_noon)
    # Five days on, at 08:00 of the Tuesday, nobody has been reminded; two hours later somebody has.
    await stage.forward(handle, timedelta(days=4, hours=20))
    assert await handle.query("state") == "awaiting-source"
    assert patience.sent == []
    await stage.forward(handle, timedelta(hours=2))
    await stage.until(lambda: len(patience.sent) == 1)
    local = patience.sent[0].astimezone(ZoneInfo("Europe/London"))
    assert (local.strftime("%a %H:%M"), local.date() - asked_at.date()) == ("Tue 09:00", timedelta(days=5))
    await stage.until(lambda: stage.world.told == ["request-placed", "request-reminder"])


async def test_a_life_is_brought_up_every_ten_minutes_and_from_the_third_time_on_with_the_requester(
    stage: Stage,
) -> None:
    patience = patient(stage, Urgency.LIFE_CRITICAL, datetime.now(UTC))
    handle = await placed(stage)
    while len(patience.sent) < 4:
        before = len(patience.sent)
        await stage.forward(handle, timedelta(minutes=11))
        await stage.until(partial(_more_than, before, patience.sent))
    await stage.until(lambda: stage.world.told.count("request-unanswered") == 2)
    assert stage.world.told.count("request-reminder") == 4
    keys = [notice.key for notice in stage.world.notices]
    assert len(set(keys)) == len(keys)


async def test_whoever_owes_the_next_word_is_reminded(stage: Stage) -> None:
    patience = patient(stage, Urgency.URGENT, datetime.now(UTC))
    handle = await placed(stage)
    await handle.execute_update(ImageRequest.ask_back, by("ann", "q"))
    await stage.forward(handle, timedelta(hours=1, minutes=1))
    await stage.until(lambda: len(patience.sent) == 1)
    await stage.until(lambda: "request-reply-reminder" in stage.world.told)
    assert "request-reminder" not in stage.world.told


async def test_what_nobody_answers_expires(stage: Stage) -> None:
    patient(stage, Urgency.ROUTINE, datetime.now(UTC))
    handle = await placed(stage)
    await stage.forward(handle, timedelta(days=15))
    assert await handle.result() == "expired"
    assert walk(stage) == ["told", "expired"]
    assert stage.world.told.count("request-expired") == 1
    assert "request-reminder" in stage.world.told


async def test_what_came_in_part_ends_with_that(stage: Stage) -> None:
    patient(stage, Urgency.ROUTINE, datetime.now(UTC))
    handle = await placed(stage, studies=2)
    await came(stage, handle)
    await stage.until_state(handle, "partly-answered")
    await stage.forward(handle, timedelta(days=15))
    await until_walk(stage, "told", "matched", "declined-in-part", "answered")
    assert stage.world.steps[-2].detail == "Not sent in time."
