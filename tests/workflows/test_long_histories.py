"""A history that grows long goes on in a new one: every step is there once, and what was decided stays decided."""

from __future__ import annotations

import asyncio
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
from tests.workflows.fakes import Fakes, World
from tests.workflows.stage import Handle, by, working
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
