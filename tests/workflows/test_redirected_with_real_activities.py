"""Redirections that were good when they were asked for: an act of support may wait for its second signature."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowHandle

from activities.deliveries import NOT_TO_THAT_NODE
from models.domain.contracts import CommandKind, Decision, SendReport
from models.tables import Node
from tests.database import add_neuro
from tests.eventually import eventually
from tests.workflows.rows import arrived, command
from tests.workflows.stage import refused
from tests.workflows.test_with_real_activities import Exchange, exchange
from workflows.delivery import Delivery

__all__ = ["exchange"]


@pytest.fixture
async def parked(exchange: Exchange) -> WorkflowHandle[Delivery, str]:
    """A delivery to ZX2 whose Node has refused an image."""
    exchange.world.answers["send"] = [SendReport(0, 1, "It refused 1 image."), SendReport(1, 1)]
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world)
    await (await exchange.arrival()).result()
    await asyncio.to_thread(eventually, lambda: "delivery.parked" in exchange.walk())
    return exchange.client.get_workflow_handle_for(Delivery.run, f"delivery-{exchange.delivery().id}")


def to(exchange: Exchange, node_id: str) -> Decision:
    with exchange.database.begin() as session:
        asked = command(session, CommandKind.REDIRECT_DELIVERY, exchange.delivery().id, node_id=node_id)
    return Decision("support", asked, "needs-attention")


async def test_a_node_that_receives_nothing_any_more_or_is_another_s_is_refused_in_words(
    exchange: Exchange, parked: WorkflowHandle[Delivery, str]
) -> None:
    with exchange.database.begin() as session:
        neuro = add_neuro(session, "ZX2").node_id
    before = exchange.delivery()
    waits = to(exchange, neuro)
    with exchange.database.begin() as session:
        session.get_one(Node, neuro).host = ""
    for decision in (waits, to(exchange, exchange.registry.nodes["ZX3_PACS"]), to(exchange, "gone")):
        assert await refused(parked.execute_update(Delivery.redirect, decision)) == NOT_TO_THAT_NODE
    after = exchange.delivery()
    assert (after.state, after.node_id, after.round) == ("needs-attention", before.node_id, before.round)
    assert "delivery.redirected" not in exchange.walk()


async def test_a_node_that_is_theirs_is_sent_to(exchange: Exchange, parked: WorkflowHandle[Delivery, str]) -> None:
    with exchange.database.begin() as session:
        neuro = add_neuro(session, "ZX2").node_id
        session.get_one(Node, neuro).query_back = False
    assert await parked.execute_update(Delivery.redirect, to(exchange, neuro)) == "sending"
    assert await parked.result() == "confirmed"
    assert exchange.delivery().node_id == neuro
