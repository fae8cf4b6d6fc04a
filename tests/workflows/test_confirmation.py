"""A delivery whose destination commits itself: at once, later, in part, or never."""

from __future__ import annotations

from models.domain.contracts import EXCHANGE, CommandKind, Comparison, Verdict
from models.domain.urgency import Urgency
from models.tables import OutboxCommand
from temporal.relay import Relay
from tests.database import Registry
from tests.workflows.rows import command
from tests.workflows.stage import Stage, by
from tests.workflows.test_gateway import beside, gateway
from tests.workflows.test_relay import relay
from workflows.delivery import Delivery
from workflows.policies import until_committed

__all__ = ["gateway", "relay"]

AWAITED = Comparison(Verdict.AWAITED, 0, 3)
KEPT = Comparison(Verdict.CONFIRMED, 3, 3)
LOST = Comparison(Verdict.MISSING, 2, 3, "It commits itself to 2 of 3 images.", final=True)


async def test_it_is_confirmed_by_the_report_that_comes_later(stage: Stage) -> None:
    stage.world.answers["compare"] = [AWAITED, AWAITED, KEPT]
    handle = await stage.delivery()
    await stage.until(lambda: stage.world.done.count("compare") == 1)
    # A portion of it.
    await handle.signal(Delivery.commitment_reported)
    await stage.until(lambda: stage.world.done.count("compare") == 2)
    assert await handle.query("state") == "sent"
    await handle.signal(Delivery.commitment_reported)
    assert await handle.result() == "confirmed"
    assert "uncommitted" not in stage.world.done


async def test_without_a_report_it_is_asked_otherwise_after_its_patience(stage: Stage) -> None:
    stage.world.answers["compare"] = AWAITED
    handle = await stage.delivery()
    await stage.until(lambda: "compare" in stage.world.done)
    await stage.forward(handle, until_committed(Urgency.ROUTINE) * 0.9)
    assert await handle.query("state") == "sent"
    assert "uncommitted" not in stage.world.done
    await stage.forward(handle, until_committed(Urgency.ROUTINE) * 0.2)
    assert await handle.result() == "unverifiable"
    assert (stage.world.done.count("compare"), stage.world.done.count("uncommitted")) == (1, 1)
    assert stage.world.steps[-1].detail == "It has not committed to them."


async def test_what_it_does_not_commit_to_is_sent_once_more_and_then_a_person_decides(stage: Stage) -> None:
    stage.world.answers["compare"] = LOST
    handle = await stage.delivery()
    await stage.until_state(handle, "needs-attention")
    assert (stage.world.done.count("compare"), stage.world.done.count("send")) == (2, 2)
    assert stage.world.done.count("forget") == 1
    stage.world.answers["compare"] = KEPT
    await handle.execute_update(Delivery.retry, by("ann"))
    assert await handle.result() == "confirmed"


async def test_a_report_is_carried_to_the_delivery_and_to_none_that_has_ended(
    stage: Stage, relay: Relay, registry: Registry
) -> None:
    stage.world.answers["compare"] = [AWAITED, KEPT]
    handle = await stage.delivery()
    await stage.until(lambda: "compare" in stage.world.done)
    for _ in range(2):
        with relay.database.begin() as session:
            row = command(session, CommandKind.REPORT_COMMITMENT, stage.world.delivery_id, EXCHANGE)
        assert await beside(relay.carry) == 1
        assert await handle.result() == "confirmed"
        with relay.database.begin() as session:
            assert session.get_one(OutboxCommand, row).refusal == ""
