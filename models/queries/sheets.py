"""The bulk sheets of an Institution, and how each row of one stands: by its transfer, once it has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.domain.lifecycles import TRANSFER
from models.tables import Account, BulkRow, BulkSheet, Transaction, Transfer

LATEST = 20
UNDER_WAY = ("waiting", "looking", *TRANSFER.unfinished)
Counts = Mapping[str, int]


@dataclass(frozen=True)
class SheetFacts:
    """`counts` is the number of rows by state; since `emptied_at` it is not kept what the rows said."""

    id: str
    file_name: str
    uploaded_at: datetime
    uploaded_by: str
    columns: tuple[str, ...]
    node: str
    fault: str
    emptied_at: datetime | None
    counts: Counts

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def may_go_again(self) -> bool:
        return not self.emptied_at and bool(self.counts.get("failed"))

    @property
    def has_ended(self) -> bool:
        return not any(self.counts.get(state) for state in UNDER_WAY)


@dataclass(frozen=True)
class RowFacts:
    """`reference` names its transfer."""

    position: int
    cells: tuple[str, ...]
    state: str
    reason: str
    reference: str


def sheet_of(session: Session, institution_id: str, sheet_id: str) -> BulkSheet | None:
    """A sheet of the Institution's own."""
    return session.scalars(
        select(BulkSheet).where(BulkSheet.id == sheet_id, BulkSheet.institution_id == institution_id)
    ).one_or_none()


def latest(session: Session, institution_id: str) -> tuple[SheetFacts, ...]:
    """The Institution's last sheets, the newest first."""
    sheets = session.scalars(
        select(BulkSheet)
        .where(BulkSheet.institution_id == institution_id)
        .order_by(BulkSheet.uploaded_at.desc())
        .limit(LATEST)
    ).all()
    return facts(session, sheets)


def facts(session: Session, sheets: Sequence[BulkSheet]) -> tuple[SheetFacts, ...]:
    counts = _counts(session, [sheet.id for sheet in sheets])
    return tuple(
        SheetFacts(
            sheet.id,
            sheet.file_name,
            sheet.uploaded_at,
            session.get_one(Account, sheet.account_id).display_name,
            tuple(map(str, sheet.columns)),
            sheet.node.name,
            sheet.fault,
            sheet.emptied_at,
            counts[sheet.id],
        )
        for sheet in sheets
    )


def rows_of(session: Session, sheet_id: str, first: int = 0, most: int | None = None) -> tuple[RowFacts, ...]:
    """Rows in their order, from position `first` on."""
    found = session.execute(
        select(BulkRow, Transfer, Transaction.reference)
        .outerjoin(Transfer, Transfer.id == BulkRow.transfer_id)
        .outerjoin(Transaction, Transaction.id == Transfer.transaction_id)
        .where(BulkRow.sheet_id == sheet_id, BulkRow.position >= first)
        .order_by(BulkRow.position)
        .limit(most)
    )
    return tuple(_row(row, transfer, reference or "") for row, transfer, reference in found)


def _row(row: BulkRow, transfer: Transfer | None, reference: str) -> RowFacts:
    state, reason = row.state, row.reason
    if transfer is not None:
        state, reason = transfer.state, transfer.fault or transfer.state_detail
    return RowFacts(row.position, tuple(map(str, row.cells)), state, reason, reference)


def _counts(session: Session, sheet_ids: Collection[str]) -> Mapping[str, Counter[str]]:
    state = func.coalesce(Transfer.state, BulkRow.state)
    rows = session.execute(
        select(BulkRow.sheet_id, state, func.count())
        .outerjoin(Transfer, Transfer.id == BulkRow.transfer_id)
        .where(BulkRow.sheet_id.in_(sheet_ids))
        .group_by(BulkRow.sheet_id, state)
    )
    found: dict[str, Counter[str]] = {sheet_id: Counter() for sheet_id in sheet_ids}
    for sheet_id, name, count in rows:
        found[sheet_id][name] = count
    return found
