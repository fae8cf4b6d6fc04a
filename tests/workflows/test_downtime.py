"""Planned downtime of a Node: it begins and ends by itself, outlives a run, and a person may end it early."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType

from models.domain.contracts import DowntimePlan, NodeFacts, NodeStart, SendReport
from models.domain.downtime import AHEAD, LONGEST
from tests.workflows.stage import Handle, Stage, by, refused
from tests.workflows.test_long_histories import Engine, runs, short
from workflows.delivery import Delivery
from workflows.node_health import NodeHealth

__all__ = ["short"]

SILENT = NodeFacts(False, "It does not answer.")
A_WHILE = timedelta(minutes=10)
A_LITTLE_MORE = timedelta(seconds=1)


def plan(begins: timedelta, lasts: timedelta, who: str = "ann") -> DowntimePlan:
    at = datetime.now(UTC) + begins
    return DowntimePlan(who, "c1", at, at + lasts)


def now_for(span: timedelta) -> DowntimePlan:
    return plan(timedelta(seconds=-1), span)


async def test_it_begins_later_ends_by_itself_and_the_node_is_asked_first(stage: Stage) -> None:
    handle = await stage.node()
    assert await handle.execute_update(NodeHealth.plan, plan(A_WHILE, A_WHILE)) == "up"
    await stage.forward(handle, A_WHILE + A_LITTLE_MORE)
    await stage.until_state(handle, "in-downtime")
    looks = stage.world.done.count("look")
    # Neither its silence nor a fault changes anything meanwhile.
    stage.world.answers["look"] = SILENT
    await handle.signal(NodeHealth.fault_reported)
    await stage.forward(handle, A_WHILE / 2)
    assert (await handle.query("state"), stage.world.done.count("look")) == ("in-downtime", looks)
    stage.world.answers["look"] = NodeFacts(True)
    await stage.forward(handle, A_WHILE / 2 + A_LITTLE_MORE)
    await stage.until_state(handle, "up")
    await stage.until(lambda: len(stage.world.steps) == 4)
    assert stage.world.walk == [f"node.{event}" for event in ("planned", "began", "ended", "answered")]
    assert [step.actor for step in stage.world.steps] == ["ann", "exchange", "exchange", "exchange"]
    assert stage.world.done.count("look") == looks + 1


async def test_one_that_is_not_back_at_its_end_is_down(stage: Stage) -> None:
    stage.world.answers["look"] = SILENT
    handle = await stage.node("down")
    await handle.execute_update(NodeHealth.plan, now_for(A_WHILE))
    await stage.until_state(handle, "in-downtime")
    await stage.forward(handle, A_WHILE)
    await stage.until_state(handle, "down")
    await stage.until(lambda: len(stage.world.steps) == 4)
    assert stage.world.walk == [f"node.{event}" for event in ("planned", "began", "ended", "failed")]


async def test_a_person_ends_it_early(stage: Stage) -> None:
    handle = await stage.node()
    await handle.execute_update(NodeHealth.plan, now_for(A_WHILE))
    await stage.until_state(handle, "in-downtime")
    assert await handle.execute_update(NodeHealth.resume, by("bob")) == "probing"
    await stage.until_state(handle, "up")
    await stage.forward(handle, 2 * A_WHILE)
    assert await handle.query("state") == "up"
    assert "node.ended" not in stage.world.walk
    assert stage.world.walk.count("node.began") == 1


async def test_a_person_cancels_what_is_planned_and_nothing_begins(stage: Stage) -> None:
    handle = await stage.node()
    assert "No downtime is planned" in await refused(handle.execute_update(NodeHealth.cancel, by("ann")))
    await handle.execute_update(NodeHealth.plan, plan(A_WHILE, A_WHILE))
    assert await handle.execute_update(NodeHealth.cancel, by("bob")) == "up"
    await stage.forward(handle, 2 * A_WHILE)
    await stage.until(lambda: stage.world.done.count("look") > 0)
    assert stage.world.walk == ["node.planned", "node.cancelled"]
    assert "No downtime is planned" in await refused(handle.execute_update(NodeHealth.cancel, by("ann")))


async def test_it_is_given_another_end_while_it_lasts(stage: Stage) -> None:
    handle = await stage.node()
    await handle.execute_update(NodeHealth.plan, now_for(A_WHILE))
    await stage.until_state(handle, "in-downtime")
    assert await handle.execute_update(NodeHealth.plan, now_for(3 * A_WHILE)) == "in-downtime"
    await stage.forward(handle, 2 * A_WHILE)
    assert await handle.query("state") == "in-downtime"
    await stage.forward(handle, A_WHILE)
    await stage.until_state(handle, "up")
    await stage.until(lambda: len(stage.world.steps) == 5)
    assert stage.world.walk == [f"node.{event}" for event in ("planned", "began", "planned", "ended", "answered")]
    assert "No downtime is planned" in await refused(handle.execute_update(NodeHealth.cancel, by("ann")))


async def test_who_holds_it_keeps_it_held_beyond_the_end(stage: Stage) -> None:
    handle = await stage.node()
    await handle.execute_update(NodeHealth.plan, now_for(A_WHILE))
    await stage.until_state(handle, "in-downtime")
    assert await handle.execute_update(NodeHealth.hold, by("bob")) == "held"
    await stage.forward(handle, 2 * A_WHILE)
    assert await handle.query("state") == "held"
    assert await handle.execute_update(NodeHealth.resume, by("bob")) == "probing"
    await stage.until_state(handle, "up")
    assert stage.world.walk.count("node.began") == 1


async def test_one_that_is_resumed_within_its_downtime_is_down_again(stage: Stage) -> None:
    handle = await stage.node("held")
    await handle.execute_update(NodeHealth.plan, plan(A_WHILE, 3 * A_WHILE))
    await stage.forward(handle, 2 * A_WHILE)
    await handle.execute_update(NodeHealth.resume, by("bob"))
    await stage.until_state(handle, "in-downtime")


@pytest.mark.parametrize(
    ("begins", "lasts", "why"),
    [
        (-3 * A_WHILE, A_WHILE, "The end has passed"),
        (A_WHILE, -A_WHILE / 2, "It ends before it begins"),
        (AHEAD + A_WHILE, A_WHILE, "more than 90 days"),
        (A_WHILE, LONGEST + A_WHILE, "more than 14 days"),
    ],
)
async def test_times_that_cannot_be_are_refused(stage: Stage, begins: timedelta, lasts: timedelta, why: str) -> None:
    handle = await stage.node()
    assert why in await refused(handle.execute_update(NodeHealth.plan, plan(begins, lasts)))
    assert stage.world.steps == []


async def test_another_cannot_be_planned_while_one_lasts(stage: Stage) -> None:
    handle = await stage.node()
    await handle.execute_update(NodeHealth.plan, now_for(A_WHILE))
    await stage.until_state(handle, "in-downtime")
    assert "has begun" in await refused(handle.execute_update(NodeHealth.plan, plan(2 * A_WHILE, A_WHILE)))
    assert await handle.query("state") == "in-downtime"


async def test_what_is_planned_outlives_a_history_that_grows_long(short: Engine) -> None:
    world = short.world
    handle = await short.run(NodeHealth.run, NodeStart(world.node_id), f"node-{world.node_id}")
    ends = datetime.now(UTC) + timedelta(hours=4)
    await handle.execute_update(NodeHealth.plan, DowntimePlan("ann", "c1", ends - A_WHILE, ends))
    for _ in range(12):
        await handle.execute_update(NodeHealth.hold, by("ann"))
        await handle.execute_update(NodeHealth.resume, by("bob"))
    assert await runs(handle) > 1
    assert await handle.execute_update(NodeHealth.cancel, by("ann")) in ("up", "probing")
    await handle.execute_update(NodeHealth.plan, DowntimePlan("ann", "c1", datetime.now(UTC), ends))
    while await handle.query("state") != "in-downtime":
        await asyncio.sleep(0.02)
    before = await runs(handle)
    for _ in range(16):
        await handle.execute_update(NodeHealth.hold, by("ann"))
        await handle.execute_update(NodeHealth.resume, by("bob"))
    while await handle.query("state") != "in-downtime":
        await asyncio.sleep(0.02)
    assert await runs(handle) > before
    await handle.terminate()


async def test_it_is_taken_up_from_the_row_of_the_node(stage: Stage) -> None:
    ends = datetime.now(UTC) + A_WHILE
    handle: Handle = await stage.client.start_workflow(
        NodeHealth.run,
        NodeStart(stage.world.node_id, "in-downtime", ends - 2 * A_WHILE, ends),
        id=stage.node_workflow,
        task_queue="exchange",
    )
    assert await handle.query("state") == "in-downtime"
    await stage.forward(handle, A_WHILE)
    await stage.until_state(handle, "up")
    assert stage.world.walk[0] == "node.ended"


async def test_who_waits_for_what_is_told_once_for_each_downtime(stage: Stage) -> None:
    until = [SendReport(0, 0, node_away=True, planned_until=at) for at in ("18:00", "18:00", "20:00")]
    stage.world.answers["send"] = [*until, SendReport(3, 3)]
    handle = await stage.delivery()
    for attempts in (1, 2, 3):
        await stage.until(lambda attempts=attempts: stage.world.done.count("send") == attempts)  # type: ignore[misc]
        await _waits(handle, attempts)
        await handle.signal(Delivery.node_answered)
    assert await handle.result() == "confirmed"
    told = [notice for notice in stage.world.notices if notice.kind == "delivery-waits-for-downtime"]
    keys = [notice.key for notice in told]
    assert keys == [f"delivery-waits-for-downtime:{stage.world.delivery_id}:{at}" for at in ("18:00", "18:00", "20:00")]


async def _waits(handle: Handle, times: int) -> None:
    """Returns once the delivery has begun to wait for the `times`th time."""
    for _ in range(1000):
        events = (await handle.fetch_history()).events
        if sum(event.event_type == EventType.EVENT_TYPE_TIMER_STARTED for event in events) == 1 + times:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("It does not wait.")
