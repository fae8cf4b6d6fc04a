"""What the courses have in common."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from models.domain.contracts import ArrivalStart, Decision, RouteVerdict, StudyGrew
from models.domain.routing import HeldReason
from tests.workflows.fakes import World
from workflows.delivery import Delivery
from workflows.policies import WORKFLOWS
from workflows.study_arrival import StudyArrival

NO_ROUTE = RouteVerdict(reason=HeldReason.NO_ROUTE, detail="No image names a destination that the exchange knows.")
OFFICER = Decision("officer", "command")


async def arrive(client: Client, world: World) -> Any:
    """Start an arrival as ingest does, and let its study grow twice."""
    handle = await client.start_workflow(
        StudyArrival.run, ArrivalStart(world.arrival_id), id=f"arrival-{world.arrival_id}", task_queue=WORKFLOWS,
        start_signal="study_grew", start_signal_args=[StudyGrew(1, 1)],
    )  # fmt: skip
    await until(lambda: "seal" in world.done)
    with contextlib.suppress(RPCError):
        # It may have ended already, as it may for ingest.
        await handle.signal(StudyArrival.study_grew, StudyGrew(2, 3))
    return handle


def delivery_of(client: Client, world: World) -> Any:
    return client.get_workflow_handle_for(Delivery.run, f"delivery-{world.delivery_id}")


async def until(holds: Callable[[], Any]) -> None:
    while not holds():
        await asyncio.sleep(0.01)
