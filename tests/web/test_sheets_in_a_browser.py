"""Sending from a sheet in a browser: by keyboard, on a phone and on a ward PC, without barriers; what failed again."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from models.bulk import fail
from models.db import Database
from models.sheet_files import CSV, XLSX, read_file, written
from models.tables import BulkRow, BulkSheet, OutboxCommand
from tests.database import Registry
from tests.web.browser import NARROW, WIDE
from tests.web.seeded_sheet import COLUMNS, add_sheet
from tests.web.serving import Portal
from tests.web.test_placing_in_a_browser import reach
from tests.web.test_send_in_a_browser import is_fine, portal, sign_in

__all__ = ["portal"]

ROW = ("2.25.771", "ZX2", "Dr R Cipient", "For the meeting.", "=1+1")


@pytest.mark.parametrize(("width", "kind"), [(NARROW, CSV), (WIDE, XLSX)])
async def test_a_sheet_is_uploaded_and_what_failed_goes_again(
    portal: Portal, browser_page: Page, database: Database, registry: Registry, tmp_path: Path, width: int, kind: str
) -> None:
    page, file = browser_page, tmp_path / f"list.{kind}"
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal, "/send/sheets")
    await is_fine(page)
    await page.get_by_role("button", name="Send", exact=True).press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Choose the sheet, a CSV or XLSX file.")
    await is_fine(page)
    await page.screenshot(path=tmp_path / "refused.png", full_page=True)
    file.write_bytes(written(kind, [COLUMNS, ROW, ("2.25.772", *ROW[1:]), ("none", *ROW[1:])]))
    await reach(page, "file")
    await page.locator("#file").set_input_files(file)
    await page.get_by_role("button", name="Send", exact=True).press("Enter")
    await expect(page.get_by_role("heading", name=f"list.{kind}")).to_be_visible()
    await expect(page.get_by_text("3 rows: 1 failed, 2 waiting.")).to_be_visible()
    await is_fine(page)
    with database.begin() as session:
        sheet_id = session.scalars(select(BulkSheet.id)).one()
        fail(session, sheet_id, 3, "ZX1_PACS has no study of this Study Instance UID; look at what was entered.")
    # The page moves on by itself, and whoever is on the button stays there.
    await reach(page, "again")
    await expect(page.get_by_text("3 rows: 2 failed, 1 waiting.")).to_be_visible()
    await expect(page.locator("#again")).to_be_focused()
    await page.screenshot(path=tmp_path / "sheet.png", full_page=True)
    await is_fine(page)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("1 row is sent again.")
    with database.begin() as session:
        assert {row.position: row.state for row in session.scalars(select(BulkRow))} == {
            2: "waiting", 3: "waiting", 4: "failed",
        }  # fmt: skip
        assert "send-sheet-again" in session.scalars(select(OutboxCommand.kind)).all()


@pytest.mark.parametrize(("width", "kind"), [(NARROW, XLSX), (WIDE, CSV)])
async def test_the_sheet_that_comes_back_sends_only_what_failed(
    portal: Portal, browser_page: Page, database: Database, registry: Registry, tmp_path: Path, width: int, kind: str
) -> None:
    with database.begin() as session:
        sheet_id = add_sheet(session, registry, file_name=f"our list.{kind}").id
    page, back = browser_page, tmp_path / f"back.{kind}"
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal, f"/send/sheets/{sheet_id}")
    await is_fine(page)
    await page.screenshot(path=tmp_path / "standing.png", full_page=True)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download the sheet").press("Enter")
    taken = await download.value
    assert taken.suggested_filename == f"our list-states.{kind}"
    await taken.save_as(back)
    said = [cells[5:] for _, cells in read_file(back.read_bytes())]
    assert said == [["State", "State reason"], ["Placed"], ["Failed", "No such study."], ["Waiting"]]
    await page.get_by_role("link", name="All sheets").press("Enter")
    await expect(page.get_by_role("link", name=f"our list.{kind}")).to_be_visible()
    await page.screenshot(path=tmp_path / "sheets.png", full_page=True)
    await is_fine(page)
    await page.locator("#file").set_input_files(back)
    await page.get_by_role("button", name="Send", exact=True).press("Enter")
    await expect(page.get_by_role("status")).to_contain_text(
        "2 rows are left out: only rows that failed are sent again."
    )
    with database.begin() as session:
        new = session.scalars(select(BulkRow).where(BulkRow.sheet_id != sheet_id)).all()
        assert [(row.cells[0], row.state) for row in new] == [("2.25.772", "waiting")]
