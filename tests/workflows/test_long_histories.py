"""A history that grows long goes on in a new one: every step is there once, and what was decided stays decided."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from models.domain.contracts import DeliveryStart, SendReport
from models.domain.request_contracts import RequestStart, StudyMatched
from models.domain.urgency import Urgency
from tests.engine import Server
from tests.workflows.fakes import PASSING, Fakes, World
from tests.workflows.stage import DEADLINE, Handle, by, working
from workflows.delivery import Delivery
from workflows.image_request import ImageRequest
from workflows.policies import WORKFLOWS

SOON_LONG = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60")


@dataclass
class Engine:
    client: Client
    world: World

    async def run(self, workflow: Any, start: object, workflow_id: str) -> Handle:
        return await self.client.start_workflow(workflow, start, id=workflow_id, task_queue=WORKFLOWS)


@pytest.fixture
async def short(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine that finds sixty events many, with workers."""
    server, fakes = Server(tmp_path, *SOON_LONG), Fakes()
    try:
        client = await server.client()
        async with working(client, fakes):
            yield Engine(client, fakes.world())
    finally:
        server.close()


async def runs(handle: Handle) -> int:
    """How many runs it has had, the present one among them."""
    found, run_id = 0, (await handle.describe()).run_id
    while run_id:
        found += 1
        history = await Handle(handle._client, handle.id, run_id=run_id).fetch_history()
        run_id = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return found


async def test_a_long_talk_about_a_request(short: Engine) -> None:
    handle = await short.run(ImageRequest.run, RequestStart(short.world.asked_id), f"request-{short.world.asked_id}")
    while await handle.query("state") != "awaiting-source":
        await asyncio.sleep(0.02)
    expected = ["told"]
    for _ in range(8):
        await handle.execute_update(ImageRequest.ask_back, by("ann"))
        await handle.execute_update(ImageRequest.reply, by("cy"))
        expected += ["asked-back", "replied"]
    await handle.signal(ImageRequest.study_matched, StudyMatched(short.world.arrival_id))
    short.world.delivered = 1
    await handle.signal(ImageRequest.delivery_moved)
    assert await handle.result() == "fulfilled"
    assert [step.event for step in short.world.steps] == [*expected, "matched", "answered", "fulfilled"]
    assert short.world.told.count("request-asked-back") == 8
    assert await runs(handle) > 1


async def test_a_delivery_that_is_tried_and_tried(short: Engine) -> None:
    short.world.answers["send"] = [*(SendReport(0, 3, "No.") for _ in range(10)), SendReport(3, 3)]
    start = DeliveryStart(short.world.delivery_id, Urgency.ROUTINE)
    handle = await short.run(Delivery.run, start, f"delivery-{short.world.delivery_id}")
    for tried in range(1, 11):
        while [step.event for step in short.world.steps].count("parked") < tried:
            await asyncio.sleep(0.02)
        await handle.execute_update(Delivery.retry, by("ann"))
    assert await handle.result() == "confirmed"
    events = [step.event for step in short.world.steps]
    assert events == ["listed", "released", *["parked", "retried"] * 10, "sent", "confirmed"]
    assert await runs(handle) > 1


async def test_a_mail_host_that_is_away_stops_no_delivery(short: Engine) -> None:
    world = short.world
    world.answers["send"] = [*(SendReport(0, 3, "No.") for _ in range(4)), SendReport(3, 3)]
    world.answers["tell"] = PASSING
    start = DeliveryStart(world.delivery_id, Urgency.ROUTINE)
    handle = await short.run(Delivery.run, start, f"delivery-{world.delivery_id}")
    for tried in range(1, 5):
        await until_walked(world, "delivery.parked", tried)
        await handle.execute_update(Delivery.retry, by("ann"))
    await until_walked(world, "delivery.confirmed")
    assert await runs(handle) > 1
    assert world.told == []
    world.answers["tell"] = 1
    assert await handle.result() == "confirmed"
    assert world.told.count("delivery-parked") == len({notice.key for notice in world.notices}) - 1 == 4
    assert "delivery-confirmed" in world.told


async def test_a_mail_host_that_is_away_stops_no_request(short: Engine) -> None:
    world = short.world
    world.answers["tell"] = PASSING
    handle = await short.run(ImageRequest.run, RequestStart(world.asked_id), f"request-{world.asked_id}")
    await until_walked(world, "request.told")
    for _ in range(5):
        await handle.execute_update(ImageRequest.ask_back, by("ann"))
        await handle.execute_update(ImageRequest.reply, by("cy"))
    await handle.signal(ImageRequest.study_matched, StudyMatched(world.arrival_id))
    world.delivered = 1
    await handle.signal(ImageRequest.delivery_moved)
    await until_walked(world, "request.fulfilled")
    assert await runs(handle) > 1
    world.answers["tell"] = 1
    assert await handle.result() == "fulfilled"
    assert (world.told.count("request-asked-back"), world.told.count("request-placed")) == (5, 1)


async def until_walked(world: World, step: str, times: int = 1) -> None:
    deadline = time.monotonic() + 2 * DEADLINE
    while world.walk.count(step) < times:
        assert time.monotonic() < deadline, world.walk
        await asyncio.sleep(0.02)
