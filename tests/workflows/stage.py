"""Real workers on a real engine, with an outside world made up by the test."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models.domain.commitment_contracts import CommitmentStart
from models.domain.contracts import ArrivalStart, Decision, DeliveryStart, NodeStart, StudyGrew
from models.domain.request_contracts import RequestStart
from models.domain.transfer_contracts import TransferStart
from models.domain.urgency import Urgency
from temporal.worker import ALL_WORKFLOWS, runner
from tests.workflows.fakes import Fakes, World
from workflows.commitment_answer import CommitmentAnswer
from workflows.delivery import Delivery
from workflows.image_request import ImageRequest
from workflows.node_health import NodeHealth
from workflows.policies import BULK, URGENT, WORKFLOWS
from workflows.study_arrival import StudyArrival
from workflows.transfer import Transfer

Handle = WorkflowHandle[Any, Any]
DEADLINE = 20.0


@dataclass
class Stage:
    """Starts the workflows of one world, and waits for what should happen in it."""

    environment: WorkflowEnvironment
    world: World

    @property
    def client(self) -> Client:
        return self.environment.client

    async def arrival(self, state: str = "") -> Handle:
        return await self._start(StudyArrival.run, ArrivalStart(self.world.arrival_id, state), self.arrival_workflow)

    async def delivery(self, state: str = "", urgency: Urgency = Urgency.ROUTINE) -> Handle:
        start = DeliveryStart(self.world.delivery_id, urgency, state)
        return await self._start(Delivery.run, start, self.delivery_workflow)

    async def node(self, state: str = "") -> Handle:
        return await self._start(NodeHealth.run, NodeStart(self.world.node_id, state), self.node_workflow)

    async def commitment(self) -> Handle:
        return await self._start(CommitmentAnswer.run, CommitmentStart(self.world.request_id), self.commitment_workflow)

    async def request(self, state: str = "") -> Handle:
        return await self._start(ImageRequest.run, RequestStart(self.world.asked_id, state), self.request_workflow)

    async def transfer(self, state: str = "", urgency: Urgency = Urgency.ROUTINE) -> Handle:
        start = TransferStart(self.world.transfer_id, urgency, state)
        return await self._start(Transfer.run, start, self.transfer_workflow)

    async def _start(self, run: Any, start: Any, workflow_id: str) -> Handle:
        return await self.client.start_workflow(run, start, id=workflow_id, task_queue=WORKFLOWS)

    @property
    def arrival_workflow(self) -> str:
        return f"arrival-{self.world.arrival_id}"

    @property
    def delivery_workflow(self) -> str:
        return f"delivery-{self.world.delivery_id}"

    @property
    def node_workflow(self) -> str:
        return f"node-{self.world.node_id}"

    @property
    def commitment_workflow(self) -> str:
        return f"commitment-{self.world.request_id}"

    @property
    def request_workflow(self) -> str:
        return f"request-{self.world.asked_id}"

    @property
    def transfer_workflow(self) -> str:
        return f"transfer-{self.world.transfer_id}"

    @property
    def handle_of_delivery(self) -> Handle:
        return self.client.get_workflow_handle(self.delivery_workflow)

    async def grew(self, handle: Handle, generation: int) -> None:
        await handle.signal(StudyArrival.study_grew, StudyGrew(generation, generation))

    async def until(self, holds: Callable[[], Any]) -> None:
        """Return when `holds`; AssertionError with what was done by then after the deadline."""
        deadline = time.monotonic() + DEADLINE
        while not holds():
            assert time.monotonic() < deadline, self.world.done
            await asyncio.sleep(0.01)

    async def until_state(self, handle: Handle, state: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while (now := await handle.query("state")) != state:
            assert time.monotonic() < deadline, f"{now}, after {self.world.done}"
            # A query keeps both engine and worker busy.
            await asyncio.sleep(0.05)

    async def forward(self, handle: Handle, span: timedelta) -> None:
        """Let `span` pass for a workflow at once."""
        await self.environment.fast_forward(handle, span)

    async def close(self) -> None:
        for workflow_id in (
            self.arrival_workflow, self.delivery_workflow, self.node_workflow, self.commitment_workflow,
            self.request_workflow, self.transfer_workflow,
        ):  # fmt: skip
            with contextlib.suppress(RPCError):
                await self.client.get_workflow_handle(workflow_id).terminate("the test is over")


@contextlib.asynccontextmanager
async def working(client: Client, fakes: Fakes) -> AsyncIterator[None]:
    """One worker for each queue, as the exchange has them."""
    async with contextlib.AsyncExitStack() as stack:
        for queue, workflows, activities in (
            (WORKFLOWS, ALL_WORKFLOWS, fakes.here),
            (URGENT, (), fakes.transfers),
            (BULK, (), fakes.transfers),
        ):
            await stack.enter_async_context(
                Worker(
                    client,
                    task_queue=queue,
                    workflows=workflows,
                    activities=activities,
                    workflow_runner=runner(),
                    max_heartbeat_throttle_interval=timedelta(seconds=0.2),
                )
            )
        yield


@pytest.fixture(scope="session")
async def fakes(engine: WorkflowEnvironment) -> AsyncIterator[Fakes]:
    made = Fakes()
    async with working(engine.client, made):
        yield made


@pytest.fixture
async def stage(engine: WorkflowEnvironment, fakes: Fakes) -> AsyncIterator[Stage]:
    made = Stage(engine, fakes.world())
    yield made
    await made.close()


def by(person: str, command: str = "", seen: str = "") -> Decision:
    return Decision(person, command, seen)


async def refused(update: Any) -> str:
    """The sentence with which an update is refused."""
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await update
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.message
