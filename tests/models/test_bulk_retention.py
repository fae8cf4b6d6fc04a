"""What the rows of a bulk sheet say is removed a month after the last of them has ended; how they ended stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.archive import FolderArchive
from models.bulk import send_again
from models.bulk_retention import KEPT_FOR
from models.db import Database
from models.domain.errors import NotAllowed
from models.purge import purge
from models.queries.sheets import facts
from models.tables import AuditEntry, BulkRow, BulkSheet, Transfer, TransitionRow, new_id, now
from tests.database import Registry
from tests.web.seeded_sheet import COLUMNS, add_sheet

LONG_AGO = KEPT_FOR + timedelta(days=1)


@pytest.fixture
def sheet_id(database: Database, registry: Registry) -> str:
    """A sheet whose last row ended long ago."""
    with database.begin() as session:
        sheet = add_sheet(session, registry, file_name="Mrs Placeholder.XLSX", placed_at=now() - LONG_AGO)
        transfer = session.scalars(select(Transfer)).one()
        transfer.state = "fulfilled"
        session.get_one(BulkRow, (sheet.id, 4)).state = "failed"
        add_step(session, transfer, LONG_AGO)
        return sheet.id


def add_step(session: Session, transfer: Transfer, ago: timedelta) -> None:
    session.add(
        TransitionRow(
            transaction_id=transfer.transaction_id,
            institution_id="ZX1",
            lifecycle="transfer",
            subject_id=transfer.id,
            run_id=new_id(),
            sequence=1,
            event="fulfilled",
            before="delivering",
            after="fulfilled",
            actor="exchange",
            detail="",
            at=now() - ago,
        )
    )


@pytest.fixture
def archive(tmp_path: Path) -> FolderArchive:
    return FolderArchive(tmp_path / "archive")


def cells(database: Database, archive: FolderArchive, sheet_id: str) -> list[list[str]]:
    """What the rows say after a night."""
    purge(database, archive, days=14)
    with database.begin() as session:
        rows = session.scalars(select(BulkRow).where(BulkRow.sheet_id == sheet_id).order_by(BulkRow.position)).all()
        return [list(row.cells) for row in rows]


def test_what_they_say_is_removed_and_how_they_ended_stays(
    database: Database, archive: FolderArchive, sheet_id: str, registry: Registry
) -> None:
    assert cells(database, archive, sheet_id) == [[], [], []]
    assert cells(database, archive, sheet_id) == [[], [], []]
    with database.begin() as session:
        sheet = session.get_one(BulkSheet, sheet_id)
        assert (sheet.columns, sheet.file_name) == ([], "sheet.xlsx")
        (page,) = facts(session, [sheet])
        assert (page.counts, page.may_go_again) == ({"fulfilled": 1, "failed": 2}, False)
        assert session.get_one(BulkRow, (sheet_id, 3)).reason == "No such study."
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "sheet.emptied")).one()
        assert (entry.institution_id, entry.subject, entry.facts) == ("ZX1", sheet_id, {"rows": 3})
        with pytest.raises(NotAllowed, match="upload it again"):
            send_again(session, sheet, account_id=registry.accounts["officer.zx1"], command_id=new_id())


@pytest.mark.parametrize("left", ["a row to be placed", "a row placed lately", "a transfer", "a transfer's last step"])
def test_while_anything_goes_on_or_has_ended_lately_they_stay(
    database: Database, archive: FolderArchive, sheet_id: str, left: str
) -> None:
    with database.begin() as session:
        sheet, transfer = session.get_one(BulkSheet, sheet_id), session.scalars(select(Transfer)).one()
        match left:
            case "a row to be placed":
                sheet.placed_at = None
            case "a row placed lately":
                sheet.placed_at = now() - KEPT_FOR + timedelta(days=1)
            case "a transfer":
                transfer.state = "needs-attention"
            case _:
                add_step(session, transfer, KEPT_FOR - timedelta(days=1))
    assert [len(said) for said in cells(database, archive, sheet_id)] == [len(COLUMNS)] * 3
