"""Everything that one Transaction's page says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from models.domain.decisions import Side
from models.domain.errors import NotFound
from models.domain.identity import PatientFacts, SentIdentity
from models.domain.lifecycles.delivery import State
from models.domain.seen import Seen
from models.domain.urgency import Urgency
from models.filed_before import Filed, filed_before, local_id
from models.forwarding import FORWARDABLE, lets_forward
from models.queries.choices import Choice, other_nodes, worklists_open_to
from models.queries.decided import Decided, refused
from models.queries.different_patients import Named, patients_of
from models.queries.elsewhere import images_elsewhere
from models.queries.header import FirstHeader
from models.queries.known_here import Local, known_here, said_of
from models.queries.others_under import Other, others_under
from models.queries.request import Fitting, RequestFacts, patient_of, request_facts, requests_of
from models.queries.set_aside import SetAside, images_set_aside
from models.queries.standing import Standing, standings
from models.queries.steps import Step, steps_of
from models.queries.transfer import TransferFacts, transfer_facts
from models.queries.under_way import UnderWay
from models.queries.viewer import Viewer, visible
from models.tables import (
    Arrival,
    Delivery,
    HeldObject,
    Institution,
    Node,
    Transaction,
)


@dataclass(frozen=True)
class Partner:
    """An Institution as the other side sees it: what to call it, and whom to ring."""

    ods_code: str
    name: str
    phone: str


@dataclass(frozen=True)
class HeldPart:
    """An object of this arrival that was kept apart."""

    sentence: str
    at: datetime


@dataclass(frozen=True)
class ArrivalFacts:
    """How the images came; nothing in it names the patient."""

    id: str
    institution_id: str
    sender: str
    is_registered: bool
    calling_ae_title: str
    called_ae_title: str
    count: int
    basis: str
    last_received_at: datetime
    modalities: tuple[str, ...]
    StudyInstanceUID: str


@dataclass(frozen=True)
class DeliveryFacts:
    """Where the images go, and how. `is_unasked`: once its Node says whose the Patient ID is, it is released by itself.
    `elsewhere` counts the images that lie at Nodes it went to before.
    """

    id: str
    institution_id: str
    is_unasked: bool
    worklist_id: str
    worklist: str
    node: str
    node_state: str
    node_ae_title: str
    round: int
    fault: str
    fault_at: datetime | None
    may_go_onward: bool
    set_aside: tuple[SetAside, ...]
    elsewhere: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class TransactionPage:
    """`identity` is what the destination files it under; it and `patient` are None for whoever sees no patients.

    `known_id` is the viewer's own Patient ID where it waits for their release, `known_by` the sender by whose ID it is
    known (empty: by the NHS number), `earlier` as what other images of the study went to that Node, `others` who else
    went there under what it carries. `is_fetched`: what it follows is the transfer that has fetched it.

    `waits` is the decision that the engine has still to carry out, and it `needs_nobody` where that leaves nothing to
    decide. `refused` is the viewer's own Institution's last one, if that was and still matters.

    `conflict` is why a held arrival cannot be assigned to anybody, `patients` whom its images name where those
    contradict each other. `requests` are those that the arrival answers or may answer. Of a request, `source` is the
    Institution that is asked, `destination` the requester, and `present` of `total` studies are answered.
    """

    reference: str
    kind: str
    urgency: Urgency
    due_at: datetime | None
    sentence: str
    lifecycle: str
    state: str
    since: datetime
    opened_at: datetime
    source: Partner
    destination: Partner | None
    sides: frozenset[Side]
    request: RequestFacts | None
    transfer: TransferFacts | None
    under_way: UnderWay
    requests: tuple[Fitting, ...]
    arrival: ArrivalFacts | None
    delivery: DeliveryFacts | None
    present: int
    total: int
    patient: PatientFacts | None
    patients: tuple[Named, ...]
    conflict: str
    description: str
    study_date: str
    accession: str
    identity: SentIdentity | None
    known_id: str
    known_by: str
    earlier: tuple[Filed, ...]
    others: tuple[Other, ...]
    steps: tuple[Step, ...]
    waits: Decided | None
    needs_nobody: bool
    refused: Decided | None
    held_parts: tuple[HeldPart, ...]
    follows: str
    is_fetched: bool
    followed_by: tuple[str, ...]
    other_nodes: tuple[Choice, ...]
    worklists: tuple[Choice, ...]

    @property
    def seen(self) -> Seen:
        """In view of what its reader decides."""
        waits = self.delivery is not None and (self.lifecycle, self.state) == ("delivery", State.ON_WORKLIST)
        return Seen(self.state, self.delivery.worklist_id if self.delivery and waits else "")


def transaction(session: Session, viewer: Viewer, reference: str) -> TransactionPage:
    """NotFound for an unknown reference and, not to be told apart, for one of other Institutions."""
    one = session.scalars(select(Transaction).where(visible(viewer), Transaction.reference == reference)).one_or_none()
    if one is None:
        raise NotFound("There is no such transaction; check the reference.")
    (standing,) = standings(session, [one], viewer.time_zone, typed=viewer.sees_patients)
    request, arrival, delivery = standing.request, standing.arrival, standing.delivery
    header = standing.header if viewer.sees_patients else FirstHeader()
    identity = delivery.identity if delivery and viewer.sees_patients else None
    goes_as, own = SentIdentity(**identity) if identity else None, _waiting_for(viewer, delivery)
    earlier = filed_before(session, [own.id]).get(own.id, ()) if own else ()
    local = _known(session, own, header.patient) if own else None
    return TransactionPage(
        reference=one.reference,
        kind=one.kind,
        urgency=Urgency(one.urgency),
        due_at=one.due_at,
        sentence=standing.sentence,
        lifecycle=one.lifecycle,
        state=one.state,
        since=one.state_since,
        opened_at=one.opened_at,
        source=_partner(session, one.institution_id),
        destination=_partner(session, standing.destination_id) if standing.destination_id else None,
        sides=viewer.sides(one.institution_id, one.destination_id),
        request=request_facts(session, viewer, request) if request else None,
        transfer=transfer_facts(session, viewer, standing.sent) if standing.sent else None,
        under_way=standing.under_way,
        requests=requests_of(session, viewer, one, arrival) if arrival else (),
        arrival=_arrival(session, arrival) if arrival else None,
        delivery=_delivery(session, delivery) if delivery else None,
        present=standing.present,
        total=standing.total or (arrival.count if arrival else 0),
        patient=patient_of(request) if request and viewer.sees_patients else header.patient,
        patients=patients_of(session, viewer, arrival) if arrival and viewer.sees_patients else (),
        conflict=standing.conflict,
        description=header.StudyDescription,
        study_date=header.StudyDate,
        accession=header.AccessionNumber,
        identity=goes_as,
        known_id=local_id(earlier, goes_as, local.may_be_filed_as if local else "") if own else "",
        known_by=local.sender if local else "",
        earlier=earlier,
        others=_others(session, own, header) if own else (),
        steps=steps_of(session, viewer, one),
        waits=standing.waits,
        needs_nobody=standing.needs_nobody,
        refused=refused(session, viewer, standing.parts, one.state_since),
        held_parts=_held_parts(session, standing),
        follows=next(iter(references(session, viewer, Transaction.id == one.follows_id)), ""),
        is_fetched=_is_fetched(session, one),
        followed_by=references(session, viewer, Transaction.follows_id == one.id),
        other_nodes=other_nodes(session, delivery),
        worklists=worklists_open_to(session, arrival.institution_id) if arrival else (),
    )


def _waiting_for(viewer: Viewer, delivery: Delivery | None) -> Delivery | None:
    """The delivery, if it waits for a release by the viewer's Institution."""
    waits = delivery is not None and delivery.state == State.ON_WORKLIST and viewer.sees_patients
    return delivery if delivery and waits and delivery.institution_id == viewer.institution_id else None


def _others(session: Session, own: Delivery, header: FirstHeader) -> tuple[Other, ...]:
    waiting = own, header.patient or PatientFacts()
    return others_under(session, own.institution_id, {own.id: waiting}).get(own.id, ())


def _known(session: Session, delivery: Delivery, patient: PatientFacts | None) -> Local | None:
    """As on the worklist."""
    arrival = delivery.parcel.arrival
    said = said_of(delivery, patient, session.get(Node, arrival.node_id) if arrival.node_id else None)
    return known_here(session, delivery.institution_id, {delivery.id: said}).get(delivery.id)


def _is_fetched(session: Session, one: Transaction) -> bool:
    """Whether it follows the transfer that has fetched its images."""
    return one.follows_id is not None and session.get_one(Transaction, one.follows_id).kind == "transfer"


def _arrival(session: Session, arrival: Arrival) -> ArrivalFacts:
    sender = session.get(Node, arrival.node_id) if arrival.node_id else None
    return ArrivalFacts(
        id=arrival.id,
        institution_id=arrival.institution_id,
        sender=sender.name if sender else arrival.calling_ae_title,
        is_registered=arrival.standing == "known",
        calling_ae_title=arrival.calling_ae_title,
        called_ae_title=arrival.called_ae_title,
        count=arrival.count,
        basis=arrival.basis,
        last_received_at=arrival.last_received_at,
        modalities=tuple(arrival.study.ModalitiesInStudy),
        StudyInstanceUID=arrival.study.StudyInstanceUID,
    )


def _delivery(session: Session, delivery: Delivery) -> DeliveryFacts:
    return DeliveryFacts(
        id=delivery.id,
        institution_id=delivery.institution_id,
        is_unasked=delivery.state == State.ON_WORKLIST and delivery.waiting_since is not None,
        worklist_id=delivery.worklist_id,
        worklist=delivery.worklist.name,
        node=delivery.node.name,
        node_state=delivery.node.state,
        node_ae_title=delivery.node.ae_title,
        round=delivery.round,
        fault=delivery.fault,
        fault_at=delivery.fault_at,
        may_go_onward=delivery.state in FORWARDABLE
        and lets_forward(session, delivery.parcel.arrival.institution_id, delivery.institution_id),
        set_aside=images_set_aside(session, delivery),
        elsewhere=images_elsewhere(session, delivery),
    )


def _partner(session: Session, ods_code: str) -> Partner:
    institution = session.get_one(Institution, ods_code)
    return Partner(institution.ods_code, institution.name, institution.phone)


def _held_parts(session: Session, standing: Standing) -> tuple[HeldPart, ...]:
    if standing.arrival is None:
        return ()
    rows = session.scalars(
        select(HeldObject)
        .where(HeldObject.arrival_id == standing.arrival.id, HeldObject.resolved_at.is_(None))
        .order_by(HeldObject.held_at)
    )
    return tuple(HeldPart(row.sentence, row.held_at) for row in rows)


def references(session: Session, viewer: Viewer, which: ColumnElement[bool]) -> tuple[str, ...]:
    """Of those that the viewer may see, the oldest first."""
    found = select(Transaction.reference).where(visible(viewer), which).order_by(Transaction.opened_at)
    return tuple(session.scalars(found))
