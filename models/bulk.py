"""Bulk sheets: uploaded, sent row by row, sent again where rows failed, and how each row stands."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.domain.bulk_sheet import Sheet, SheetEntry, clean, read_rows
from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.domain.lifecycles import TRANSFER
from models.domain.pacs_search import Hit
from models.domain.urgency import Urgency
from models.outbox import post
from models.searches import searchable
from models.tables import (
    BulkRow,
    BulkSheet,
    OutboxCommand,
    Transaction,
    Transfer,
    TransferStudy,
    Worklist,
    new_id,
    now,
)
from models.transfers import PickedStudy, TransferEntry, place

OPEN = ("waiting", "looking")
"""Rows that are still to be placed; a worker that died may have been looking at one."""
LONGEST_NAME = 120


def upload(
    session: Session,
    *,
    institution_id: str,
    account_id: str,
    node_id: str,
    file_name: str,
    sheet: Sheet,
    command_id: str,
) -> str:
    """Keep the sheet and have its rows sent, in the caller's transaction; its id. A double click is one sheet.

    Raises NotAllowed with a sentence when its PACS is not the Institution's, or cannot be asked.
    """
    if node_id not in {node.id for node in searchable(session, institution_id)}:
        raise NotAllowed("That PACS cannot be searched; choose one from the list.")
    sheet_id = new_id()
    is_new = post(
        session,
        command_id,
        institution_id=institution_id,
        kind=CommandKind.SEND_SHEET,
        subject_id=sheet_id,
        actor=account_id,
    )
    if not is_new:
        first = session.get_one(OutboxCommand, command_id)
        # A token is no key to what somebody else has sent.
        if (first.kind, first.actor) != (CommandKind.SEND_SHEET.value, account_id):
            raise NotAllowed("This form was used before; open a new one.")
        return first.subject_id
    session.add(
        BulkSheet(
            id=sheet_id,
            institution_id=institution_id,
            account_id=account_id,
            node_id=node_id,
            file_name=clean(file_name or "sheet")[:LONGEST_NAME],
            columns=list(sheet.columns),
            uploaded_at=now(),
        )
    )
    session.flush()
    session.add_all(
        BulkRow(
            sheet_id=sheet_id,
            position=row.position,
            institution_id=institution_id,
            cells=list(row.cells),
            state="failed" if row.wrong else "waiting",
            reason=row.wrong,
        )
        for row in sheet.rows
    )
    session.flush()
    return sheet_id


def send_again(session: Session, sheet: BulkSheet, *, account_id: str, command_id: str) -> int | None:
    """Let the rows that failed be tried once more, in the caller's transaction; how many; None for a double click.

    A row in which something is wrong stays: what would put it right is another sheet.
    Raises NotAllowed with a sentence when what the rows said has been removed.
    """
    session.refresh(sheet, with_for_update=True)
    if sheet.emptied_at:
        raise NotAllowed("What the rows of this sheet said has been removed; upload it again.")
    is_new = post(
        session,
        command_id,
        institution_id=sheet.institution_id,
        kind=CommandKind.SEND_SHEET_AGAIN,
        subject_id=sheet.id,
        actor=account_id,
    )
    if not is_new:
        return None
    rows = session.scalars(
        select(BulkRow).where(BulkRow.sheet_id == sheet.id).order_by(BulkRow.position).with_for_update()
    ).all()
    right = {row.position for row in read_rows(sheet.columns, [(r.position, r.cells) for r in rows]) if row.entry}
    again = [row for row in rows if row.state == "failed" and row.position in right]
    for row in again:
        row.state, row.reason = "waiting", ""
    if again:
        sheet.placed_at = None
    return len(again)


def open_rows(session: Session, sheet_id: str, most: int = 1_000_000) -> list[int]:
    """The first positions that are still to be placed."""
    return list(
        session.scalars(
            select(BulkRow.position)
            .where(BulkRow.sheet_id == sheet_id, BulkRow.state.in_(OPEN))
            .order_by(BulkRow.position)
            .limit(most)
        )
    )


def settle(session: Session, sheet_id: str) -> int:
    """How many rows are still to be placed, once the PACS has answered for the last of them."""
    # Locked before it is counted: rows that somebody sends again meanwhile are not taken for placed.
    sheet = session.get_one(BulkSheet, sheet_id, with_for_update=True)
    left = len(open_rows(session, sheet_id))
    sheet.fault, sheet.placed_at = "", sheet.placed_at if left else now()
    return left


def entry_of(session: Session, sheet_id: str, position: int) -> SheetEntry | None:
    """What a row asks for, if it is still to be placed; from now on it is being looked at."""
    row = session.get_one(BulkRow, (sheet_id, position), with_for_update=True)
    if row.state not in OPEN:
        return None
    (read,) = read_rows(session.get_one(BulkSheet, sheet_id).columns, [(position, row.cells)])
    row.state, row.reason = ("looking", "") if read.entry else ("failed", read.wrong)
    return read.entry


def fail(session: Session, sheet_id: str, position: int, reason: str) -> None:
    """Say why a row is not sent; one that was sent meanwhile stays so."""
    row = session.get_one(BulkRow, (sheet_id, position), with_for_update=True)
    if row.state in OPEN:
        row.state, row.reason = "failed", reason


def send(session: Session, sheet_id: str, position: int, entry: SheetEntry, hit: Hit) -> None:
    """Place the transfer of a row, in the caller's transaction; once, however often it is asked.

    Raises NotAllowed with a sentence when that cannot be.
    """
    sheet = session.get_one(BulkSheet, sheet_id, with_for_update=True)
    row = session.get_one(BulkRow, (sheet_id, position), with_for_update=True)
    if row.state not in OPEN:
        return
    worklist = _worklist(session, entry)
    _must_not_be_sent_already(session, row, hit.StudyInstanceUID, worklist)
    modality = hit.ModalitiesInStudy[0] if hit.ModalitiesInStudy else ""
    picked = PickedStudy(
        hit.StudyInstanceUID, description=hit.StudyDescription, Modality=modality, study_date=hit.StudyDate
    )
    reference = place(
        session,
        institution_id=sheet.institution_id,
        account_id=sheet.account_id,
        command_id=hashlib.sha256(f"{sheet_id}.{position}".encode()).hexdigest()[:32],
        entry=TransferEntry(
            node_id=sheet.node_id,
            worklist_id=worklist.id,
            recipient=entry.recipient,
            call_back=entry.call_back,
            reason=entry.reason,
            urgency=Urgency.BULK,
            studies=(picked,),
        ),
    )
    row.transfer_id = session.scalars(
        select(Transfer.id).join(Transaction).where(Transaction.reference == reference)
    ).one()
    row.state, row.reason = "sent", ""


def _worklist(session: Session, entry: SheetEntry) -> Worklist:
    lists = session.scalars(select(Worklist).where(Worklist.institution_id == entry.destination)).all()
    if not lists:
        raise NotAllowed(f"No destination {entry.destination} is known here; look at its ODS code.")
    named = [
        one for one in lists if (one.name.casefold() == entry.worklist.casefold() if entry.worklist else one.is_default)
    ]
    if len(named) == 1:
        return named[0]
    names = ", ".join(sorted(one.name for one in lists))
    raise NotAllowed(f"{entry.destination} has no such worklist; give one of: {names}.")


def _must_not_be_sent_already(session: Session, row: BulkRow, uid: str, worklist: Worklist) -> None:
    """One study may be named twice, by its UID and by its accession number; and a sheet be uploaded twice."""
    # Two sheets under way at once come one after the other here, or neither would see what the other is about to place.
    the_same = func.hashtextextended(f"{row.institution_id} {worklist.id} {uid}", 0)
    session.execute(select(func.pg_advisory_xact_lock(the_same)))
    other = session.execute(
        select(BulkRow.sheet_id, BulkRow.position, Transaction.reference)
        .join(Transfer, Transfer.id == BulkRow.transfer_id)
        .join(Transaction, Transaction.id == Transfer.transaction_id)
        .join(TransferStudy, TransferStudy.transfer_id == Transfer.id)
        .where(
            BulkRow.institution_id == row.institution_id,
            Transfer.worklist_id == worklist.id,
            TransferStudy.StudyInstanceUID == uid,
            or_(BulkRow.sheet_id == row.sheet_id, Transfer.state.in_(TRANSFER.unfinished)),
        )
        .limit(1)
    ).first()
    if other is None:
        return
    if other.sheet_id == row.sheet_id:
        raise NotAllowed(f"Row {other.position} sends the same study there; it is sent once.")
    raise NotAllowed(f"{other.reference} is sending the same study there already; look how that one ends.")


def unfinished(session: Session, before: datetime, only: Collection[str] = ()) -> Sequence[str]:
    """Sheets that were uploaded `before` and have rows that are still to be placed; or those `only`."""
    found = (
        select(BulkRow.sheet_id)
        .join(BulkSheet, BulkSheet.id == BulkRow.sheet_id)
        .where(BulkRow.state.in_(OPEN), BulkSheet.uploaded_at < before)
        .distinct()
    )
    return session.scalars(found.where(BulkRow.sheet_id.in_(only)) if only else found).all()
