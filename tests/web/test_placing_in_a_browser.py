"""Placing a request in a browser: by keyboard alone, on a phone and on a ward PC, without barriers, nothing lost."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from models.db import Database
from models.tables import Draft, ImageRequest, WebSession, now
from tests.database import PASSWORD, Registry
from tests.web.browser import NARROW, WIDE, axe, overflow
from tests.web.seeded_requests import add_request
from tests.web.serving import Portal
from web.sessions import IDLE


@pytest.fixture
def open_request(database: Database, registry: Registry) -> str:
    with database.begin() as session:
        return add_request(session, registry).transaction.reference


# Named before `browser_page` by every test: a browser that outlives the portal complains.
@pytest.fixture
def portal(shared_portal: Portal, open_request: str) -> Portal:
    return shared_portal


async def sign_in(page: Page, portal: Portal, path: str) -> None:
    """Open `path` and sign in, which leads there."""
    if not page.url.endswith(path):
        await page.goto(portal.address + path)
    await page.get_by_label("User name").fill("clinician.zx2")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(portal.address + path)


async def reach(page: Page, name: str) -> None:
    """Press Tab until the input with the id `name`, or the link or button called so, has the focus."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        focused = await page.evaluate("[document.activeElement.id, document.activeElement.innerText?.trim()]")
        if name in focused:
            return
    pytest.fail(f"{name} cannot be reached by keyboard")


async def type_into(page: Page, field: str, words: str) -> None:
    await reach(page, field)
    await page.keyboard.type(words)


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_a_request_is_placed_by_keyboard(
    portal: Portal, browser_page: Page, database: Database, open_request: str, width: int
) -> None:
    page = browser_page
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal, "/requests")
    assert await axe(page) == []
    assert await overflow(page) == 0
    await reach(page, "Place a request")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/requests/new")
    await type_into(page, "source", "zx1")
    await type_into(page, "nhs_number", "999 000 0018")
    await type_into(page, "family_name", "Example")
    await type_into(page, "given_name", "Agnes")
    await type_into(page, "birth_date", "3 2 1951")
    await expect(page.locator("#whom")).to_contain_text("Ask ZX1 for a study. Northern Example's office is")
    await type_into(page, "study-0-description", "CT head")
    await type_into(page, "study-0-Modality", "CT")
    await reach(page, "Add another study")
    await page.keyboard.press("Enter")
    await expect(page.locator("#study-1-description")).to_be_focused()
    await page.keyboard.type("CT chest")
    await reach(page, "priors")
    await page.keyboard.press("Space")
    await type_into(page, "recipient", "Dr R Cipient")
    await type_into(page, "reason", "Fell on the stairs.")
    assert await axe(page) == []
    assert await overflow(page) == 0
    await reach(page, "Place the request")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="You have asked ZX1 for this already")).to_be_visible()
    await expect(page.get_by_role("link", name=open_request)).to_be_visible()
    assert await axe(page) == []
    await reach(page, "Place it all the same")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/transactions/T-*")
    await expect(page.locator(".iep-message")).to_have_text("Placed. ZX1 is told.")
    await expect(page.locator(".iep-lead")).to_contain_text("ZX2 asks ZX1 for 3 studies")
    assert await axe(page) == []
    assert await overflow(page) == 0
    with database.begin() as session:
        placed = session.scalars(select(ImageRequest).order_by(ImageRequest.placed_at.desc())).first()
        assert placed is not None
        assert [study.description for study in placed.studies] == ["CT head", "CT chest", ""]
        assert placed.studies[0].Modality == "CT"
        assert session.scalars(select(Draft)).all() == []


async def test_wrong_entries_by_keyboard(portal: Portal, browser_page: Page) -> None:
    page = browser_page
    await page.set_viewport_size({"width": NARROW, "height": 900})
    await sign_in(page, portal, "/requests/new")
    await type_into(page, "source", "Nothern")
    await page.keyboard.press("Enter")
    await expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    assert await axe(page) == []
    assert await overflow(page) == 0
    await reach(page, "There is no such partner of yours; these are near: Northern Example (ZX1).")
    await page.keyboard.press("Enter")
    await expect(page.locator("#source")).to_be_focused()


async def test_what_is_typed_outlives_a_reload_and_the_session(
    portal: Portal, browser_page: Page, database: Database
) -> None:
    page = browser_page
    await sign_in(page, portal, "/requests/new")
    await page.locator("#recipient").fill("Dr R Cipient")
    await page.wait_for_url("**/requests/drafts/*")
    await expect(page.locator("#kept")).to_contain_text("Kept as a draft at")
    await page.reload()
    await expect(page.locator("#recipient")).to_have_value("Dr R Cipient")
    with database.begin() as session:
        for one in session.scalars(select(WebSession)):
            one.last_seen_at = now() - IDLE
    await page.locator("#reason").fill("Fell on the stairs.")
    await page.wait_for_url("**/sign-in?next=/requests/drafts/*")
    await sign_in(page, portal, page.url.partition("next=")[2])
    await expect(page.locator("#reason")).to_have_value("Fell on the stairs.")
    await expect(page.locator("#recipient")).to_have_value("Dr R Cipient")
