"""What the edges wrote down besides objects: ends of associations, rejections, refused objects, what was asked."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from dicom_edge.facts import AssociationEnded, AssociationRejected, CommitmentAsked, ObjectRefused
from dicom_edge.spool import Event, Spool
from dicom_edge.storable import storable
from models import outbox
from models.db import Database
from models.domain.contracts import EXCHANGE, CommandKind
from models.tables import (
    Arrival,
    ArrivalInstance,
    Association,
    CommitmentRequest,
    HeldObject,
    Instance,
    Rejection,
    now,
)

log = logging.getLogger(__name__)


def take_facts(database: Database, spool: Spool, events: Iterable[Event]) -> None:
    """Write every fact once (its file name is its key), then forget it. One that cannot be written blocks no other."""
    # Ends last: with them goes the record of who sent, which a refused object needs.
    for event in sorted(events, key=lambda event: isinstance(event.fact, AssociationEnded)):
        try:
            with database.begin() as session:
                _write(session, event, spool)
        except (OperationalError, InterfaceError):
            raise
        except (SQLAlchemyError, ValueError) as poison:
            log.error("fact %s cannot be written: %s", event.path.stem, type(poison).__name__)
        if isinstance(event.fact, AssociationEnded):
            spool.forget_association(event.fact.association)
        spool.forget(event)


def open_associations_of_dead_edges(database: Database, spool: Spool) -> list[str]:
    """What dead edges left open. All their objects are in a list of the spool that is made afterwards."""
    with database.begin() as session:
        still_open = select(Association).where(Association.ended_at.is_(None))
        edges = {association.id: association.edge for association in session.scalars(still_open)}
    for association in set(spool.associations()) - set(edges):
        record = spool.association(association)
        if record is not None:
            edges[association] = record.edge
    alive = {edge: spool.edge_is_alive(edge) for edge in set(edges.values())}
    return [association for association, edge in edges.items() if not alive[edge]]


def end_associations(database: Database, spool: Spool, associations: list[str]) -> None:
    """End associations all of whose objects were taken."""
    if not associations:
        return
    with database.begin() as session:
        _end(session, associations, now())
    for association in associations:
        spool.forget_association(association)


def _write(session: Session, event: Event, spool: Spool) -> None:
    match event.fact:
        case AssociationEnded() as ended:
            _end(session, [ended.association], datetime.fromisoformat(ended.at))
        case AssociationRejected() as rejected:
            _rejected(session, event.path.stem, rejected)
        case ObjectRefused() as refused:
            _refused(session, event.path.stem, refused, spool)
        case CommitmentAsked() as asked:
            _asked(session, event.path.stem, asked)


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
            calling_ae_title=storable(rejected.calling_ae_title),
            called_ae_title=storable(rejected.called_ae_title),
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
            SOPInstanceUID=storable(refused.SOPInstanceUID),
            calling_ae_title=storable(sender.calling_ae_title) if sender else "",
            held_at=datetime.fromisoformat(refused.at),
        )
        .on_conflict_do_nothing()
    )


def _asked(session: Session, key: str, asked: CommitmentAsked) -> None:
    """The request, the command to answer it, and a word to the arrivals whose last image it may name."""
    fresh = session.execute(
        insert(CommitmentRequest)
        .values(
            id=key,
            institution_id=asked.institution_id,
            node_id=asked.node_id,
            association_id=asked.association,
            called_ae_title=storable(asked.called_ae_title),
            TransactionUID=asked.TransactionUID,
            references=asked.references,
            asked_at=datetime.fromisoformat(asked.at),
            taken_at=now(),
        )
        .on_conflict_do_nothing()
        .returning(CommitmentRequest.id)
    ).scalar()
    if fresh is None:
        return
    holding = (
        select(ArrivalInstance.arrival_id)
        .join(Instance, Instance.id == ArrivalInstance.instance_id)
        .where(Instance.institution_id == asked.institution_id, Instance.SOPInstanceUID.in_(asked.references))
    )
    # Due at once, however lately the arrival was announced.
    session.execute(
        update(Arrival)
        .where(Arrival.sealed_at.is_(None), Arrival.id.in_(holding))
        .values(generation=Arrival.generation + 1, announced_at=None)
    )
    outbox.post(
        session,
        f"answer-{key}",
        institution_id=asked.institution_id,
        kind=CommandKind.ANSWER_COMMITMENT,
        subject_id=key,
        actor=EXCHANGE,
    )
