"""Images of a delivery that lie at a Node it no longer goes to: nobody takes them back, so its people should know."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.tables import Delivery, LedgerEntry, Node


def images_elsewhere(session: Session, delivery: Delivery) -> tuple[tuple[str, int], ...]:
    """How many images each other Node accepted before the delivery was sent elsewhere, by the Node's name."""
    rows = session.execute(
        select(Node.name, func.count())
        .join(LedgerEntry, LedgerEntry.node_id == Node.id)
        .where(LedgerEntry.delivery_id == delivery.id, LedgerEntry.node_id != delivery.node_id, LedgerEntry.accepted)
        .group_by(Node.name)
        .order_by(Node.name)
    )
    return tuple((name, count) for name, count in rows)
