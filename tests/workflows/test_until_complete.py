"""How an arrival comes to be complete: who is asked when, and what ends the waiting."""

from __future__ import annotations

from datetime import timedelta

from models.domain.contracts import ArrivalOutlook, RouteVerdict, Sealed
from models.domain.routing import HeldReason
from tests.workflows.fakes import PASSING
from tests.workflows.gate import Gate
from tests.workflows.stage import Stage

NO_ROUTE = RouteVerdict(reason=HeldReason.NO_ROUTE, detail="No image names a destination.")
CONFLICT = RouteVerdict(reason=HeldReason.IDENTITY_CONFLICT, detail="The images name two patients.")


async def test_each_announcement_asks_the_database_again(stage: Stage) -> None:
    stage.world.answers["seal"] = Sealed(False, wait_seconds=3600)
    handle = await stage.arrival()
    for generation in (1, 2):
        await stage.until(lambda generation=generation: stage.world.done.count("seal") == generation)  # type: ignore[misc]
        await stage.forward(handle, timedelta(minutes=50))
        await stage.grew(handle, generation)
    await stage.until(lambda: stage.world.done.count("seal") == 3)
    await stage.grew(handle, 1)  # An older word is none.
    stage.world.answers["seal"] = Sealed(True, "all there")
    await stage.forward(handle, timedelta(hours=1, seconds=1))
    assert await handle.result() == "routed"
    assert [given.asked for name, given in stage.world.given if name == "seal"] == [None, None, None, 0]


async def test_what_is_announced_while_the_database_is_asked_is_not_forgotten(stage: Stage) -> None:
    gate = Gate(Sealed(False, wait_seconds=3600))
    stage.world.answers["seal"] = [gate, Sealed(True, "all there")]
    handle = await stage.arrival()
    await gate.reached.wait()
    await stage.grew(handle, 1)
    gate.opened.set()
    # No time is skipped: it asks again at once instead of waiting as long as the older answer says.
    assert await handle.result() == "routed"


async def test_a_list_of_the_sender_seals_without_asking_the_source(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(source_can_be_asked=True)
    stage.world.answers["seal"] = Sealed(True, "3 of 3, listed by the sender's commitment.")
    handle = await stage.arrival()
    assert await handle.result() == "routed"
    assert "count" not in stage.world.done


async def test_the_source_says_how_many_there_are(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(source_can_be_asked=True)
    handle = await stage.arrival()
    await handle.result()
    assert [given.asked for name, given in stage.world.given if name == "seal"] == [None, 3]


async def test_while_nothing_can_be_found_nobody_looks(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(source_can_be_asked=True, wait_seconds=600)
    handle = await stage.arrival()
    await stage.until(lambda: "outlook" in stage.world.done)
    await stage.forward(handle, timedelta(minutes=5))
    assert "seal" not in stage.world.done
    await stage.forward(handle, timedelta(minutes=6))
    assert await handle.result() == "routed"
    assert [given.asked for name, given in stage.world.given if name == "seal"] == [3]


async def test_news_ends_the_first_wait(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(wait_seconds=3600)
    stage.world.answers["seal"] = Sealed(True, "all there")
    handle = await stage.arrival()
    await stage.until(lambda: "outlook" in stage.world.done)
    await stage.grew(handle, 1)
    # No time is skipped.
    assert await handle.result() == "routed"
    assert [given.asked for name, given in stage.world.given if name == "seal"] == [None]


async def test_a_source_that_cannot_be_asked_in_time_holds_nothing_up(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(source_can_be_asked=True)
    stage.world.answers["count"] = PASSING
    handle = await stage.arrival()
    await stage.until(lambda: "count" in stage.world.done)
    await stage.forward(handle, timedelta(minutes=2))
    assert await handle.result() == "routed"
    assert [given.asked for name, given in stage.world.given if name == "seal"] == [None, 0]
