"""A study that arrived and the requests that it may answer: it moves after they have said so, and is never lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from models.domain.contracts import ArrivalOutlook, DeliveryStart, RouteVerdict, SendReport
from models.domain.request_contracts import Answered, MatchAnswer
from models.domain.routing import HeldReason
from models.domain.urgency import Urgency
from tests.workflows.fakes import PERMANENT, Fakes
from tests.workflows.gate import Gate
from tests.workflows.stage import Handle, Stage, by, refused
from tests.workflows.test_image_request import placed, walk
from workflows.image_request import ImageRequest
from workflows.study_arrival import NOT_TAKEN, StudyArrival

NO_ROUTE = "No image names a destination."


def unrouted(*request_ids: str, late: tuple[DeliveryStart, ...] = ()) -> RouteVerdict:
    return RouteVerdict(reason=HeldReason.NO_ROUTE, detail=NO_ROUTE, matches=request_ids, late=late)


def of_arrival(stage: Stage) -> list[str]:
    return [step.event for step in stage.world.steps if step.lifecycle == "arrival"]


async def held(stage: Stage) -> Handle:
    handle = await stage.arrival()
    await stage.until(lambda: "arrival-held" in stage.world.told)
    return handle


async def test_what_certainly_answers_a_request_goes_to_the_requester(stage: Stage) -> None:
    request = await placed(stage)
    stage.world.answers["route"] = unrouted(stage.world.asked_id)
    arrival = await stage.arrival()
    assert await arrival.result() == "matched"
    assert await stage.handle_of_delivery.result() == "confirmed"
    assert of_arrival(stage) == ["settled", "matched"]
    assert [step.detail for step in stage.world.steps if step.event == "matched"][-1] == "In answer to T-2345-678."
    done = stage.world.done
    assert done.index("request.matched") < done.index("answered") < done.index("arrival.matched") < done.index("list")
    await stage.until_state(request, "answered")


async def test_one_that_was_withdrawn_meanwhile_holds_it_and_says_so(stage: Stage) -> None:
    request = await placed(stage)
    await request.execute_update(ImageRequest.withdraw, by("cy"))
    await request.result()
    stage.world.answers["route"] = unrouted(stage.world.asked_id)
    handle = await held(stage)
    assert stage.world.steps[-1].detail == f"{NO_ROUTE} {NOT_TAKEN}"
    assert await handle.query("state") == "held"
    assert "request.matched" not in stage.world.walk


async def test_one_that_is_being_withdrawn_says_no(stage: Stage) -> None:
    request = await placed(stage)
    gate = Gate()
    stage.world.answers["record"] = lambda steps: gate(steps) if steps[0].lifecycle == "request" else None
    withdrawing = asyncio.create_task(request.execute_update(ImageRequest.withdraw, by("cy")))
    await gate.reached.wait()
    stage.world.answers["route"] = unrouted(stage.world.asked_id)
    arrival = await stage.arrival()
    await stage.until(lambda: "route" in stage.world.done)
    gate.opened.set()
    await withdrawing
    await stage.until_state(arrival, "held")
    assert walk(stage) == ["told", "withdrawn"]


async def test_a_named_destination_gets_it_whether_a_request_takes_it_or_not(stage: Stage) -> None:
    stage.world.answers["route"] = RouteVerdict(stage.world.delivery_id, detail="by a rule", matches=("1-nobody",))
    assert await (await stage.arrival()).result() == "routed"
    assert await stage.handle_of_delivery.result() == "confirmed"


async def test_one_study_answers_two_requests(stage: Stage, fakes: Fakes, engine: WorkflowEnvironment) -> None:
    other = Stage(engine, fakes.world())
    try:
        requests = [await placed(stage), await placed(other)]
        stage.world.answers["route"] = unrouted(stage.world.asked_id, other.world.asked_id)
        starts = [DeliveryStart(each.world.delivery_id, Urgency.ROUTINE) for each in (stage, other)]
        stage.world.answers["answered"] = Answered(tuple(starts), "In answer to T-1, T-2.")
        assert await (await stage.arrival()).result() == "matched"
        for each, request in zip((stage, other), requests, strict=True):
            assert await each.handle_of_delivery.result() == "confirmed"
            await each.until_state(request, "answered")
    finally:
        await other.close()


async def test_of_two_requests_the_one_that_takes_it_gets_it(
    stage: Stage, fakes: Fakes, engine: WorkflowEnvironment
) -> None:
    other = Stage(engine, fakes.world())
    try:
        request, withdrawn = await placed(stage), await placed(other)
        await withdrawn.execute_update(ImageRequest.withdraw, by("cy"))
        stage.world.answers["route"] = unrouted(stage.world.asked_id, other.world.asked_id)
        assert await (await stage.arrival()).result() == "matched"
        await stage.until_state(request, "answered")
        assert "request.matched" not in other.world.walk
    finally:
        await other.close()


async def test_one_that_does_not_answer_is_not_waited_for_for_ever(stage: Stage) -> None:
    request = await placed(stage)
    # Nothing that the request takes can be written: it cannot say that it has.
    stuck = Gate()
    stage.world.answers["record"] = lambda steps: stuck(steps) if steps[0].lifecycle == "request" else None
    stage.world.answers["route"] = unrouted(stage.world.asked_id)
    arrival = await stage.arrival()
    await stuck.reached.wait()
    await stage.forward(arrival, timedelta(minutes=6))
    await stage.until_state(arrival, "held")
    assert "arrival.matched" not in stage.world.walk
    # It takes the study after all: nothing is left lying.
    stuck.opened.set()
    await stage.until_state(request, "answered")
    assert await arrival.result() == "matched"
    assert await stage.handle_of_delivery.result() == "confirmed"


async def answers_late(stage: Stage, arrival: Handle) -> None:
    """The request that was offered the study says yes now."""
    stage.world.answers["answered"] = Answered((DeliveryStart(stage.world.delivery_id, Urgency.ROUTINE),), "In answer.")
    await arrival.signal(StudyArrival.match_answered, MatchAnswer(stage.world.asked_id, True))


async def test_a_yes_that_comes_while_a_person_looks_elsewhere_is_not_lost(stage: Stage) -> None:
    looking = Gate(unrouted())
    stage.world.answers["route"] = [unrouted(), looking]
    arrival = await held(stage)
    assigning = asyncio.create_task(refused(arrival.execute_update(StudyArrival.assign, by("ann", "where"))))
    await looking.reached.wait()
    await answers_late(stage, arrival)
    looking.opened.set()
    assert await assigning == NO_ROUTE
    await stage.until_state(arrival, "matched")
    assert await arrival.result() == "matched"
    assert await stage.handle_of_delivery.result() == "confirmed"


async def test_a_yes_that_comes_as_it_is_being_held_is_not_lost(stage: Stage) -> None:
    looking = Gate(Answered())
    stage.world.answers["route"], stage.world.answers["answered"] = unrouted("1-nobody"), looking
    arrival = await stage.arrival()
    await looking.reached.wait()
    await answers_late(stage, arrival)
    looking.opened.set()
    await stage.until(lambda: of_arrival(stage) == ["settled", "held", "matched"])


async def test_a_yes_that_comes_as_a_person_sends_it_elsewhere_opens_nothing(stage: Stage) -> None:
    looking = Gate(RouteVerdict(stage.world.delivery_id, detail="by a person"))
    stage.world.answers["route"] = [unrouted(), looking]
    arrival = await held(stage)
    assigning = asyncio.create_task(arrival.execute_update(StudyArrival.assign, by("ann", "where")))
    await looking.reached.wait()
    await answers_late(stage, arrival)
    looking.opened.set()
    assert await assigning == await arrival.result() == "routed"
    assert "answered" not in stage.world.done


async def test_one_that_was_held_when_its_workflow_was_rebuilt_looks_once_whether_a_request_took_it(
    stage: Stage,
) -> None:
    arrival = await stage.arrival("held")
    await stage.until(lambda: "answered" in stage.world.done)
    assert await arrival.query("state") == "held"
    await arrival.execute_update(StudyArrival.refuse, by("ann", "why"))
    assert await arrival.result() == "refused"
    assert stage.world.done.count("answered") == 1


async def test_one_that_a_request_took_before_its_workflow_was_rebuilt_goes_there(stage: Stage) -> None:
    stage.world.answers["answered"] = Answered((DeliveryStart(stage.world.delivery_id, Urgency.ROUTINE),), "In answer.")
    arrival = await stage.arrival("held")
    await stage.until_state(arrival, "matched")
    assert await arrival.result() == "matched"
    assert await stage.handle_of_delivery.result() == "confirmed"


async def test_nobody_matches_what_the_exchange_is_offering_itself(stage: Stage) -> None:
    await placed(stage)
    looking = Gate(Answered((DeliveryStart(stage.world.delivery_id, Urgency.ROUTINE),), "In answer."))
    stage.world.answers["route"], stage.world.answers["answered"] = unrouted(stage.world.asked_id), looking
    arrival = await stage.arrival()
    await looking.reached.wait()
    pressed = asyncio.create_task(arrival.execute_update(StudyArrival.match, by("ann", "which")))
    with pytest.raises(WorkflowUpdateFailedError):
        # At once: not after what is under way is over.
        await asyncio.wait_for(pressed, 10)
    looking.opened.set()
    await stage.until_state(arrival, "matched")
    assert "chosen" not in stage.world.done


async def test_what_was_already_on_its_way_goes_to_the_requester_as_well(stage: Stage) -> None:
    await placed(stage)
    stage.world.answers["outlook"] = ArrivalOutlook(delivery_id=stage.world.delivery_id)
    stage.world.answers["route"] = RouteVerdict(stage.world.delivery_id, matches=(stage.world.asked_id,))
    sending = stage.world.answers["send"] = Gate(SendReport(3, 3), beating=True)
    arrival = await stage.arrival()
    assert await arrival.result() == "matched"
    assert of_arrival(stage) == ["forwarded", "matched"]
    sending.opened.set()
    assert await stage.handle_of_delivery.result() == "confirmed"
    assert stage.world.done.count("list") == 1


async def test_late_images_go_where_their_study_went(stage: Stage) -> None:
    stage.world.answers["route"] = unrouted(late=(DeliveryStart(stage.world.delivery_id, Urgency.ROUTINE),))
    assert await (await stage.arrival()).result() == "matched"
    assert await stage.handle_of_delivery.result() == "confirmed"


async def test_a_person_says_which_request_it_answers(stage: Stage) -> None:
    request = await placed(stage)
    stage.world.answers["route"] = unrouted()
    arrival = await held(stage)
    assert await arrival.execute_update(StudyArrival.match, by("ann", "which")) == "matched"
    assert await arrival.result() == "matched"
    assert await stage.handle_of_delivery.result() == "confirmed"
    await stage.until_state(request, "answered")
    steps = {step.lifecycle: step for step in stage.world.steps if step.event == "matched"}
    assert {(step.actor, step.content_id) for step in steps.values()} == {("ann", "which")}
    assert steps["request"].other_id == stage.world.arrival_id


async def test_nobody_matches_while_the_exchange_itself_still_looks(stage: Stage) -> None:
    looking = stage.world.answers["route"] = Gate(unrouted())
    arrival = await stage.arrival()
    await looking.reached.wait()
    said = await refused(arrival.execute_update(StudyArrival.match, by("ann", "which")))
    assert said.startswith("Too late: it was settled by the exchange at ")
    assert "chosen" not in stage.world.done
    looking.opened.set()
    await stage.until_state(arrival, "held")


async def test_a_person_whose_request_was_withdrawn_reads_by_whom_and_the_study_stays_held(stage: Stage) -> None:
    request = await placed(stage)
    stage.world.answers["route"] = unrouted()
    arrival = await held(stage)
    gate = Gate()
    stage.world.answers["record"] = lambda steps: gate(steps) if steps[0].lifecycle == "request" else None
    withdrawing = asyncio.create_task(request.execute_update(ImageRequest.withdraw, by("cy")))
    await gate.reached.wait()
    matching = asyncio.create_task(refused(arrival.execute_update(StudyArrival.match, by("ann", "which"))))
    await stage.until(lambda: "chosen" in stage.world.done)
    gate.opened.set()
    await withdrawing
    # Its answer, or that it has ended: the one that comes first.
    assert (await matching).startswith(("Too late: it was withdrawn by cy at ", NOT_TAKEN))
    assert await arrival.query("state") == "held"


async def test_a_choice_that_cannot_be_is_refused_with_its_sentence(stage: Stage) -> None:
    stage.world.answers["route"] = unrouted()
    stage.world.answers["chosen"] = PERMANENT
    arrival = await held(stage)
    assert await refused(arrival.execute_update(StudyArrival.match, by("ann", "which"))) == "It was refused for good."
    await arrival.execute_update(StudyArrival.refuse, by("ann"))
    assert await arrival.result() == "refused"


@pytest.mark.parametrize("first", ["match", "refuse"])
async def test_of_matching_and_refusing_at_once_one_wins(stage: Stage, first: str) -> None:
    await placed(stage)
    stage.world.answers["route"] = unrouted()
    arrival = await held(stage)
    second = {"match": "refuse", "refuse": "match"}[first]
    gate = Gate()
    stage.world.answers["record"] = lambda steps: gate(steps) if steps[0].lifecycle == "arrival" else None
    winning = asyncio.create_task(arrival.execute_update(first, by("ann", "which")))
    await gate.reached.wait()
    losing = asyncio.create_task(refused(arrival.execute_update(second, by("bob", "other"))))
    assert (await losing).startswith(f"Too late: it was {first.removesuffix('e')}ed by ann at ")
    gate.opened.set()
    assert await winning == await arrival.result()
