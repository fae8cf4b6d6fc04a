"""Transfers from ZX1's PACS to ZX2, step by step and without the engine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pydicom import Dataset
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.arrivals import ArrivalActivities
from activities.journal import JournalActivities
from activities.retrieval import EDGE, RetrievalActivities
from activities.transfers import TransferActivities
from models.db import Database
from models.domain.contracts import RouteRequest, RouteVerdict, Sealed, SealRequest, Transition
from models.domain.transfer_contracts import Retrieved, TransferProgress
from models.domain.urgency import Urgency
from models.tables import Arrival, Node, Transaction, Transfer, TransferStudy, new_id, now
from models.transfers import PickedStudy, TransferEntry, place
from tests.ingest.filling import Filling, small_ct

SETTLE = 0.5
STUDY = "2.25.1"
"""The StudyInstanceUID of `small_ct`."""


def entry(filling: Filling, *picked: PickedStudy, **changes: Any) -> TransferEntry:
    made = TransferEntry(
        node_id=filling.registry.nodes["ZX1_PACS"],
        worklist_id=filling.registry.worklists["ZX2"],
        recipient="Dr Example Reader",
        call_back="01632 960010",
        reason="Second opinion",
        urgency=Urgency.URGENT,
        studies=picked or (PickedStudy(STUDY, description="CT head", Modality="CT"),),
    )
    return replace(made, **changes)


@dataclass
class Fetching:
    filling: Filling
    environment: ActivityEnvironment = field(default_factory=ActivityEnvironment)
    steps: int = 0
    edge: tuple[str, int] = EDGE

    @property
    def database(self) -> Database:
        return self.filling.database

    def place(self, port: int, *picked: PickedStudy, **changes: Any) -> str:
        """The id of a transfer from the PACS that listens at `port`."""
        with self.database.begin() as session:
            node = session.get_one(Node, self.filling.registry.nodes["ZX1_PACS"])
            node.port, node.dimse_timeout = port, 5.0
        with self.database.begin() as session:
            officer = self.filling.registry.accounts["officer.zx1"]
            made = entry(self.filling, *picked, **changes)
            reference = place(session, institution_id="ZX1", account_id=officer, command_id=new_id(), entry=made)
            found = select(Transfer).join(Transaction).where(Transaction.reference == reference)
            return session.scalars(found).one().id

    def listed(self, port: int, *picked: PickedStudy, **changes: Any) -> str:
        transfer_id = self.place(port, *picked, **changes)
        self.list_images(transfer_id)
        self.record(transfer_id, "listed", "placed", "retrieving")
        return transfer_id

    def list_images(self, transfer_id: str) -> None:
        self.environment.run(TransferActivities(self.database).list_at_source, transfer_id)

    def retrieve(self, transfer_id: str) -> Retrieved:
        return self.environment.run(RetrievalActivities(self.database, SETTLE, self.edge).retrieve, transfer_id)

    def progress(self, transfer_id: str) -> TransferProgress:
        return self.environment.run(TransferActivities(self.database).progress, transfer_id)

    def seal(self, arrival: Arrival) -> Sealed:
        return self.environment.run(ArrivalActivities(self.database).seal, SealRequest(arrival.id))

    def route(self, arrival: Arrival) -> RouteVerdict:
        return self.environment.run(ArrivalActivities(self.database).route, RouteRequest(arrival.id))

    def record(self, subject_id: str, event: str, before: str, after: str, lifecycle: str = "transfer") -> None:
        self.steps += 1
        step = Transition(lifecycle, subject_id, "run", self.steps, event, before, after, "exchange", now())
        self.environment.run(JournalActivities(self.database).record, (step,))

    def arrivals(self) -> list[Arrival]:
        with self.database.begin() as session:
            return list(session.scalars(select(Arrival).order_by(Arrival.opened_at)))

    def study(self) -> TransferStudy:
        with self.database.begin() as session:
            return session.scalars(select(TransferStudy)).one()

    def transfer(self) -> Transfer:
        with self.database.begin() as session:
            return session.scalars(select(Transfer)).one()


def images(n: int = 6, series: int = 2, **elements: Any) -> list[Dataset]:
    """Images of one study, spread over series."""
    return [small_ct(number, SeriesInstanceUID=f"2.25.2{number % series}", **elements) for number in range(1, n + 1)]
