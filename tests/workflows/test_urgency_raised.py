"""A delivery that began before it was known whom it answers goes on as urgently as the most urgent of them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from temporalio.api.enums.v1 import EventType

from models.domain.contracts import ArrivalOutlook, DeliveryStart, RouteVerdict, Sending, SendReport
from models.domain.request_contracts import Answered
from models.domain.urgency import Urgency
from models.tables import Transaction
from tests.workflows.fakes import World
from tests.workflows.gate import Gate
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
