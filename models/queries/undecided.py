"""How much of a worklist waits for a person, and not only for the engine to carry out what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.most_urgent import IS_URGENT
from models.queries.decided import is_decided
from models.queries.viewer import Viewer
from models.queries.worklist import Sought, on_worklist
from models.tables import Delivery, Transaction


@dataclass(frozen=True)
class Undecided:
    """How many there are, how many of them urgent, and when the first of them came."""

    total: int
    urgent: int
    oldest: datetime | None


def undecided_on_worklist(session: Session, viewer: Viewer, sought: Sought) -> Undecided:
    """Of all that the viewer's worklist shows, on whatever page."""
    query = (
        select(func.count(), func.count().filter(IS_URGENT), func.min(Delivery.created_at))
        .select_from(Delivery)
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .where(on_worklist(viewer, sought), ~is_decided(Delivery.transaction_id))
    )
    total, urgent, oldest = session.execute(query).one()
    return Undecided(total, urgent, oldest)
