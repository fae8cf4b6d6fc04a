"""Two people at one delivery at once: one wins, and the other reads who and when; a test for each order."""

from __future__ import annotations

import asyncio

import pytest

from models.domain.contracts import Comparison, SendReport, Verdict, WorklistQuestion
from tests.workflows.fakes import World
from tests.workflows.gate import Gate
from tests.workflows.stage import Handle, Stage, by, refused
from tests.workflows.test_delivery import on_worklist
from workflows.delivery import Delivery

CT, NEURO = "on-worklist:ct", "on-worklist:neuro"
PARKED, DIFFERS = "needs-attention", "differs-at-destination"


def moved(world: World, question: WorklistQuestion) -> str:
    """As the database says it: what is reassigned with the command "neuro" is on the worklist "neuro"."""
    moves = [step for step in world.steps if step.event == "reassigned"]
    if (moves[-1].content_id if moves else "ct") == question.worklist_id:
        return ""
    return f"Too late: it was reassigned by {moves[-1].actor} at {moves[-1].at:%H:%M} UTC and is now on worklist."


@pytest.fixture
async def listed(stage: Stage) -> Handle:
    stage.world.answers["moved"] = lambda question: moved(stage.world, question)
    return await on_worklist(stage)


def decided(stage: Stage) -> list[tuple[str, str]]:
    return [(step.event, step.actor) for step in stage.world.steps if step.actor != "exchange"]


@pytest.mark.parametrize("second", ["release", "refuse", "reassign"])
async def test_what_was_reassigned_is_not_decided_from_the_old_page(stage: Stage, listed: Handle, second: str) -> None:
    await listed.execute_update("reassign", by("ann", "neuro", CT))
    said = await refused(listed.execute_update(second, by("bob", "body", CT)))
    assert said.startswith("Too late: it was reassigned by ann at ")
    assert said.endswith(" UTC and is now on worklist.")
    assert decided(stage) == [("reassigned", "ann")]
    assert "send" not in stage.world.done
    # Whoever sees where it is now decides.
    await listed.execute_update(second, by("bob", "body", NEURO))
    assert len(decided(stage)) == 2


@pytest.mark.parametrize("second", ["release", "refuse", "reassign"])
async def test_who_reassigns_while_it_is_looked_up_is_first(stage: Stage, listed: Handle, second: str) -> None:
    looking = Gate("")
    stage.world.answers["moved"] = [looking, "", lambda question: moved(stage.world, question)]
    late = asyncio.create_task(refused(listed.execute_update(second, by("bob", "body", CT))))
    await looking.reached.wait()
    await listed.execute_update("reassign", by("ann", "neuro", CT))
    looking.opened.set()
    assert (await late).startswith("Too late: it was reassigned by ann at ")
    assert decided(stage) == [("reassigned", "ann")]


async def test_of_two_who_reassign_at_once_one_wins(stage: Stage, listed: Handle) -> None:
    one, other = Gate(""), Gate("")
    stage.world.answers["moved"] = [one, other, lambda question: moved(stage.world, question)]
    both = [
        asyncio.create_task(listed.execute_update("reassign", by(who, where, CT)))
        for who, where in (("ann", "neuro"), ("bob", "body"))
    ]
    await one.reached.wait()
    await other.reached.wait()
    for gate in (one, other):
        gate.opened.set()
    done = await asyncio.gather(*both, return_exceptions=True)
    lost = [task for task, said in zip(both, done, strict=True) if isinstance(said, Exception)]
    assert len(lost) == len(decided(stage)) == 1
    winner = decided(stage)[0][1]
    assert (await refused(lost[0])).startswith(f"Too late: it was reassigned by {winner} at ")


async def test_a_release_whose_local_id_is_looked_up_meanwhile_is_too_late(stage: Stage, listed: Handle) -> None:
    looking = stage.world.answers["check"] = Gate("")
    late = asyncio.create_task(refused(listed.execute_update("release", by("bob", "command", CT))))
    await looking.reached.wait()
    await listed.execute_update("reassign", by("ann", "neuro", CT))
    looking.opened.set()
    assert (await late).startswith("Too late: it was reassigned by ann at ")
    assert decided(stage) == [("reassigned", "ann")]


@pytest.mark.parametrize(("first", "word"), [("release", "released"), ("refuse", "refused")])
async def test_what_has_left_the_worklist_is_not_reassigned(
    stage: Stage, listed: Handle, first: str, word: str
) -> None:
    gate = stage.world.answers["record"] = Gate()
    one = asyncio.create_task(listed.execute_update(first, by("ann", "", CT)))
    await gate.reached.wait()
    said = await refused(listed.execute_update("reassign", by("bob", "neuro", CT)))
    assert said.startswith(f"Too late: it was {word} by ann at ")
    gate.opened.set()
    await one
    assert decided(stage) == [(word, "ann")]


async def test_what_came_back_is_decided_there(stage: Stage, listed: Handle) -> None:
    await listed.execute_update("reassign", by("ann", "neuro", CT))
    await listed.execute_update("reassign", by("ann", "ct", NEURO))
    assert await listed.execute_update("release", by("bob", "", CT)) == "sending"


async def test_one_form_sent_twice_reassigns_once(stage: Stage, listed: Handle) -> None:
    for _ in range(2):
        assert await listed.execute_update("reassign", by("ann", "neuro", CT), id="form") == "on-worklist"
    assert decided(stage) == [("reassigned", "ann")]


async def test_a_decision_that_names_no_worklist_counts_on_any(stage: Stage, listed: Handle) -> None:
    await listed.execute_update("reassign", by("ann", "neuro"))
    assert await listed.execute_update("release", by("bob", seen="on-worklist")) == "sending"
    assert "moved" not in stage.world.done


async def test_a_workflow_that_was_run_again_asks_the_database(stage: Stage) -> None:
    words = "Too late: it was reassigned by ann at 09:30 UTC and is now on worklist."
    stage.world.answers["moved"] = words
    handle = await stage.delivery("on-worklist")
    assert await refused(handle.execute_update(Delivery.release, by("bob", "", CT))) == words
    assert decided(stage) == []


@pytest.mark.parametrize(
    ("state", "first", "second", "word"),
    [
        (PARKED, "retry", "abandon", "retried"),
        (PARKED, "retry", "redirect", "retried"),
        (PARKED, "redirect", "abandon", "redirected"),
        (PARKED, "redirect", "retry", "redirected"),
        (PARKED, "redirect", "redirect", "redirected"),
        (PARKED, "abandon", "retry", "abandoned"),
        (PARKED, "abandon", "redirect", "abandoned"),
        (DIFFERS, "retry", "abandon", "retried"),
        (DIFFERS, "abandon", "retry", "abandoned"),
    ],
)
async def test_of_two_at_what_is_parked_one_wins(stage: Stage, state: str, first: str, second: str, word: str) -> None:
    different = Comparison(Verdict.DIFFERENT, 3, 3, "It gives another PatientID.")
    if state == PARKED:
        stage.world.answers["send"] = SendReport(0, 3, "No.")
    else:
        stage.world.answers["compare"] = different
    handle = await stage.delivery()
    await stage.until_state(handle, state)
    await stage.until(lambda: "delivery-parked" in stage.world.told)
    # Nothing is written yet when the second comes.
    gate = stage.world.answers["record"] = Gate()
    one = asyncio.create_task(handle.execute_update(first, by("ann", seen=state)))
    await gate.reached.wait()
    said = await refused(handle.execute_update(second, by("bob", seen=state)))
    assert said.startswith(f"Too late: it was {word} by ann at ")
    gate.opened.set()
    await one
    assert decided(stage) == [(word, "ann")]


async def test_who_chose_a_node_that_receives_nothing_any_more_is_told_so(stage: Stage) -> None:
    stage.world.answers["send"] = [SendReport(0, 3, "No."), SendReport(3, 3)]
    stage.world.answers["cannot_go"] = ["It cannot go to that Node.", ""]
    handle = await stage.delivery()
    await stage.until_state(handle, PARKED)
    assert await refused(handle.execute_update("redirect", by("ann", "node", PARKED))) == "It cannot go to that Node."
    assert (await handle.query("state"), decided(stage)) == (PARKED, [])
    assert await handle.execute_update("redirect", by("ann", "other", PARKED)) == "sending"
    assert await handle.result() == "confirmed"
