"""The journal: writes every step of every lifecycle, with the rows that it changes and its audit entry, in one go."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from activities.border import acts
from activities.effects import Subject, apply_effect, content_of, words_of
from models.audit import record_act
from models.db import Database
from models.domain.contracts import Transition
from models.tables import Arrival, CommitmentRequest, Delivery, ImageRequest, Node, Transaction, Transfer, TransitionRow

SUBJECTS: dict[str, Any] = {
    "arrival": Arrival,
    "delivery": Delivery,
    "node": Node,
    "commitment": CommitmentRequest,
    "request": ImageRequest,
    "transfer": Transfer,
}


class JournalActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def record(self, steps: tuple[Transition, ...]) -> None:
        """All of `steps` in order, or none. Idempotent by (run_id, sequence): one that is written changes nothing."""
        with self.database.begin() as session:
            for step in steps:
                _record(session, step)


def _record(session: Session, step: Transition) -> None:
    subject: Subject = session.get_one(SUBJECTS[step.lifecycle], step.subject_id)
    content = content_of(session, step.content_id)
    detail = str(content.get("reason", "")) or step.detail
    transaction_id = getattr(subject, "transaction_id", None)
    written = session.execute(
        insert(TransitionRow)
        .values(
            transaction_id=transaction_id,
            institution_id=subject.institution_id,
            lifecycle=step.lifecycle,
            subject_id=step.subject_id,
            run_id=step.run_id,
            sequence=step.sequence,
            event=step.event,
            before=step.before,
            after=step.after,
            actor=step.actor,
            detail=words_of(session, subject, step, content),
            at=step.at,
        )
        .on_conflict_do_nothing()
        .returning(TransitionRow.id)
    ).scalar()
    if written is None:
        return
    subject.state, subject.state_detail = step.after, detail
    apply_effect(session, subject, step, content)
    record_act(
        session,
        institution_id=subject.institution_id,
        actor=step.actor,
        act=f"{step.lifecycle}.{step.event}",
        subject=step.subject_id,
        facts={"before": step.before, "after": step.after},
        at=step.at,
    )
    if transaction_id is not None:
        session.flush()
        _summarise(session, transaction_id, step)


def _summarise(session: Session, transaction_id: str, step: Transition) -> None:
    """Lists show one state: a request or transfer its own; else a held arrival's, the delivery's or the arrival's."""
    # Not FOR UPDATE: the steps just written hold a share of the row's key, and two such would wait for each other.
    session.execute(select(Transaction.id).where(Transaction.id == transaction_id).with_for_update(key_share=True))
    arrival = session.scalars(select(Arrival).where(Arrival.transaction_id == transaction_id)).first()
    delivery = session.scalars(
        select(Delivery).where(Delivery.transaction_id == transaction_id).order_by(Delivery.created_at.desc())
    ).first()
    if step.lifecycle in ("request", "transfer"):
        lifecycle, state = step.lifecycle, step.after
    elif arrival is not None and (delivery is None or arrival.state in ("held", "refused")):
        lifecycle, state = "arrival", arrival.state
    elif delivery is not None:
        lifecycle, state = "delivery", delivery.state
    else:
        return
    session.execute(
        update(Transaction)
        .where(Transaction.id == transaction_id, (Transaction.lifecycle != lifecycle) | (Transaction.state != state))
        .values(lifecycle=lifecycle, state=state, state_since=step.at)
    )
