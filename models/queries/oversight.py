"""What support did and saw of one Institution's, for its PACS officer and for a second person of support."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session

from models.domain.errors import NotFound
from models.domain.identity import PatientFacts
from models.queries.header import FirstHeader, first_headers
from models.queries.people import names
from models.queries.request import patient_of as as_it_is_named
from models.queries.viewer import Viewer
from models.tables import (
    Arrival,
    Delivery,
    Disclosure,
    ImageRequest,
    Parcel,
    SupportAct,
    Transaction,
)

MOST = 100
LOOKED_AT = "Looked at the patient"
SEARCHED = "Searched by NHS number"


@dataclass(frozen=True)
class Act:
    """`waits`: nothing is done before a second person signs. `may_sign` is false for whoever asked for it.

    `was_refused`: the second person said no.
    """

    id: str
    kind: str
    institution_id: str
    reference: str
    who: str
    reason: str
    at: datetime
    waits: bool
    signed_by: str
    signed_at: datetime | None
    was_refused: bool
    may_sign: bool


@dataclass(frozen=True)
class Look:
    """A patient that was disclosed to support; `what` says how."""

    id: str
    what: str
    institution_id: str
    reference: str
    who: str
    reason: str
    at: datetime
    seen_by: str
    seen_at: datetime | None
    may_tick: bool


def acts(session: Session, viewer: Viewer, account_id: str) -> tuple[Act, ...]:
    """What waits for a second person first, then what nobody has signed, then the latest."""
    rows = session.execute(
        select(SupportAct, Transaction.reference)
        .join(Transaction, Transaction.id == SupportAct.transaction_id, isouter=True)
        .where(_mine(viewer, SupportAct.institution_id))
        .order_by(SupportAct.signed_at.is_not(None), SupportAct.done_at.is_not(None), SupportAct.asked_at.desc())
        .limit(MOST)
    ).all()
    called = names(session, {actor for act, _ in rows for actor in (act.account_id, act.signed_by)})
    return tuple(
        Act(
            id=act.id,
            kind=act.kind,
            institution_id=act.institution_id,
            reference=reference or "",
            who=called[act.account_id],
            reason=act.reason,
            at=act.asked_at,
            waits=act.done_at is None and act.signed_at is None,
            signed_by=called[act.signed_by] if act.signed_by else "",
            signed_at=act.signed_at,
            was_refused=act.done_at is None and act.signed_at is not None,
            may_sign=act.signed_at is None and act.account_id != account_id,
        )
        for act, reference in rows
    )


def looks(session: Session, viewer: Viewer) -> tuple[Look, ...]:
    """What was disclosed of this Institution's patients, the unseen first; only its own officer ticks it off."""
    rows = session.execute(
        select(Disclosure, Transaction.reference)
        .join(Transaction, Transaction.id == Disclosure.transaction_id)
        .where(_mine(viewer, Disclosure.institution_id))
        .order_by(Disclosure.seen_at.is_not(None), Disclosure.at.desc())
        .limit(MOST)
    ).all()
    called = names(session, {actor for row, _ in rows for actor in (row.account_id, row.seen_by)})
    return tuple(
        Look(
            id=row.id,
            what=SEARCHED if row.is_search else LOOKED_AT,
            institution_id=row.institution_id,
            reference=reference,
            who=called[row.account_id],
            reason=row.reason,
            at=row.at,
            seen_by=called[row.seen_by] if row.seen_by else "",
            seen_at=row.seen_at,
            may_tick=row.seen_at is None and row.institution_id == viewer.institution_id and viewer.sees_patients,
        )
        for row, reference in rows
    )


def act_of(session: Session, viewer: Viewer, act_id: str) -> SupportAct:
    """NotFound, not to be told apart, for an unknown act and for one of other Institutions."""
    act = session.scalars(
        select(SupportAct).where(SupportAct.id == act_id, _mine(viewer, SupportAct.institution_id))
    ).one_or_none()
    if act is None:
        raise NotFound("There is no such act; reload the page.")
    return act


def look_of(session: Session, viewer: Viewer, disclosure_id: str) -> Disclosure:
    """NotFound for an unknown disclosure and for one of other Institutions."""
    row = session.get(Disclosure, disclosure_id)
    if row is None or row.institution_id != viewer.institution_id:
        raise NotFound("There is no such disclosure; reload the page.")
    return row


def patient_of(session: Session, transaction: Transaction) -> PatientFacts | None:
    """Whom a transaction is about. The caller has made sure that the reader may know."""
    asked = session.scalars(select(ImageRequest).where(ImageRequest.transaction_id == transaction.id)).one_or_none()
    if asked is not None:
        return as_it_is_named(asked)
    carried = select(Parcel.arrival_id).join(Delivery).where(Delivery.transaction_id == transaction.id)
    arrival_id = session.scalars(
        select(Arrival.id)
        .where(or_(Arrival.transaction_id == transaction.id, Arrival.id.in_(carried)))
        .order_by(Arrival.opened_at)
        .limit(1)
    ).first()
    return first_headers(session, [arrival_id]).get(arrival_id, FirstHeader()).patient if arrival_id else None


def _mine(viewer: Viewer, column: object) -> ColumnElement[bool]:
    return true() if viewer.sees_every_institution else column == viewer.institution_id  # type: ignore[return-value]
