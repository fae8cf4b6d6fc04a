"""Released parcels: images taken in by ingest, and the delivery that is to carry them to a Node."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from sqlalchemy import select
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deliveries import DeliveryActivities
from activities.dicom import DicomActivities
from activities.journal import JournalActivities
from models.archive import FolderArchive
from models.db import Database
from models.deliveries import open_delivery
from models.domain.contracts import Comparison, Sending, SendReport, Transition
from models.domain.urgency import Urgency
from models.tables import Arrival, Delivery, Instance, LedgerEntry, Node, Parcel, Slot, Study, Worklist, new_id, now
from tests.ingest.filling import Filling, small_ct

TEN = [f"2.25.1000{n}" for n in range(1, 11)]
"""The SOPInstanceUIDs of `ten()`."""


def ten() -> list[Dataset]:
    """Ten images of one study."""
    return [small_ct(n) for n in range(1, 11)]


@dataclass
class Parcels:
    """ZX1 sends to ZX2, whose Node is where the test says."""

    filling: Filling
    environment: ActivityEnvironment = field(default_factory=ActivityEnvironment)

    @property
    def database(self) -> Database:
        return self.filling.database

    @property
    def archive(self) -> FolderArchive:
        return self.filling.archive

    @property
    def node_id(self) -> str:
        return self.filling.registry.nodes["ZX2_PACS"]

    def set_node(self, port: int, **changes: Any) -> None:
        """Where ZX2's Node listens, and other columns of it."""
        with self.database.begin() as session:
            node = session.get_one(Node, self.node_id)
            for column, value in ({"port": port, "dimse_timeout": 5.0} | changes).items():
                setattr(node, column, value)

    def release(self, *objects: Dataset | Path | bytes, sealed: bool = True, **options: Any) -> str:
        """The delivery of `objects`, released by the exchange; its id."""
        self.filling.bring(*objects, **options)
        return self.open(sealed=sealed)

    def open(self, study: str | None = None, *, sealed: bool = True) -> str:
        """The delivery of the latest arrival (or that of `study`), released."""
        with self.database.begin() as session:
            found = select(Arrival).join(Study).order_by(Arrival.opened_at.desc())
            if study:
                found = found.where(Study.StudyInstanceUID == study)
            arrival = session.scalars(found).first()
            assert arrival is not None
            worklist = session.get_one(Worklist, self.filling.registry.worklists["ZX2"])
            delivery_id = open_delivery(session, arrival, worklist, sealed=sealed).id
        self.environment.run(DeliveryActivities(self.database).put_on_worklist, delivery_id)
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id)
            delivery.released_at, delivery.released_by, delivery.state = now(), "exchange", "sending"
            delivery.waiting_since = delivery.waiting_until = None
        return delivery_id

    def seal(self, delivery_id: str) -> None:
        with self.database.begin() as session:
            session.get_one(Parcel, session.get_one(Delivery, delivery_id).parcel_id).sealed_at = now()

    def send(self, delivery_id: str, *, parallel: int = 4, urgency: Urgency = Urgency.ROUTINE) -> SendReport:
        """One attempt, as a worker runs it."""
        activities = DicomActivities(self.database, self.archive, parallel)
        return self.environment.run(activities.send, Sending(delivery_id, urgency))

    def compare(self, delivery_id: str) -> Comparison:
        return self.environment.run(DicomActivities(self.database, self.archive).compare, delivery_id)

    def ledger(self, delivery_id: str) -> dict[str, LedgerEntry]:
        """By SOPInstanceUID."""
        with self.database.begin() as session:
            rows = session.execute(
                select(Instance.SOPInstanceUID, LedgerEntry)
                .join(Instance, Instance.id == LedgerEntry.instance_id)
                .where(LedgerEntry.delivery_id == delivery_id)
            )
            return {row.SOPInstanceUID: row.LedgerEntry for row in rows}

    def slots(self) -> list[Slot]:
        with self.database.begin() as session:
            return list(session.scalars(select(Slot)))


def fault(parcels: Parcels, delivery_id: str) -> str:
    """What the delivery says of its last failed attempt."""
    with parcels.database.begin() as session:
        return session.get_one(Delivery, delivery_id).fault


def fails(
    parcels: Parcels, delivery_id: str, kind: str, *, for_good: bool = False, frees: bool = True, **options: Any
) -> str:
    """The sentence of an attempt that must fail in that way, and leave no slot taken."""
    with pytest.raises(ApplicationError) as failed:
        parcels.send(delivery_id, **options)
    assert (failed.value.type, failed.value.non_retryable) == (kind, for_good), failed.value
    assert not frees or parcels.slots() == []
    return failed.value.message


def retry(parcels: Parcels, delivery_id: str, event: str = "retried") -> None:
    """The step by which a new round of sending begins."""
    step = Transition("delivery", delivery_id, new_id(), 1, event, "needs-attention", "sending", "exchange", now())
    parcels.environment.run(JournalActivities(parcels.database).record, (step,))
