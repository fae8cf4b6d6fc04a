"""Requests to ZX1 and studies that come from there, on a real database and without the engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pydicom.uid import CTImageStorage
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.arrivals import ArrivalActivities
from activities.journal import JournalActivities
from activities.requests import RequestActivities
from models.db import Database
from models.domain.contracts import CommandKind, RouteRequest, RouteVerdict, Transition
from models.domain.identity import PatientFacts
from models.domain.request_contracts import Answered, RequestProgress
from models.requests import RequestEntry, StudyEntry, place
from models.tables import (
    Arrival,
    Candidate,
    Delivery,
    ImageRequest,
    RequestedStudy,
    Transaction,
    new_id,
    now,
)
from tests.database import Registry
from tests.models.test_requests import ENTRY, GAMMA
from tests.workflows.fakes import World
from tests.workflows.rows import arrived, command

ONE_STUDY = replace(ENTRY, studies=(StudyEntry(description="CT head", Modality="CT"),))
WITH_PRIORS = replace(ENTRY, studies=(StudyEntry(is_prior=True),))
NAMESAKE = replace(GAMMA, other_ids=())


@dataclass
class Desk:
    """Requests to ZX1, and studies that come from there."""

    database: Database
    registry: Registry

    def __post_init__(self) -> None:
        self.environment = ActivityEnvironment()
        self.steps = 0

    def place(self, requester: str = "ZX3", entry: RequestEntry = ONE_STUDY, state: str = "awaiting-source") -> str:
        """The id of a request of which the source knows."""
        with self.database.begin() as session:
            account = self.registry.accounts[f"clinician.{requester.lower()}"]
            reference = place(session, institution_id=requester, account_id=account, entry=entry, command_id=new_id())
            found = select(ImageRequest).join(Transaction).where(Transaction.reference == reference)
            request = session.scalars(found).one()
            request.state = request.transaction.state = state
            return request.id

    def push(
        self,
        number: str = "1",
        *,
        patient: PatientFacts = GAMMA,
        called: str = "IEP",
        follows: str = "",
        classes: tuple[str, ...] = (CTImageStorage,),
    ) -> str:
        with self.database.begin() as session:
            arrival = arrived(
                session, self.registry, World(number), state="settled", patients=(patient,), called=called,
                classes=classes,
            )  # fmt: skip
            if follows:
                before = session.get_one(Arrival, follows)
                before.sealed_at = now()
                session.flush()
                new, arrival.study = arrival.study, before.study
                arrival.transaction.follows_id = before.transaction_id
                arrival.study.ModalitiesInStudy = sorted({*arrival.study.ModalitiesInStudy, *new.ModalitiesInStudy})
            return arrival.id

    def route(self, arrival_id: str) -> RouteVerdict:
        return self.environment.run(ArrivalActivities(self.database).route, RouteRequest(arrival_id))

    def takes(self, request_id: str, arrival_id: str, **content: str) -> None:
        """As the request's workflow records it."""
        content_id = ""
        if content:
            with self.database.begin() as session:
                content_id = command(session, CommandKind.MATCH_ARRIVAL, arrival_id, **content)
        self.record("request", request_id, "matched", "partly-answered", other_id=arrival_id, content_id=content_id)

    def record(self, lifecycle: str, subject_id: str, event: str, after: str, **more: Any) -> None:
        self.steps += 1
        step = Transition(
            lifecycle, subject_id, "run", self.steps, event, more.pop("before", "before"), after,
            more.pop("actor", "exchange"), now(), **more,
        )  # fmt: skip
        self.environment.run(JournalActivities(self.database).record, (step,))

    def answer(self, arrival_id: str) -> Answered:
        return self.environment.run(RequestActivities(self.database).answer, arrival_id)

    def progress(self, request_id: str) -> RequestProgress:
        return self.environment.run(RequestActivities(self.database).progress, request_id)

    def ends(self, delivery_id: str, event: str, state: str) -> None:
        self.record("delivery", delivery_id, event, state)

    def deliveries(self) -> list[Delivery]:
        with self.database.begin() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.created_at)))

    def study(self, request_id: str) -> RequestedStudy:
        with self.database.begin() as session:
            return session.scalars(select(RequestedStudy).where(RequestedStudy.request_id == request_id)).one()

    def candidates(self) -> list[Candidate]:
        with self.database.begin() as session:
            return list(session.scalars(select(Candidate)))
