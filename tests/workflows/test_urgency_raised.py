"""A delivery that began before it was known whom it answers goes on as urgently as the most urgent of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType

from models.domain.contracts import ArrivalOutlook, CommandKind, DeliveryStart, RouteVerdict, Sending, SendReport
from models.domain.request_contracts import Answered
from models.domain.urgency import Urgency
from models.tables import Candidate, OutboxCommand, Transaction
from tests.workflows.fakes import World
from tests.workflows.gate import Gate
from tests.workflows.rows import command
from tests.workflows.stage import Handle, Stage
from tests.workflows.test_image_request import placed
from tests.workflows.test_requests_with_real_activities import ENTRY, Desk, desk
from tests.workflows.test_waiting import is_waiting, timers_fired
from tests.workflows.test_with_real_activities import exchange
from workflows.delivery import Delivery
from workflows.policies import BULK, URGENT

__all__ = ["desk", "exchange"]


def sent_as(world: World) -> list[Urgency]:
    return [given.urgency for name, given in world.given if name == "send" and isinstance(given, Sending)]


async def queues(handle: Handle) -> list[tuple[str, int]]:
    """Where the attempts and questions of a delivery were put, and how far in front."""
    events = (await handle.fetch_history()).events
    asked = [
        event.activity_task_scheduled_event_attributes
        for event in events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    return [(each.task_queue.name, each.priority.priority_key) for each in asked if "Dicom" in each.activity_type.name]


async def test_a_sending_under_way_goes_on_in_the_urgent_queue(stage: Stage) -> None:
    await placed(stage)
    begun = Gate(SendReport(1, 3), beating=True)
    stage.world.answers["send"] = [begun, SendReport(3, 3)]
    stage.world.answers["outlook"] = ArrivalOutlook(delivery_id=stage.world.delivery_id)
    stage.world.answers["route"] = RouteVerdict(
        stage.world.delivery_id, Urgency.ROUTINE, detail="by a rule", matches=(stage.world.asked_id,)
    )
    stroke = DeliveryStart(stage.world.delivery_id, Urgency.LIFE_CRITICAL)
    stage.world.answers["answered"] = Answered((stroke,), "In answer to T-2345-678.")
    assert await (await stage.arrival()).result() == "matched"
    await stage.until(lambda: begun.cancelled)
    assert await stage.handle_of_delivery.result() == "confirmed"
    assert sent_as(stage.world) == [Urgency.ROUTINE, Urgency.LIFE_CRITICAL]
    assert await queues(stage.handle_of_delivery) == [(BULK, 4), (URGENT, 1), (URGENT, 1)]


async def test_what_waits_for_its_node_s_hours_goes_at_once(stage: Stage) -> None:
    stage.world.answers["send"] = [SendReport(0, 0, node_away=True), SendReport(3, 3)]
    handle = await stage.delivery(urgency=Urgency.BULK)
    await is_waiting(handle)
    await handle.signal(Delivery.urgency_raised, Urgency.URGENT)
    assert await handle.result() == "confirmed"
    assert sent_as(stage.world) == [Urgency.BULK, Urgency.URGENT]
    assert await timers_fired(handle) == 0


async def test_what_is_less_urgent_holds_nothing_up(stage: Stage) -> None:
    begun = Gate(SendReport(3, 3), beating=True)
    stage.world.answers["send"] = begun
    handle = await stage.delivery(urgency=Urgency.URGENT)
    await begun.reached.wait()
    await handle.signal(Delivery.urgency_raised, Urgency.ROUTINE)
    begun.opened.set()
    assert await handle.result() == "confirmed"
    assert sent_as(stage.world) == [Urgency.URGENT]


async def test_a_push_turns_out_to_answer_what_is_life_critical(desk: Desk) -> None:
    world = desk.exchange.world
    begun = Gate(SendReport(1, 1), beating=True)
    world.answers["send"] = [begun, SendReport(1, 1)]
    await desk.place("ZX2", replace(ENTRY, urgency=Urgency.LIFE_CRITICAL))
    arrival = await desk.push("IEP_ZX2")
    assert await arrival.result() == "matched"
    await desk.until("delivery.confirmed")
    assert "arrival.forwarded" in desk.exchange.walk()
    assert sent_as(world) == [Urgency.ROUTINE, Urgency.LIFE_CRITICAL]
    with desk.exchange.database.begin() as session:
        assert set(session.scalars(select(Transaction.urgency))) == {"life-critical"}


@pytest.mark.parametrize("asked", [Urgency.LIFE_CRITICAL, Urgency.ROUTINE])
async def test_what_goes_already_and_a_person_says_is_asked_for_goes_as_urgently(desk: Desk, asked: Urgency) -> None:
    """Somebody rang, it was pushed, and the request came last."""
    world, database = desk.exchange.world, desk.exchange.database
    begun = Gate(SendReport(1, 1), beating=True)
    world.answers["send"] = [begun, SendReport(1, 1)]
    assert await (await desk.push("IEP_ZX2")).result() == "routed"
    await begun.reached.wait()
    await desk.place("ZX2", replace(ENTRY, urgency=asked))
    await desk.until("request.told")
    with database.begin() as session:
        candidate = session.scalars(select(Candidate)).one()
        command(
            session, CommandKind.MATCH_REQUEST, desk.request(session).id, arrival_id=candidate.arrival_id,
            requested_study_id=candidate.requested_study_id,
        )  # fmt: skip
    await desk.until("request.matched")
    if asked is Urgency.ROUTINE:
        begun.opened.set()
    await desk.until("delivery.confirmed")
    raised = [asked] if asked is Urgency.LIFE_CRITICAL else []
    assert sent_as(world) == [Urgency.ROUTINE, *raised]
    with database.begin() as session:
        assert set(session.scalars(select(Transaction.urgency))) == {asked.value}
        told = session.scalars(select(OutboxCommand.payload).where(OutboxCommand.kind == CommandKind.RAISE_URGENCY))
        assert told.all() == [{"urgency": urgency.value} for urgency in raised]


async def test_of_what_has_got_there_by_then_nothing_is_told(desk: Desk) -> None:
    assert await (await desk.push("IEP_ZX2")).result() == "routed"
    await desk.until("delivery.confirmed")
    await desk.place("ZX2", replace(ENTRY, urgency=Urgency.LIFE_CRITICAL))
    await desk.until("request.told")
    with desk.exchange.database.begin() as session:
        candidate = session.scalars(select(Candidate)).one()
        command(
            session, CommandKind.MATCH_REQUEST, desk.request(session).id, arrival_id=candidate.arrival_id,
            requested_study_id=candidate.requested_study_id,
        )  # fmt: skip
    await desk.until("request.fulfilled")
    with desk.exchange.database.begin() as session:
        assert CommandKind.RAISE_URGENCY not in session.scalars(select(OutboxCommand.kind)).all()
