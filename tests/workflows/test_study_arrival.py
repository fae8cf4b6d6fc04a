"""StudyArrival: every path from the first image to the route, and two people at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.service import RPCError

from models.domain.arrival_contracts import WhereItGoes
from models.domain.contracts import (
    ArrivalOutlook,
    Comparison,
    Listing,
    RouteVerdict,
    Sealed,
    SendReport,
    Verdict,
)
from models.domain.routing import HeldReason
from models.domain.urgency import Urgency
from tests.workflows.fakes import PASSING, PERMANENT, World
from tests.workflows.gate import Gate
from tests.workflows.stage import Handle, Stage, by, refused
from workflows.study_arrival import StudyArrival

NO_ROUTE = RouteVerdict(reason=HeldReason.NO_ROUTE, detail="No image names a destination.")
CONFLICT = RouteVerdict(reason=HeldReason.IDENTITY_CONFLICT, detail="The images name two patients.")


def chosen(world: World) -> RouteVerdict:
    return RouteVerdict(world.delivery_id, Urgency.ROUTINE, detail="ZX2, chosen by a person.")


async def held(stage: Stage) -> Handle:
    stage.world.answers["route"] = [NO_ROUTE, chosen(stage.world)]
    handle = await stage.arrival()
    await stage.until(lambda: stage.world.told == ["arrival-held"])
    return handle


async def test_a_study_with_a_certain_route_needs_nobody(stage: Stage) -> None:
    handle = await stage.arrival()
    assert await handle.result() == "routed"
    assert await stage.handle_of_delivery.result() == "confirmed"
    assert stage.world.walk[:2] == ["arrival.settled", "arrival.routed"]
    assert stage.world.steps[0].detail == "all there"
    assert stage.world.told == ["delivery-confirmed"]
    done = stage.world.done
    assert done.index("arrival.routed") < done.index("list")


async def test_the_happy_way_takes_few_events(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(source_can_be_asked=True)
    handle = await stage.arrival()
    await stage.grew(handle, 1)
    await handle.result()
    await stage.handle_of_delivery.result()
    arrival = len((await handle.fetch_history()).events)
    delivery = len((await stage.handle_of_delivery.fetch_history()).events)
    print(f"events: arrival {arrival}, delivery {delivery}")
    assert arrival <= 62
    assert delivery <= 60


async def test_sending_begins_while_the_study_still_arrives(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(delivery_id=stage.world.delivery_id, urgency=Urgency.URGENT)
    gate = stage.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    seal = stage.world.answers["seal"] = Gate(Sealed(True, "all there"))
    handle = await stage.arrival()
    await gate.reached.wait()
    assert await handle.query("state") == "forwarding"
    assert stage.world.done.index("arrival.forwarded") < stage.world.done.index("list")
    seal.opened.set()
    assert await handle.result() == "routed"
    gate.opened.set()
    assert await stage.handle_of_delivery.result() == "confirmed"
    assert [step for step in stage.world.walk if step.startswith("arrival")] == ["arrival.forwarded", "arrival.routed"]


async def test_images_that_contradict_each_other_hold_what_is_already_under_way(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(delivery_id=stage.world.delivery_id)
    stage.world.answers["route"] = [CONFLICT, chosen(stage.world)]
    gate = stage.world.answers["send"] = Gate(SendReport(1, 3, "Two patients. 1 of 3 are already there."), beating=True)
    handle = await stage.arrival()
    await stage.until_state(handle, "held")
    gate.opened.set()
    await stage.until(lambda: "delivery-parked" in stage.world.told)
    assert [s for s in stage.world.walk if s.startswith("arrival")] == ["arrival.forwarded", "arrival.contradicted"]
    # Assigned to where it already goes: its delivery is there, and goes its own way.
    assert await handle.execute_update(StudyArrival.assign, by("ann", "c1")) == "routed"
    assert await handle.result() == "routed"
    assert await stage.handle_of_delivery.query("state") == "needs-attention"


@pytest.mark.parametrize("is_listed", [False, True], ids=["stopped", "on the worklist"])
@pytest.mark.parametrize("decision", [StudyArrival.assign, StudyArrival.refuse])
async def test_what_went_early_to_where_it_does_not_belong_is_withdrawn(
    stage: Stage, decision: Any, is_listed: bool
) -> None:
    """Decided otherwise, the early delivery ends and both its sides are told: nobody else could move it."""
    stage.world.answers["outlook"] = ArrivalOutlook(delivery_id=stage.world.delivery_id)
    elsewhere = RouteVerdict(f"{stage.world.delivery_id}-2", Urgency.ROUTINE, detail="ZX3, chosen by a person.")
    stage.world.answers["route"] = [CONFLICT, elsewhere]
    stage.world.answers["left_over"] = lambda _: [stage.world.delivery_id]
    stage.world.answers["send"] = SendReport(1, 3, "Two patients. 1 of 3 are already there.")
    if is_listed:
        stage.world.answers["list"] = Listing(False, "")
    handle = await stage.arrival()
    await stage.until_state(handle, "held")
    await stage.until(lambda: ("delivery-on-worklist" if is_listed else "delivery-parked") in stage.world.told)
    await handle.execute_update(decision, by("ann", "c1"))
    assert await stage.handle_of_delivery.result() == "abandoned"
    assert "delivery-abandoned" in stage.world.told
    step = next(step for step in stage.world.steps if step.event == "withdrawn")
    assert (step.actor, step.detail) == ("ann", "It was withdrawn: the study goes elsewhere, or nowhere.")
    kept = (elsewhere.delivery_id,) if decision is StudyArrival.assign else ()
    assert ("left_over", WhereItGoes(stage.world.arrival_id, kept)) in stage.world.given


async def test_a_person_assigns_a_held_study(stage: Stage) -> None:
    handle = await held(stage)
    assert stage.world.steps[-1].detail == "No image names a destination."
    assert await handle.execute_update(StudyArrival.assign, by("ann", "c1")) == "routed"
    assert await handle.result() == "routed"
    assert await stage.handle_of_delivery.result() == "confirmed"
    step = next(step for step in stage.world.steps if step.event == "assigned")
    assert (step.actor, step.content_id, step.detail) == ("ann", "c1", "ZX2, chosen by a person.")
    done = stage.world.done
    assert done.index("arrival.assigned") < done.index("list")


async def test_a_person_refuses_a_held_study(stage: Stage) -> None:
    handle = await held(stage)
    assert await handle.execute_update(StudyArrival.refuse, by("ann", "c1")) == "refused"
    assert await handle.result() == "refused"
    with pytest.raises(RPCError):
        await stage.handle_of_delivery.describe()


async def test_a_choice_that_the_rules_forbid_is_refused_and_can_be_made_otherwise(stage: Stage) -> None:
    forbidden = RouteVerdict(reason=HeldReason.NO_AGREEMENT, detail="No agreement lets ZX1 send to ZX9.")
    stage.world.answers["route"] = [NO_ROUTE, forbidden, PERMANENT, chosen(stage.world)]
    handle = await stage.arrival()
    await stage.until_state(handle, "held")
    assert await refused(handle.execute_update(StudyArrival.assign, by("ann"))) == forbidden.detail
    assert await refused(handle.execute_update(StudyArrival.assign, by("ann"))) == "It was refused for good."
    assert await handle.query("state") == "held"
    await handle.execute_update(StudyArrival.assign, by("ann"))
    assert await handle.result() == "routed"


async def test_of_assign_and_refuse_at_once_one_wins_and_the_other_reads_who(stage: Stage) -> None:
    gate = Gate(chosen(stage.world))
    stage.world.answers["route"] = [NO_ROUTE, gate]
    handle = await stage.arrival()
    await stage.until_state(handle, "held")
    assign = asyncio.create_task(handle.execute_update(StudyArrival.assign, by("ann")))
    await gate.reached.wait()
    refuse = asyncio.create_task(handle.execute_update(StudyArrival.refuse, by("bob")))
    gate.opened.set()
    assert await assign == "routed"
    assert (await refused(refuse)).startswith("Too late: it was assigned by ann at ")
    assert await handle.result() == "routed"


async def test_two_people_assign_at_once_and_one_delivery_is_started(stage: Stage) -> None:
    handle = await held(stage)
    said = await asyncio.gather(
        *(handle.execute_update(StudyArrival.assign, by(who)) for who in ("ann", "bob")), return_exceptions=True
    )
    assert [type(answer) for answer in said].count(WorkflowUpdateFailedError) == 1
    assert stage.world.walk.count("arrival.assigned") == 1
    assert stage.world.done.count("route") == 2
    await handle.result()


async def test_one_form_sent_twice_is_one_act(stage: Stage) -> None:
    handle = await held(stage)
    said = await asyncio.gather(*(handle.execute_update(StudyArrival.assign, by("ann"), id="form") for _ in range(3)))
    assert said == ["routed"] * 3
    assert stage.world.walk.count("arrival.assigned") == 1


async def test_nobody_can_decide_before_it_is_held(stage: Stage) -> None:
    stage.world.answers["seal"] = Sealed(False, wait_seconds=3600)
    handle = await stage.arrival()
    said = await refused(handle.execute_update(StudyArrival.assign, by("ann")))
    assert said == "This arrival is receiving; it cannot be assigned now. Reload the page to see why."


async def test_an_unregistered_ae_title_is_told_at_once_and_delays_nothing(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(warning="The AE title X is not registered.")
    mail = stage.world.answers["tell"] = Gate(1)
    handle = await stage.arrival()
    await mail.reached.wait()
    await stage.until(lambda: "arrival.routed" in stage.world.walk)
    mail.opened.set()
    await handle.result()
    assert stage.world.told[0] == "sender-changed"


@pytest.mark.parametrize("what", ["record", "outlook", "seal", "route", "tell"])
async def test_what_passes_delays_and_loses_nothing(stage: Stage, what: str) -> None:
    stage.world.answers[what] = [PASSING, stage.world.answers[what]]
    handle = await stage.arrival()
    assert await handle.result() == "routed"
    assert stage.world.walk[:2] == ["arrival.settled", "arrival.routed"]


async def test_a_word_after_the_end_changes_nothing(stage: Stage) -> None:
    handle = await stage.arrival()
    await handle.result()
    with pytest.raises(RPCError, match="already completed"):
        await stage.grew(handle, 9)
    with pytest.raises(RPCError, match="already completed"):
        await handle.execute_update(StudyArrival.refuse, by("ann"))
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED


@pytest.mark.parametrize(("state", "walk"), [
    ("receiving", ["arrival.settled", "arrival.routed"]),
    ("forwarding", ["arrival.routed"]),
    ("settled", ["arrival.routed"]),
])  # fmt: skip
async def test_an_arrival_goes_on_from_where_its_row_stands(stage: Stage, state: str, walk: list[str]) -> None:
    handle = await stage.arrival(state)
    assert await handle.result() == "routed"
    assert [step for step in stage.world.walk if step.startswith("arrival")] == walk


async def test_a_terminated_arrival_can_be_driven_again_and_its_delivery_is_not_disturbed(stage: Stage) -> None:
    stage.world.answers["outlook"] = ArrivalOutlook(delivery_id=stage.world.delivery_id)
    stage.world.answers["seal"] = Sealed(False, wait_seconds=3600)
    gate = stage.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    handle = await stage.arrival()
    await gate.reached.wait()
    await handle.terminate("an accident")
    stage.world.answers["seal"] = Sealed(True, "all there")
    again = await stage.arrival("forwarding")
    assert await again.result() == "routed"
    gate.opened.set()
    assert await stage.handle_of_delivery.result() == "confirmed"
    assert stage.world.done.count("send") == 1


async def test_the_delivery_outlives_its_arrival(stage: Stage) -> None:
    stage.world.answers["list"] = Listing(False, "")
    handle = await stage.arrival()
    await handle.result()
    await stage.until(lambda: "delivery-on-worklist" in stage.world.told)
    stage.world.answers["compare"] = Comparison(Verdict.CONFIRMED, 3, 3)
    await stage.handle_of_delivery.execute_update("release", by("ann"))
    assert await stage.handle_of_delivery.result() == "confirmed"
