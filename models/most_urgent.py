"""Transactions by urgency, as the database orders and counts them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case

from models.domain.urgency import Urgency
from models.tables import Transaction

MOST_URGENT_FIRST = case({urgency.value: urgency.priority for urgency in Urgency}, value=Transaction.urgency, else_=9)
IS_URGENT = Transaction.urgency.in_([urgency.value for urgency in Urgency if urgency.is_urgent])


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """Of two deadlines; None where there is none."""
    return min(filter(None, (one, other)), default=None)
