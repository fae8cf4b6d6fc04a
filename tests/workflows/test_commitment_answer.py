"""CommitmentAnswer: a sender is told what is kept, later if it must be, and never twice without need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.journal import JournalActivities
from models.db import Database
from models.domain.commitment_contracts import Answer, AnswerRequest
from models.domain.contracts import EXCHANGE, CommandKind, Transition
from models.tables import AuditEntry, CommitmentRequest, OutboxCommand, now
from temporal.relay import Relay
from tests.database import Registry
from tests.workflows.fakes import PASSING, PERMANENT, World
from tests.workflows.rows import LONG_AGO, command
from tests.workflows.stage import Stage
from tests.workflows.test_gateway import beside, gateway
from tests.workflows.test_relay import relay

__all__ = ["gateway", "relay"]

LACKING = Answer(False, 1, 3)


def asked(database: Database, registry: Registry, world: World, *, ago: timedelta = LONG_AGO, **columns: Any) -> None:
    """A request of STORESCU, taken long `ago`."""
    values: dict[str, Any] = {
        "id": world.request_id, "institution_id": "ZX1", "node_id": registry.nodes["STORESCU"], "association_id": "a",
        "called_ae_title": "IEP", "TransactionUID": "2.25.1", "references": {"2.25.2": "1.2"},
        "asked_at": now() - ago, "taken_at": now() - ago,
    }  # fmt: skip
    with database.begin() as session:
        session.add(CommitmentRequest(**values | columns))


async def test_a_sender_is_told_at_once(stage: Stage) -> None:
    handle = await stage.commitment()
    assert await handle.result() == "answered"
    assert stage.world.done == ["answer", "commitment.answered"]
    assert stage.world.steps[0].detail == "3 of 3 are kept."
    assert len((await handle.fetch_history()).events) <= 20


async def test_what_is_not_kept_yet_is_waited_for_a_while(stage: Stage) -> None:
    stage.world.answers["answer"] = [LACKING, LACKING, Answer(True, 0, 3)]
    handle = await stage.commitment()
    for times in (1, 2):
        await stage.until(lambda times=times: stage.world.done.count("answer") == times)  # type: ignore[misc]
        await stage.forward(handle, timedelta(minutes=1))
    assert await handle.result() == "answered"
    assert [given.in_any_case for name, given in stage.world.given if name == "answer"] == [False] * 3


async def test_at_last_a_sender_is_told_what_is_not_kept(stage: Stage) -> None:
    def told(request: AnswerRequest) -> Answer:
        return Answer(request.in_any_case, 1, 3)

    stage.world.answers["answer"] = told
    handle = await stage.commitment()
    await stage.until(lambda: "answer" in stage.world.done)
    await stage.forward(handle, timedelta(minutes=6))
    assert await handle.result() == "answered"
    assert stage.world.done.count("answer") == 4
    assert stage.world.steps[0].detail == "2 of 3 are kept."


async def test_a_sender_that_is_away_for_a_while_is_told_later(stage: Stage) -> None:
    stage.world.answers["answer"] = [PASSING, Answer(True, 0, 3)]
    handle = await stage.commitment()
    assert await handle.result() == "answered"


async def test_a_sender_that_is_away_for_a_day_is_given_up(stage: Stage) -> None:
    # The engine skips from attempt to attempt: a few have to do for a day.
    stage.world.answers["answer"] = ApplicationError(
        "It does not answer.", type="PeerUnreachable", next_retry_delay=timedelta(hours=7)
    )
    handle = await stage.commitment()
    await stage.until(lambda: "answer" in stage.world.done)
    await stage.forward(handle, timedelta(hours=25))
    assert await handle.result() == "unanswerable"
    assert stage.world.steps[0].detail == "It could not be told for a day."


async def test_a_sender_that_cannot_be_told_is_given_up_at_once(stage: Stage) -> None:
    stage.world.answers["answer"] = PERMANENT
    handle = await stage.commitment()
    assert await handle.result() == "unanswerable"
    assert stage.world.steps[0].detail == "It was refused for good."


async def test_a_request_is_carried_to_the_engine_and_answered_once(
    stage: Stage, relay: Relay, registry: Registry
) -> None:
    asked(relay.database, registry, stage.world)
    with relay.database.begin() as session:
        row = command(session, CommandKind.ANSWER_COMMITMENT, stage.world.request_id, EXCHANGE)
    assert await beside(relay.carry) == 1
    handle = stage.client.get_workflow_handle(stage.commitment_workflow)
    assert await handle.result() == "answered"
    # Carried, but killed before that could be written down: it is carried once more.
    with relay.database.begin() as session:
        carried = session.get_one(OutboxCommand, row)
        carried.delivered_at, carried.next_try_at = None, now()
    assert await beside(relay.carry) == 1
    with relay.database.begin() as session:
        assert session.get_one(OutboxCommand, row).refusal == ""
    assert stage.world.done.count("answer") == 1


@pytest.mark.parametrize(("columns", "started"), [({}, 1), ({"state": "answered"}, 0), ({"ago": timedelta(0)}, 0)])
async def test_a_request_that_the_engine_has_forgotten_is_driven_again(
    stage: Stage, relay: Relay, registry: Registry, columns: dict[str, Any], started: int
) -> None:
    asked(relay.database, registry, stage.world, **columns)
    assert await beside(relay.sweep) == started
    if started:
        assert await stage.client.get_workflow_handle(stage.commitment_workflow).result() == "answered"


async def test_one_that_was_terminated_is_driven_again(stage: Stage, relay: Relay, registry: Registry) -> None:
    asked(relay.database, registry, stage.world)
    stage.world.answers["answer"] = [LACKING, Answer(True, 0, 3)]
    handle = await stage.commitment()
    await stage.until(lambda: "answer" in stage.world.done)
    await handle.terminate("an accident")
    assert await beside(relay.sweep) == 1
    assert await stage.client.get_workflow_handle(stage.commitment_workflow).result() == "answered"


@pytest.mark.parametrize(("event", "after"), [("answered", "answered"), ("given-up", "unanswerable")])
def test_its_end_is_in_its_row_and_in_the_audit(database: Database, registry: Registry, event: str, after: str) -> None:
    world = World("x")
    asked(database, registry, world)
    step = Transition(
        "commitment", world.request_id, "run", 0, event, "asked", after, EXCHANGE, now(), "2 of 3 are kept."
    )  # fmt: skip
    ActivityEnvironment().run(JournalActivities(database).record, (step,))
    with database.begin() as session:
        row = session.get_one(CommitmentRequest, world.request_id)
        assert (row.state, row.state_detail) == (after, "2 of 3 are kept.")
        assert (row.answered_at is not None) == (event == "answered")
        assert session.scalars(select(AuditEntry.act)).all() == [f"commitment.{event}"]
