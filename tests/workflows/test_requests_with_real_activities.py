"""Requests from being placed to fulfilled: real workflows, relay and database; only peers and mail are made up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio.converter import DataConverter

from models.domain.contracts import CommandKind, Decision
from models.domain.identity import PatientFacts
from models.domain.nhs_number import ISSUER
from models.domain.urgency import Urgency
from models.requests import RequestEntry, StudyEntry, place
from models.tables import (
    Arrival,
    Candidate,
    Delivery,
    ImageRequest,
    Node,
    OutboxCommand,
    RequestedStudy,
    Transaction,
    new_id,
)
from temporal.gateway import Gateway
from temporal.relay import Relay
from tests.eventually import eventually
from tests.workflows.rows import arrived, command
from tests.workflows.stage import Handle, refused
from tests.workflows.test_gateway import beside
from tests.workflows.test_with_real_activities import Exchange, exchange
from workflows.delivery import Delivery as DeliveryWorkflow
from workflows.image_request import ImageRequest as RequestWorkflow
from workflows.study_arrival import StudyArrival

__all__ = ["exchange"]
GAMMA = PatientFacts(
    PatientID="L3", PatientName="Testcase^Gamma", PatientBirthDate="19700304", other_ids=(("9990000018", ISSUER),)
)
ENTRY = RequestEntry(
    source_id="ZX1",
    nhs_number="9990000018",
    family_name="Testcase",
    given_name="Gamma",
    birth_date="19700304",
    studies=(StudyEntry(description="CT head", Modality="CT"),),
    recipient="Dr Example Reader",
    urgency=Urgency.URGENT,
)


class Desk:
    """People of several Institutions, and the relay that carries what they ask for."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        address = exchange.client.service_client.config.target_host
        self.gateway = Gateway(address, "default", DataConverter.default)
        self.relay = Relay(exchange.database, self.gateway)

    async def place(self, requester: str = "ZX3", entry: RequestEntry = ENTRY) -> Handle:
        with self.exchange.database.begin() as session:
            account = self.exchange.registry.accounts[f"clinician.{requester.lower()}"]
            reference = place(session, institution_id=requester, account_id=account, entry=entry, command_id=new_id())
            request = self.request(session, reference)
        await beside(self.relay.carry)
        return self.exchange.client.get_workflow_handle(f"request-{request.id}")

    def request(self, session: Session, reference: str = "") -> ImageRequest:
        query = select(ImageRequest).join(Transaction, Transaction.id == ImageRequest.transaction_id)
        return session.scalars(query.where(Transaction.reference == reference) if reference else query).one()

    async def until(self, *steps: str) -> None:
        """Until each step has been taken, while the relay carries what falls due."""
        await asyncio.to_thread(eventually, lambda: self._carried() and set(steps) <= set(self.exchange.walk()))

    def carried_until(self, step: str, times: int) -> bool:
        return self._carried() and self.exchange.walk().count(step) == times

    def _carried(self) -> bool:
        self.relay.carry()
        return True

    async def push(self, called: str = "IEP", patient: PatientFacts = GAMMA) -> Handle:
        with self.exchange.database.begin() as session:
            arrived(session, self.exchange.registry, self.exchange.world, called=called, patients=(patient,))
        return await self.exchange.arrival()


@pytest.fixture
async def desk(exchange: Exchange) -> AsyncIterator[Desk]:
    with exchange.database.begin() as session:
        for node in session.scalars(select(Node)):
            node.host = ""
    made = Desk(exchange)
    yield made
    made.gateway.close()


def walk_of(exchange: Exchange, lifecycle: str) -> list[str]:
    return [step.partition(".")[2] for step in exchange.walk() if step.startswith(lifecycle)]


async def test_what_is_asked_for_comes_is_matched_delivered_and_told(desk: Desk) -> None:
    handle = await desk.place()
    await desk.until("request.told")
    await handle.execute_update(RequestWorkflow.accept, Decision("ann"))
    assert await (await desk.push()).result() == "matched"
    await desk.until("delivery.listed")
    delivery = desk.exchange.delivery()
    assert delivery.institution_id == "ZX3"
    released = desk.exchange.client.get_workflow_handle(f"delivery-{delivery.id}")
    await released.execute_update(DeliveryWorkflow.release, Decision("bob"))
    await desk.until("delivery.confirmed", "request.fulfilled")
    assert await handle.result() == "fulfilled"
    assert walk_of(desk.exchange, "request") == ["told", "accepted", "matched", "answered", "fulfilled"]
    with desk.exchange.database.begin() as session:
        request = desk.request(session)
        assert (request.transaction.lifecycle, request.transaction.state) == ("request", "fulfilled")
        assert session.scalars(select(RequestedStudy.state)).all() == ["answered"]
        arrival = session.get_one(Arrival, desk.exchange.world.arrival_id)
        assert (arrival.transaction.destination_id, arrival.transaction.urgency) == ("ZX3", "urgent")
    print(len((await handle.fetch_history()).events), "events of a request")


async def test_one_study_answers_two_institutions(desk: Desk) -> None:
    requests = [await desk.place("ZX2"), await desk.place("ZX3")]
    assert await (await desk.push()).result() == "matched"
    # ZX2's worklist releases by itself only what carries identifiers that can be used; a person does it at ZX3.
    await asyncio.to_thread(eventually, lambda: walk_of(desk.exchange, "delivery").count("listed") == 2)
    with desk.exchange.database.begin() as session:
        found = list(session.scalars(select(Delivery).where(Delivery.state == "on-worklist")))
        assert session.scalars(select(Transaction.kind).order_by(Transaction.kind)).all() == [
            "copy", "push", "request", "request",
        ]  # fmt: skip
    for delivery in found:
        handle = desk.exchange.client.get_workflow_handle(f"delivery-{delivery.id}")
        await handle.execute_update(DeliveryWorkflow.release, Decision("bob"))
    await asyncio.to_thread(eventually, lambda: desk.carried_until("request.fulfilled", 2))
    assert [await request.result() for request in requests] == ["fulfilled", "fulfilled"]


async def test_what_the_requester_refuses_is_asked_for_again(desk: Desk) -> None:
    handle = await desk.place()
    assert await (await desk.push()).result() == "matched"
    await desk.until("delivery.listed")
    delivery = desk.exchange.client.get_workflow_handle(f"delivery-{desk.exchange.delivery().id}")
    await delivery.execute_update(DeliveryWorkflow.refuse, Decision("bob"))
    await desk.until("request.reopened")
    assert await handle.query("state") == "awaiting-source"
    with desk.exchange.database.begin() as session:
        assert session.scalars(select(RequestedStudy.state)).all() == ["wanted"]
        assert session.scalars(select(Candidate.answered_at)).all() == [None]


async def test_a_person_matches_what_is_held(desk: Desk) -> None:
    request = await desk.place()
    arrival = await desk.push(patient=replace(GAMMA, other_ids=()))
    await desk.until("arrival.held")
    with desk.exchange.database.begin() as session:
        (candidate,) = session.scalars(select(Candidate))
        assert not candidate.is_certain
        chosen = command(
            session, CommandKind.MATCH_ARRIVAL, desk.exchange.world.arrival_id,
            requested_study_id=candidate.requested_study_id, reason="By telephone.",
        )  # fmt: skip
    await desk.until("arrival.matched")
    assert await arrival.result() == "matched"
    with desk.exchange.database.begin() as session:
        assert session.get_one(OutboxCommand, chosen).refusal == ""
        assert session.scalars(select(Candidate)).one().answered_at is not None
    await desk.until("request.answered")
    assert await request.query("state") == "answered"


async def test_matching_by_hand_to_what_was_withdrawn_is_refused_and_it_stays_held(desk: Desk) -> None:
    request = await desk.place()
    arrival = await desk.push(patient=replace(GAMMA, other_ids=()))
    await desk.until("arrival.held")
    await request.execute_update(RequestWorkflow.withdraw, Decision("cy"))
    await request.result()
    with desk.exchange.database.begin() as session:
        study = session.scalars(select(Candidate.requested_study_id)).one()
        chosen = command(session, CommandKind.MATCH_ARRIVAL, desk.exchange.world.arrival_id, requested_study_id=study)
    said = await refused(arrival.execute_update(StudyArrival.match, Decision("ann", chosen)))
    assert re.fullmatch(r"Too late: T-\S+ was withdrawn by cy at \d\d:\d\d UTC\.", said)
    assert await arrival.query("state") == "held"


async def test_a_lost_engine_knows_requests_by_their_rows(desk: Desk) -> None:
    handle = await desk.place()
    await desk.until("request.told")
    await handle.terminate("lost")
    with desk.exchange.database.begin() as session:
        desk.request(session).placed_at -= timedelta(minutes=1)
    assert await beside(desk.relay.sweep) == 1
    assert await handle.query("state") == "awaiting-source"
    await handle.execute_update(RequestWorkflow.decline, Decision("ann"))
    assert walk_of(desk.exchange, "request") == ["told", "declined"]


async def test_a_placed_request_that_is_carried_twice_is_one(desk: Desk) -> None:
    handle = await desk.place()
    await desk.until("request.told")
    await handle.execute_update(RequestWorkflow.decline, Decision("ann"))
    await handle.result()
    with desk.exchange.database.begin() as session:
        session.scalars(select(OutboxCommand)).one().delivered_at = None
    assert await beside(desk.relay.carry) <= 1
    with desk.exchange.database.begin() as session:
        session.scalars(select(OutboxCommand)).one().next_try_at -= timedelta(minutes=1)
    await beside(desk.relay.carry)
    assert walk_of(desk.exchange, "request") == ["told", "declined"]
