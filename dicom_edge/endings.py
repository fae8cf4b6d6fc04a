"""What the edges wrote down besides objects: ends of associations, rejections, refused objects."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dicom_edge.facts import AssociationEnded, AssociationRejected, ObjectRefused
from dicom_edge.spool import Event, Spool
from models.db import Database
from models.tables import Arrival, ArrivalInstance, Association, HeldObject, Rejection, now


def take_facts(database: Database, spool: Spool, events: Iterable[Event]) -> None:
    """Write every fact once (its file name is its key), then forget it."""
    events = list(events)
    if not events:
        return
    with database.begin() as session:
        for event in events:
            match event.fact:
                case AssociationEnded() as ended:
                    _end(session, [ended.association], datetime.fromisoformat(ended.at))
                case AssociationRejected() as rejected:
                    _rejected(session, event.path.stem, rejected)
                case ObjectRefused() as refused:
                    _refused(session, event.path.stem, refused, spool)
    for event in events:
        spool.forget(event)
        if isinstance(event.fact, AssociationEnded):
            spool.forget_association(event.fact.association)


def end_associations(database: Database, spool: Spool) -> None:
    """End what a dead edge left open. To be called when the spool holds no object."""
    with database.begin() as session:
        open_now = session.execute(select(Association.id, Association.edge).where(Association.ended_at.is_(None))).all()
        alive = {edge: spool.edge_is_alive(edge) for edge in {edge for _, edge in open_now}}
        dead = [association for association, edge in open_now if not alive[edge]]
        if dead:
            _end(session, dead, now())
    for association in dead:
        spool.forget_association(association)


def _end(session: Session, associations: list[str], at: datetime) -> None:
    session.execute(
        update(Association).where(Association.id.in_(associations), Association.ended_at.is_(None)).values(ended_at=at)
    )
    touched = select(ArrivalInstance.arrival_id).where(ArrivalInstance.association_id.in_(associations)).distinct()
    # The next generation makes the announcer say that it is worth looking at the arrival again.
    session.execute(
        update(Arrival)
        .where(Arrival.id.in_(touched), Arrival.sealed_at.is_(None))
        .values(generation=Arrival.generation + 1)
    )


def _rejected(session: Session, key: str, rejected: AssociationRejected) -> None:
    session.execute(
        insert(Rejection)
        .values(
            id=key,
            calling_ae_title=rejected.calling_ae_title,
            called_ae_title=rejected.called_ae_title,
            address=rejected.address,
            reason=rejected.reason,
            at=datetime.fromisoformat(rejected.at),
        )
        .on_conflict_do_nothing()
    )


def _refused(session: Session, key: str, refused: ObjectRefused, spool: Spool) -> None:
    sender = spool.association(refused.association)
    session.execute(
        insert(HeldObject)
        .values(
            id=key,
            institution_id=sender.institution_id if sender else None,
            origin=key,
            reason="refused",
            sentence=f"Refused with status {refused.status:04X} ({refused.reason}); the sender still has it.",
            SOPInstanceUID=refused.SOPInstanceUID,
            calling_ae_title=sender.calling_ae_title if sender else "",
            held_at=datetime.fromisoformat(refused.at),
        )
        .on_conflict_do_nothing()
    )
