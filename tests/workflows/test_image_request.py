"""ImageRequest: what each side may do, in either order; reminders, expiry, and what follows from what came."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.domain.lifecycles.request import State
from models.domain.request_contracts import RequestProgress, StudyMatched
from tests.workflows.fakes import PERMANENT
from tests.workflows.stage import Handle, Stage, by, refused
from workflows.image_request import ImageRequest


async def placed(stage: Stage, studies: int = 1) -> Handle:
    stage.world.studies = studies
    handle = await stage.request()
    await stage.until(lambda: "request-placed" in stage.world.told)
    return handle


async def came(stage: Stage, handle: Handle, arrival: str = "") -> None:
    """A study that arrived is offered; no such workflow waits for the answer here."""
    await handle.signal(ImageRequest.study_matched, StudyMatched(arrival or stage.world.arrival_id))


def walk(stage: Stage) -> list[str]:
    return [step.event for step in stage.world.steps if step.lifecycle == "request"]


async def until_walk(stage: Stage, *events: str) -> None:
    await stage.until(lambda: walk(stage) == list(events))


async def test_what_is_asked_for_is_accepted_comes_and_is_delivered(stage: Stage) -> None:
    handle = await placed(stage)
    assert await handle.execute_update(ImageRequest.accept, by("ann")) == "awaiting-study"
    await came(stage, handle)
    await stage.until_state(handle, "answered")
    stage.world.delivered = 1
    await handle.signal(ImageRequest.delivery_moved)
    assert await handle.result() == "fulfilled"
    assert walk(stage) == ["told", "accepted", "matched", "answered", "fulfilled"]
    assert stage.world.told == [
        "request-placed", "request-accepted", "request-answered", "request-fulfilled",
    ]  # fmt: skip
    events = len((await handle.fetch_history()).events)
    print(f"events: request {events}")
    assert events <= 110


async def test_a_study_may_come_before_anybody_has_accepted(stage: Stage) -> None:
    handle = await placed(stage)
    await came(stage, handle)
    await stage.until_state(handle, "answered")
    said = await refused(handle.execute_update(ImageRequest.accept, by("ann")))
    assert said.startswith("Too late: it was matched by the exchange at ")
    assert said.endswith(" and is now answered.")


async def test_what_comes_before_the_source_was_told_is_taken_too(stage: Stage) -> None:
    handle = await stage.request()
    await came(stage, handle)
    await stage.until_state(handle, "answered")
    await until_walk(stage, "told", "matched", "answered")


async def test_declined_says_so_and_ends(stage: Stage) -> None:
    handle = await placed(stage)
    assert await handle.execute_update(ImageRequest.decline, by("ann", "why")) == "declined"
    assert await handle.result() == "declined"
    assert (stage.world.steps[-1].actor, stage.world.steps[-1].content_id) == ("ann", "why")
    assert stage.world.told == ["request-placed", "request-declined"]


async def test_who_accepted_may_still_decline(stage: Stage) -> None:
    handle = await placed(stage)
    await handle.execute_update(ImageRequest.accept, by("ann", seen="awaiting-source"))
    assert await handle.execute_update(ImageRequest.decline, by("ann", seen="awaiting-study")) == "declined"


async def test_a_command_that_is_delivered_twice_is_one_act(stage: Stage) -> None:
    handle = await placed(stage)
    for _ in range(2):
        assert await handle.execute_update(ImageRequest.accept, by("ann", "c"), id="c") == "awaiting-study"
    assert walk(stage) == ["told", "accepted"]


async def test_a_question_goes_back_and_its_answer_returns(stage: Stage) -> None:
    handle = await placed(stage)
    assert await handle.execute_update(ImageRequest.ask_back, by("ann", "q")) == "awaiting-requester"
    assert await handle.execute_update(ImageRequest.reply, by("cy", "a")) == "awaiting-source"
    await stage.until(lambda: stage.world.told[1:] == ["request-asked-back", "request-replied"])
    await handle.execute_update(ImageRequest.withdraw, by("cy"))
    assert await handle.result() == "withdrawn"


async def test_a_question_that_a_phone_call_answered_is_taken_back_by_accepting(stage: Stage) -> None:
    handle = await placed(stage)
    await handle.execute_update(ImageRequest.ask_back, by("ann", "q"))
    assert await handle.execute_update(ImageRequest.accept, by("ann", seen="awaiting-requester")) == "awaiting-study"
    await stage.until(lambda: stage.world.told[1:] == ["request-asked-back", "request-accepted"])
    said = await refused(handle.execute_update(ImageRequest.reply, by("cy", "a", seen="awaiting-requester")))
    assert said.startswith("Too late: it was accepted by ann at ")
    await came(stage, handle)
    await stage.until_state(handle, "answered")


async def test_several_studies_are_answered_one_by_one(stage: Stage) -> None:
    handle = await placed(stage, studies=3)
    await came(stage, handle, "1-first")
    await stage.until_state(handle, "partly-answered")
    assert await handle.execute_update(ImageRequest.decline_study, by("ann", "which")) == "partly-answered"
    await came(stage, handle, "1-second")
    await stage.until_state(handle, "answered")
    stage.world.delivered = 1
    await handle.signal(ImageRequest.delivery_moved)
    await stage.until(lambda: stage.world.done.count("progress") >= 4)
    assert await handle.query("state") == "answered"
    stage.world.delivered = 2
    await handle.signal(ImageRequest.delivery_moved)
    assert await handle.result() == "fulfilled"
    assert walk(stage) == ["told", "matched", "declined-in-part", "matched", "answered", "fulfilled"]


async def test_a_study_that_is_offered_twice_is_one_answer(stage: Stage) -> None:
    handle = await placed(stage, studies=2)
    await came(stage, handle)
    await came(stage, handle)
    await came(stage, handle, "1-second")
    await until_walk(stage, "told", "matched", "matched", "answered")


async def test_declining_each_study_declines_the_request(stage: Stage) -> None:
    handle = await placed(stage)
    await handle.execute_update(ImageRequest.decline_study, by("ann", "it"))
    assert await handle.result() == "declined"
    assert walk(stage) == ["told", "declined-in-part", "declined"]


async def test_declining_after_something_came_declines_the_rest(stage: Stage) -> None:
    handle = await placed(stage, studies=2)
    await came(stage, handle)
    await stage.until_state(handle, "partly-answered")
    await handle.execute_update(ImageRequest.decline, by("ann", "why"))
    await until_walk(stage, "told", "matched", "declined-in-part", "answered")


async def test_what_did_not_get_there_is_asked_for_again(stage: Stage) -> None:
    handle = await placed(stage)
    await came(stage, handle)
    await stage.until_state(handle, "answered")
    stage.world.failed = 1
    await handle.signal(ImageRequest.delivery_moved)
    await stage.until_state(handle, "awaiting-source")
    await stage.until(lambda: "request-reopened" in stage.world.told)
    stage.world.failed = 0
    await came(stage, handle, "1-again")
    await stage.until_state(handle, "answered")
    stage.world.delivered = 1
    await handle.signal(ImageRequest.delivery_moved)
    assert await handle.result() == "fulfilled"


async def test_word_of_a_delivery_that_was_lost_is_made_up_for(stage: Stage) -> None:
    handle = await placed(stage)
    await came(stage, handle)
    await stage.until_state(handle, "answered")
    stage.world.delivered = 1
    await stage.forward(handle, timedelta(hours=7))
    assert await handle.result() == "fulfilled"


async def test_a_person_says_that_what_goes_there_anyhow_is_the_study(stage: Stage) -> None:
    handle = await placed(stage)
    assert await handle.execute_update(ImageRequest.match, by("ann", "that one")) == "partly-answered"
    await stage.until_state(handle, "answered")
    step = next(step for step in stage.world.steps if step.event == "matched")
    assert (step.actor, step.content_id, step.other_id) == ("ann", "that one", stage.world.arrival_id)
    stage.world.delivered = 1
    await handle.signal(ImageRequest.delivery_moved)
    assert await handle.result() == "fulfilled"


async def test_what_a_person_says_and_cannot_be_is_refused_with_its_sentence(stage: Stage) -> None:
    stage.world.answers["recognised"] = PERMANENT
    handle = await placed(stage)
    assert await refused(handle.execute_update(ImageRequest.match, by("ann"))) == "It was refused for good."
    assert walk(stage) == ["told"]


async def test_it_goes_on_from_its_row(stage: Stage) -> None:
    stage.world.answers["progress"] = RequestProgress(0, 1, 1, 0, 0)
    handle = await stage.request(State.ANSWERED)
    assert await handle.result() == "fulfilled"
    assert walk(stage) == ["fulfilled"]


async def test_a_question_asked_as_the_last_study_comes_holds_nothing_up(stage: Stage) -> None:
    stage.world.answers["progress"] = RequestProgress(0, 1, 1, 0, 0)
    handle = await stage.request(State.AWAITING_REQUESTER)
    assert await handle.result() == "fulfilled"
    assert walk(stage) == ["answered", "fulfilled"]


async def test_of_two_that_came_one_that_was_refused_is_asked_for_again(stage: Stage) -> None:
    handle = await placed(stage, studies=2)
    await came(stage, handle)
    await came(stage, handle, "another-arrival")
    await stage.until_state(handle, "answered")
    stage.world.delivered, stage.world.failed = 1, 1
    await handle.signal(ImageRequest.delivery_moved)
    await stage.until(lambda: "request-reopened" in stage.world.told)
    assert await handle.query("state") == "awaiting-source"
    assert "request-fulfilled" not in stage.world.told


async def test_what_was_taken_and_was_of_no_use_may_be_named_by_a_person_later(stage: Stage) -> None:
    """Of two that came at once one answered; after that was refused the other one is the study."""
    handle = await placed(stage)
    await came(stage, handle, "1-first")
    await came(stage, handle, "1-second")
    await stage.until_state(handle, "answered")
    said = StudyMatched("1-second", "ann", content_id="that one")
    before = walk(stage).count("matched")
    await handle.signal(ImageRequest.study_matched, said)
    await stage.until(lambda: walk(stage).count("matched") == before + 1)


@pytest.mark.parametrize(("asked", "state"), [("ask_back", "awaiting-requester"), ("accept", "awaiting-source")])
async def test_what_did_not_get_there_is_asked_for_again_whatever_was_said_meanwhile(
    stage: Stage, asked: str, state: str
) -> None:
    handle = await placed(stage, studies=2)
    if asked == "accept":
        await handle.execute_update(ImageRequest.accept, by("ann"))
    await came(stage, handle)
    await stage.until_state(handle, "partly-answered")
    if asked == "ask_back":
        await handle.execute_update(ImageRequest.ask_back, by("ann", "q"))
    stage.world.failed = 1
    await handle.signal(ImageRequest.delivery_moved)
    await stage.until(lambda: "request-reopened" in stage.world.told)
    assert await handle.query("state") == state
