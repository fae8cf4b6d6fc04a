"""A real browser for tests: the fixture `browser_page`, and `axe`, which lists barriers on a page.

Playwright's other, blocking interface keeps an event loop running on the thread of the tests, which every
later `async` test would trip over; so these are async.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from tests.conftest import Peers

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
NARROW, WIDE = 390, 1280  # px: a phone, a ward PC
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(peers: Peers) -> AsyncIterator[Browser]:
    """One Chromium for all tests."""
    # Without the parts that show it on a screen: a fifth less for the same pages.
    chromium = peers.need("chromium-headless-shell")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser_page(browser: Browser) -> AsyncIterator[Page]:
    """A page of a new, signed-out browser; afterwards fails the test for script errors, refusals of the
    content security policy, and requests to any other host."""
    context = await browser.new_context(viewport={"width": WIDE, "height": 900}, locale="en-GB")
    page = await context.new_page()
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # A page that answers 404 on purpose is logged as an error too.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def asked(request: Request) -> None:
        if urlsplit(request.url).hostname not in {"127.0.0.1", None}:
            complaints.append(f"asked another host: {request.url}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", asked)
    yield page
    await context.close()
    assert complaints == []


async def axe(page: Page) -> list[str]:
    """The accessibility violations that axe-core finds on the page, each with the elements concerned."""
    if not AXE.exists():
        pytest.fail("axe-core is missing; run: make setup")
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_axe())
    violations = await page.evaluate("async () => (await axe.run({resultTypes: ['violations']})).violations")
    return [
        f"{violation['id']}: {violation['help']}: {[node['html'] for node in violation['nodes']]}"
        for violation in violations
    ]


@cache
def _axe() -> str:
    return AXE.read_text()


async def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window; 0 when nobody has to scroll sideways."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
