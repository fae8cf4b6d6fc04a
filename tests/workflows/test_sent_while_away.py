"""Deliveries whose Node goes away after it has accepted everything: they wait, and are confirmed once it is back."""

from __future__ import annotations

import pytest

from models.domain.contracts import Comparison, Decision, Verdict
from models.domain.urgency import Urgency
from temporal.gateway import Gateway
from tests.workflows.gate import Gate
from tests.workflows.stage import Stage
from tests.workflows.test_gateway import beside, gateway
from tests.workflows.test_waiting import AN_HOUR, is_waiting, timers_fired
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
    assert await handle.execute_update(Delivery.abandon, Decision("officer")) == "abandoned"
    assert await handle.result() == "abandoned"


async def test_what_was_sent_may_be_sent_to_another_node(stage: Stage) -> None:
    gate = Gate(NOT_ASKED)
    stage.world.answers["compare"] = [gate, CONFIRMED]
    handle = await stage.delivery()
    await gate.reached.wait()
    assert await handle.execute_update(Delivery.redirect, Decision("officer")) == "sending"
    gate.opened.set()
    assert await handle.result() == "confirmed"
    assert stage.world.done.count("send") == 2
