"""Transfer: rounds of fetching, what a person may do meanwhile, and what follows from the ends of deliveries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from models.domain.transfer_contracts import Retrieved, TransferProgress
from models.domain.urgency import Urgency
from tests.workflows.fakes import LOST, PASSING, PERMANENT
from tests.workflows.gate import Gate
from tests.workflows.stage import Handle, Stage, by, refused
from workflows.transfer import Transfer

SOME = Retrieved(2, 3, False, "2 of 3 came from ZX1_PACS; for 1 it answers A702 (out of resources).")
ALL = Retrieved(3, 3, True)


def walk(stage: Stage) -> list[str]:
    return [step.event for step in stage.world.steps if step.lifecycle == "transfer"]


async def delivered(stage: Stage, handle: Handle) -> None:
    stage.world.delivered = 1
    await handle.signal(Transfer.delivery_moved)


async def test_what_is_listed_comes_and_is_delivered(stage: Stage) -> None:
    handle = await stage.transfer(urgency=Urgency.URGENT)
    await stage.until_state(handle, "delivering")
    await delivered(stage, handle)
    assert await handle.result() == "fulfilled"
    assert walk(stage) == ["listed", "retrieved", "fulfilled"]
    assert stage.world.told == ["transfer-fulfilled"]
    events = len((await handle.fetch_history()).events)
    print(f"events: transfer {events}")
    assert events <= 60


async def test_nobody_looks_at_deliveries_before_one_has_ended(stage: Stage) -> None:
    handle = await stage.transfer()
    await stage.until_state(handle, "delivering")
    await stage.forward(handle, timedelta(hours=1))
    assert "transfer_progress" not in stage.world.done
    await delivered(stage, handle)
    assert await handle.result() == "fulfilled"
    assert stage.world.done.count("transfer_progress") == 1


async def test_what_had_ended_before_all_was_fetched_is_looked_at_at_once(stage: Stage) -> None:
    stage.world.answers["retrieve"] = replace(ALL, moved=True)
    stage.world.delivered = 1
    assert await (await stage.transfer()).result() == "fulfilled"


async def test_as_long_as_something_comes_it_goes_on_at_once(stage: Stage) -> None:
    stage.world.answers["retrieve"] = [replace(SOME, here=n) for n in (1, 2)] + [ALL]
    handle = await stage.transfer()
    await stage.until_state(handle, "delivering")
    assert stage.world.done.count("retrieve") == 3


async def test_after_three_rounds_in_which_nothing_comes_a_person_decides(stage: Stage) -> None:
    stage.world.answers["retrieve"] = SOME
    handle = await stage.transfer()
    # The first brings two of three; then two waits lie between the three that bring nothing.
    await stage.until(lambda: stage.world.done.count("retrieve") == 2)
    await stage.forward(handle, timedelta(seconds=5))
    await stage.until(lambda: stage.world.done.count("retrieve") == 3)
    await stage.forward(handle, timedelta(seconds=30))
    await stage.until_state(handle, "needs-attention")
    await stage.until(lambda: stage.world.told == ["transfer-parked"])
    assert stage.world.done.count("retrieve") == 4
    assert stage.world.steps[-1].detail == SOME.sentence
    assert stage.world.notices[0].detail == SOME.sentence


async def test_what_is_refused_for_good_is_not_asked_again(stage: Stage) -> None:
    stage.world.answers["retrieve"] = replace(SOME, refused=True)
    handle = await stage.transfer()
    await stage.until_state(handle, "needs-attention")
    assert stage.world.done.count("retrieve") == 1


async def test_a_pacs_that_is_away_is_asked_until_it_is_back(stage: Stage) -> None:
    stage.world.answers["list_at_source"] = [PASSING, None]
    handle = await stage.transfer()
    await stage.until_state(handle, "delivering")
    assert stage.world.done.count("list_at_source") == 2


async def test_what_cannot_be_listed_is_retried_by_a_person(stage: Stage) -> None:
    stage.world.answers["list_at_source"] = [PERMANENT, None]
    stage.world.answers["transfer_progress"] = TransferProgress(0, 0, False, 1, 0, 0)
    handle = await stage.transfer()
    await stage.until_state(handle, "needs-attention")
    await stage.until(lambda: [step.detail for step in stage.world.steps] == ["It was refused for good."])
    assert await handle.execute_update(Transfer.retry, by("ann", seen="needs-attention")) == "placed"
    await stage.until_state(handle, "delivering")
    await stage.until(lambda: walk(stage) == ["parked", "retried", "listed", "retrieved"])


async def test_of_two_people_the_later_one_reads_who_was_first(stage: Stage) -> None:
    stage.world.answers["list_at_source"] = [PERMANENT, Gate(None, beating=True)]
    stage.world.answers["transfer_progress"] = TransferProgress(0, 0, False, 1, 0, 0)
    handle = await stage.transfer()
    await stage.until_state(handle, "needs-attention")
    await handle.execute_update(Transfer.retry, by("ann", seen="needs-attention"))
    said = await refused(handle.execute_update(Transfer.retry, by("bob", seen="needs-attention")))
    assert said.startswith("Too late: it was retried by ann at ")


async def test_withdrawing_ends_the_fetching(stage: Stage) -> None:
    fetching = stage.world.answers["retrieve"] = Gate(ALL, beating=True)
    handle = await stage.transfer()
    await fetching.reached.wait()
    assert await handle.execute_update(Transfer.withdraw, by("ann", "c1")) == "withdrawn"
    assert await handle.result() == "withdrawn"
    await stage.until(lambda: fetching.cancelled)
    assert walk(stage) == ["listed", "withdrawn"]
    assert stage.world.steps[-1].content_id == "c1"


async def test_once_all_has_come_it_is_not_withdrawn(stage: Stage) -> None:
    handle = await stage.transfer()
    await stage.until_state(handle, "delivering")
    said = await refused(handle.execute_update(Transfer.withdraw, by("ann")))
    assert said.startswith("Too late: it was retrieved by the exchange at ")


async def test_a_delivery_that_was_refused_stops_it_and_a_retry_fetches_anew(stage: Stage) -> None:
    refused_once = TransferProgress(3, 3, True, 1, 0, 1, LOST)
    there = TransferProgress(3, 3, True, 1, 1, 0)
    stage.world.answers["retrieve"] = replace(ALL, moved=True)
    stage.world.answers["transfer_progress"] = lambda _: there if "retried" in walk(stage) else refused_once
    handle = await stage.transfer()
    await stage.until_state(handle, "needs-attention")
    # Another look changes nothing: it does not go on by itself.
    looks = stage.world.done.count("transfer_progress")
    await handle.signal(Transfer.delivery_moved)
    await stage.until(lambda: stage.world.done.count("transfer_progress") > looks)
    assert await handle.query("state") == "needs-attention"
    assert [step.detail for step in stage.world.steps if step.event == "parked"] == [LOST]
    await handle.execute_update(Transfer.retry, by("ann"))
    assert await handle.result() == "fulfilled"
    assert walk(stage)[-4:] == ["retried", "listed", "retrieved", "fulfilled"]


async def test_what_was_missing_and_comes_by_itself_opens_it_again(stage: Stage) -> None:
    stage.world.answers["retrieve"] = [replace(SOME, refused=True), ALL]
    stage.world.answers["transfer_progress"] = TransferProgress(2, 3, False, 1, 0, 0)
    handle = await stage.transfer()
    await stage.until_state(handle, "needs-attention")
    stage.world.answers["transfer_progress"] = TransferProgress(3, 3, True, 1, 0, 0)
    await handle.signal(Transfer.delivery_moved)
    await stage.until_state(handle, "delivering")
    await stage.until(lambda: walk(stage) == ["listed", "parked", "reopened", "listed", "retrieved"])


async def test_word_that_was_lost_is_made_up_for(stage: Stage) -> None:
    handle = await stage.transfer()
    await stage.until_state(handle, "delivering")
    stage.world.delivered = 1
    await stage.forward(handle, timedelta(hours=6))
    assert await handle.result() == "fulfilled"


async def test_it_goes_on_where_an_earlier_run_ended(stage: Stage) -> None:
    stage.world.delivered = 1
    handle = await stage.transfer("delivering")
    assert await handle.result() == "fulfilled"
    assert walk(stage) == ["fulfilled"]
    assert "retrieve" not in stage.world.done
