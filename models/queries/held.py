"""What is held: arrivals without a certain route, and single objects kept apart. Only the source sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.orm import Session

from models.domain.held_words import IF_IN_CONFLICT, fitting, with_conflict
from models.domain.identity import PatientFacts
from models.domain.lifecycles.arrival import State
from models.domain.permissions import Function
from models.domain.urgency import Urgency
from models.queries.candidates import Possible, how_many_fit, possible_requests
from models.queries.choices import Choice, worklists_open_to
from models.queries.decided import Decided, waiting
from models.queries.different_patients import Named, different_patients
from models.queries.header import FirstHeader, first_headers
from models.queries.viewer import Viewer
from models.tables import Arrival, HeldObject, Institution, Study, Transaction
from models.two_patients import conflicts

MOST = 200


@dataclass(frozen=True)
class HeldArrival:
    """`possible` are the requests that it may answer, `fitting` says how many; `worklists` those it may be assigned to.

    It belongs to the PACS officers of its source, whose number and address are `phone` and `email`. Where it
    `must_be_refused` it answers no request; `patients` are whom its images name, if those contradict each other. What
    is `decided` waits for the engine alone.
    """

    reference: str
    source_id: str
    source: str
    phone: str
    email: str
    urgency: Urgency
    reason: str
    detail: str
    since: datetime
    count: int
    calling_ae_title: str
    called_ae_title: str
    modalities: tuple[str, ...]
    description: str
    patient: PatientFacts | None
    patients: tuple[Named, ...]
    must_be_refused: bool
    possible: tuple[Possible, ...]
    fitting: str
    worklists: tuple[Choice, ...]
    decided: Decided | None


@dataclass(frozen=True)
class HeldAlone:
    """One object. `reference` names the transaction whose study it belongs to, if it is known."""

    id: str
    sentence: str
    reason: str
    source_id: str
    calling_ae_title: str
    reference: str
    at: datetime
    is_kept: bool


def held_arrivals(session: Session, viewer: Viewer) -> tuple[HeldArrival, ...]:
    """The oldest first."""
    rows = session.execute(
        select(Arrival, Transaction, Study, Institution)
        .join(Transaction, Transaction.id == Arrival.transaction_id)
        .join(Institution, Institution.ods_code == Arrival.institution_id)
        .join(Study, Study.id == Arrival.study_id)
        .where(_own(viewer), Arrival.state == State.HELD)
        .order_by(Transaction.state_since)
        .limit(MOST)
    ).all()
    ids = [arrival.id for arrival, *_ in rows]
    headers = first_headers(session, ids) if viewer.sees_patients else {}
    conflict = conflicts(session, [arrival for arrival, *_ in rows])
    patients = different_patients(session, conflict) if viewer.sees_patients else {}
    possible = possible_requests(session, viewer, [one for one in ids if one not in conflict])
    fit = how_many_fit(session, ids)
    decided = {one.subject_id: one for one in reversed(waiting(session, ids))}
    sources = {arrival.institution_id for arrival, *_ in rows} if viewer.may(Function.ASSIGN_HELD) else set()
    worklists = {source_id: worklists_open_to(session, source_id) for source_id in sources}
    return tuple(
        HeldArrival(
            reference=transaction.reference,
            source_id=arrival.institution_id,
            source=institution.name,
            phone=institution.phone,
            email=institution.email,
            urgency=Urgency(transaction.urgency),
            reason=arrival.held_reason,
            detail=_why(arrival.state_detail, conflict.get(arrival.id, "")),
            since=transaction.state_since,
            count=arrival.count,
            calling_ae_title=arrival.calling_ae_title,
            called_ae_title=arrival.called_ae_title,
            modalities=tuple(study.ModalitiesInStudy),
            description=headers.get(arrival.id, FirstHeader()).StudyDescription,
            patient=headers.get(arrival.id, FirstHeader()).patient,
            patients=patients.get(arrival.id, ()),
            must_be_refused=arrival.id in conflict,
            possible=possible.get(arrival.id, ()),
            fitting=fitting(fit.get(arrival.id, 0)),
            worklists=worklists.get(arrival.institution_id, ()),
            decided=decided.get(arrival.id),
        )
        for arrival, transaction, study, institution in rows
    )


def _why(detail: str, conflict: str) -> str:
    return f"{with_conflict(detail, conflict)} {IF_IN_CONFLICT}" if conflict else detail


def held_alone(session: Session, viewer: Viewer) -> tuple[HeldAlone, ...]:
    """Objects that nobody has looked at yet; the newest first."""
    rows = session.execute(
        select(HeldObject, Transaction.reference)
        .join(Arrival, Arrival.id == HeldObject.arrival_id, isouter=True)
        .join(Transaction, Transaction.id == Arrival.transaction_id, isouter=True)
        .where(_open(viewer))
        .order_by(HeldObject.held_at.desc())
        .limit(MOST)
    )
    return tuple(
        HeldAlone(
            id=row.id,
            sentence=row.sentence,
            reason=row.reason,
            source_id=row.institution_id or "",
            calling_ae_title=row.calling_ae_title,
            reference=reference or "",
            at=row.held_at,
            is_kept=row.key is not None,
        )
        for row, reference in rows
    )


def how_many_alone(session: Session, viewer: Viewer) -> int:
    return session.scalar(select(func.count()).select_from(HeldObject).where(_open(viewer))) or 0


def reference_of(session: Session, held_id: str, institution_id: str | None) -> str:
    """The reference of the transaction whose study this Institution's object belongs to; empty for any other object."""
    return (
        session.scalars(
            select(Transaction.reference)
            .join(Arrival, Arrival.transaction_id == Transaction.id)
            .join(HeldObject, HeldObject.arrival_id == Arrival.id)
            .where(HeldObject.id == held_id, HeldObject.institution_id == institution_id)
        ).first()
        or ""
    )


def _open(viewer: Viewer) -> ColumnElement[bool]:
    own = true() if viewer.sees_every_institution else HeldObject.institution_id == viewer.institution_id
    return and_(own, HeldObject.resolved_at.is_(None))


def _own(viewer: Viewer) -> ColumnElement[bool]:
    return true() if viewer.sees_every_institution else Arrival.institution_id == viewer.institution_id
