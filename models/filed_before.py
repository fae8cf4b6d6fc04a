"""Under which Patient IDs other images of the same study went to the same Node: one study is to stay of one patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, aliased

from models.domain.identity import SentIdentity
from models.domain.lifecycles.delivery import State
from models.releasing import Releasing
from models.tables import Arrival, Delivery, LedgerEntry, Node, Parcel, Study

FILED_OTHERWISE = (
    "Images of this study went to that PACS under another Patient ID; not released. "
    "Enter that ID, or tick on your worklist that these are filed under another one."
)
"""What crosses the engine; the page, which has the ID, names it."""


@dataclass(frozen=True)
class Filed:
    node: str
    patient_id: str
    issuer: str


def went() -> tuple[ColumnElement[bool], ...]:
    """Of a Delivery: that it was released, and that its Node has something of it or is to get it."""
    # What was abandoned before anything of it got there has left no patient.
    is_there = exists().where(
        LedgerEntry.delivery_id == Delivery.id, LedgerEntry.node_id == Delivery.node_id, LedgerEntry.accepted
    )
    return (
        Delivery.released_at.is_not(None),
        Delivery.state != State.REFUSED,
        or_(Delivery.state != State.ABANDONED, is_there),
    )


def filed_before(session: Session, delivery_ids: Collection[str]) -> Mapping[str, tuple[Filed, ...]]:
    """By delivery: as what other images of its study were released to its Node, the latest first. One select."""
    study, arrival, parcel = aliased(Study), aliased(Arrival), aliased(Parcel)
    this, same = aliased(Delivery), aliased(Study)
    rows = session.execute(
        select(this.id, Node.name, Delivery.identity)
        .join(parcel, parcel.id == this.parcel_id)
        .join(arrival, arrival.id == parcel.arrival_id)
        .join(study, study.id == arrival.study_id)
        # Also where another Institution has sent it.
        .join(same, same.StudyInstanceUID == study.StudyInstanceUID)
        .join(Arrival, Arrival.study_id == same.id)
        .join(Parcel, Parcel.arrival_id == Arrival.id)
        .join(Delivery, Delivery.parcel_id == Parcel.id)
        .join(Node, Node.id == Delivery.node_id)
        .where(
            this.id.in_(delivery_ids),
            Delivery.id != this.id,
            Delivery.institution_id == this.institution_id,
            Delivery.node_id == this.node_id,
            *went(),
        )
        .order_by(Delivery.released_at.desc())
    )
    found: dict[str, list[Filed]] = defaultdict(list)
    for delivery_id, node, identity in rows:
        filed = Filed(node, identity["PatientID"], identity["IssuerOfPatientID"]) if identity else None
        if filed and filed not in found[delivery_id]:
            found[delivery_id].append(filed)
    return {delivery_id: tuple(filed) for delivery_id, filed in found.items()}


def parts_the_study(session: Session, delivery: Delivery, patient_id: str, before: Collection[Releasing] = ()) -> bool:
    """Whether other images of its study went to its Node, or are to go `before`, and none under this Patient ID."""
    filed_as = {one.patient_id for one in filed_before(session, [delivery.id]).get(delivery.id, ())}
    same = delivery.node_id, delivery.parcel.arrival.study.StudyInstanceUID
    filed_as |= {one.patient_id for one in before if (one.node_id, one.StudyInstanceUID) == same}
    return bool(filed_as) and patient_id not in filed_as


def local_id(earlier: Collection[Filed], identity: SentIdentity | None, known: str) -> str:
    """As what other images of the study went, unless it goes so by itself; else as what the patient is `known`."""
    for one in earlier:
        by_itself = identity and (identity.PatientID, identity.IssuerOfPatientID) == (one.patient_id, one.issuer)
        return "" if by_itself else one.patient_id
    return known
