"""Every page that there is, as each role sees it, on a phone and on a ward PC: axe finds nothing, nothing overflows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Page
from sqlalchemy import text

from bench.filling import fill
from bench.pages import PEOPLE, SAMPLES, pages, portal, sign_in
from models.db import Database
from tests.web.browser import NARROW, WIDE, axe, overflow
from tests.web.serving import Portal, serving

FEW = 1_000
HIDDEN = ("/live", "/healthz", ".csv", ".xlsx", "/file")
"""Parts of pages, what no person reads, and files to keep."""


@pytest.fixture
def filled(fresh_database: Database) -> tuple[Database, str]:
    _, password = portal(fresh_database)
    with fresh_database.begin() as session:
        fill(session, 0, FEW - 1)
        session.execute(text("ANALYZE"))
    return fresh_database, password


@pytest.fixture
def running(filled: tuple[Database, str]) -> Iterator[Portal]:
    url = filled[0].engine.url.render_as_string(hide_password=False)
    with serving("tests.web.portal:from_environment", {"IEP_TEST_DATABASE": url}) as portal_:
        yield portal_


def test_support_finds_each_kind_of_transaction(filled: tuple[Database, str]) -> None:
    app, password = portal(*filled)
    client = sign_in(app, "support", password)
    at_the_desk = [path for path in pages(app) if path.startswith("/support/T-")]
    assert len(at_the_desk) == len(SAMPLES)
    assert {path: client.get(path).status_code for path in at_the_desk} == dict.fromkeys(at_the_desk, 200)


async def test_every_page(running: Portal, browser_page: Page, filled: tuple[Database, str]) -> None:
    database, password = filled
    app, _ = portal(database, password)
    found: list[str] = []
    for who in PEOPLE:
        client = sign_in(app, who, password)
        await browser_page.context.clear_cookies()
        await browser_page.goto(f"{running.address}/sign-in")
        await browser_page.fill("#username", who)
        await browser_page.fill("#password", password)
        await browser_page.keyboard.press("Enter")
        await browser_page.wait_for_url(f"{running.address}/")
        for path in pages(app):
            if path.endswith(HIDDEN) or client.get(path).status_code != 200:
                continue
            await browser_page.goto(running.address + path)
            for width in (NARROW, WIDE):
                await browser_page.set_viewport_size({"width": width, "height": 900})
                found += [f"{path} for {who} at {width}: {fault}" for fault in await axe(browser_page)]
                if wider := await overflow(browser_page):
                    found.append(f"{path} for {who} at {width}: {wider} px too wide")
    assert found == []
