"""When bulk stands aside: while something life-critical is on its way to the same Institution.

Slots alone let it overtake at the last step; source, exchange, line and PACS would still be shared until then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, select, tuple_
from sqlalchemy.orm import Session

from models.domain.lifecycles.arrival import ARRIVAL
from models.domain.lifecycles.delivery import DELIVERY
from models.domain.lifecycles.transfer import TRANSFER
from models.slot_queue import STARVES_AFTER
from models.tables import Node, Transaction
from models.tables.transaction import IS_LIFE_CRITICAL

AT_MOST = timedelta(minutes=1)
"""In each state of the other: it may stand still there, and nobody says why bulk waits."""
GOES_ON_BY_ITSELF = [
    (lifecycle.name, state.value)
    for lifecycle in (TRANSFER, ARRIVAL, DELIVERY)
    for state in lifecycle.unfinished
    if state not in lifecycle.parked
]


def must_stand_aside(session: Session, node_id: str, released_at: datetime, at: datetime) -> bool:
    """Whether bulk that was released then sends nothing to that Node at present.

    What has waited for hours goes on all the same, as it does among the slots.
    """
    if at - released_at >= STARVES_AFTER:
        return False
    comes = exists().where(
        IS_LIFE_CRITICAL,
        Transaction.destination_id == select(Node.institution_id).where(Node.id == node_id).scalar_subquery(),
        Transaction.state_since > at - AT_MOST,
        tuple_(Transaction.lifecycle, Transaction.state).in_(GOES_ON_BY_ITSELF),
    )
    return bool(session.scalar(select(comes)))
