"""What people decided about a transaction and the engine has not carried out: it waits, or it was refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.domain.contracts import CommandKind
from models.domain.decisions import RULES
from models.queries.people import names, with_names
from models.queries.viewer import Viewer
from models.tables import Account, OutboxCommand

KINDS = [kind.value for kind, rule in RULES.items() if rule.lifecycle != "node"]
"""A Node's holds and downtimes follow each other as they were decided."""
ONE_BY_ONE = (CommandKind.DECLINE_STUDY_REQUEST, CommandKind.MATCH_REQUEST)
"""Each is about one study of the request: another one is not contrary."""


@dataclass(frozen=True)
class Decided:
    """`refusal` is empty while it waits for the engine."""

    id: str
    kind: str
    who: str
    at: datetime
    refusal: str

    def is_contrary_to(self, kind: CommandKind) -> bool:
        """Whether `kind` cannot be decided as well before this one is carried out."""
        return not (kind in ONE_BY_ONE and kind == self.kind)


def waits(session: Session, subject_ids: Collection[str], but: str = "") -> Decided | None:
    """The first decision about any of these that waits to be carried out; not the command `but`."""
    row = session.scalars(
        select(OutboxCommand)
        .where(
            OutboxCommand.subject_id.in_(subject_ids),
            OutboxCommand.kind.in_(KINDS),
            OutboxCommand.delivered_at.is_(None),
            OutboxCommand.id != but,
        )
        .order_by(OutboxCommand.created_at)
        .limit(1)
    ).first()
    return _told(session, row) if row else None


def refused(session: Session, viewer: Viewer, subject_ids: Collection[str]) -> Decided | None:
    """What the viewer's own Institution decided last about any of these, if it was refused; for support, anybody."""
    query = (
        select(OutboxCommand)
        .where(OutboxCommand.subject_id.in_(subject_ids), OutboxCommand.kind.in_(KINDS))
        .order_by(OutboxCommand.created_at.desc())
        .limit(1)
    )
    if not viewer.sees_every_institution:
        query = query.join(Account, Account.id == OutboxCommand.actor).where(
            Account.institution_id == viewer.institution_id
        )
    row = session.scalars(query).first()
    return _told(session, row) if row and row.refusal else None


def contrary_to(
    session: Session, command_id: str, kind: CommandKind, subject_id: str, content: dict[str, Any]
) -> Decided | None:
    """The decision that waits already where `kind` was to be decided, if it leaves no room for that.

    Until the transaction ends nobody else decides about the subject: of two people at once one is first.
    """
    if kind not in KINDS:
        return None
    if kind is CommandKind.ABANDON_DELIVERY and "seen" not in content:
        # Whoever stops what is being sent wants so whatever else is decided.
        return None
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"decided {subject_id}", 0))))
    first = waits(session, [subject_id], but=command_id)
    return first if first and first.is_contrary_to(kind) else None


def _told(session: Session, row: OutboxCommand) -> Decided:
    who = names(session, [row.actor])[row.actor]
    return Decided(row.id, row.kind, who, row.created_at, with_names(session, row.refusal))
