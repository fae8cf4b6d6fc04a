"""A delivery that the exchange would release waits for its Node, which must be asked first whose the Patient ID is."""

from __future__ import annotations

from models.domain.contracts import Listing
from tests.workflows.stage import Handle, Stage, by
from workflows.delivery import Delivery

UNASKED = Listing(False, "So does the exchange, once it can be asked.", unasked=True)


async def unasked(stage: Stage, *then: Listing) -> Handle:
    stage.world.answers["list"] = [UNASKED, *then]
    handle = await stage.delivery()
    await stage.until(lambda: "delivery.listed" in stage.world.walk)
    return handle


async def answers(handle: Handle) -> None:
    await handle.signal(Delivery.node_answered)


async def test_once_it_says_so_the_exchange_releases(stage: Stage) -> None:
    handle = await unasked(stage, UNASKED, Listing(True, "by itself"))
    await answers(handle)
    await stage.until(lambda: stage.world.done.count("list") == 2)
    await answers(handle)
    assert await handle.result() == "confirmed"
    assert stage.world.walk == ["delivery.listed", "delivery.released", "delivery.sent", "delivery.confirmed"]
    assert stage.world.told == ["delivery-confirmed"], "nobody needed to act"


async def test_where_it_is_another_s_a_person_is_told(stage: Stage) -> None:
    handle = await unasked(stage, Listing(False, "It needs a look."))
    await answers(handle)
    await stage.until(lambda: "delivery-on-worklist" in stage.world.told)
    assert stage.world.walk == ["delivery.listed"]
    await handle.execute_update(Delivery.refuse, by("ann"))
    assert await handle.result() == "refused"


async def test_a_person_need_not_wait_for_it(stage: Stage) -> None:
    handle = await unasked(stage, Listing(True, "by itself"))
    assert await handle.execute_update(Delivery.release, by("ann")) == "sending"
    await answers(handle)
    assert await handle.result() == "confirmed"
    assert stage.world.steps[1].actor == "ann"
    assert stage.world.done.count("list") == 1


async def test_one_that_is_run_again_asks_again(stage: Stage) -> None:
    """The word that it waited for may have come to the run before."""
    handle = await stage.delivery(state="on-worklist")
    assert await handle.result() == "confirmed"
    assert stage.world.walk == ["delivery.released", "delivery.sent", "delivery.confirmed"]
