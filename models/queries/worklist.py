"""The worklist: what waits at the viewer's Institution for its release, with both sides' identifiers of the patient."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select, tuple_
from sqlalchemy.orm import Session, joinedload

from models.domain.identity import PatientFacts, SentIdentity, family_and_given
from models.domain.lifecycles.delivery import State
from models.domain.seen import Seen
from models.domain.urgency import Urgency
from models.filed_before import Filed, filed_before, local_id
from models.most_urgent import MOST_URGENT_FIRST
from models.queries.choices import Choice
from models.queries.header import FirstHeader, first_headers
from models.queries.held_apart import held_apart
from models.queries.known_here import Local, known_here, said_of
from models.queries.others_under import Other, others_under
from models.queries.transfer import SentFor, sent_for
from models.queries.viewer import Viewer
from models.queries.worklist_words import Asked, LastAsked, asked_for, last_asked, why_forwarded
from models.tables import Arrival, Delivery, Institution, Node, Parcel, Transaction, Worklist

PAGE = 25


@dataclass(frozen=True)
class Sender:
    """Who sent it, and how to reach them; where they forwarded it `origin` is whose it was, and `why` their reason."""

    ods_code: str
    name: str
    phone: str
    email: str
    origin: str
    why: str


@dataclass(frozen=True)
class Waiting:
    """One delivery. `count` images on the evidence of `basis`, and `apart` objects that are held by themselves; `asked`
    are the own requests it answers or may answer; `sent` says whom the transfer that has fetched it is for.

    `detail` says why it waits, where there is more to say than that somebody must release it.
    `identity` is what it would be filed under as it is, and `others` are who went under that before and is another
    person, or may be; `differs` names what the Institution knows otherwise; `earlier` is what other images of the study
    went to the same Node under.
    """

    delivery_id: str
    reference: str
    urgency: Urgency
    since: datetime
    worklist_id: str
    worklist: str
    node: str
    detail: str
    sender: Sender
    patient: PatientFacts | None
    nhs_number: str
    accession: str
    modalities: tuple[str, ...]
    description: str
    study_date: str
    count: int
    basis: str
    apart: int
    identity: SentIdentity | None
    others: tuple[Other, ...]
    local: Local | None
    differs: tuple[str, ...]
    asked: tuple[Asked, ...]
    last: LastAsked | None
    sent: SentFor | None
    earlier: tuple[Filed, ...]

    @property
    def filed_as(self) -> str:
        """The local ID that most likely is right; empty where it best goes as it is, or nothing is known."""
        return local_id(self.earlier, self.identity, self.local.may_be_filed_as if self.local else "")

    @property
    def seen(self) -> Seen:
        """In view of what its reader decides."""
        return Seen(State.ON_WORKLIST, self.worklist_id)

    @property
    def is_unsolicited(self) -> bool:
        return not any(one.answered for one in self.asked)


@dataclass(frozen=True)
class Place:
    """Where the next page goes on: urgent ones come first, then the oldest."""

    priority: int
    created_at: datetime
    id: str


@dataclass(frozen=True)
class Sought:
    """Of which worklist, or which single transaction; empty means all."""

    worklist_id: str = ""
    reference: str = ""


@dataclass(frozen=True)
class WorklistPage:
    rows: tuple[Waiting, ...]
    next: Place | None
    total: int


def worklist(session: Session, viewer: Viewer, sought: Sought, after: Place | None = None) -> WorklistPage:
    """What waits for the viewer's Institution. Pages follow a key, so that what comes meanwhile shifts no page."""
    here = on_worklist(viewer, sought)
    order = MOST_URGENT_FIRST, Delivery.created_at, Delivery.id
    query = (
        select(Delivery, Transaction, Institution, Node, MOST_URGENT_FIRST)
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .join(Institution, Institution.ods_code == Transaction.institution_id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .join(Arrival, Arrival.id == Parcel.arrival_id)
        .outerjoin(Node, Node.id == Arrival.node_id)
        .options(
            joinedload(Delivery.parcel).joinedload(Parcel.arrival).joinedload(Arrival.study),
            joinedload(Delivery.worklist),
            joinedload(Delivery.node),
        )
        .where(here)
        .order_by(*order)
        .limit(PAGE + 1)
    )
    if after is not None:
        query = query.where(tuple_(*order) > (after.priority, after.created_at, after.id))
    found = session.execute(query).all()
    shown = found[:PAGE]
    last = shown[-1] if len(found) > PAGE else None
    count = select(func.count()).select_from(Delivery)
    total = session.scalars(count.join(Transaction, Transaction.id == Delivery.transaction_id).where(here)).one()
    return WorklistPage(
        rows=_rows(session, viewer, [(row[0], row[1], row[2], row[3]) for row in shown]),
        next=Place(last[4], last[0].created_at, last[0].id) if last else None,
        total=total,
    )


def worklists_of(session: Session, viewer: Viewer) -> tuple[Choice, ...]:
    """The worklists of the viewer's Institution, the one where studies arrive first."""
    rows = session.scalars(
        select(Worklist)
        .where(Worklist.institution_id == viewer.institution_id)
        .order_by(Worklist.is_default.desc(), Worklist.name)
    )
    return tuple(Choice(row.id, row.name) for row in rows)


def on_worklist(viewer: Viewer, sought: Sought) -> ColumnElement[bool]:
    """Of a Delivery, with its Transaction: it waits on what is sought of the viewer's worklists."""
    here = [Delivery.institution_id == viewer.institution_id, Delivery.state == State.ON_WORKLIST]
    if sought.worklist_id:
        here.append(Delivery.worklist_id == sought.worklist_id)
    if sought.reference:
        here.append(Transaction.reference == sought.reference)
    return and_(*here)


Found = tuple[Delivery, Transaction, Institution, Node | None]


def _rows(session: Session, viewer: Viewer, found: Collection[Found]) -> tuple[Waiting, ...]:
    arrivals = {delivery.id: delivery.parcel.arrival for delivery, *_ in found}
    headers = first_headers(session, [arrival.id for arrival in arrivals.values()])
    said = {
        delivery.id: said_of(delivery, headers.get(arrivals[delivery.id].id, FirstHeader()).patient, sender)
        for delivery, _, _, sender in found
    }
    known = known_here(session, viewer.institution_id, said)
    asked = asked_for(session, viewer, [arrival.id for arrival in arrivals.values()])
    last = last_asked(session, viewer, list(arrivals))
    sent = sent_for(session, [arrival.id for arrival in arrivals.values()], viewer.institution_id)
    why = why_forwarded(session, list(arrivals))
    earlier = filed_before(session, list(arrivals))
    apart = held_apart(session, [arrival.id for arrival in arrivals.values()])
    others = others_under(
        session, viewer.institution_id, {one[0].id: (one[0], said[one[0].id].patient) for one in found}
    )
    return tuple(
        _waiting(
            *one,
            header=headers.get(arrivals[one[0].id].id, FirstHeader()),
            nhs_number=said[one[0].id].nhs_number,
            local=known.get(one[0].id),
            asked=asked.get(arrivals[one[0].id].id, ()),
            last=last.get(one[0].id),
            why=why.get(one[0].id, ""),
            sent=sent.get(arrivals[one[0].id].id),
            earlier=earlier.get(one[0].id, ()),
            others=others.get(one[0].id, ()),
            apart=apart.get(arrivals[one[0].id].id, 0),
        )
        for one in found
    )


def _waiting(
    delivery: Delivery,
    transaction: Transaction,
    institution: Institution,
    _: Node | None,
    *,
    header: FirstHeader,
    nhs_number: str,
    local: Local | None,
    asked: tuple[Asked, ...],
    last: LastAsked | None,
    why: str,
    sent: SentFor | None,
    earlier: tuple[Filed, ...],
    others: tuple[Other, ...],
    apart: int,
) -> Waiting:
    arrival = delivery.parcel.arrival
    origin = arrival.institution_id if arrival.institution_id != institution.ods_code else ""
    return Waiting(
        delivery_id=delivery.id,
        reference=transaction.reference,
        urgency=Urgency(transaction.urgency),
        since=delivery.created_at,
        worklist_id=delivery.worklist_id,
        worklist=delivery.worklist.name,
        node=delivery.node.name,
        detail=delivery.state_detail,
        sender=Sender(institution.ods_code, institution.name, institution.phone, institution.email, origin, why),
        patient=header.patient,
        nhs_number=nhs_number,
        accession=header.AccessionNumber,
        modalities=tuple(arrival.study.ModalitiesInStudy),
        description=header.StudyDescription,
        study_date=header.StudyDate,
        count=arrival.count,
        basis=arrival.basis,
        apart=apart,
        identity=SentIdentity(**delivery.identity) if delivery.identity else None,
        others=others,
        local=local,
        differs=_differences(header.patient, local),
        asked=asked,
        last=last,
        sent=sent,
        earlier=earlier,
    )


def _differences(patient: PatientFacts | None, local: Local | None) -> tuple[str, ...]:
    if patient is None or local is None:
        return ()
    pairs = {
        "name": tuple("^".join(family_and_given(one.PatientName)).strip("^") for one in (patient, local)),
        "birth date": (patient.PatientBirthDate, local.PatientBirthDate),
    }
    return tuple(what for what, (theirs, ours) in pairs.items() if theirs and ours and theirs != ours)
