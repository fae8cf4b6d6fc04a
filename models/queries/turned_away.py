"""Senders that were turned away at the door: what they said of themselves, why, how often, and when last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.domain.turned_away import WHY
from models.tables import Rejection, now

WITHIN = timedelta(days=7)
MOST = 20


@dataclass(frozen=True)
class TurnedAway:
    """`times` counts minutes in which it was: within one minute the edges note the same once."""

    calling_ae_title: str
    called_ae_title: str
    address: str
    why: str
    times: int
    last_at: datetime


def turned_away(session: Session) -> tuple[TurnedAway, ...]:
    """Of the last days, the latest first, MOST at most."""
    last_at = func.max(Rejection.at)
    said = Rejection.calling_ae_title, Rejection.called_ae_title, Rejection.address, Rejection.reason
    rows = session.execute(
        select(*said, func.count(), last_at)
        .where(Rejection.at > now() - WITHIN)
        .group_by(*said)
        .order_by(last_at.desc())
        .limit(MOST)
    )
    return tuple(
        TurnedAway(calling, called, address, WHY.get(reason, reason), times, at)
        for calling, called, address, reason, times, at in rows
    )
