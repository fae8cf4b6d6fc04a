"""A handful of transactions in different states, made once by driving the running exchange as its users do."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from demo import patients
from demo.patients import Patient
from demo.push import push_study
from demo.studies import Study
from models import outbox
from models.db import Database
from models.domain.contracts import CommandKind
from models.domain.errors import Permanent
from models.domain.lifecycles.request import State
from models.domain.urgency import Urgency
from models.requests import RequestEntry, StudyEntry, place
from models.tables import Account, ImageRequest, Transaction

LOOK_EVERY = 0.2
PATIENCE = 60.0
SMALL = 256
BORIS_AT_ZX1 = Study("fixture-released-by-a-person", "ZX1", patients.BORIS, "CT", 12, SMALL, SMALL, "CT Abdomen")
FARAH_AT_ZX1 = Study("fixture-confirmed", "ZX1", patients.FARAH, "CT", 12, SMALL, SMALL, "CT Head")
CHIDI_AT_ZX1 = Study("fixture-differs", "ZX1", patients.CHIDI, "MR", 8, SMALL, SMALL, "MRI Knee")
DILYS_AT_ZX1 = Study("fixture-two-requests-fit", "ZX1", patients.DILYS, "CT", 10, SMALL, SMALL, "CT Thorax")
EVIE_AT_ZX1 = Study("fixture-answers-a-request", "ZX1", patients.EVIE, "CT", 10, SMALL, SMALL, "CT Head")


class Fixtures:
    """Each step once: `made` has a file for each that is done, so that an interrupted first start goes on."""

    def __init__(self, database: Database, port: int, pacs_ports: dict[str, int], made: Path) -> None:
        self.database = database
        self.port = port
        self.pacs_ports = pacs_ports
        self.made = made

    def make(self) -> None:
        self.made.mkdir(exist_ok=True)
        for step in (
            self.confirmed, self.on_a_worklist, self.waiting_for_the_source, self.asked_back, self.fulfilled,
            self.held_with_two_candidates, self.differing,
        ):  # fmt: skip
            marker = self.made / step.__name__
            if not marker.exists():
                step()
                marker.touch()

    def confirmed(self) -> None:
        push_study(FARAH_AT_ZX1, self.port, "IEP_ZX2")

    def on_a_worklist(self) -> None:
        push_study(BORIS_AT_ZX1, self.port, "IEP_ZX3")

    def differing(self) -> None:
        """ZX2's PACS has the study already, under an ID of its own."""
        push_study(CHIDI_AT_ZX1, self.pacs_ports["ZX2"], "ZX2_PACS", patient_id="R0004711")
        push_study(CHIDI_AT_ZX1, self.port, "IEP_ZX2")

    def waiting_for_the_source(self) -> None:
        entry = _asks("ZX1", patients.ADA, StudyEntry(Modality="CT", description="CT Thorax, April"))
        self._place("ZX2", "waiting", replace(entry, urgency=Urgency.URGENT, reason="Clinic tomorrow morning."))

    def asked_back(self) -> None:
        request_id = self._place("ZX3", "asked-back", _asks("ZX1", patients.CHIDI, StudyEntry(description="MRI")))
        with self.database.begin() as session:
            outbox.post(
                session,
                _token("asked-back-question"),
                institution_id="ZX3",
                kind=CommandKind.ASK_BACK_REQUEST,
                subject_id=request_id,
                actor=self._account("officer.zx1"),
                content={"reason": "There are an MRI of the head and one of the knee; which one is needed?"},
            )

    def fulfilled(self) -> None:
        self._place("ZX2", "fulfilled", _asks("ZX1", patients.EVIE, StudyEntry(Modality="CT", description="CT Head")))
        push_study(EVIE_AT_ZX1, self.port, "IEP")

    def held_with_two_candidates(self) -> None:
        """Both asked without the NHS number: only a person can say whose request the study answers."""
        entry = _asks("ZX1", patients.DILYS, StudyEntry(Modality="CT", description="CT Thorax"))
        for requester in ("ZX2", "ZX3"):
            self._place(requester, f"candidate-{requester}", replace(entry, nhs_number=""))
        push_study(DILYS_AT_ZX1, self.port, "IEP")

    def _place(self, requester: str, name: str, entry: RequestEntry) -> str:
        """Place it as the requester's clinician does; its id, once the source has been told."""
        with self.database.begin() as session:
            reference = place(
                session,
                institution_id=requester,
                account_id=self._account(f"clinician.{requester.lower()}"),
                entry=entry,
                command_id=_token(name),
            )
        return _until(lambda: self._told(reference), f"the request {reference} to reach its source")

    def _told(self, reference: str) -> str:
        with self.database.begin() as session:
            return (
                session.scalars(
                    select(ImageRequest.id)
                    .join(Transaction, Transaction.id == ImageRequest.transaction_id)
                    .where(Transaction.reference == reference, ImageRequest.state != State.PLACED)
                ).one_or_none()
                or ""
            )

    def _account(self, username: str) -> str:
        with self.database.begin() as session:
            return session.scalars(select(Account.id).where(Account.username == username)).one()


def _asks(source: str, patient: Patient, study: StudyEntry) -> RequestEntry:
    family, given, *_ = patient.name.split("^")
    return RequestEntry(
        source_id=source,
        nhs_number=patient.nhs_number,
        family_name=family.title(),
        given_name=given.title(),
        birth_date=patient.birth_date,
        studies=(study,),
        recipient="Dr Example Reader",
        call_back="0113 496 0100",
        reason="For comparison.",
    )


def _token(name: str) -> str:
    return hashlib.sha256(f"fixture-{name}".encode()).hexdigest()[:32]


def _until(look: Callable[[], str], what: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Permanent(f"The demo waited in vain for {what}.")
        time.sleep(LOOK_EVERY)
    return found
