"""Recovery on a real engine: whatever became of a workflow there, run again it comes to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from temporalio import workflow
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from models.db import Database
from models.domain.contracts import CommandKind, Decision, DeliveryStart, Listing, SendReport
from models.domain.errors import NotAllowed
from models.domain.trouble import Trouble
from models.domain.urgency import Urgency
from models.shift import hand_over
from models.support import ask_act
from models.tables import Delivery, Node, OutboxCommand, SupportAct, Transaction, now
from temporal.gateway import Gateway
from temporal.recovery import Recovery
from temporal.relay import Relay
from tests.database import Registry
from tests.engine import Server
from tests.workflows.fakes import PASSING, Fakes, World
from tests.workflows.gate import Gate
from tests.workflows.rows import delivering
from tests.workflows.stage import Handle, by, working
from tests.workflows.test_gateway import beside
from workflows.delivery import Delivery as DeliveryWorkflow
from workflows.policies import WORKFLOWS

SOON_TOLD = ("--dynamic-config-value", "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=1")
"""The engine marks a workflow whose tasks fail at the first repetition, not at the fifth."""
DEADLINE = 30.0


@dataclass
class Desk:
    """An engine of its own, so that its lists hold nothing of other tests, with the row of one delivery."""

    server: Server
    client: Client
    recovery: Recovery
    database: Database
    registry: Registry
    world: World
    fakes: Fakes

    @property
    def workflow_id(self) -> str:
        return f"delivery-{self.world.delivery_id}"

    @property
    def handle(self) -> Handle:
        return self.client.get_workflow_handle(self.workflow_id)

    def row(self, state: str) -> None:
        with self.database.begin() as session:
            delivering(session, self.registry, self.world, state=state)

    async def begin(self, state: str = "") -> None:
        start = DeliveryStart(self.world.delivery_id, Urgency.ROUTINE, state)
        await self.client.start_workflow(DeliveryWorkflow.run, start, id=self.workflow_id, task_queue=WORKFLOWS)

    async def run_again(self) -> None:
        await beside(self.recovery.run_again, self.workflow_id)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not holds():
                await asyncio.sleep(0.02)

    async def until_listed(self, trouble: Trouble) -> None:
        async with asyncio.timeout(DEADLINE):
            while [one.trouble for one in await beside(self.recovery.lists)] != [trouble]:
                await asyncio.sleep(0.05)

    async def until_tasks_fail(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while (await self.handle.describe()).raw_description.pending_workflow_task.attempt < 2:
                await asyncio.sleep(0.02)


@pytest.fixture
async def desk(database: Database, registry: Registry, tmp_path: Path) -> AsyncIterator[Desk]:
    server, fakes = Server(tmp_path, *SOON_TOLD), Fakes()
    with database.begin() as session:
        for node in session.scalars(select(Node)):
            # The Nodes' own workflows are nobody's subject here.
            node.host = ""
    gateway = Gateway(server.address, "default", DataConverter.default)
    try:
        client = await server.client()
        yield Desk(server, client, Recovery(database, gateway), database, registry, fakes.world(), fakes)
    finally:
        await beside(gateway.close)
        server.close()


async def test_what_was_terminated_is_listed_and_ends_confirmed(desk: Desk) -> None:
    desk.row("sending")
    gate = desk.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    async with working(desk.client, desk.fakes):
        await desk.begin("sending")
        await gate.reached.wait()
        await desk.handle.terminate("by mistake")
        await desk.until_listed(Trouble.TERMINATED)
        gate.opened.set()
        await desk.run_again()
        assert await desk.handle.result() == "confirmed"
        assert await beside(desk.recovery.lists) == (), "its latest run came to its end"


async def test_what_the_engine_has_forgotten_is_rebuilt_from_the_database(desk: Desk) -> None:
    desk.row("sending")
    await desk.begin()
    desk.server.kill()
    for file in desk.server.file.parent.glob(f"{desk.server.file.name}*"):
        file.unlink()
    desk.server.start_again()
    await desk.server.client()
    assert await beside(desk.recovery.story, desk.workflow_id) == ()
    async with working(desk.client, desk.fakes):
        await desk.run_again()
        assert await desk.handle.result() == "confirmed"
    assert "delivery.released" not in desk.world.walk, "it went on from the state of its row"


async def test_tasks_that_fail_go_back_to_the_last_good_point(desk: Desk) -> None:
    """An answer that nobody understands stands in the history; the point before it asks again."""
    desk.row("waiting")
    desk.world.answers["list"] = "no listing at all"
    async with working(desk.client, desk.fakes):
        await desk.begin()
        await desk.until_listed(Trouble.TASKS_FAIL)
        desk.world.answers["list"] = Listing(True, "by itself")
        await desk.run_again()
        assert await desk.handle.result() == "confirmed"
    assert desk.world.walk.count("delivery.released") == 1


async def test_a_history_that_does_not_fit_begins_anew_from_the_database(desk: Desk) -> None:
    """Back at its last good point it fails as before: then the database tells how it goes on."""
    desk.row("sending")
    async with Worker(
        desk.client, task_queue=WORKFLOWS, workflows=[AnotherCourse], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        await desk.begin()
        await _has_gone_on(desk)
    async with working(desk.client, desk.fakes):
        # It waits for ever; what it is told makes the engine look at it again.
        await desk.handle.signal(DeliveryWorkflow.node_answered)
        await desk.until_tasks_fail()
        await desk.run_again()
        first = (await desk.handle.describe()).run_id
        await desk.until_tasks_fail()
        await desk.run_again()
        assert await desk.handle.result() == "confirmed"
        assert (await desk.handle.describe()).run_id != first
    assert "delivery.released" not in desk.world.walk, "it went on from the state of its row"


WAITS_AT = 19
"""Events: the start, four tasks of three and three timers of two."""


@workflow.defn(name="Delivery")
class AnotherCourse:
    """A delivery as an older version may have walked it."""

    @workflow.run
    async def run(self, start: DeliveryStart) -> str:
        for _ in range(3):
            await workflow.sleep(timedelta(milliseconds=10))
        await workflow.wait_condition(lambda: False)
        return ""

    @workflow.query
    def state(self) -> str:
        return "waiting"


async def _has_gone_on(desk: Desk) -> None:
    async with asyncio.timeout(DEADLINE):
        while (await desk.handle.describe()).history_length < WAITS_AT:
            await asyncio.sleep(0.02)


async def test_a_decision_that_was_taken_survives_the_reset(desk: Desk) -> None:
    desk.row("on-worklist")
    desk.world.answers["list"] = Listing(False, "")
    gate = desk.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    async with working(desk.client, desk.fakes):
        await desk.begin()
        await desk.until(lambda: "delivery-on-worklist" in desk.world.told)
        await desk.handle.execute_update(DeliveryWorkflow.release, by("ann"))
        await gate.reached.wait()
        for _ in range(5):
            await desk.run_again()
        gate.opened.set()
        assert await desk.handle.result() == "confirmed"
    released = [step for step in desk.world.steps if step.event == "released"]
    assert {step.actor for step in released} == {"ann"}


async def test_what_has_ended_is_not_run_again(desk: Desk) -> None:
    desk.row("confirmed")
    async with working(desk.client, desk.fakes):
        await desk.begin()
        await desk.handle.result()
        with pytest.raises(NotAllowed, match="nothing to run again"):
            await desk.run_again()


async def test_it_is_asked_by_a_command_of_support_once(desk: Desk) -> None:
    desk.row("sending")
    gate = desk.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    async with working(desk.client, desk.fakes):
        await desk.begin("sending")
        await gate.reached.wait()
        run_id = (await desk.handle.describe()).run_id
        for _ in range(2):
            with desk.database.begin() as session:
                ask_act(
                    session, "a" * 32, kind=CommandKind.RUN_AGAIN, subject_id=desk.workflow_id, institution_id="ZX2",
                    transaction_id=None, account_id=desk.registry.accounts["support.zx3"], reason="It hangs.",
                )  # fmt: skip
        assert await beside(Relay(desk.database, desk.recovery.gateway).carry) == 1
        reset = (await desk.handle.describe()).run_id
        assert reset != run_id
        assert await beside(Relay(desk.database, desk.recovery.gateway).carry) == 0
        assert (await desk.handle.describe()).run_id == reset
        gate.opened.set()
        assert await desk.handle.result() == "confirmed"
    with desk.database.begin() as session:
        assert session.scalars(select(OutboxCommand.refusal)).one() == ""
        assert session.scalar(select(func.count()).select_from(SupportAct)) == 1
        assert session.scalars(select(Delivery.created_at)).one() < now()


async def test_the_story_tells_faults_with_their_reason_and_who_decided(desk: Desk) -> None:
    desk.row("on-worklist")
    desk.world.answers |= {"list": Listing(False, ""), "send": [PASSING, PASSING, SendReport(3, 3)]}
    async with working(desk.client, desk.fakes):
        await desk.begin()
        await desk.until(lambda: "delivery-on-worklist" in desk.world.told)
        await desk.handle.execute_update(DeliveryWorkflow.release, Decision("ann"))
        assert await desk.handle.result() == "confirmed"
        told = await beside(desk.recovery.story, desk.workflow_id)
    words = [line.words for line in told]
    assert [line.at for line in told] == sorted(line.at for line in told)
    assert words[0] == "The engine began to work on it."
    assert words[-1] == "The engine has brought it to its end."
    assert words.index("A person's decision was accepted: release.") < words.index(
        "Failed 2 times: sending. It does not answer."
    )
    assert [line.words for line in told if line.is_fault] == ["Failed 2 times: sending. It does not answer."]


async def test_an_error_of_nobody_s_making_tells_its_kind_alone(desk: Desk) -> None:
    desk.row("waiting")
    desk.world.answers["list"] = {"worklist": "Agnes Example"}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(working(desk.client, desk.fakes))
        await desk.begin()
        await desk.until_tasks_fail()
        told = await beside(desk.recovery.story, desk.workflow_id)
    words = " ".join(line.words for line in told)
    assert "The engine could not go on by itself." in words
    assert "Run it again." in words
    assert "Agnes" not in words


async def test_what_is_handed_over_is_mailed_once(desk: Desk) -> None:
    desk.row("needs-attention")
    with desk.database.begin() as session:
        who = desk.registry.accounts["support.zx3"]
        one = session.get_one(Transaction, session.get_one(Delivery, desk.world.delivery_id).transaction_id)
        for _ in range(2):
            hand_over(
                session, "b" * 32, "Please register it.", who,
                transaction=one, subject_id=desk.world.delivery_id, to="ZX2",
            )  # fmt: skip
        command = session.get_one(OutboxCommand, "b" * 32)
    async with working(desk.client, desk.fakes):
        assert await beside(Relay(desk.database, desk.recovery.gateway).carry) == 1
        await desk.until(lambda: desk.world.told)
        # Even where the first answer was lost before it could be written down.
        await beside(desk.recovery.gateway.execute, command)
        await desk.client.get_workflow_handle(f"telling-handed-to-destination:{command.id}").result()
    assert desk.world.told == ["handed-to-destination"]
    assert "register" not in str(desk.world.notices)
