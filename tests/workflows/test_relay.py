"""The relay: what was saved gets to the engine once, and what the engine has forgotten is driven again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from datetime import timedelta

import pytest
from sqlalchemy import select
from temporalio.testing import WorkflowEnvironment

from models.db import Database
from models.domain.contracts import CommandKind, Decision, DeliveryStart, Listing
from models.domain.errors import PeerUnreachable
from models.domain.urgency import Urgency
from models.tables import Arrival, AuditEntry, Delivery, Node, OutboxCommand, now
from temporal.gateway import Gateway
from temporal.relay import Relay
from tests.database import Registry
from tests.models.test_came_before import counted
from tests.workflows.fakes import Fakes
from tests.workflows.gate import Gate
from tests.workflows.rows import arrived, command, delivering
from tests.workflows.stage import Stage
from tests.workflows.test_gateway import again, beside, gateway, saved, waiting_for_release

__all__ = ["gateway"]


@pytest.fixture
def relay(database: Database, gateway: Gateway, registry: Registry) -> Relay:
    # The registry's own Nodes are nobody's subject here: without a host they have no workflow.
    with database.begin() as session:
        for node in session.scalars(select(Node)):
            node.host = ""
    return Relay(database, gateway)


async def test_what_a_killed_page_left_is_delivered_once(stage: Stage, relay: Relay) -> None:
    await waiting_for_release(stage, relay.gateway)
    # The page has committed and is gone before it could call the engine.
    row = saved(relay.database, CommandKind.RELEASE_DELIVERY, stage.world.delivery_id)
    assert await beside(relay.carry) == 1
    assert await beside(relay.carry) == 0
    await stage.handle_of_delivery.result()
    assert stage.world.walk.count("delivery.released") == 1
    assert again(relay.database, row).delivered_at is not None


async def test_what_a_page_did_before_it_was_killed_is_not_done_again(stage: Stage, relay: Relay) -> None:
    await waiting_for_release(stage, relay.gateway)
    row = saved(relay.database, CommandKind.REFUSE_DELIVERY, stage.world.delivery_id)
    # The page has called the engine and is gone before it could write down the answer.
    await beside(relay.gateway.execute, row)
    await stage.handle_of_delivery.result()
    assert await beside(relay.carry) == 1
    assert stage.world.walk.count("delivery.refused") == 1
    assert again(relay.database, row).refusal == ""


async def test_two_relays_and_a_page_at_once_do_a_command_once(stage: Stage, relay: Relay) -> None:
    await waiting_for_release(stage, relay.gateway)
    row = saved(relay.database, CommandKind.RELEASE_DELIVERY, stage.world.delivery_id)
    calls = [relay.carry, relay.carry, lambda: relay.gateway.try_now(relay.database, row.id)]
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    await stage.handle_of_delivery.result()
    for thread in threads:
        await beside(thread.join)
    assert stage.world.walk.count("delivery.released") == 1
    assert (again(relay.database, row).refusal, again(relay.database, row).delivered_at is None) == ("", False)


async def test_a_refused_command_is_delivered_too_and_who_decided_is_told_once(
    stage: Stage, relay: Relay, engine: WorkflowEnvironment
) -> None:
    await waiting_for_release(stage, relay.gateway)
    gate = stage.world.answers["send"] = Gate(beating=True)
    rows = [saved(relay.database, CommandKind.RELEASE_DELIVERY, stage.world.delivery_id, who) for who in ("ann", "bob")]
    assert await beside(relay.carry) == 2
    assert again(relay.database, rows[0]).refusal == ""
    assert again(relay.database, rows[1]).refusal.startswith("Too late: it was released by ann at ")
    # As after a kill between the mail and the note.
    with relay.database.begin() as session:
        row = session.get_one(OutboxCommand, rows[1].id)
        row.delivered_at, row.next_try_at = None, now()
    assert await beside(relay.carry) == 1
    await engine.client.get_workflow_handle(f"telling-decision-refused:{rows[1].id}").result()
    gate.opened.set()
    (refused,) = [notice for notice in stage.world.notices if notice.kind == "decision-refused"]
    assert (refused.account_id, refused.subject_id) == ("bob", stage.world.delivery_id)


async def test_nobody_is_told_of_a_refusal_before_the_engine_can_mail_it(
    stage: Stage, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting_for_release(stage, relay.gateway)
    row = saved(relay.database, CommandKind.RETRY_DELIVERY, stage.world.delivery_id)

    def away(ask: object) -> None:
        raise PeerUnreachable("The engine is not answering.")

    with monkeypatch.context() as patched:
        patched.setattr(relay.gateway, "asked", away)
        await beside(relay.carry)
    assert again(relay.database, row).delivered_at is None
    with relay.database.begin() as session:
        session.get_one(OutboxCommand, row.id).next_try_at = now()
    assert await beside(relay.carry) == 1
    assert again(relay.database, row).refusal
    await stage.until(lambda: "decision-refused" in stage.world.told)


async def test_a_form_sent_twice_is_one_command_and_one_audit_entry(stage: Stage, relay: Relay) -> None:
    from models.outbox import post

    with relay.database.begin() as session:
        for _ in range(2):
            post(
                session, "f" * 32, institution_id="ZX2", kind=CommandKind.HOLD_NODE, subject_id="n", actor="ann"
            )  # fmt: skip
    with relay.database.begin() as session:
        assert len(session.scalars(select(OutboxCommand)).all()) == 1
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.act == "asked.hold-node")).all()) == 1


async def test_the_sweep_starts_what_has_no_workflow(
    stage: Stage, fakes: Fakes, relay: Relay, registry: Registry, engine: WorkflowEnvironment
) -> None:
    parked, held = stage.world, fakes.world()
    with relay.database.begin() as session:
        delivering(session, registry, parked, state="needs-attention", urgency=Urgency.URGENT)
        arrived(session, registry, held, state="held")
        node = session.get_one(Node, registry.nodes["ZX2_PACS"])
        node.host, node.port, node.state = "127.0.0.1", 11122, "held"
    other = Stage(engine, held)
    try:
        assert await beside(relay.sweep) == 3
        assert await beside(relay.sweep) == 0
        assert await stage.handle_of_delivery.query("state") == "needs-attention"
        assert await stage.client.get_workflow_handle(other.arrival_workflow).query("state") == "held"
        # It goes on as urgently as its transaction is.
        await stage.handle_of_delivery.execute_update("retry", Decision("ann"))
        await stage.handle_of_delivery.result()
        assert [given.urgency for name, given in parked.given if name == "send"] == [Urgency.URGENT]
    finally:
        await other.close()
        await stage.client.get_workflow_handle(f"node-{registry.nodes['ZX2_PACS']}").terminate()


@pytest.mark.parametrize("heard", ["", "state_since", "last_answer_at", "last_fault_at"])
async def test_only_a_node_that_was_heard_of_before_is_a_loss(
    stage: Stage, relay: Relay, registry: Registry, heard: str, caplog: pytest.LogCaptureFixture
) -> None:
    with relay.database.begin() as session:
        node = session.get_one(Node, registry.nodes["ZX2_PACS"])
        node.host = "127.0.0.1"
        if heard:
            setattr(node, heard, now())
    workflow_id = f"node-{registry.nodes['ZX2_PACS']}"
    try:
        with caplog.at_level(logging.INFO, "temporal.relay"):
            assert await beside(relay.sweep) == 1
        words = f"{workflow_id} was not running and is started again" if heard else f"{workflow_id} is started"
        level = "WARNING" if heard else "INFO"
        assert [(one.levelname, one.getMessage()) for one in caplog.records if one.name == "temporal.relay"] == [
            (level, words)
        ]
    finally:
        await stage.client.get_workflow_handle(workflow_id).terminate()


async def test_the_sweep_leaves_alone_what_is_young_ended_or_not_announced(
    stage: Stage, fakes: Fakes, relay: Relay, registry: Registry
) -> None:
    with relay.database.begin() as session:
        delivering(session, registry, stage.world).created_at = now() - timedelta(seconds=5)
        arrived(session, registry, fakes.world()).announced_at = now()
        silent = arrived(session, registry, fakes.world())
        silent.announced_generation, silent.announced_at = 0, None
        delivering(session, registry, fakes.world(), state="confirmed")
    assert await beside(relay.sweep) == 0


async def test_the_sweep_does_not_start_again_what_has_just_ended(
    stage: Stage, relay: Relay, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with relay.database.begin() as session:
        delivering(session, registry, stage.world, state="sent")
    ask = relay.gateway.running

    def ended_meanwhile(workflow_ids: Collection[str]) -> set[str]:
        with relay.database.begin() as session:
            session.get_one(Delivery, stage.world.delivery_id).state = "confirmed"
        return ask(workflow_ids)

    monkeypatch.setattr(relay.gateway, "running", ended_meanwhile)
    assert await beside(relay.sweep) == 0
    assert stage.world.done == []


async def test_forty_that_are_missing_take_as_few_statements_as_one(
    stage: Stage, fakes: Fakes, relay: Relay, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    driven: list[str] = []
    monkeypatch.setattr(relay.gateway, "start", lambda start: driven.append(start.delivery_id))
    monkeypatch.setattr("temporal.relay.LOOK_AT_ONCE", 40)
    sent: list[int] = []
    for more in (1, 39):
        with relay.database.begin() as session:
            for _ in range(more):
                delivering(session, registry, fakes.world(), state="needs-attention")
        with counted(relay.database) as statements:
            await beside(relay.sweep)
        sent.append(len([one for one in statements if one.lstrip().startswith("SELECT")]))
    assert len(driven) == 1 + 40
    assert sent[0] == sent[1]


async def test_more_than_one_look_leaves_nothing_out(
    stage: Stage, fakes: Fakes, relay: Relay, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that run, and those that do not, are told apart wherever they stand among the others."""
    driven: set[str] = set()
    monkeypatch.setattr("temporal.relay.LOOK_AT_ONCE", 3)
    await waiting_for_release(stage, relay.gateway)
    monkeypatch.setattr(relay.gateway, "start", lambda start: driven.add(start.delivery_id))
    worlds = [fakes.world() for _ in range(7)]
    with relay.database.begin() as session:
        for world in (*worlds[:4], stage.world, *worlds[4:]):
            delivering(session, registry, world, state="on-worklist")
    assert await beside(relay.sweep) == 7
    assert driven == {world.delivery_id for world in worlds}


async def test_a_running_relay_carries_and_sweeps_until_told(stage: Stage, relay: Relay, registry: Registry) -> None:
    stage.world.answers["list"] = Listing(False, "")
    with relay.database.begin() as session:
        delivering(session, registry, stage.world)
        command(session, CommandKind.RELEASE_DELIVERY, stage.world.delivery_id)
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        # The command is older than its workflow: it waits for the sweep, is refused or obeyed, and is never lost.
        await stage.until(lambda: "delivery.listed" in stage.world.walk)
    finally:
        stop.set()
        await beside(thread.join)


async def test_a_started_delivery_is_not_started_twice(stage: Stage, relay: Relay) -> None:
    stage.world.answers["list"] = Listing(False, "")
    for _ in range(2):
        await beside(relay.gateway.start, DeliveryStart(stage.world.delivery_id, Urgency.ROUTINE))
    await stage.until(lambda: "delivery-on-worklist" in stage.world.told)
    assert stage.world.done.count("list") == 1


async def test_arrivals_of_a_lost_engine_go_on_from_their_rows(stage: Stage, relay: Relay, registry: Registry) -> None:
    with relay.database.begin() as session:
        arrived(session, registry, stage.world, state="settled")
    assert await beside(relay.sweep) == 1
    assert await stage.client.get_workflow_handle(stage.arrival_workflow).result() == "routed"
    assert "arrival.settled" not in stage.world.walk
    with relay.database.begin() as session:
        assert session.get_one(Arrival, stage.world.arrival_id).state == "settled"
