"""Proof that a study is there: the real workflow and activities, database and sockets, and a PACS that lies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from temporalio import activity
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.deliveries import DeliveryActivities
from activities.dicom import DicomActivities
from activities.journal import JournalActivities
from models.domain.contracts import DeliveryStart, NoticeRequest
from models.domain.urgency import Urgency
from models.queries.standing import standings
from models.tables import Delivery as DeliveryRow
from models.tables import Transaction, TransitionRow
from temporal.worker import ALL_WORKFLOWS, runner
from tests.activities.misbehaving import loses, misbehaving
from tests.activities.parcels import Parcels
from tests.engine import started
from tests.ingest.filling import Filling, small_ct
from tests.workflows.stage import Handle
from workflows.delivery import Delivery
from workflows.policies import BULK, WORKFLOWS

MINUTE = timedelta(minutes=1)


@activity.defn(name="NoticeActivities.tell")
async def tell(request: NoticeRequest) -> int:
    return 1


@pytest.fixture
def parcels(filling: Filling) -> Parcels:
    return Parcels(filling)


@pytest.fixture
async def environment(parcels: Parcels) -> AsyncIterator[WorkflowEnvironment]:
    """An engine of its own: the one of the whole run has workers with made-up activities."""
    made = await started()
    deliveries, dicom = DeliveryActivities(parcels.database), DicomActivities(parcels.database, parcels.archive)
    here: list[Callable[..., Any]] = [JournalActivities(parcels.database).record, deliveries.forget_answers, tell]
    there: list[Callable[..., Any]] = [dicom.send, dicom.compare]
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(8))
        for queue, workflows, activities in (
            (WORKFLOWS, ALL_WORKFLOWS, here), (BULK, (), there),
        ):  # fmt: skip
            await stack.enter_async_context(
                Worker(
                    made.client, task_queue=queue, workflows=workflows, activities=activities,
                    activity_executor=threads, workflow_runner=runner(),
                )
            )  # fmt: skip
        yield made
    await made.shutdown()


def walk(parcels: Parcels) -> list[str]:
    with parcels.database.begin() as session:
        return list(session.scalars(select(TransitionRow.event).order_by(TransitionRow.id)))


async def passes_until(environment: WorkflowEnvironment, handle: Handle, parcels: Parcels, event: str) -> None:
    """Let the time pass that a destination gets for indexing."""
    while event not in await asyncio.to_thread(walk, parcels):
        await environment.fast_forward(handle, MINUTE)


async def test_a_destination_that_drops_3_of_180_ends_with_180_of_180(
    parcels: Parcels, environment: WorkflowEnvironment
) -> None:
    delivery = parcels.release(*(small_ct(n) for n in range(1, 181)))
    with misbehaving(loses(3)) as peer:
        parcels.set_node(peer.port)
        handle = await environment.client.start_workflow(
            Delivery.run, DeliveryStart(delivery, Urgency.ROUTINE, "sending"), id=f"delivery-{delivery}",
            task_queue=WORKFLOWS,
        )  # fmt: skip
        await passes_until(environment, handle, parcels, "found-missing")
        assert await handle.result() == "confirmed"
    assert walk(parcels) == ["sent", "found-missing", "sent", "confirmed"]
    assert len(peer.kept) == 180
    assert Counter(Counter(peer.received).values()) == {1: 177, 2: 3}, "nothing but the 3 went twice"
    with parcels.database.begin() as session:
        row = session.get_one(DeliveryRow, delivery)
        missed = session.scalars(select(TransitionRow.detail).where(TransitionRow.event == "found-missing")).one()
        (standing,) = standings(session, [session.get_one(Transaction, row.transaction_id)])
    assert missed == "ZX2_PACS lists 177 of 180 images."
    assert standing.sentence == "Confirmed: 180 of 180 are in ZX2_PACS, by its own answer."
