"""Releases that people have decided and the engine is carrying out: of two at once, the later is asked about.

What has been released is read from its delivery; these are not yet, and nobody who decided beside them saw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


def releasing(session: Session, delivery: Delivery, *conditions: ColumnElement[bool]) -> tuple[Releasing, ...]:
    """What people of the delivery's destination have decided about other deliveries, and is not carried out yet."""
    own = delivery.institution_id
    rows = session.execute(
        select(Delivery.id, Delivery.node_id, Study.StudyInstanceUID, Delivery.identity, OutboxCommand.payload)
        .join(OutboxCommand, OutboxCommand.subject_id == Delivery.id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .join(Arrival, Arrival.id == Parcel.arrival_id)
        .join(Study, Study.id == Arrival.study_id)
        .where(
            OutboxCommand.kind == CommandKind.RELEASE_DELIVERY,
            OutboxCommand.delivered_at.is_(None),
            OutboxCommand.institution_id == own,
            Delivery.id != delivery.id,
            Delivery.released_at.is_(None),
            *conditions,
        )
    )
    return tuple(
        Releasing(delivery_id, node_id, study, *goes_as(entered, identity, own), str(entered.get("accession", "")))
        for delivery_id, node_id, study, identity, entered in rows
    )


def decided_before(session: Session, delivery: Delivery, command_id: str) -> tuple[Releasing, ...]:
    """What they decided so before this command about the delivery."""
    command = session.get(OutboxCommand, command_id)
    if command is None:
        return ()
    mine = command.created_at, command.id
    return releasing(session, delivery, tuple_(OutboxCommand.created_at, OutboxCommand.id) < mine)


def goes_as(entered: Mapping[str, Any], carried: Mapping[str, str] | None, own: str) -> tuple[str, str]:
    """Patient ID and issuer of a release: what was entered, which the destination issues, or what the images carry."""
    if given := str(entered.get("patient_id", "")).strip():
        return given, own
    return (carried["PatientID"], carried["IssuerOfPatientID"]) if carried else ("", "")
