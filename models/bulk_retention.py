"""What the rows of a bulk sheet say names patients: it is removed some weeks after the last of them has ended."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from models.audit import record_act
from models.domain.lifecycles import TRANSFER
from models.sheet_files import kind_of
from models.tables import BulkRow, BulkSheet, Transfer, TransitionRow, now

KEPT_FOR = timedelta(days=30)
ACTOR = "exchange"


def empty_old(session: Session) -> None:
    """Remove the cells, the names of the columns and that of the file; how each row ended, and why, stays."""
    for sheet in _due(session):
        rows = session.execute(
            update(BulkRow).where(BulkRow.sheet_id == sheet.id).values(cells=[]).returning(BulkRow.position)
        ).all()
        sheet.columns, sheet.file_name, sheet.emptied_at = [], f"sheet.{kind_of(sheet.file_name)}", now()
        record_act(
            session,
            institution_id=sheet.institution_id,
            actor=ACTOR,
            act="sheet.emptied",
            subject=sheet.id,
            facts={"rows": len(rows)},
        )


def _due(session: Session) -> list[BulkSheet]:
    """Locked: of a row that is sent again meanwhile nothing is removed."""
    before = now() - KEPT_FOR
    last_step = select(func.max(TransitionRow.at)).where(TransitionRow.subject_id == Transfer.id).scalar_subquery()
    is_kept = exists().where(
        BulkRow.sheet_id == BulkSheet.id,
        Transfer.id == BulkRow.transfer_id,
        or_(Transfer.state.in_(TRANSFER.unfinished), last_step >= before),
    )
    return list(
        session.scalars(
            select(BulkSheet)
            .where(BulkSheet.placed_at < before, BulkSheet.emptied_at.is_(None), ~is_kept)
            .with_for_update(skip_locked=True)
        )
    )
