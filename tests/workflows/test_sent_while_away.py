"""Deliveries whose Node goes away after it has accepted everything: they wait, and are confirmed once it is back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from models.domain.contracts import Comparison, SendReport, Verdict
from models.domain.urgency import Urgency
from temporal.gateway import Gateway
from tests.workflows.gate import Gate
from tests.workflows.stage import Stage, by, refused
from tests.workflows.test_gateway import beside, gateway
from tests.workflows.test_waiting import AN_HOUR, is_waiting, timers_fired
from workflows.confirmation import ASK_AGAIN
from workflows.delivery import Delivery
from workflows.policies import until_committed

__all__ = ["gateway"]

NOT_ASKED = Comparison(Verdict.NODE_AWAY, 0, 0, planned_until="06:00")
CONFIRMED = Comparison(Verdict.CONFIRMED, 3, 3)


async def test_what_is_sent_when_its_node_goes_away_is_confirmed_by_itself_once_that_is_back(
    stage: Stage, gateway: Gateway
) -> None:
    stage.world.answers["compare"] = NOT_ASKED
    handle = await stage.delivery()
    await is_waiting(handle, timers=3)
    await stage.forward(handle, 2 * AN_HOUR)
    await stage.until(lambda: stage.world.done.count("compare") > 4)
    assert await handle.query("state") == "sent"
    assert stage.world.told.count("delivery-slow") == 1
    keys = {notice.key for notice in stage.world.notices if notice.kind == "delivery-waits-for-downtime"}
    assert keys == {f"delivery-waits-for-downtime:{stage.world.delivery_id}:06:00"}
    stage.world.answers["compare"] = CONFIRMED
    await beside(gateway.node_answered, stage.world.delivery_id)
    assert await handle.result() == "confirmed"
    assert stage.world.done.count("send") == 1
    assert "delivery.parked" not in stage.world.walk


async def test_a_word_that_comes_while_the_node_is_asked_counts(stage: Stage) -> None:
    gate = Gate(NOT_ASKED)
    stage.world.answers["compare"] = [gate, CONFIRMED]
    handle = await stage.delivery()
    await gate.reached.wait()
    await handle.signal(Delivery.node_answered)
    gate.opened.set()
    assert await handle.result() == "confirmed"
    assert await timers_fired(handle) == 0


async def test_what_its_node_has_committed_itself_to_waits_no_longer(stage: Stage) -> None:
    stage.world.answers["compare"] = [NOT_ASKED, CONFIRMED]
    handle = await stage.delivery()
    await is_waiting(handle, timers=3)
    await handle.signal(Delivery.commitment_reported)
    assert await handle.result() == "confirmed"
    assert await timers_fired(handle) == 0


async def test_a_commitment_is_waited_for_anew_once_its_node_is_back(stage: Stage) -> None:
    awaited = Comparison(Verdict.AWAITED, 0, 3)
    stage.world.answers["compare"] = awaited
    stage.world.answers["uncommitted"] = NOT_ASKED
    handle = await stage.delivery()
    await stage.until(lambda: "compare" in stage.world.done)
    await stage.forward(handle, until_committed(Urgency.ROUTINE))
    await stage.until(lambda: "uncommitted" in stage.world.done)
    await handle.signal(Delivery.node_answered)
    await stage.until(lambda: stage.world.done.count("compare") == 2)
    await stage.forward(handle, until_committed(Urgency.ROUTINE) * 0.9)
    assert (await handle.query("state"), stage.world.done.count("uncommitted")) == ("sent", 1)
    stage.world.answers["compare"] = CONFIRMED
    await handle.signal(Delivery.commitment_reported)
    assert await handle.result() == "confirmed"


@pytest.mark.parametrize("answer", [NOT_ASKED, Comparison(Verdict.AWAITED, 0, 3)])
async def test_a_person_need_not_wait_for_a_node_that_says_nothing(stage: Stage, answer: Comparison) -> None:
    stage.world.answers["compare"] = answer
    handle = await stage.delivery()
    await stage.until(lambda: "compare" in stage.world.done)
    assert await handle.execute_update(Delivery.abandon, by("officer", seen="sent")) == "abandoned"
    assert await handle.result() == "abandoned"


async def test_what_was_sent_may_be_sent_to_another_node(stage: Stage) -> None:
    gate = Gate(NOT_ASKED)
    stage.world.answers["compare"] = [gate, CONFIRMED]
    handle = await stage.delivery()
    await gate.reached.wait()
    assert await handle.execute_update(Delivery.redirect, by("officer", seen="sent")) == "sending"
    gate.opened.set()
    assert await handle.result() == "confirmed"
    assert stage.world.done.count("send") == 2


@pytest.mark.parametrize("late", ["abandon", "redirect"])
@pytest.mark.parametrize("seen", ["", "sending", "needs-attention"])
async def test_what_was_decided_before_it_was_sent_is_too_late(stage: Stage, late: str, seen: str) -> None:
    gate = stage.world.answers["compare"] = Gate(CONFIRMED)
    handle = await stage.delivery()
    await gate.reached.wait()
    said = await refused(handle.execute_update(late, by("officer", seen=seen)))
    assert said.startswith("Too late: it was sent by the exchange at ")
    assert said.endswith(" UTC and is now sent.")
    gate.opened.set()
    assert await handle.result() == "confirmed"
    assert stage.world.done.count("send") == 1


async def test_a_redirection_that_is_looked_up_while_it_is_sent_is_too_late(stage: Stage) -> None:
    sending, looking, asked = Gate(SendReport(3, 3)), Gate(""), Gate(CONFIRMED)
    stage.world.answers |= {"send": sending, "cannot_go": looking, "compare": asked}
    handle = await stage.delivery()
    await sending.reached.wait()
    late = asyncio.create_task(refused(handle.execute_update(Delivery.redirect, by("officer", "command"))))
    await looking.reached.wait()
    sending.opened.set()
    await asked.reached.wait()
    looking.opened.set()
    assert (await late).startswith("Too late: it was sent by the exchange at ")
    asked.opened.set()
    assert await handle.result() == "confirmed"


async def test_it_is_asked_once_it_is_recorded_that_it_was_sent(stage: Stage) -> None:
    writing = Gate()
    stage.world.answers["record"] = lambda steps: writing(steps) if steps[-1].event == "sent" else None
    handle = await stage.delivery()
    await writing.reached.wait()
    assert "compare" not in stage.world.done
    # Whoever decides before it is written needs no asking any more.
    abandon = asyncio.create_task(handle.execute_update(Delivery.abandon, by("officer", seen="sent")))
    await stage.until_state(handle, "abandoned")
    writing.opened.set()
    assert await abandon == await handle.result() == "abandoned"
    assert "compare" not in stage.world.done


async def test_images_that_are_listed_without_their_study_are_not_sent_once_more(stage: Stage) -> None:
    words = "ZX2_PACS lists 3 of 3 images, but not their study: for which patient is not known."
    stage.world.answers["compare"] = Comparison(Verdict.MISSING, 3, 3, words)
    handle = await stage.delivery()
    await stage.until(lambda: "compare" in stage.world.done)
    await stage.forward(handle, timedelta(seconds=sum(ASK_AGAIN) + 5))
    await stage.until_state(handle, "needs-attention")
    await stage.until(lambda: stage.world.told == ["delivery-parked"])
    assert stage.world.walk[2:] == ["delivery.sent", "delivery.parked"]
    assert stage.world.steps[-1].detail == words
    assert (stage.world.done.count("send"), stage.world.done.count("forget")) == (1, 0)
