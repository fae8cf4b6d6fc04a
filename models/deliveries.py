"""Opening, stopping and counting deliveries: the rules that several rooms share."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.dicom import facts_from_json
from models.domain.identity import IssuerForm, automatic, automatic_accession, nhs_numbers
from models.tables import (
    Arrival,
    ArrivalInstance,
    Delivery,
    Instance,
    LedgerEntry,
    Node,
    Parcel,
    Transaction,
    Worklist,
    new_id,
    now,
)


def open_delivery(
    session: Session, arrival: Arrival, worklist: Worklist, *, sealed: bool, transaction: Transaction | None = None
) -> Delivery:
    """The delivery of an arrival's images to a worklist: made once, found again afterwards.

    It goes under `transaction`; without one under the arrival's own. With `sealed` False images may still join the
    parcel. Sealing says that all are there and their route is certain: a delivery that a contradiction had stopped may
    then be retried.
    """
    transaction = transaction or arrival.transaction
    parcel = session.scalars(select(Parcel).where(Parcel.arrival_id == arrival.id)).one_or_none()
    if parcel is None:
        parcel = Parcel(
            institution_id=arrival.institution_id,
            transaction_id=arrival.transaction_id,
            arrival_id=arrival.id,
            follows_id=_parcel_before(session, arrival),
        )
        session.add(parcel)
        session.flush()
    if sealed and parcel.sealed_at is None:
        parcel.sealed_at = now()
    session.execute(
        insert(Delivery)
        .values(
            id=new_id(),
            institution_id=worklist.institution_id,
            transaction_id=transaction.id,
            parcel_id=parcel.id,
            worklist_id=worklist.id,
            node_id=worklist.node_id,
            created_at=now(),
        )
        .on_conflict_do_nothing()
    )
    transaction.destination_id = worklist.institution_id
    delivery = session.scalars(
        select(Delivery).where(Delivery.parcel_id == parcel.id, Delivery.worklist_id == worklist.id)
    ).one()
    if sealed:
        delivery.stopped = ""
    return delivery


def delivery_to(session: Session, arrival_id: str, institution_id: str, *, for_update: bool = False) -> Delivery | None:
    """The latest delivery of an arrival's images to an Institution, on whichever of its worklists it is by now.

    `for_update`: whoever reassigns it at this moment comes before or after.
    """
    found = (
        select(Delivery)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .where(Parcel.arrival_id == arrival_id, Delivery.institution_id == institution_id)
        .order_by(Delivery.created_at.desc())
        .limit(1)
    )
    return session.scalars(found.with_for_update(of=Delivery) if for_update else found).first()


def default_worklist(session: Session, institution_id: str) -> Worklist:
    return session.scalars(select(Worklist).where(Worklist.institution_id == institution_id, Worklist.is_default)).one()


def worklist_at(session: Session, arrival_id: str, institution_id: str, usual: Worklist | None = None) -> Worklist:
    """Where its delivery to that Institution is by now: somebody there may have reassigned it; else the `usual` one."""
    there = delivery_to(session, arrival_id, institution_id, for_update=True)
    return there.worklist if there is not None else usual or default_worklist(session, institution_id)


def _parcel_before(session: Session, arrival: Arrival) -> str | None:
    if arrival.transaction.follows_id is None:
        return None
    return session.scalars(
        select(Parcel.id).join(Transaction).where(Transaction.id == arrival.transaction.follows_id)
    ).first()


def stop_deliveries(session: Session, arrival_id: str, sentence: str) -> None:
    """Nothing further of this arrival is sent: its images contradict each other."""
    parcels = select(Parcel.id).where(Parcel.arrival_id == arrival_id)
    session.execute(update(Delivery).where(Delivery.parcel_id.in_(parcels)).values(stopped=sentence))


def total_of(session: Session, parcel: Parcel) -> int:
    """How many images the parcel holds by now."""
    return (
        session.scalar(
            select(func.count()).select_from(ArrivalInstance).where(ArrivalInstance.arrival_id == parcel.arrival_id)
        )
        or 0
    )


def accepted_of(session: Session, delivery: Delivery) -> int:
    """How many of its images the delivery's Node has accepted."""
    return (
        session.scalar(
            select(func.count())
            .select_from(LedgerEntry)
            .where(
                LedgerEntry.delivery_id == delivery.id,
                LedgerEntry.node_id == delivery.node_id,
                LedgerEntry.accepted,
            )
        )
        or 0
    )


def set_aside(delivery: Delivery) -> tuple[ColumnElement[bool], ...]:
    """What the ledger holds of images that its Node has not taken in this round, as conditions."""
    return (
        LedgerEntry.delivery_id == delivery.id,
        LedgerEntry.node_id == delivery.node_id,
        LedgerEntry.round == delivery.round,
        ~LedgerEntry.accepted,
        ~LedgerEntry.left_out,
    )


def stored_with(session: Session, delivery: Delivery) -> dict[int, int]:
    """How many images its Node accepted with which status."""
    rows = session.execute(
        select(LedgerEntry.status, func.count().label("images"))
        .where(LedgerEntry.delivery_id == delivery.id, LedgerEntry.node_id == delivery.node_id, LedgerEntry.accepted)
        .group_by(LedgerEntry.status)
    )
    return {row.status: row.images for row in rows}


def left_out(delivery: Delivery) -> Select[str]:
    """Ids of the images that a person has decided not to send to its Node."""
    return select(LedgerEntry.instance_id).where(
        LedgerEntry.delivery_id == delivery.id, LedgerEntry.node_id == delivery.node_id, LedgerEntry.left_out
    )


def automatic_identity(session: Session, delivery: Delivery, node: Node | None = None) -> dict[str, Any] | None:
    """Under which identifiers the parcel can arrive at its Node, or at `node`, without a person; None when it cannot.

    The images of an arrival agree about the patient; one that names the NHS number speaks for those that do not.
    """
    arrival = delivery.parcel.arrival
    sender = session.get(Node, arrival.node_id) if arrival.node_id else None
    may_be_nhs = bool(sender and sender.patient_id_may_be_nhs)
    headers = session.execute(
        select(Instance.patient, Instance.AccessionNumber)
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .where(ArrivalInstance.arrival_id == arrival.id)
        .order_by(ArrivalInstance.position)
    ).all()
    patients = [(facts_from_json(patient), accession) for patient, accession in headers]
    facts, accession = next(
        (header for header in patients if nhs_numbers(header[0], patient_id_may_be_nhs=may_be_nhs)), patients[0]
    )
    node = node or delivery.node
    form = IssuerForm(node.issuer_form)
    if any(automatic_accession(each, arrival.institution_id, form) is None for _, each in patients):
        return None
    found = automatic(
        facts,
        accession,
        arrival.institution_id,
        form,
        nhs_first=node.nhs_first,
        patient_id_may_be_nhs=may_be_nhs,
    )
    return asdict(found) if found is not None else None
