"""Real workflows, real activities and a real database; only the DICOM peers and the mail are made up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from temporalio.client import Client
from temporalio.worker import Worker

from activities.arrivals import ArrivalActivities
from activities.deliveries import NOT_THERE, DeliveryActivities
from activities.journal import JournalActivities
from activities.local_identity import LocalIdentityActivities
from activities.requests import RequestActivities
from models.db import Database
from models.domain.contracts import ArrivalStart, CommandKind, Comparison, Decision, SendReport, Transition, Verdict
from models.local_patients import ANOTHERS_ID
from models.tables import (
    Arrival,
    AuditEntry,
    Delivery,
    LocalPatient,
    Node,
    Parcel,
    Transaction,
    TransitionRow,
    now,
)
from temporal.worker import ALL_WORKFLOWS, runner
from tests.database import Registry, add_neuro
from tests.engine import Server
from tests.eventually import eventually
from tests.workflows.fakes import Fakes, World
from tests.workflows.rows import ALPHA, BETA, arrived, command
from tests.workflows.stage import Handle, refused
from workflows.delivery import Delivery as DeliveryWorkflow
from workflows.policies import BULK, URGENT, WORKFLOWS
from workflows.study_arrival import StudyArrival


@dataclass
class Exchange:
    client: Client
    database: Database
    registry: Registry
    world: World

    async def arrival(self) -> Handle:
        return await self.client.start_workflow(
            StudyArrival.run, ArrivalStart(self.world.arrival_id), id=f"arrival-{self.world.arrival_id}",
            task_queue=WORKFLOWS,
        )  # fmt: skip

    def delivery(self) -> Delivery:
        with self.database.begin() as session:
            return session.scalars(select(Delivery)).one()

    def walk(self) -> list[str]:
        with self.database.begin() as session:
            rows = session.scalars(select(TransitionRow).order_by(TransitionRow.id))
            return [f"{row.lifecycle}.{row.event}" for row in rows]


@pytest.fixture
async def exchange(database: Database, registry: Registry, tmp_path: Path) -> AsyncIterator[Exchange]:
    server, fakes = Server(tmp_path), _AnyDelivery()
    with database.begin() as session:
        # No PACS is there that could be asked whose an ID is.
        session.execute(update(Node).values(query_back=False))
    arrivals, deliveries = ArrivalActivities(database), DeliveryActivities(database)
    requests = RequestActivities(database)
    here: list[Callable[..., Any]] = [
        JournalActivities(database).record,
        arrivals.outlook, arrivals.seal, arrivals.route, arrivals.left_over,
        deliveries.put_on_worklist, deliveries.moved_away, deliveries.cannot_go_to,
        deliveries.forget_answers,
        LocalIdentityActivities(database).check,
        requests.outlook, requests.reminded, requests.progress, requests.chosen, requests.answer,
        requests.recognised, requests.must_be_wanted, fakes.tell,
    ]  # fmt: skip
    try:
        client = await server.client()
        async with AsyncExitStack() as stack:
            threads = stack.enter_context(ThreadPoolExecutor(8))
            for queue, workflows, activities in (
                (WORKFLOWS, ALL_WORKFLOWS, here), (URGENT, (), fakes.transfers), (BULK, (), fakes.transfers),
            ):  # fmt: skip
                await stack.enter_async_context(
                    Worker(
                        client, task_queue=queue, workflows=workflows, activities=activities,
                        activity_executor=threads, workflow_runner=runner(),
                    )
                )  # fmt: skip
            yield Exchange(client, database, registry, fakes.worlds["1"])
    finally:
        server.close()


class _AnyDelivery(Fakes):
    """Whatever id the database gives a delivery, it belongs to the one world there is."""

    def __init__(self) -> None:
        super().__init__()
        self.world()

    async def _act(self, name: str, subject_id: str, given: object) -> object:
        return await self.worlds["1"].act(name, given)


async def test_a_study_goes_all_the_way_and_the_database_says_so(exchange: Exchange) -> None:
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world)
    handle = await exchange.arrival()
    assert await handle.result() == "routed"
    delivery = exchange.delivery()
    assert await exchange.client.get_workflow_handle(f"delivery-{delivery.id}").result() == "confirmed"
    walk = exchange.walk()
    assert [step for step in walk if step.startswith("delivery")] == [
        "delivery.listed", "delivery.released", "delivery.sent", "delivery.confirmed",
    ]  # fmt: skip
    with exchange.database.begin() as session:
        transaction = session.scalars(select(Transaction)).one()
        assert (transaction.lifecycle, transaction.state) == ("delivery", "confirmed")
        assert session.get_one(Arrival, exchange.world.arrival_id).sealed_at is not None
        assert session.scalars(select(Parcel)).one().sealed_at is not None
        acts = session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)).all()
        # Two lifecycles write beside each other: which of two steps has the lower number in which table is chance.
        assert sorted(act for act in acts if "." in act and not act.startswith("asked")) == sorted(walk)


async def test_a_person_assigns_what_names_no_destination(exchange: Exchange) -> None:
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world, called="IEP")
    handle = await exchange.arrival()
    await _until(exchange, "arrival.held")
    with exchange.database.begin() as session:
        chosen = command(
            session, CommandKind.ASSIGN_ARRIVAL, exchange.world.arrival_id,
            worklist_id=exchange.registry.worklists["ZX2"], reason="By telephone.",
        )  # fmt: skip
    assert await handle.execute_update(StudyArrival.assign, Decision("ann", chosen)) == "routed"
    assert await handle.result() == "routed"
    delivery = exchange.delivery()
    assert await exchange.client.get_workflow_handle(f"delivery-{delivery.id}").result() == "confirmed"
    with exchange.database.begin() as session:
        row = session.scalars(select(TransitionRow).where(TransitionRow.event == "assigned")).one()
        assert (row.actor, row.detail) == ("ann", "By telephone.")


async def test_two_patients_in_one_study_are_held_and_nobody_may_send_them(exchange: Exchange) -> None:
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world, patients=(ALPHA, BETA))
    handle = await exchange.arrival()
    await _until(exchange, "arrival.held")
    with exchange.database.begin() as session:
        assert session.get_one(Arrival, exchange.world.arrival_id).held_reason == "identity-conflict"
        assert session.scalars(select(Delivery)).all() == []
    await handle.execute_update(StudyArrival.refuse, Decision("ann"))
    assert await handle.result() == "refused"


async def test_a_person_enters_the_local_identifiers(exchange: Exchange) -> None:
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world, called="IEP_ZX3")
    await (await exchange.arrival()).result()
    await _until(exchange, "delivery.listed")
    delivery = exchange.delivery()
    with exchange.database.begin() as session:
        session.get_one(Node, delivery.node_id).query_back = False
        given = command(session, CommandKind.RELEASE_DELIVERY, delivery.id, patient_id="Z9", accession="A9")
    handle = exchange.client.get_workflow_handle(f"delivery-{delivery.id}")
    await handle.execute_update(DeliveryWorkflow.release, Decision("ann", given))
    assert await handle.result() == "confirmed"
    found = exchange.delivery()
    assert found.identity is not None
    assert (found.identity["PatientID"], found.identity["AccessionNumber"], found.released_by) == ("Z9", "A9", "ann")


async def test_a_local_id_of_somebody_else_is_refused_and_a_right_one_learned(exchange: Exchange) -> None:
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world, called="IEP_ZX3", patients=(ALPHA,))
        session.add(
            LocalPatient(
                institution_id="ZX3", patient_id="Z9", PatientName="SOMEBODY^Else", PatientBirthDate="20010101",
                learned_at=now(),
            )
        )  # fmt: skip
    await (await exchange.arrival()).result()
    await _until(exchange, "delivery.listed")
    delivery = exchange.delivery()
    with exchange.database.begin() as session:
        session.get_one(Node, delivery.node_id).query_back = False
        wrong = command(session, CommandKind.RELEASE_DELIVERY, delivery.id, patient_id="Z9")
        right = command(session, CommandKind.RELEASE_DELIVERY, delivery.id, patient_id="Z8")
    handle = exchange.client.get_workflow_handle(f"delivery-{delivery.id}")
    assert await refused(handle.execute_update(DeliveryWorkflow.release, Decision("ann", wrong))) == ANOTHERS_ID
    assert exchange.delivery().state == "on-worklist"
    await handle.execute_update(DeliveryWorkflow.release, Decision("ann", right))
    assert await handle.result() == "confirmed"
    with exchange.database.begin() as session:
        known = {row.patient_id: row.PatientName for row in session.scalars(select(LocalPatient))}
    assert known == {"Z9": "SOMEBODY^Else", "Z8": ALPHA.PatientName}


async def test_what_was_reassigned_is_not_sent_to_a_node_that_was_not_seen(exchange: Exchange) -> None:
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world, called="IEP_ZX3")
        neuro = add_neuro(session, "ZX3")
        there, elsewhere = f"on-worklist:{exchange.registry.worklists['ZX3']}", f"on-worklist:{neuro.id}"
        neuro_id, node_id = neuro.id, neuro.node_id
    await (await exchange.arrival()).result()
    await _until(exchange, "delivery.listed")
    delivery = exchange.delivery()
    with exchange.database.begin() as session:
        moved = command(session, CommandKind.REASSIGN_DELIVERY, delivery.id, worklist_id=neuro_id)
        back = command(session, CommandKind.REASSIGN_DELIVERY, delivery.id, worklist_id=delivery.worklist_id)
    handle = exchange.client.get_workflow_handle(f"delivery-{delivery.id}")
    await handle.execute_update(DeliveryWorkflow.reassign, Decision("ann", moved, there))
    for late in (DeliveryWorkflow.release, DeliveryWorkflow.refuse):
        said = await refused(handle.execute_update(late, Decision("bob", "", there)))
        assert re.fullmatch(r"Too late: it was reassigned by ann at \d\d:\d\d UTC and is now on worklist\.", said)
    assert "reassigned by ann" in await refused(
        handle.execute_update(DeliveryWorkflow.reassign, Decision("bob", back, there))
    )
    assert (exchange.delivery().state, exchange.delivery().node_id) == ("on-worklist", node_id)
    assert await handle.execute_update(DeliveryWorkflow.release, Decision("bob", "", elsewhere)) == "sending"
    assert await handle.result() == "confirmed"


async def test_nothing_says_that_it_moved_where_it_cannot_wait(exchange: Exchange) -> None:
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world, called="IEP_ZX3")
    await (await exchange.arrival()).result()
    await _until(exchange, "delivery.listed")
    delivery = exchange.delivery()
    with exchange.database.begin() as session:
        others = exchange.registry.worklists["ZX2"]
        elsewhere = command(session, CommandKind.REASSIGN_DELIVERY, delivery.id, worklist_id=others)
    handle = exchange.client.get_workflow_handle(f"delivery-{delivery.id}")
    decision = Decision("ann", elsewhere, f"on-worklist:{delivery.worklist_id}")
    assert await refused(handle.execute_update(DeliveryWorkflow.reassign, decision)) == NOT_THERE
    assert "delivery.reassigned" not in exchange.walk()


async def test_each_retry_is_a_new_round(exchange: Exchange) -> None:
    exchange.world.answers["send"] = [SendReport(0, 1, "It refused 1 image."), SendReport(1, 1)]
    different = Comparison(Verdict.DIFFERENT, 1, 1, "It gives another PatientID.")
    exchange.world.answers["compare"] = [different, Comparison(Verdict.CONFIRMED, 1, 1)]
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world)
    await (await exchange.arrival()).result()
    delivery = exchange.delivery()
    handle = exchange.client.get_workflow_handle(f"delivery-{delivery.id}")
    for state in ("delivery.parked", "delivery.found-different"):
        await _until(exchange, state)
        await handle.execute_update(DeliveryWorkflow.retry, Decision("ann"))
    assert await handle.result() == "confirmed"
    assert exchange.delivery().round == 3


async def test_a_step_is_written_once_however_often_it_is_recorded(exchange: Exchange) -> None:
    with exchange.database.begin() as session:
        arrived(session, exchange.registry, exchange.world)
    step = Transition(
        "arrival", exchange.world.arrival_id, "run", 0, "settled", "receiving", "settled", "exchange", now()
    )  # fmt: skip
    record = JournalActivities(exchange.database).record
    record((step,))
    record((step,))
    assert exchange.walk() == ["arrival.settled"]


async def _until(exchange: Exchange, step: str) -> None:
    await asyncio.to_thread(eventually, lambda: step in exchange.walk())
