"""Searching and sending in a browser: by keyboard, on a phone and on a ward PC, without barriers, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from models.db import Database
from models.tables import OutboxCommand, PacsHit, PacsSearch
from tests.database import PASSWORD, Registry
from tests.web.browser import NARROW, WIDE, axe, overflow
from tests.web.seeded_requests import add_request
from tests.web.seeded_search import CT, add_search, add_series
from tests.web.serving import Portal
from tests.web.test_placing_in_a_browser import reach, type_into


# Named before `browser_page` by every test: a browser that outlives the portal complains.
@pytest.fixture
def portal(shared_portal: Portal, registry: Registry) -> Portal:
    return shared_portal


async def sign_in(page: Page, portal: Portal, path: str) -> None:
    await page.goto(portal.address + path)
    await page.get_by_label("User name").fill("officer.zx1")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(portal.address + path)


async def is_fine(page: Page) -> None:
    assert await axe(page) == []
    assert await overflow(page) == 0


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_a_pacs_is_searched_by_keyboard(
    portal: Portal, browser_page: Page, database: Database, registry: Registry, width: int
) -> None:
    page = browser_page
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal, "/send")
    await is_fine(page)
    await reach(page, "family_name")
    await page.keyboard.type("Example")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("a family name with the birth date")
    await is_fine(page)
    await type_into(page, "birth_date", "3 2 1951")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("ZX1_PACS is being asked.")).to_be_visible()
    await is_fine(page)
    with database.begin() as session:
        search = session.scalars(select(PacsSearch)).one()
        facts = session.scalars(select(PacsHit.facts).where(PacsHit.search_id == add_search(session, registry).id))
        session.add(
            PacsHit(search_id=search.id, position=1, institution_id="ZX1", StudyInstanceUID="2.25.771",
                    facts=facts.first())
        )  # fmt: skip
        search.state = "answered"
    await expect(page.get_by_text("1 study at ZX1_PACS.")).to_be_visible()


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_studies_are_picked_and_sent_by_keyboard(
    portal: Portal, browser_page: Page, database: Database, registry: Registry, width: int, tmp_path: Path
) -> None:
    with database.begin() as session:
        request = add_request(session, registry)
        path = f"/send/{add_search(session, registry, request_id=request.id).id}"
        search_id = path.removeprefix("/send/")
    page = browser_page
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal, path)
    await page.screenshot(path=tmp_path / "hits.png", full_page=True)
    await is_fine(page)
    await reach(page, "tick-2")
    await page.keyboard.press("Space")
    await reach(page, "reason")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("For the meeting.")
    await reach(page, "open-1")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("ZX1_PACS is being asked for the series.")).to_be_visible()
    assert await page.get_by_label("Why it is sent").input_value() == "For the meeting."
    with database.begin() as session:
        part = session.scalars(select(PacsSearch).where(PacsSearch.search_id == search_id)).one()
        made = add_series(session, session.get_one(PacsSearch, search_id))
        for hit in list(made.hits):
            facts = dict(hit.facts)
            session.add(
                PacsHit(search_id=part.id, position=hit.position, institution_id="ZX1", facts=facts,
                        StudyInstanceUID=CT.StudyInstanceUID, SeriesInstanceUID=hit.SeriesInstanceUID)
            )  # fmt: skip
        session.delete(made)
        part.state = "answered"
    await expect(page.get_by_text("Or only these series of study 1")).to_be_visible()
    await page.screenshot(path=tmp_path / "series.png", full_page=True)
    await is_fine(page)
    await reach(page, "series-1-2")
    await page.keyboard.press("Space")
    await page.locator("#recipient").fill("")
    await page.get_by_role("button", name="Send", exact=True).press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Say whom the images are for.")
    await is_fine(page)
    assert await page.locator("#tick-2").is_checked()
    assert await page.locator("#series-1-2").is_checked()
    await type_into(page, "recipient", "Dr R Cipient")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/transactions/T-*")
    with database.begin() as session:
        kinds = list(session.scalars(select(OutboxCommand.kind)))
    assert kinds.count("place-transfer") == 1
