"""Releases that people have decided and the engine is carrying out: of two at once, the later is asked about.

What has been released is read from its delivery; these are not yet, and nobody who decided beside them saw them.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, aliased

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


def decided_before(session: Session, command_id: str) -> tuple[Releasing, ...]:
    """What the same Institution's people decided before this command about other deliveries, not carried out yet."""
    this = aliased(OutboxCommand)
    rows = session.execute(
        select(
            Delivery.id,
            Delivery.institution_id,
            Delivery.node_id,
            Study.StudyInstanceUID,
            Delivery.identity,
            OutboxCommand.payload,
        )
        .join(OutboxCommand, OutboxCommand.subject_id == Delivery.id)
        .join(this, this.id == command_id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .join(Arrival, Arrival.id == Parcel.arrival_id)
        .join(Study, Study.id == Arrival.study_id)
        .where(
            OutboxCommand.kind == CommandKind.RELEASE_DELIVERY,
            OutboxCommand.delivered_at.is_(None),
            OutboxCommand.institution_id == this.institution_id,
            OutboxCommand.subject_id != this.subject_id,
            tuple_(OutboxCommand.created_at, OutboxCommand.id) < tuple_(this.created_at, this.id),
            Delivery.released_at.is_(None),
        )
    )
    return tuple(
        Releasing(delivery_id, node_id, study, *_goes_as(identity or {}, entered, own), entered.get("accession", ""))
        for delivery_id, own, node_id, study, identity, entered in rows
    )


def _goes_as(identity: dict[str, str], entered: dict[str, str], own: str) -> tuple[str, str]:
    given = entered.get("patient_id", "").strip()
    return (given, own) if given else (identity.get("PatientID", ""), identity.get("IssuerOfPatientID", ""))
