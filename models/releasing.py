"""Releases that people have decided and the engine is carrying out: of two at once, the later is asked about.

What has been released is read from its delivery; these are not yet, and nobody who decided beside them saw them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from models.domain.contracts import CommandKind
from models.tables import Arrival, Delivery, OutboxCommand, Parcel, Study


@dataclass(frozen=True)
class Releasing:
    """Under which identifiers the images of one delivery are to go to their Node."""

    delivery_id: str
    node_id: str
    StudyInstanceUID: str
    patient_id: str
    issuer: str
    accession: str


def releasing(session: Session, delivery: Delivery) -> tuple[Releasing, ...]:
    """What people of the delivery's destination have decided about other deliveries, and is not carried out yet."""
    return _found(session, delivery)


def decided_before(session: Session, delivery: Delivery, command_id: str) -> tuple[Releasing, ...]:
    """What they decided so before this command about the delivery."""
    command = session.get(OutboxCommand, command_id)
    if command is None:
        return ()
    mine = command.created_at, command.id
    return _found(session, delivery, tuple_(OutboxCommand.created_at, OutboxCommand.id) < mine)


def _found(session: Session, delivery: Delivery, *conditions: ColumnElement[bool]) -> tuple[Releasing, ...]:
    rows = session.execute(
        select(Delivery.id, Delivery.institution_id, Delivery.node_id, Study.StudyInstanceUID, Delivery.identity)
        .add_columns(OutboxCommand.payload)
        .join(OutboxCommand, OutboxCommand.subject_id == Delivery.id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .join(Arrival, Arrival.id == Parcel.arrival_id)
        .join(Study, Study.id == Arrival.study_id)
        .where(
            OutboxCommand.kind == CommandKind.RELEASE_DELIVERY,
            OutboxCommand.delivered_at.is_(None),
            OutboxCommand.institution_id == delivery.institution_id,
            Delivery.id != delivery.id,
            Delivery.released_at.is_(None),
            *conditions,
        )
    )
    return tuple(
        Releasing(delivery_id, node_id, study, *_goes_as(identity or {}, entered, own), entered.get("accession", ""))
        for delivery_id, own, node_id, study, identity, entered in rows
    )


def _goes_as(identity: dict[str, str], entered: dict[str, str], own: str) -> tuple[str, str]:
    given = entered.get("patient_id", "").strip()
    return (given, own) if given else (identity.get("PatientID", ""), identity.get("IssuerOfPatientID", ""))
