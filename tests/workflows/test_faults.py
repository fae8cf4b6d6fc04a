"""Killed workers and a killed engine: what was begun goes on, once, within seconds."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.converter import DataConverter

from models.db import Database
from models.domain.contracts import CommandKind, Decision, DeliveryStart, NodeStart
from models.domain.urgency import Urgency
from temporal.gateway import SAVED, Gateway
from temporal.relay import Relay
from tests.database import Registry
from tests.engine import Server
from tests.eventually import eventually
from tests.workflows.fakes import Fakes
from tests.workflows.stage import DEADLINE, Handle, working
from tests.workflows.test_gateway import ROOT, again, beside, saved
from workflows.delivery import Delivery
from workflows.node_health import NodeHealth
from workflows.policies import BULK, WORKFLOWS


class Workers:
    """Processes of the exchange's workers, and what they have done."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.file = server, folder / "done"
        self.file.touch()
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, queue: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.workflows.work", self.server.address, queue, str(self.file)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def did(self, words: str) -> int:
        return self.file.read_text().splitlines().count(words)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def client(server: Server) -> Client:
    return await server.client()


@pytest.fixture
async def workers(server: Server, client: Client, tmp_path: Path) -> AsyncIterator[Workers]:
    made = Workers(server, tmp_path)
    yield made
    made.close()


async def on_worklist(client: Client, workers: Workers) -> Handle:
    handle: Handle = await client.start_workflow(
        Delivery.run, DeliveryStart("1-delivery", Urgency.ROUTINE), id="delivery-1-delivery", task_queue=WORKFLOWS
    )
    await beside(eventually, lambda: workers.did("done tell"))
    return handle


@contextmanager
def reported(what: str):  # type: ignore[no-untyped-def]
    begun = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - begun:.1f} s")


async def test_a_worker_that_is_told_to_stop_finishes_what_is_under_way(client: Client, workers: Workers) -> None:
    workers.start(WORKFLOWS)
    bulk = workers.start(BULK)
    handle = await on_worklist(client, workers)
    await handle.execute_update(Delivery.release, Decision("ann"))
    await beside(eventually, lambda: workers.did("begun send"))
    bulk.send_signal(signal.SIGTERM)
    assert await beside(bulk.wait, 20) == 0
    assert workers.did("done send") == 1
    workers.start(BULK)
    assert await handle.result() == "confirmed"
    assert workers.did("begun send") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_worker_stops_at_once(workers: Workers, number: int) -> None:
    worker = workers.start(WORKFLOWS)
    worker.send_signal(number)
    assert await beside(worker.wait, 10) == 0


async def test_another_worker_goes_on_with_the_workflows_of_a_killed_one(client: Client, workers: Workers) -> None:
    first = workers.start(WORKFLOWS)
    workers.start(BULK)
    handle = await on_worklist(client, workers)
    first.kill()
    first.wait()
    workers.start(WORKFLOWS)
    with reported("after kill -9 of the workflow worker, an update"):
        assert await handle.execute_update(Delivery.release, Decision("ann")) == "sending"
    assert await handle.result() == "confirmed"
    for step in ("listed", "released", "sent", "confirmed"):
        assert workers.did(f"done delivery.{step}") == 1


async def test_another_worker_goes_on_with_the_sending_of_a_killed_one(client: Client, workers: Workers) -> None:
    workers.start(WORKFLOWS)
    first = workers.start(BULK)
    handle = await on_worklist(client, workers)
    await handle.execute_update(Delivery.release, Decision("ann"))
    await beside(eventually, lambda: workers.did("begun send"))
    first.kill()
    first.wait()
    workers.start(BULK)
    with reported("after kill -9 of the transfer worker, the whole delivery"):
        assert await handle.result() == "confirmed"
    assert (workers.did("begun send"), workers.did("done send")) == (2, 1)


async def test_a_killed_engine_goes_on_where_it_was(client: Client, server: Server, workers: Workers) -> None:
    workers.start(WORKFLOWS)
    workers.start(BULK)
    handle = await on_worklist(client, workers)
    await handle.execute_update(Delivery.release, Decision("ann"))
    await beside(eventually, lambda: workers.did("begun send"))
    server.kill()
    await beside(server.start_again)
    with reported("after kill -9 of the engine, the whole delivery"):
        again_there = (await server.client()).get_workflow_handle("delivery-1-delivery")
        assert await again_there.result() == "confirmed"
    for step in ("listed", "released", "sent", "confirmed"):
        assert workers.did(f"done delivery.{step}") == 1


async def test_what_is_asked_while_the_engine_is_away_is_done_when_it_is_back(
    client: Client, server: Server, workers: Workers, database: Database, registry: Registry
) -> None:
    workers.start(WORKFLOWS)
    workers.start(BULK)
    await on_worklist(client, workers)
    gateway = Gateway(server.address, "default", DataConverter.default, timeout=1.0)
    relay = Relay(database, gateway)
    try:
        assert await beside(gateway.is_ready)
        server.kill()
        release = saved(database, CommandKind.RELEASE_DELIVERY, "1-delivery")
        assert await beside(gateway.try_now, database, release.id) == SAVED
        assert await beside(relay.carry) == 1
        assert again(database, release).delivered_at is None
        await beside(server.start_again)

        def carried() -> bool:
            relay.carry()
            return again(database, release).delivered_at is not None

        with reported("after the engine was back, the command"):
            await beside(eventually, carried)
        assert again(database, release).refusal == ""
        assert await (await server.client()).get_workflow_handle("delivery-1-delivery").result() == "confirmed"
        assert workers.did("done delivery.released") == 1
    finally:
        await beside(gateway.close)


async def test_the_health_of_a_node_begins_a_new_history_before_the_old_one_grows_long(tmp_path: Path) -> None:
    server = Server(tmp_path, "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=40")
    try:
        client, fakes = await server.client(), Fakes()
        world = fakes.world()
        async with working(client, fakes):
            first: Handle = await client.start_workflow(
                NodeHealth.run, NodeStart(world.node_id), id="node", task_queue=WORKFLOWS
            )
            handle = client.get_workflow_handle("node")
            await handle.execute_update(NodeHealth.hold, Decision("ann"))
            await handle.execute_update(NodeHealth.resume, Decision("ann"))
            deadline = time.monotonic() + DEADLINE
            while (await handle.describe()).run_id == first.first_execution_run_id:
                assert time.monotonic() < deadline, world.done
                await handle.signal(NodeHealth.fault_reported)
            assert await handle.query("state") == "up"
            await handle.execute_update(NodeHealth.hold, Decision("bob"))
            assert world.walk == ["node.held", "node.resumed", "node.answered", "node.held"]
            assert {step.sequence for step in world.steps[:3]} == {0, 1, 2}
            # A new run counts its steps afresh: its key in the journal is (run, sequence).
            assert (world.steps[3].sequence, world.steps[3].run_id != world.steps[0].run_id) == (0, True)
            await handle.terminate()
    finally:
        server.close()


def test_recovery_is_set_to_be_quick() -> None:
    from temporal import worker
    from workflows import policies

    for long in (policies.sending, policies.comparing, policies.asking_in_passing):
        assert long(Urgency.ROUTINE)["heartbeat_timeout"] <= timedelta(seconds=10)
    assert policies.echo()["heartbeat_timeout"] <= timedelta(seconds=10)
    assert policies.DATABASE["heartbeat_timeout"] <= timedelta(seconds=10)
    assert timedelta(seconds=10) <= worker.GRACE <= timedelta(seconds=30)
