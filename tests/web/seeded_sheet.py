"""A bulk sheet of ZX1 as it may stand amid its rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.urgency import Urgency
from models.tables import BulkRow, BulkSheet, Transaction, Transfer, new_id, now
from models.transfers import PickedStudy, TransferEntry, place
from tests.database import Registry

COLUMNS = ("Study Instance UID", "Destination", "Recipient", "Reason", "Note")


def add_sheet(session: Session, registry: Registry, **more: Any) -> BulkSheet:
    """Three rows: one with a transfer, one that failed, one that waits."""
    officer, node = registry.accounts["officer.zx1"], registry.nodes["ZX1_PACS"]
    entry = TransferEntry(
        node,
        registry.worklists["ZX2"],
        "Dr R Cipient",
        "",
        "For the meeting.",
        Urgency.BULK,
        (PickedStudy("2.25.771"),),
    )
    reference = place(session, institution_id="ZX1", account_id=officer, command_id=new_id(), entry=entry)
    transfer = session.scalars(select(Transfer).join(Transaction).where(Transaction.reference == reference)).one()
    sheet = BulkSheet(
        id=new_id(),
        institution_id="ZX1",
        account_id=officer,
        node_id=node,
        columns=list(COLUMNS),
        **{"file_name": "list.csv", "uploaded_at": now()} | more,
    )
    session.add(sheet)
    session.flush()
    for position, state, reason, sent in (
        (2, "sent", "", transfer.id),
        (3, "failed", "No such study.", None),
        (4, "waiting", "", None),
    ):
        session.add(
            BulkRow(
                sheet_id=sheet.id,
                position=position,
                institution_id="ZX1",
                cells=[f"2.25.77{position - 1}", "ZX2", "Dr R Cipient", "For the meeting.", "=1+1"],
                state=state,
                reason=reason,
                transfer_id=sent,
            )
        )
    session.flush()
    return sheet
