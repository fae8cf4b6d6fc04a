"""The steps of a transaction, as its page lists them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.contracts import EXCHANGE
from models.queries.people import names
from models.queries.viewer import Viewer
from models.tables import Transaction, TransitionRow


@dataclass(frozen=True)
class Step:
    at: datetime
    lifecycle: str
    event: str
    before: str
    after: str
    who: str
    detail: str


def steps_of(session: Session, viewer: Viewer, one: Transaction) -> tuple[Step, ...]:
    """What people typed at a step is for those who may see the patient: it may name that patient."""
    rows = session.scalars(
        select(TransitionRow).where(TransitionRow.transaction_id == one.id).order_by(TransitionRow.at, TransitionRow.id)
    ).all()
    called = names(session, {row.actor for row in rows})
    return tuple(
        Step(
            row.at,
            row.lifecycle,
            row.event,
            row.before,
            row.after,
            called[row.actor],
            row.detail if viewer.sees_patients or row.actor == EXCHANGE else "",
        )
        for row in rows
    )
