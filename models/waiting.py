"""Deliveries that wait for a Node that is away, and which of them may go on.

The relay asks this several times a second. It looks at how things stand, not at news: a Node that came back between a
delivery's last attempt and its wait, or that a person resumed or gave slots, is found all the same, in whatever order
things were written and whichever process was killed meanwhile. Nothing is lost but time when the relay is away; the
delivery then tries by itself, ever more rarely.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from models.domain.lifecycles.delivery import State
from models.domain.lifecycles.node import AWAY
from models.most_urgent import MOST_URGENT_FIRST
from models.tables import Delivery, Node, Transaction, now

WAITS_IN = (State.ON_WORKLIST, State.SENDING, State.SENT)
"""To be asked whose a Patient ID is, for what is still to be sent, or to be asked whether it has what it accepted."""


@dataclass(frozen=True)
class Waiting:
    delivery_id: str
    since: datetime


def may_go_on(session: Session, most: int) -> list[Waiting]:
    """At most `most` deliveries that wait although their Node may be used; the urgent first, then who waits longest."""
    rows = session.execute(
        select(Delivery.id, Delivery.waiting_since)
        .join(Node, Node.id == Delivery.node_id)
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .where(
            Delivery.waiting_since.is_not(None),
            Delivery.state.in_(WAITS_IN),
            Node.state.not_in(AWAY),
            Node.slots > 0,
            or_(Delivery.waiting_until.is_(None), Delivery.waiting_until <= now()),
        )
        .order_by(MOST_URGENT_FIRST, Delivery.waiting_since)
        .limit(most)
    )
    return [Waiting(delivery_id, since) for delivery_id, since in rows if since]


def note(session: Session, waiting: Waiting, since: datetime | None) -> None:
    """That it was told (None), or waits from `since` on: behind the others.

    Nothing is noted when it waits anew by now, because another attempt has found its Node away.
    """
    session.execute(
        update(Delivery)
        .where(Delivery.id == waiting.delivery_id, Delivery.waiting_since == waiting.since)
        .values(waiting_since=since)
    )
