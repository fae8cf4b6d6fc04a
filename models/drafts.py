"""Drafts of requests: what somebody has typed, kept until it is placed, discarded, or a month old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.tables import Draft, OutboxCommand, now

KEPT_FOR = timedelta(days=30)
"""They name patients: what nobody goes on with is forgotten."""


def keep(session: Session, draft_id: str, *, institution_id: str, account_id: str, content: dict[str, Any]) -> bool:
    """Write or overwrite one's own draft; False when it is another's, or has become a request already.

    Its id is that of the command by which it is placed.
    """
    at = now()
    forget_old(session)
    if session.get(OutboxCommand, draft_id) is not None:
        return False
    kept = session.execute(
        insert(Draft)
        .values(id=draft_id, institution_id=institution_id, account_id=account_id, content=content, saved_at=at)
        .on_conflict_do_update(
            index_elements=[Draft.id],
            set_={"content": content, "saved_at": at},
            where=Draft.account_id == account_id,
        )
        .returning(Draft.id)
    )
    return kept.scalar() is not None


def forget_old(session: Session) -> None:
    """Everybody's: of those who write no further one, too."""
    session.execute(delete(Draft).where(Draft.saved_at < now() - KEPT_FOR))


def own_drafts(session: Session, account_id: str) -> list[Draft]:
    """The latest first."""
    return list(session.scalars(select(Draft).where(Draft.account_id == account_id).order_by(Draft.saved_at.desc())))


def own_draft(session: Session, account_id: str, draft_id: str) -> Draft | None:
    return session.scalars(select(Draft).where(Draft.id == draft_id, Draft.account_id == account_id)).one_or_none()


def discard(session: Session, account_id: str, draft_id: str) -> None:
    session.execute(delete(Draft).where(Draft.id == draft_id, Draft.account_id == account_id))
