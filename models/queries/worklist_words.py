"""What the worklist tells beside each study: who asked for it, and what somebody has tried with it already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.contracts import CommandKind
from models.domain.identity import PatientFacts, SentIdentity
from models.domain.lifecycles.delivery import State
from models.filed_under import ANOTHER_WENT, CALLED_OTHERWISE_WENT
from models.local_accessions import ANOTHERS_ACCESSION, Entered, Went, went_with_others
from models.local_patients import CALLED_OTHERWISE, NOBODY_WAS_ASKED, UNLESS_LOOKED_AT, known_patients
from models.queries.candidates import still_wanted
from models.queries.people import names, with_names
from models.queries.requested import by_item, line_of
from models.queries.viewer import Viewer
from models.tables import Candidate, Delivery, ImageRequest, OutboxCommand, RequestedStudy, Transaction, TransitionRow

TRIED = (CommandKind.RELEASE_DELIVERY, CommandKind.REFUSE_DELIVERY, CommandKind.REASSIGN_DELIVERY)

TICKS = {"same_person": "patient_id", "known_unasked": "patient_id", "right_accession": "accession"}
"""By what a person who has looked may tick: the entry for which the tick is."""
ASKS_WHOSE_ID = UNLESS_LOOKED_AT | {CALLED_OTHERWISE_WENT}


@dataclass(frozen=True)
class Asked:
    """An own request that the study answers, or may answer: what of it, in words; what agrees and differs."""

    reference: str
    asked: str
    recipient: str
    call_back: str
    answered: bool
    agrees: tuple[str, ...]
    differs: tuple[str, ...]


@dataclass(frozen=True)
class LastAsked:
    """What was asked of the engine last: not carried out yet (`refusal` empty), or refused.

    `patient_id` and `accession` are what was entered, `ticked` what was ticked beside it; `bearer` is whom that ID is
    known for by earlier releases, `other` with which other patient's study that Accession Number went.
    """

    kind: str
    who: str
    at: datetime
    refusal: str
    patient_id: str
    accession: str
    ticked: frozenset[str]
    bearer: PatientFacts | None
    other: Went | None

    @property
    def waits(self) -> bool:
        """Whether it is carried out by itself: nobody decides anew until then."""
        return not self.refusal

    def goes_as(self, carried: SentIdentity | None) -> str:
        """The Patient ID that a release was asked for under: the one entered, or else what the images carry."""
        by_itself = carried.PatientID if carried and self.kind == CommandKind.RELEASE_DELIVERY else ""
        return self.patient_id or by_itself

    @property
    def refused_as_it_is(self) -> bool:
        """Whether somebody else has what the images carry."""
        return self.refusal in (ANOTHER_WENT, CALLED_OTHERWISE_WENT)

    @property
    def called_otherwise(self) -> bool:
        return self.refusal in (CALLED_OTHERWISE, CALLED_OTHERWISE_WENT)

    @property
    def asks_who_knows(self) -> bool:
        """Whether a person may know whose the ID is that could not be looked up; a tick that was not all stays."""
        return self.refusal == NOBODY_WAS_ASKED or (bool(self.refusal) and "known_unasked" in self.ticked)

    @property
    def asks_whose_id(self) -> bool:
        """Whether a person who has looked may say that it is the same patient; a tick that was not all stays."""
        return self.refusal in ASKS_WHOSE_ID or (bool(self.refusal) and "same_person" in self.ticked)

    @property
    def asks_whose_accession(self) -> bool:
        """Whether a person who has looked may say that the Accession Number is right; a tick that was not all stays."""
        return self.refusal == ANOTHERS_ACCESSION or (bool(self.refusal) and "right_accession" in self.ticked)

    @property
    def asks(self) -> bool:
        """Whether what was entered may be right all the same."""
        return self.asks_whose_id or self.asks_who_knows or self.asks_whose_accession


def asked_for(session: Session, viewer: Viewer, arrival_ids: Collection[str]) -> dict[str, tuple[Asked, ...]]:
    """By arrival: what it answers comes first."""
    rows = session.execute(
        select(Candidate, RequestedStudy, ImageRequest, Transaction.reference)
        .join(RequestedStudy, RequestedStudy.id == Candidate.requested_study_id)
        .join(ImageRequest, ImageRequest.id == RequestedStudy.request_id)
        .join(Transaction, Transaction.id == ImageRequest.transaction_id)
        .where(
            Candidate.arrival_id.in_(arrival_ids),
            Candidate.dismissed_at.is_(None),
            Candidate.answered_at.is_not(None) | still_wanted(),
            ImageRequest.institution_id == viewer.institution_id,
        )
        .order_by(Candidate.answered_at, Candidate.found_at, RequestedStudy.position)
    ).all()
    found: dict[str, list[Asked]] = defaultdict(list)
    for (candidate, study, request, reference), wants in by_item(rows):
        found[candidate.arrival_id].append(
            Asked(
                reference=reference,
                asked=line_of(study, wants, shown=viewer.sees_patients),
                recipient=request.recipient,
                call_back=request.call_back,
                answered=candidate.answered_at is not None,
                agrees=tuple(candidate.agrees),
                differs=tuple(candidate.differs),
            )
        )
    return {arrival_id: tuple(asked) for arrival_id, asked in found.items()}


def last_asked(session: Session, viewer: Viewer, delivery_ids: Collection[str]) -> dict[str, LastAsked]:
    """By delivery of the viewer's Institution: the latest command to it that was not simply done."""
    rows = session.scalars(
        select(OutboxCommand)
        .where(OutboxCommand.subject_id.in_(delivery_ids), OutboxCommand.kind.in_(TRIED))
        .order_by(OutboxCommand.created_at)
    ).all()
    latest = {row.subject_id: row for row in rows}
    called = names(session, {row.actor for row in latest.values()})
    entered = {
        subject_id: Entered(str(row.payload.get("patient_id", "")), str(row.payload.get("accession", "")))
        for subject_id, row in latest.items()
    }
    bearers = known_patients(session, viewer.institution_id, {one.patient_id for one in entered.values()} - {""})
    refused = {subject_id: one for subject_id, one in entered.items() if latest[subject_id].refusal}
    others = went_with_others(session, viewer.institution_id, refused)
    return {
        subject_id: LastAsked(
            row.kind,
            called[row.actor],
            row.created_at,
            with_names(session, row.refusal),
            *entered[subject_id],
            frozenset(TICKS.keys() & row.payload.keys()),
            bearers.get(entered[subject_id].patient_id),
            others.get(subject_id),
        )
        for subject_id, row in latest.items()
        if row.delivered_at is None or row.refusal
    }


def why_forwarded(session: Session, delivery_ids: Collection[str]) -> dict[str, str]:
    """By delivery: why its sender forwarded it, in that person's words."""
    rows = session.scalars(
        select(OutboxCommand).where(
            OutboxCommand.subject_id.in_(delivery_ids), OutboxCommand.kind == CommandKind.FORWARD_DELIVERY
        )
    )
    return {row.subject_id: str(row.payload.get("reason", "")) for row in rows}


def references_of(session: Session, delivery_ids: Collection[str]) -> dict[str, str]:
    """By delivery: the reference of its Transaction."""
    rows = session.execute(
        select(Delivery.id, Transaction.reference)
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .where(Delivery.id.in_(delivery_ids))
    )
    return {row[0]: row[1] for row in rows}


def who_decided(session: Session, delivery_id: str) -> tuple[str, str, datetime] | None:
    """The step by which a delivery left the worklist at last: what it was, by whom, when."""
    row = session.scalars(
        select(TransitionRow)
        .where(
            TransitionRow.lifecycle == "delivery",
            TransitionRow.subject_id == delivery_id,
            TransitionRow.before == State.ON_WORKLIST,
        )
        .order_by(TransitionRow.id.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.event, names(session, [row.actor])[row.actor], row.at)
