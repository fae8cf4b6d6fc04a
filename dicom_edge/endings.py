"""What the edges wrote down besides objects: ends of associations, rejections, refused objects, what was asked."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dicom_edge.facts import AssociationEnded, AssociationRejected, CommitmentAsked, CommitmentReported, ObjectRefused
from dicom_edge.poison import is_poison
from dicom_edge.spool import Event, Spool
from dicom_edge.storable import storable
from models import outbox
from models.commitments import Reported, take_report
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
    new_id,
    now,
)

log = logging.getLogger(__name__)


def take_facts(database: Database, spool: Spool, events: Iterable[Event]) -> None:
    """Write every fact once (its file name is its key), then forget it.

    One whose values cannot be written is set aside and blocks no other; whatever else the database says is raised.
    """
    # Ends last: with them goes the record of who sent, which a refused object needs.
    for event in sorted(events, key=lambda event: isinstance(event.fact, AssociationEnded)):
        try:
            with database.begin() as session:
                _write(session, event, spool)
        except Exception as error:
            if not is_poison(error):
                raise
            log.error("fact %s cannot be written and is set aside: %s", event.path.stem, type(error).__name__)
            spool.set_aside(event.path)
            continue
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
            _refused(session, refused, spool)
        case CommitmentAsked() as asked:
            _asked(session, event.path.stem, asked)
        case CommitmentReported() as told:
            take_report(session, told.node_id, Reported(told.TransactionUID, frozenset(told.kept), told.failed))


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


def _refused(session: Session, refused: ObjectRefused, spool: Spool) -> None:
    """One row however often it is tried again: senders do so every few minutes, for days."""
    sender = spool.association(refused.association)
    institution_id = sender.institution_id if sender else None
    calling_ae_title = storable(sender.calling_ae_title) if sender else ""
    uid = storable(refused.SOPInstanceUID)
    row = insert(HeldObject).values(
        id=new_id(),
        institution_id=institution_id,
        origin=sha256(repr((institution_id, calling_ae_title, uid, refused.reason)).encode()).hexdigest(),
        reason="refused",
        sentence=f"Refused with status {refused.status:04X} ({refused.reason}); the sender still has it.",
        SOPInstanceUID=uid,
        calling_ae_title=calling_ae_title,
        held_at=datetime.fromisoformat(refused.at),
    )
    session.execute(
        row.on_conflict_do_update(
            index_elements=[HeldObject.origin],
            set_={
                "held_at": row.excluded.held_at,
                # Whoever had settled it must know that it was not settled for the sender.
                "resolved_at": None,
                "resolved_by": "",
                "outcome": "",
                "resolution": "",
            },
            where=HeldObject.held_at < row.excluded.held_at,
        )
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
