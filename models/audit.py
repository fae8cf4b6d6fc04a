"""Audit entries: written in the database transaction of the act itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from models.tables import AuditEntry, now


def record_act(
    session: Session,
    *,
    institution_id: str | None,
    actor: str,
    act: str,
    subject: str,
    facts: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> None:
    """Say in the audit that `actor` did `act` to `subject`; `facts` hold references and states, no patient detail."""
    session.add(
        AuditEntry(
            institution_id=institution_id, actor=actor, act=act, subject=subject, facts=facts or {}, at=at or now()
        )
    )
