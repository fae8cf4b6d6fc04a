"""How many objects that came with a study are held apart from it, so that nobody takes what went for all of it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.tables import HeldObject


def held_apart(session: Session, arrival_ids: Collection[str]) -> dict[str, int]:
    """By arrival: those that nobody has looked at yet. One select."""
    if not arrival_ids:
        return {}
    rows = session.execute(
        select(HeldObject.arrival_id, func.count())
        .where(HeldObject.arrival_id.in_(arrival_ids), HeldObject.resolved_at.is_(None))
        .group_by(HeldObject.arrival_id)
    )
    return {str(arrival_id): count for arrival_id, count in rows}
