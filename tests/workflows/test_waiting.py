"""Deliveries whose Node is away: they wait, are told, and lose no word; without a word they try ever more rarely."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import select
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import CancelledError

from models import waiting
from models.db import Database
from models.domain.contracts import Decision, DeliveryStart, SendReport
from models.domain.errors import PeerUnreachable
from models.domain.urgency import Urgency
from models.tables import Delivery as DeliveryRow
from models.tables import Node, now
from temporal.gateway import Gateway
from temporal.relay import Relay
from temporal.worker import in_one_line
from tests.database import Registry
from tests.engine import Server
from tests.workflows.fakes import PASSING, Fakes, World
from tests.workflows.gate import Gate
from tests.workflows.rows import delivering
from tests.workflows.stage import DEADLINE, Handle, Stage, by, working
from tests.workflows.test_gateway import beside, gateway
from workflows.delivery import Delivery
from workflows.policies import WORKFLOWS, waits_for_node

__all__ = ["gateway"]

AWAY = SendReport(0, 0, node_away=True)
SENT = SendReport(3, 3)
FIRST_WAIT = next(waits_for_node())
AN_HOUR = timedelta(hours=1)


async def timers_fired(handle: Handle) -> int:
    history = await handle.fetch_history()
    return sum(event.event_type == EventType.EVENT_TYPE_TIMER_FIRED for event in history.events)


async def is_waiting(handle: Handle, timers: int = 2) -> None:
    """Returns once the delivery has been answered that its Node is away, and has begun to wait."""
    deadline = time.monotonic() + DEADLINE
    while True:
        events = (await handle.fetch_history()).events
        # One timer for the whole of its sending or of its being asked, another for the wait.
        if sum(event.event_type == EventType.EVENT_TYPE_TIMER_STARTED for event in events) == timers:
            return
        assert time.monotonic() < deadline, [EventType.Name(event.event_type) for event in events]


async def test_it_goes_on_when_it_is_told(stage: Stage, gateway: Gateway) -> None:
    stage.world.answers["send"] = [AWAY, SENT]
    handle = await stage.delivery()
    await is_waiting(handle)
    assert await handle.query("state") == "sending"
    await beside(gateway.node_answered, stage.world.delivery_id)
    assert await handle.result() == "confirmed"
    assert stage.world.done.count("send") == 2
    assert await timers_fired(handle) == 0
    await beside(gateway.node_answered, stage.world.delivery_id)


async def test_a_word_that_comes_before_it_waits_counts(stage: Stage) -> None:
    gate = Gate(AWAY)
    stage.world.answers["send"] = [gate, SENT]
    handle = await stage.delivery()
    await gate.reached.wait()
    await handle.signal(Delivery.node_answered)
    gate.opened.set()
    assert await handle.result() == "confirmed"
    assert await timers_fired(handle) == 0


async def test_without_a_word_it_tries_by_itself(stage: Stage) -> None:
    stage.world.answers["send"] = [AWAY, SENT]
    handle = await stage.delivery()
    await is_waiting(handle)
    await stage.forward(handle, FIRST_WAIT)
    assert await handle.result() == "confirmed"


def test_it_tries_ever_more_rarely() -> None:
    waits = [wait.total_seconds() / 60 for wait in islice(waits_for_node(), 7)]
    assert waits == [1, 2, 4, 8, 15, 15, 15]


async def test_both_sides_are_told_once_that_it_takes_long(stage: Stage) -> None:
    stage.world.answers["send"] = AWAY
    handle = await stage.delivery()
    await is_waiting(handle)
    await stage.forward(handle, 3 * AN_HOUR)
    await stage.until(lambda: stage.world.done.count("send") > 10)
    assert stage.world.told == ["delivery-slow"]


@pytest.mark.parametrize(("decision", "result"), [(Delivery.redirect, "confirmed"), (Delivery.abandon, "abandoned")])
async def test_a_person_decides_while_it_waits(stage: Stage, decision: object, result: str) -> None:
    stage.world.answers["send"] = [AWAY, SENT]
    handle = await stage.delivery()
    await is_waiting(handle)
    await handle.execute_update(decision, by("ann"))  # type: ignore[call-overload]
    assert await handle.result() == result
    assert await timers_fired(handle) == 0


async def test_a_long_wait_goes_on_in_a_new_history(tmp_path: Path) -> None:
    server = Server(tmp_path, "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60")
    try:
        client, fakes = await server.client(), Fakes()
        world = fakes.world()
        world.answers["send"] = AWAY
        async with working(client, fakes):
            first: Handle = await client.start_workflow(
                Delivery.run, DeliveryStart(world.delivery_id, Urgency.ROUTINE), id="delivery", task_queue=WORKFLOWS
            )
            handle = client.get_workflow_handle("delivery")
            deadline = time.monotonic() + DEADLINE
            while (await handle.describe()).run_id == first.first_execution_run_id:
                assert time.monotonic() < deadline, world.done
                await handle.signal(Delivery.node_answered)
            assert await handle.query("state") == "sending"
            assert await handle.execute_update(Delivery.abandon, Decision("ann")) == "abandoned"
            assert await first.result() == "abandoned"
        assert world.walk == ["delivery.listed", "delivery.released", "delivery.abandoned"]
        assert world.told == ["delivery-abandoned"]
        assert world.steps[2].run_id != world.steps[1].run_id
    finally:
        server.close()


async def test_an_attempt_that_may_pass_is_one_line_in_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.world.answers["send"] = [PASSING, SENT]
    logger = logging.getLogger(activity.__name__)
    logger.addFilter(in_one_line)
    try:
        assert await (await stage.delivery()).result() == "confirmed"
    finally:
        logger.removeFilter(in_one_line)
    (line,) = [record for record in caplog.records if "PeerUnreachable: It does not answer." in record.getMessage()]
    assert line.exc_info is None


def test_what_stopped_as_its_workflow_had_ended_is_one_line_in_the_log() -> None:
    withdrawn = CancelledError("It was withdrawn.")
    record = logging.makeLogRecord(
        {"msg": "Completing activity as failed", "exc_info": (CancelledError, withdrawn, None)}
    )
    assert in_one_line(record)
    assert record.getMessage() == "Completing activity as failed: CancelledError: It was withdrawn."
    assert record.exc_info is None


class Waiters:
    """Rows of deliveries that wait for ZX2's Node, and whom the relay has told."""

    def __init__(self, database: Database, registry: Registry) -> None:
        self.database, self.registry = database, registry
        self.told: list[str] = []
        self.unknown: set[str] = set()
        self.relay = Relay(database, self)  # type: ignore[arg-type]

    def node_answered(self, delivery_id: str) -> None:
        if delivery_id in self.unknown:
            raise PeerUnreachable("The engine is not answering.")
        self.told.append(delivery_id)

    def waits(self, number: int, urgency: Urgency = Urgency.ROUTINE, state: str = "sending") -> str:
        with self.database.begin() as session:
            row = delivering(session, self.registry, World(str(number)), state=state, urgency=urgency)
            row.waiting_since = now()
            return row.id

    def node(self, **columns: object) -> None:
        with self.database.begin() as session:
            node = session.get_one(Node, self.registry.nodes["ZX2_PACS"])
            for column, value in columns.items():
                setattr(node, column, value)

    def since(self, delivery_id: str) -> datetime | None:
        with self.database.begin() as session:
            return session.get_one(DeliveryRow, delivery_id).waiting_since


@pytest.fixture
def waiters(database: Database, registry: Registry) -> Waiters:
    made = Waiters(database, registry)
    made.node(state="down")
    return made


@pytest.mark.parametrize("away", [{"state": "down"}, {"state": "held"}, {"slots": 0}])
def test_nobody_is_told_before_the_node_may_be_used(waiters: Waiters, away: dict[str, object]) -> None:
    waiters.node(state="up")
    waiters.node(**away)
    one = waiters.waits(1)
    assert waiters.relay.wake() == 0
    waiters.node(state="up", slots=2)
    assert waiters.relay.wake() == 1
    assert waiters.relay.wake() == 0, "once"
    assert waiters.told == [one]
    assert waiters.since(one) is None


def test_the_urgent_are_told_first_then_who_waits_longest_and_not_all_at_once(
    waiters: Waiters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal.relay.WAKE_AT_ONCE", 2)
    first, second, stroke = waiters.waits(1), waiters.waits(2), waiters.waits(3, Urgency.LIFE_CRITICAL)
    waiters.node(state="up")
    assert (waiters.relay.wake(), waiters.relay.wake()) == (2, 1)
    assert waiters.told == [stroke, first, second]


def test_what_is_sent_and_not_confirmed_is_told_as_well(waiters: Waiters) -> None:
    sent = waiters.waits(1, state="sent")
    assert waiters.relay.wake() == 0
    waiters.node(state="up")
    assert (waiters.relay.wake(), waiters.told) == (1, [sent])


def test_one_that_the_engine_does_not_know_keeps_no_other_waiting(waiters: Waiters) -> None:
    lost, other = waiters.waits(1), waiters.waits(2)
    waiters.unknown.add(lost)
    waiters.node(state="up")
    assert (waiters.relay.wake(), waiters.relay.wake()) == (0, 1)
    assert waiters.told == [other]
    waiters.unknown.clear()
    assert waiters.relay.wake() == 1
    assert waiters.told == [other, lost]


def test_one_that_waits_anew_while_it_is_told_is_told_again(waiters: Waiters) -> None:
    one = waiters.waits(1)
    with waiters.database.begin() as session:
        before = waiting.Waiting(one, session.scalars(select(DeliveryRow.waiting_since)).one() or now())
        session.get_one(DeliveryRow, one).waiting_since = now()
    with waiters.database.begin() as session:
        waiting.note(session, before, None)
    assert waiters.since(one) is not None


def test_what_is_over_is_not_told(waiters: Waiters) -> None:
    one = waiters.waits(1)
    waiters.node(state="up")
    with waiters.database.begin() as session:
        session.get_one(DeliveryRow, one).state = "abandoned"
    assert waiters.relay.wake() == 0
