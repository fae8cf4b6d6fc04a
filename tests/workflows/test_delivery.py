"""Delivery: every path."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from models.domain.contracts import Comparison, Listing, SendReport, Verdict
from models.domain.urgency import Urgency
from tests.workflows.fakes import PASSING, PERMANENT
from tests.workflows.gate import Gate
from tests.workflows.stage import Handle, Stage, by
from workflows.confirmation import ASK_AGAIN
from workflows.delivery import Delivery

MISSING = Comparison(Verdict.MISSING, 2, 3, "It lists 2 of 3 images.")
ALL_ASKING = timedelta(seconds=sum(ASK_AGAIN) + 5)


async def on_worklist(stage: Stage) -> Handle:
    stage.world.answers["list"] = Listing(False, "")
    handle = await stage.delivery()
    await stage.until(lambda: "delivery-on-worklist" in stage.world.told)
    return handle


async def test_of_what_was_forwarded_the_source_is_told(stage: Stage) -> None:
    stage.world.answers["list"] = Listing(True, "by itself", forwarded=True)
    assert await (await stage.delivery()).result() == "confirmed"
    assert sorted(stage.world.told) == ["delivery-confirmed", "delivery-forwarded"]


async def test_an_automatic_worklist_needs_nobody(stage: Stage) -> None:
    handle = await stage.delivery()
    assert await handle.result() == "confirmed"
    assert stage.world.walk == ["delivery.listed", "delivery.released", "delivery.sent", "delivery.confirmed"]
    assert stage.world.told == ["delivery-confirmed"]
    assert {step.actor for step in stage.world.steps} == {"exchange"}


async def test_nothing_is_sent_before_the_release_is_recorded(stage: Stage) -> None:
    release = stage.world.answers["record"] = Gate()
    handle = await stage.delivery()
    await release.reached.wait()
    stage.world.answers["record"] = None
    assert "send" not in stage.world.done
    release.opened.set()
    await handle.result()
    done = stage.world.done
    assert done.index("delivery.released") < done.index("send") < done.index("delivery.sent")
    assert done.index("delivery.sent") < done.index("delivery.confirmed") < done.index("tell")


async def test_a_person_releases(stage: Stage) -> None:
    handle = await on_worklist(stage)
    assert await handle.execute_update(Delivery.release, by("ann", "c1")) == "sending"
    assert await handle.result() == "confirmed"
    released = stage.world.steps[1]
    assert (released.event, released.actor, released.content_id) == ("released", "ann", "c1")
    assert [step.sequence for step in stage.world.steps] == [0, 1, 2, 3]


async def test_a_person_refuses(stage: Stage) -> None:
    handle = await on_worklist(stage)
    assert await handle.execute_update(Delivery.refuse, by("ann", "c1")) == "refused"
    assert await handle.result() == "refused"
    assert "send" not in stage.world.done
    assert stage.world.told[-1] == "delivery-refused"


async def test_a_refused_parcel_parks_and_a_person_retries(stage: Stage) -> None:
    stage.world.answers["send"] = [SendReport(2, 3, "It refused 1 image."), SendReport(3, 3)]
    handle = await stage.delivery()
    await stage.until_state(handle, "needs-attention")
    await stage.until(lambda: stage.world.told == ["delivery-parked"])
    assert stage.world.steps[-1].detail == stage.world.notices[0].detail == "It refused 1 image."
    assert await handle.execute_update(Delivery.retry, by("ann", "c1")) == "sending"
    assert await handle.result() == "confirmed"
    assert stage.world.walk[2:] == [
        "delivery.parked", "delivery.retried", "delivery.sent", "delivery.confirmed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("update", "event", "left_out", "end"),
    [
        (Delivery.convert, "converted", 0, "confirmed"),
        (Delivery.leave_out, "left-out", 1, "confirmed-in-part"),
    ],
)
async def test_ways_out_for_what_was_set_aside(stage: Stage, update: Any, event: str, left_out: int, end: str) -> None:
    stage.world.answers["send"] = [SendReport(2, 3, "It did not take 1."), SendReport(3 - left_out, 3)]
    stage.world.answers["compare"] = Comparison(Verdict.CONFIRMED, 3 - left_out, 3 - left_out, left_out=left_out)
    handle = await stage.delivery()
    await stage.until_state(handle, "needs-attention")
    assert await handle.execute_update(update, by("ann", "c1")) == "sending"
    assert await handle.result() == end
    assert stage.world.walk[2:] == [
        "delivery.parked", f"delivery.{event}", "delivery.sent", f"delivery.{end}",
    ]  # fmt: skip
    chosen = stage.world.steps[3]
    assert (chosen.actor, chosen.content_id) == ("ann", "c1")
    assert stage.world.told == ["delivery-parked", f"delivery-{end}"]


@pytest.mark.parametrize("what", ["send", "compare"])
async def test_what_fails_for_good_parks_with_its_sentence(stage: Stage, what: str) -> None:
    stage.world.answers[what] = PERMANENT
    handle = await stage.delivery()
    await stage.until(lambda: "delivery-parked" in stage.world.told)
    assert stage.world.steps[-1].detail.endswith("It was refused for good.")
    assert await handle.execute_update(Delivery.abandon, by("ann")) == "abandoned"
    assert await handle.result() == "abandoned"


@pytest.mark.parametrize("what", ["send", "compare", "record", "list"])
async def test_what_passes_delays_and_loses_nothing(stage: Stage, what: str) -> None:
    stage.world.answers[what] = [PASSING, stage.world.answers[what]]
    handle = await stage.delivery()
    assert await handle.result() == "confirmed"
    assert stage.world.walk == ["delivery.listed", "delivery.released", "delivery.sent", "delivery.confirmed"]


async def test_missing_images_are_sent_once_more_and_then_a_person_is_asked(stage: Stage) -> None:
    stage.world.answers["compare"] = MISSING
    handle = await stage.delivery()
    await stage.until(lambda: "compare" in stage.world.done)
    await stage.forward(handle, ALL_ASKING)
    await stage.until(lambda: stage.world.done.count("send") == 2)
    await stage.forward(handle, ALL_ASKING)
    await stage.until_state(handle, "needs-attention")
    await stage.until(lambda: stage.world.told == ["delivery-parked"])
    assert stage.world.walk[2:] == [
        "delivery.sent", "delivery.found-missing", "delivery.sent", "delivery.parked",
    ]  # fmt: skip
    assert stage.world.done.count("forget") == 1
    assert stage.world.done.count("compare") == 2 * (len(ASK_AGAIN) + 1)
    # A retry begins afresh: what is missing then is sent once more again.
    await handle.execute_update(Delivery.retry, by("ann"))
    await stage.until(lambda: stage.world.done.count("send") == 3)
    await stage.forward(handle, ALL_ASKING)
    await stage.until(lambda: stage.world.done.count("send") == 4)


async def test_a_destination_that_indexes_late_gets_time(stage: Stage) -> None:
    stage.world.answers["compare"] = [MISSING, Comparison(Verdict.CONFIRMED, 3, 3)]
    handle = await stage.delivery()
    assert await handle.result() == "confirmed"
    assert stage.world.done.count("send") == 1


async def test_other_identifiers_there_wait_for_a_person(stage: Stage) -> None:
    different = Comparison(Verdict.DIFFERENT, 3, 3, "It gives another PatientID.")
    stage.world.answers["compare"] = [different, Comparison(Verdict.CONFIRMED, 3, 3)]
    handle = await stage.delivery()
    await stage.until_state(handle, "differs-at-destination")
    await stage.until(lambda: stage.world.told == ["delivery-parked"])
    await handle.execute_update(Delivery.retry, by("ann"))
    assert await handle.result() == "confirmed"


async def test_what_cannot_be_asked_is_sent_but_not_verifiable(stage: Stage) -> None:
    stage.world.answers["compare"] = Comparison(Verdict.UNVERIFIABLE, 0, 3, "It does not answer questions.")
    handle = await stage.delivery()
    assert await handle.result() == "unverifiable"
    assert stage.world.told == ["delivery-unverifiable"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [("waiting", "confirmed"), ("sending", "confirmed"), ("sent", "confirmed")],
)
async def test_a_delivery_goes_on_from_where_its_row_stands(stage: Stage, state: str, expected: str) -> None:
    handle = await stage.delivery(state)
    assert await handle.result() == expected


async def test_a_parked_row_goes_on_waiting_for_a_person(stage: Stage) -> None:
    handle = await stage.delivery("needs-attention")
    await stage.until_state(handle, "needs-attention")
    assert stage.world.done == []
    await handle.execute_update(Delivery.retry, by("ann"))
    assert await handle.result() == "confirmed"


@pytest.mark.parametrize("urgency", list(Urgency))
async def test_urgent_parcels_have_their_own_queue_and_priority(stage: Stage, urgency: Urgency) -> None:
    handle = await stage.delivery(urgency=urgency)
    await handle.result()
    seen: dict[str, tuple[str, int]] = {}
    async for event in handle.fetch_history_events():
        planned: Any = event.activity_task_scheduled_event_attributes
        if planned.activity_type.name.startswith("Dicom"):
            seen[planned.activity_type.name] = (planned.task_queue.name, planned.priority.priority_key)
    queue = "transfer-urgent" if urgency.is_urgent else "transfer-bulk"
    assert set(seen.values()) == {(queue, urgency.priority)}
