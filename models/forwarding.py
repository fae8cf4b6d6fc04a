"""Forwarding onward: what an Institution was sent it may give a third one, where the agreements say so."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.audit import record_act
from models.candidates import note_forwarded
from models.deliveries import open_delivery
from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed, NotFound
from models.domain.lifecycles.arrival import State as ArrivalState
from models.domain.lifecycles.delivery import DELIVERY, State
from models.outbox import post
from models.purge import hold_off_purge
from models.references import new_reference
from models.tables import (
    Agreement,
    ArrivalInstance,
    Delivery,
    Instance,
    Institution,
    OutboxCommand,
    Parcel,
    Transaction,
    Worklist,
    now,
)

ARRIVED = (ArrivalState.ROUTED, ArrivalState.MATCHED)
FORWARDABLE = (State.ON_WORKLIST, State.CONFIRMED, State.CONFIRMED_IN_PART, State.UNVERIFIABLE)


@dataclass(frozen=True)
class Third:
    """A worklist of a third Institution to which a parcel may be forwarded."""

    worklist_id: str
    worklist: str
    institution_id: str
    name: str


def forward(
    session: Session,
    *,
    institution_id: str,
    account_id: str,
    delivery_id: str,
    worklist_id: str,
    reason: str,
    command_id: str,
) -> str:
    """Give the same parcel to a third Institution's worklist; the reference of the new Transaction.

    The received bytes are not touched, and the source is not asked again but told. Idempotent by `command_id`: a
    double click gives the same reference. Raises NotFound where the delivery is not this Institution's, NotAllowed
    with the reason where it cannot be forwarded.
    """
    before = session.get(OutboxCommand, command_id)
    if before is not None:
        return _reference_of(session, before, account_id)
    delivery = _own(session, institution_id, delivery_id)
    # Of two clicks at once the second has waited for the first one's row.
    before = session.get(OutboxCommand, command_id)
    if before is not None:
        return _reference_of(session, before, account_id)
    refused = why_not(session, delivery)
    if refused:
        raise NotAllowed(refused)
    if worklist_id not in {third.worklist_id for third in thirds(session, delivery)}:
        raise NotAllowed("It cannot go there: choose one of the worklists that the page offers.")
    arrival, worklist = delivery.parcel.arrival, session.get_one(Worklist, worklist_id)
    original = session.get_one(Transaction, delivery.transaction_id)
    onward = _transaction(session, original, institution_id, worklist.institution_id)
    opened = open_delivery(session, arrival, worklist, sealed=True, transaction=onward)
    if opened.transaction_id != onward.id:
        # Somebody else forwarded it there at the same moment.
        raise NotAllowed(f"It has gone to {worklist.institution_id} already; reload the page.")
    note_forwarded(session, arrival, by=institution_id, to=worklist.institution_id)
    post(
        session,
        command_id,
        institution_id=institution_id,
        kind=CommandKind.FORWARD_DELIVERY,
        subject_id=opened.id,
        actor=account_id,
        content={"reason": reason, "urgency": onward.urgency},
    )
    for told in (arrival.institution_id, institution_id):
        record_act(
            session,
            institution_id=told,
            actor=account_id,
            act="delivery.forwarded",
            subject=delivery.id,
            facts={"reference": onward.reference, "to": worklist.institution_id},
        )
    return onward.reference


def why_not(session: Session, delivery: Delivery) -> str:
    """Why what was delivered here cannot be forwarded at all; empty when it can."""
    source = delivery.parcel.arrival.institution_id
    if delivery.state not in FORWARDABLE:
        return f"It is {delivery.state.replace('-', ' ')}; only what is on the worklist or was delivered is forwarded."
    if not lets_forward(session, source, delivery.institution_id):
        return f"The agreement with {source} does not let you forward what it sends; ask {source} to send it there."
    if delivery.stopped or delivery.parcel.sealed_at is None or delivery.parcel.arrival.state not in ARRIVED:
        return f"Not all of it has come, or {source} must decide about it first; forward it when its page says so."
    hold_off_purge(session)
    if _is_purged(session, delivery.parcel):
        return f"Its images are no longer kept here; forward it from your PACS, or ask {source} to send it there."
    return ""


def thirds(session: Session, delivery: Delivery) -> tuple[Third, ...]:
    """Where it may go: worklists of open Institutions to which this one may send, and to which it has not gone."""
    today = now()
    gone = select(Delivery.institution_id).where(Delivery.parcel_id == delivery.parcel_id)
    rows = session.execute(
        select(Worklist, Institution)
        .join(Institution, Institution.ods_code == Worklist.institution_id)
        .join(Agreement, Agreement.destination_id == Worklist.institution_id)
        .where(
            Agreement.source_id == delivery.institution_id,
            Agreement.valid_from <= today,
            or_(Agreement.valid_to.is_(None), Agreement.valid_to > today),
            Institution.closed.is_(False),
            Institution.ods_code != delivery.parcel.arrival.institution_id,
            Institution.ods_code.not_in(gone),
        )
        .order_by(Institution.name, Worklist.is_default.desc(), Worklist.name)
    )
    return tuple(Third(one.id, one.name, there.ods_code, there.name) for one, there in rows)


def _own(session: Session, institution_id: str, delivery_id: str) -> Delivery:
    delivery = session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.institution_id != institution_id:
        raise NotFound("There is no such delivery.")
    return delivery


def _reference_of(session: Session, command: OutboxCommand, account_id: str) -> str:
    """What the same form has made already. A token is no key to anything else."""
    made = session.get(Delivery, command.subject_id)
    if made is None or (command.kind, command.actor) != (CommandKind.FORWARD_DELIVERY, account_id):
        raise NotFound("There is no such forwarding.")
    return session.get_one(Transaction, made.transaction_id).reference


def lets_forward(session: Session, source_id: str, institution_id: str) -> bool:
    """Whether an agreement lets `institution_id` give a third what `source_id` sends it."""
    agreement = session.get(Agreement, (source_id, institution_id))
    if agreement is None or agreement.valid_from > now():
        return False
    return agreement.onward and (agreement.valid_to is None or agreement.valid_to > now())


def _is_purged(session: Session, parcel: Parcel) -> bool:
    gone = (
        select(Instance.id)
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .where(ArrivalInstance.arrival_id == parcel.arrival_id, Instance.purged_at.is_not(None))
    )
    return session.scalars(gone.limit(1)).first() is not None


def _transaction(session: Session, original: Transaction, institution_id: str, destination_id: str) -> Transaction:
    at = now()
    onward = Transaction(
        reference=new_reference(),
        kind="forward",
        institution_id=institution_id,
        destination_id=destination_id,
        follows_id=original.id,
        urgency=original.urgency,
        lifecycle=DELIVERY.name,
        state=DELIVERY.initial.value,
        state_since=at,
        opened_at=at,
    )
    session.add(onward)
    session.flush()
    return onward
