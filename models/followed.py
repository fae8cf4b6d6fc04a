"""Which push a stretch of receiving goes on from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.tables import Arrival


def followed(
    session: Session, institution_id: str, study_id: str, calling: str, called: str, before: datetime | None = None
) -> str | None:
    """The transaction of the newest arrival of this study between these AE titles, of those opened `before`."""
    found = select(Arrival.transaction_id).where(
        Arrival.institution_id == institution_id,
        Arrival.study_id == study_id,
        Arrival.calling_ae_title == calling,
        Arrival.called_ae_title == called,
    )
    if before is not None:
        found = found.where(Arrival.opened_at < before)
    return session.scalars(found.order_by(Arrival.opened_at.desc()).limit(1)).first()
