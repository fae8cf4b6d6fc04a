"""What a sender puts into its headers may be as long as it likes, and breaks no page."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from models.db import Database
from models.domain.identity import PatientFacts
from tests.database import Registry
from tests.web.browser import NARROW, WIDE, overflow
from tests.web.seeded import Seed
from tests.web.serving import Portal
from tests.web.test_worklist_in_a_browser import sign_in

LONG = PatientFacts("P" * 200, "", f"{'EXAMPLE' * 43}^{'Agnes' * 60}", "19510203", "F", (("9" * 180, "X" * 90),))


@pytest.fixture
def pages(database: Database, registry: Registry) -> list[str]:
    with database.begin() as session:
        seed = Seed(session, registry)
        waits = seed.delivery("on-worklist", patient=LONG, description="D" * 300)
        done = seed.delivery("confirmed", patient=LONG)
        seed.arrival("held", "ZX2", patient=LONG, description="D" * 300)
        lists = ["/", "/worklist", "/held", "/transactions"]
        return [*lists, *(f"/transactions/{one.reference}" for one in (waits, done))]


# Named before `browser_page`: a browser that outlives the portal complains.
@pytest.fixture
def portal(shared_portal: Portal, pages: list[str]) -> Portal:
    return shared_portal


async def test_nothing_overflows(portal: Portal, browser_page: Page, pages: list[str]) -> None:
    await sign_in(browser_page, portal, WIDE)
    found: list[str] = []
    for path in pages:
        await browser_page.goto(portal.address + path)
        for width in (NARROW, WIDE):
            await browser_page.set_viewport_size({"width": width, "height": 900})
            if wider := await overflow(browser_page):
                found.append(f"{path} at {width}: {wider} px too wide")
    assert found == []


async def test_the_menu_fits_before_its_script_came(portal: Portal, browser_page: Page, pages: list[str]) -> None:
    await sign_in(browser_page, portal, NARROW)
    await browser_page.route("**/site.js*", lambda route: route.abort())
    await browser_page.goto(portal.address + pages[-1])
    assert await overflow(browser_page) == 0
    await browser_page.get_by_role("link", name="Worklist", exact=True).click(trial=True)
