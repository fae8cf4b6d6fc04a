"""Two moves at one request at once: one wins, and the other reads who and when; a test for each order."""

from __future__ import annotations

import asyncio

import pytest

from models.domain.request_contracts import RequestProgress
from tests.workflows.gate import Gate
from tests.workflows.stage import Stage, by, refused
from tests.workflows.test_image_request import came, placed, until_walk, walk
from workflows.image_request import ImageRequest

SEEN = "awaiting-source"


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("accept", "decline", "accepted"),
        ("decline", "accept", "declined"),
        ("ask_back", "accept", "asked-back"),
        ("withdraw", "decline", "withdrawn"),
        ("decline", "withdraw", "declined"),
        ("accept", "withdraw", "accepted"),
        ("withdraw", "accept", "withdrawn"),
        ("ask_back", "withdraw", "asked-back"),
        ("withdraw", "ask_back", "withdrawn"),
    ],
)
async def test_of_two_who_looked_at_the_same_page_one_wins_and_the_other_reads_who(
    stage: Stage, first: str, second: str, words: str
) -> None:
    handle = await placed(stage)
    # Nothing is written yet when the second comes.
    gate = stage.world.answers["record"] = Gate()
    one = asyncio.create_task(handle.execute_update(first, by("ann", seen=SEEN)))
    await gate.reached.wait()
    other = asyncio.create_task(refused(handle.execute_update(second, by("bob", seen=SEEN))))
    assert (await other).startswith(f"Too late: it was {words.replace('-', ' ')} by ann at ")
    gate.opened.set()
    await one
    assert walk(stage) == ["told", words]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("reply", "withdraw", "replied"),
        ("withdraw", "reply", "withdrawn"),
        ("reply", "accept", "replied"),
        ("accept", "reply", "accepted"),
        ("reply", "decline", "replied"),
        ("decline", "reply", "declined"),
    ],
)
async def test_of_two_at_an_open_question_one_wins(stage: Stage, first: str, second: str, words: str) -> None:
    handle = await placed(stage)
    await handle.execute_update(ImageRequest.ask_back, by("ann", "q"))
    asked = "awaiting-requester"
    gate = stage.world.answers["record"] = Gate()
    one = asyncio.create_task(handle.execute_update(first, by("cy", seen=asked)))
    await gate.reached.wait()
    said = await refused(handle.execute_update(second, by("bob", seen=asked)))
    assert said.startswith(f"Too late: it was {words} by cy at ")
    gate.opened.set()
    await one
    assert walk(stage) == ["told", "asked-back", words]


async def test_declined_before_it_came_is_not_answered(stage: Stage) -> None:
    handle = await placed(stage)
    gate = stage.world.answers["record"] = Gate()
    declining = asyncio.create_task(handle.execute_update(ImageRequest.decline, by("ann", "why")))
    await gate.reached.wait()
    await came(stage, handle)
    gate.opened.set()
    assert await declining == await handle.result() == "declined"
    assert walk(stage) == ["told", "declined"]


async def test_what_comes_while_one_of_several_is_being_declined_answers(stage: Stage) -> None:
    handle = await placed(stage, studies=2)
    gate = stage.world.answers["record"] = Gate()
    declining = asyncio.create_task(handle.execute_update(ImageRequest.decline_study, by("ann", "it")))
    await gate.reached.wait()
    await came(stage, handle)
    gate.opened.set()
    assert await declining == "partly-answered"
    await until_walk(stage, "told", "declined-in-part", "matched", "answered")


@pytest.mark.parametrize("decline", ["decline", "decline_study"])
async def test_what_came_before_it_was_declined_stays_an_answer(stage: Stage, decline: str) -> None:
    handle = await placed(stage)
    gate = stage.world.answers["record"] = Gate()
    await came(stage, handle)
    await gate.reached.wait()
    declining = asyncio.create_task(refused(handle.execute_update(decline, by("ann", "it", seen=SEEN))))
    gate.opened.set()
    assert (await declining).startswith("Too late: it was matched by the exchange at ")
    await until_walk(stage, "told", "matched", "answered")


async def test_withdrawn_before_it_came_is_not_answered(stage: Stage) -> None:
    handle = await placed(stage)
    # Written down only after the study was offered: the move itself was first.
    gate = stage.world.answers["record"] = Gate()
    withdrawing = asyncio.create_task(handle.execute_update(ImageRequest.withdraw, by("cy")))
    await gate.reached.wait()
    await came(stage, handle)
    gate.opened.set()
    assert await withdrawing == "withdrawn"
    assert await handle.result() == "withdrawn"
    assert walk(stage) == ["told", "withdrawn"]


async def test_what_came_before_it_was_withdrawn_stays_an_answer(stage: Stage) -> None:
    handle = await placed(stage)
    gate = stage.world.answers["progress"] = Gate(RequestProgress(0, 1, 0, 0, 0))
    await came(stage, handle)
    await gate.reached.wait()
    # It has come, and whether anything is still wanted is being looked up.
    withdrawing = asyncio.create_task(refused(handle.execute_update(ImageRequest.withdraw, by("cy"))))
    await stage.until_state(handle, "partly-answered")
    gate.opened.set()
    assert (await withdrawing).startswith("Too late: it was answered by the exchange at ")
    await until_walk(stage, "told", "matched", "answered")


@pytest.mark.parametrize("first", ["match", "decline"])
async def test_of_a_person_who_recognises_the_study_and_one_who_declines_one_wins(stage: Stage, first: str) -> None:
    handle = await placed(stage)
    second = {"match": "decline", "decline": "match"}[first]
    gate = stage.world.answers["record"] = Gate()
    winning = asyncio.create_task(handle.execute_update(first, by("ann", "one", seen=SEEN)))
    await gate.reached.wait()
    losing = asyncio.create_task(refused(handle.execute_update(second, by("bob", "other", seen=SEEN))))
    gate.opened.set()
    await winning
    word = {"match": "matched", "decline": "declined"}[first]
    assert (await losing).startswith(f"Too late: it was {word} by ann at ")
    await until_walk(stage, *(["told", "matched", "answered"] if first == "match" else ["told", "declined"]))
