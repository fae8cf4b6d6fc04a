"""What people decided about a transaction and the engine has not carried out: it waits, or it was refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from models.domain.contracts import CommandKind
from models.domain.decision_words import decided
from models.domain.decisions import RULES
from models.domain.seen import Seen
from models.queries.people import names, with_names
from models.queries.viewer import Viewer
from models.tables import Account, Arrival, Delivery, ImageRequest, OutboxCommand, Transfer

KINDS = [kind.value for kind, rule in RULES.items() if rule.lifecycle != "node"]
"""A Node's holds and downtimes follow each other as they were decided."""
ONE_BY_ONE = (CommandKind.DECLINE_STUDY_REQUEST, CommandKind.MATCH_REQUEST)
"""Each is about one study of the request: another one is not contrary."""
WAITS = and_(OutboxCommand.kind.in_(KINDS), OutboxCommand.delivered_at.is_(None))


@dataclass(frozen=True)
class Decided:
    """`words` say what, as its button did; `refusal` is empty while it waits for the engine."""

    id: str
    subject_id: str
    kind: str
    words: str
    who: str
    at: datetime
    refusal: str

    @property
    def leaves_nothing(self) -> bool:
        """Whether nobody needs to decide anything else meanwhile."""
        return self.kind not in ONE_BY_ONE

    def is_contrary_to(self, kind: CommandKind) -> bool:
        """Whether `kind` cannot be decided as well before this one is carried out."""
        return not (kind in ONE_BY_ONE and kind == self.kind)


def waiting(session: Session, subject_ids: Collection[str], but: str = "") -> tuple[Decided, ...]:
    """The decisions about any of these that wait to be carried out, the first before the others; not `but`."""
    rows = session.scalars(
        select(OutboxCommand)
        .where(OutboxCommand.subject_id.in_(subject_ids), WAITS, OutboxCommand.id != but)
        .order_by(OutboxCommand.created_at)
    ).all()
    return _told(session, rows)


def is_decided(transaction: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether the Transaction with this id needs nobody until the engine answers."""
    parts = {
        "request": (ImageRequest.transaction_id, ImageRequest.id),
        "transfer": (Transfer.transaction_id, Transfer.id),
        "arrival": (Arrival.transaction_id, Arrival.id),
        "delivery": (Delivery.transaction_id, Delivery.id),
    }
    # What waits is little, so that it is looked up from there; by kinds, for the plan to see how little.
    return transaction.in_(
        union_all(
            *(
                select(transaction_id)
                .join(OutboxCommand, OutboxCommand.subject_id == part_id)
                .where(OutboxCommand.delivered_at.is_(None), OutboxCommand.kind.in_(_settling(lifecycle)))
                for lifecycle, (transaction_id, part_id) in parts.items()
            )
        )
    )


def refused(session: Session, viewer: Viewer, subject_ids: Collection[str], since: datetime) -> Decided | None:
    """What the viewer's own Institution decided last about any of these, if it was refused; for support, anybody.

    Not once anybody has decided something else, or the transaction has moved on: it stands as it does `since` then.
    """
    later = aliased(OutboxCommand)
    query = (
        select(OutboxCommand, _is_decided_after(later, subject_ids))
        .where(OutboxCommand.subject_id.in_(subject_ids), OutboxCommand.kind.in_(KINDS))
        .order_by(OutboxCommand.created_at.desc())
        .limit(1)
    )
    if not viewer.sees_every_institution:
        query = query.join(Account, Account.id == OutboxCommand.actor).where(
            Account.institution_id == viewer.institution_id
        )
    found = session.execute(query).first()
    if found is None:
        return None
    row, is_past = found
    if not row.refusal or is_past or row.delivered_at is None or since > row.delivered_at:
        return None
    (told,) = _told(session, [row])
    return told


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
    first = next(iter(waiting(session, [subject_id], but=command_id)), None)
    return first if first and first.is_contrary_to(kind) else None


def _settling(lifecycle: str) -> list[str]:
    """The decisions about a part of this lifecycle after which nobody needs to decide anything else."""
    return [kind.value for kind, rule in RULES.items() if rule.lifecycle == lifecycle and kind not in ONE_BY_ONE]


def _is_decided_after(later: type[OutboxCommand], subject_ids: Collection[str]) -> ColumnElement[bool]:
    """Only what came after the refusal itself: of two people at once the later one may have been the faster."""
    return exists().where(
        later.subject_id.in_(subject_ids), later.kind.in_(KINDS), later.created_at > OutboxCommand.delivered_at
    )


def _told(session: Session, rows: Collection[OutboxCommand]) -> tuple[Decided, ...]:
    if not rows:
        return ()
    called = names(session, {row.actor for row in rows})
    return tuple(
        Decided(
            id=row.id,
            subject_id=row.subject_id,
            kind=row.kind,
            words=decided(row.kind, Seen.of(str(row.payload.get("seen", ""))).state),
            who=called[row.actor],
            at=row.created_at,
            refusal=with_names(session, row.refusal),
        )
        for row in rows
    )
