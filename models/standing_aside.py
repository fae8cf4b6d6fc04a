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
from models.tables import Node, Transaction
from models.tables.transaction import IS_LIFE_CRITICAL

MOVES_WITHIN = timedelta(minutes=5)
"""What is in one state for longer may stand still there."""
GOES_ON_BY_ITSELF = [
    (lifecycle.name, state.value)
    for lifecycle in (TRANSFER, ARRIVAL, DELIVERY)
    for state in lifecycle.unfinished
    if state not in lifecycle.parked
]


def something_comes(session: Session, node_id: str, at: datetime) -> bool:
    """Whether something life-critical is on its way to the Institution of that Node, and nobody needs to decide."""
    comes = exists().where(
        IS_LIFE_CRITICAL,
        Transaction.destination_id == select(Node.institution_id).where(Node.id == node_id).scalar_subquery(),
        Transaction.state_since > at - MOVES_WITHIN,
        tuple_(Transaction.lifecycle, Transaction.state).in_(GOES_ON_BY_ITSELF),
    )
    return bool(session.scalar(select(comes)))
