"""The gateway: a command is done once, a refusal comes back as its sentence, an engine that is away loses nothing."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from models.db import Database
from models.domain.contracts import CommandKind, DeliveryStart, Listing, NodeStart, StudyGrew
from models.domain.errors import NotAllowed, NotFound, PeerUnreachable
from models.domain.urgency import Urgency
from models.tables import OutboxCommand
from temporal.gateway import SAVED, Gateway
from tests.database import Registry
from tests.engine import Server, free_port
from tests.eventually import eventually
from tests.workflows.gate import Gate
from tests.workflows.rows import command
from tests.workflows.stage import Stage, by
from tests.workflows.test_image_request import placed
from tests.workflows.test_study_arrival import NO_ROUTE
from workflows.image_request import ImageRequest

ROOT = Path(__file__).parents[2]
Answer = TypeVar("Answer")


def address(environment: WorkflowEnvironment) -> str:
    return environment.client.service_client.config.target_host


@pytest.fixture
def gateway(engine: WorkflowEnvironment) -> Iterator[Gateway]:
    made = Gateway(address(engine), "default", DataConverter.default, timeout=3.0)
    yield made
    made.close()


async def beside(call: Callable[..., Answer], *given: Any) -> Answer:
    """A blocking call of the gateway, while the workers of this very loop go on."""
    return await asyncio.to_thread(call, *given)


async def waiting_for_release(stage: Stage, gateway: Gateway) -> None:
    stage.world.answers["list"] = Listing(False, "")
    await beside(gateway.start, DeliveryStart(stage.world.delivery_id, Urgency.ROUTINE))
    await stage.until(lambda: "delivery-on-worklist" in stage.world.told)


def saved(database: Database, kind: CommandKind, subject_id: str, actor: str = "ann") -> OutboxCommand:
    with database.begin() as session:
        command_id = command(session, kind, subject_id, actor)
        return session.get_one(OutboxCommand, command_id)


def again(database: Database, row: OutboxCommand) -> OutboxCommand:
    with database.begin() as session:
        return session.get_one(OutboxCommand, row.id)


async def test_a_delivery_is_told_that_it_is_more_urgent(
    stage: Stage, gateway: Gateway, database: Database, registry: Registry
) -> None:
    await waiting_for_release(stage, gateway)
    with database.begin() as session:
        told = command(session, CommandKind.RAISE_URGENCY, stage.world.delivery_id, urgency="life-critical")
    assert await beside(gateway.try_now, database, told) == ""
    release = saved(database, CommandKind.RELEASE_DELIVERY, stage.world.delivery_id)
    assert await beside(gateway.try_now, database, release.id) == ""
    await stage.handle_of_delivery.result()
    assert [given.urgency for name, given in stage.world.given if name == "send"] == [Urgency.LIFE_CRITICAL]


async def test_the_same_command_twice_is_done_once(
    stage: Stage, gateway: Gateway, database: Database, registry: Registry
) -> None:
    await waiting_for_release(stage, gateway)
    release = saved(database, CommandKind.RELEASE_DELIVERY, stage.world.delivery_id)
    said = await asyncio.gather(*(beside(gateway.try_now, database, release.id) for _ in range(4)))
    assert said == [""] * 4
    assert again(database, release).delivered_at is not None
    # Even where the first answer was lost before it could be written down.
    await beside(gateway.execute, release)
    await stage.handle_of_delivery.result()
    await beside(gateway.execute, release)
    assert stage.world.walk.count("delivery.released") == 1


async def test_a_refusal_comes_back_as_its_sentence_and_stays(
    stage: Stage, gateway: Gateway, database: Database, registry: Registry
) -> None:
    await waiting_for_release(stage, gateway)
    gate = stage.world.answers["send"] = Gate(beating=True)
    first = saved(database, CommandKind.RELEASE_DELIVERY, stage.world.delivery_id)
    second = saved(database, CommandKind.REFUSE_DELIVERY, stage.world.delivery_id, "bob")
    assert await beside(gateway.try_now, database, first.id) == ""
    said = await beside(gateway.try_now, database, second.id)
    assert said.startswith("Too late: it was released by ann at ")
    row = again(database, second)
    assert (row.refusal, row.delivered_at is not None) == (said, True)
    assert await beside(gateway.try_now, database, second.id) == said
    with pytest.raises(NotAllowed, match="Too late"):
        await beside(gateway.execute, second)
    gate.opened.set()


async def test_what_has_ended_says_so(stage: Stage, gateway: Gateway, database: Database, registry: Registry) -> None:
    await beside(gateway.start, DeliveryStart(stage.world.delivery_id, Urgency.ROUTINE))
    await stage.handle_of_delivery.result()
    late = saved(database, CommandKind.ABANDON_DELIVERY, stage.world.delivery_id)
    with pytest.raises(NotFound, match="ended already"):
        await beside(gateway.execute, late)
    assert "ended already" in await beside(gateway.try_now, database, late.id)


async def test_a_command_to_what_the_engine_does_not_know_yet_stays_due(
    stage: Stage, gateway: Gateway, database: Database, registry: Registry
) -> None:
    early = saved(database, CommandKind.HOLD_NODE, stage.world.node_id)
    assert await beside(gateway.try_now, database, early.id) == SAVED
    assert again(database, early).delivered_at is None
    await beside(gateway.start, NodeStart(stage.world.node_id))
    assert await beside(gateway.try_now, database, early.id) == ""
    assert stage.world.walk == ["node.held"]


async def test_nodes_are_started_once_and_hear_of_faults(
    stage: Stage, gateway: Gateway, database: Database, registry: Registry
) -> None:
    for _ in range(2):
        await beside(gateway.start, NodeStart(stage.world.node_id))
    fault = saved(database, CommandKind.REPORT_NODE_FAULT, stage.world.node_id)
    assert await beside(gateway.try_now, database, fault.id) == ""
    await stage.until(lambda: stage.world.done == ["look"])


async def test_word_to_a_request_that_has_ended_is_no_refusal(
    stage: Stage, gateway: Gateway, database: Database, registry: Registry
) -> None:
    request = await placed(stage)
    look = saved(database, CommandKind.LOOK_AT_REQUEST, stage.world.asked_id)
    assert await beside(gateway.try_now, database, look.id) == ""
    await stage.until(lambda: "progress" in stage.world.done)
    await request.execute_update(ImageRequest.withdraw, by("cy"))
    await request.result()
    late = saved(database, CommandKind.LOOK_AT_REQUEST, stage.world.asked_id)
    assert await beside(gateway.try_now, database, late.id) == ""
    assert again(database, late).refusal == ""


async def test_a_delivery_onward_is_not_begun_again_after_its_end(
    stage: Stage, gateway: Gateway, database: Database, registry: Registry
) -> None:
    onward = saved(database, CommandKind.FORWARD_DELIVERY, stage.world.delivery_id)
    await beside(gateway.execute, onward)
    assert await stage.handle_of_delivery.result() == "confirmed"
    # Carried again, as where the first answer was lost before it could be written down.
    await beside(gateway.execute, onward)
    assert (await stage.handle_of_delivery.describe()).close_time is not None
    assert stage.world.walk.count("delivery.listed") == 1


async def test_announcing_begins_an_arrival_and_may_come_too_late(stage: Stage, gateway: Gateway) -> None:
    for generation in (1, 2, 3):
        await beside(gateway.announce, stage.world.arrival_id, StudyGrew(generation, generation))
    handle = stage.client.get_workflow_handle(stage.arrival_workflow)
    assert await handle.result() == "routed"
    await beside(gateway.announce, stage.world.arrival_id, StudyGrew(4, 4))
    assert await beside(gateway.running, [stage.arrival_workflow, "arrival-nobody"]) == set()


async def test_more_updates_at_once_than_the_engine_takes_lose_nothing(
    stage: Stage, gateway: Gateway, database: Database, registry: Registry
) -> None:
    gate = Gate(stage.world.answers["route"])
    stage.world.answers["route"] = [NO_ROUTE, gate]
    handle = await stage.arrival()
    await stage.until_state(handle, "held")
    asked = [saved(database, CommandKind.ASSIGN_ARRIVAL, stage.world.arrival_id, f"person {n}") for n in range(13)]
    said = await asyncio.gather(*(beside(gateway.try_now, database, row.id) for row in asked))
    # None is answered while the first is under way; each of them is saved.
    assert set(said) == {SAVED}
    gate.opened.set()
    await handle.result()
    finally_said = [await beside(gateway.try_now, database, row.id) for row in asked]
    assert finally_said.count("") == 1
    assert all(
        words.startswith(("Too late: it was assigned by person", "That has ended")) for words in finally_said if words
    )
    assert stage.world.walk.count("arrival.assigned") == 1


def test_an_engine_that_is_away_is_reported_in_time(database: Database, registry: Registry) -> None:
    gateway = Gateway(f"127.0.0.1:{free_port()}", "default", DataConverter.default, timeout=1.0)
    begun = time.monotonic()
    with pytest.raises(PeerUnreachable):
        gateway.start(NodeStart("1-node"))
    assert not gateway.is_ready()
    hold = saved(database, CommandKind.HOLD_NODE, "1-node")
    assert gateway.try_now(database, hold.id) == SAVED
    # Three calls of at most timeout + 1 s each; the bound is a promise of the class, not a hope.
    assert time.monotonic() - begun < 3 * 2.0 + 1
    gateway.close()


async def _as_the_sdk_updates(client: Client) -> None:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError as given_up:
        raise WorkflowUpdateRPCTimeoutOrCancelledError from given_up


def test_an_update_that_is_given_up_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway(f"127.0.0.1:{free_port()}", "default", DataConverter.default, timeout=0.1)
    with pytest.raises(PeerUnreachable):
        gateway.asked(_as_the_sdk_updates)
    loop = gateway._loop
    assert loop is not None
    eventually(lambda: not asyncio.all_tasks(loop))
    gc.collect()
    gateway.close()
    assert not [record for record in caplog.records if "never retrieved" in record.getMessage()]


def test_an_engine_without_workers_is_reported_in_time(database: Database, registry: Registry, tmp_path: Path) -> None:
    server = Server(tmp_path)
    gateway = Gateway(server.address, "default", DataConverter.default, timeout=1.0)
    try:
        _until_ready(gateway)
        gateway.start(DeliveryStart("1-delivery", Urgency.ROUTINE))
        release = saved(database, CommandKind.RELEASE_DELIVERY, "1-delivery")
        assert gateway.try_now(database, release.id) == SAVED
        assert again(database, release).delivered_at is None
    finally:
        gateway.close()
        server.close()


def _until_ready(gateway: Gateway) -> None:
    def namespace_is_there() -> bool:
        try:
            gateway.start(NodeStart("0-node"))
        except PeerUnreachable:
            return False
        return True

    eventually(namespace_is_there)


PROGRAM = """
    import os, sys
    from temporalio.converter import DataConverter
    from temporal.gateway import Gateway
    gateway = Gateway(sys.argv[1], "default", DataConverter.default)
"""


def run(program: str, target: str) -> subprocess.CompletedProcess[str]:
    text = textwrap.dedent(PROGRAM) + textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-c", text, target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_forked_process_has_a_door_of_its_own(engine: WorkflowEnvironment) -> None:
    done = run(
        """
        child = os.fork()
        if child == 0:
            os._exit(0 if gateway.is_ready() and not gateway.running(["nobody"]) else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        here = gateway.is_ready()
        gateway.close()
        sys.exit(0 if status == 0 and here else 1)
        """,
        address(engine),
    )
    assert done.returncode == 0, done.stderr


def test_a_program_that_closes_its_gateway_ends_in_peace(engine: WorkflowEnvironment) -> None:
    for _ in range(3):
        done = run("ready = gateway.is_ready(); gateway.close(); sys.exit(not ready)", address(engine))
        assert (done.returncode, done.stderr) == (0, "")
