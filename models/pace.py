"""The pace at which a Node takes images: turns, one after the other, exact across associations and processes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.tables import Node, now


def next_turn(session: Session, node_id: str) -> float:
    """Take the next turn at the Node; in how many seconds it is. 0 where no rate is set.

    A turn that is taken and not used is lost. A rate that was raised counts from the next turn on.
    """
    node = session.scalars(select(Node).where(Node.id == node_id).with_for_update()).one()
    if node.rate <= 0:
        return 0.0
    at, gap = now(), timedelta(seconds=1 / node.rate)
    turn = max(at, node.paced_until or at)
    node.paced_until = turn + gap
    return (turn - at).total_seconds()
