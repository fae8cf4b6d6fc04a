"""People at the running exchange, each at a browser of their own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Browser, Locator, Page, expect

from demo.patients import Patient
from tests.end_to_end.exchange import Exchange
from tests.web.browser import NARROW, WIDE, axe

PATIENCE_MS = 45_000
TABS = 150
"""More than any page has controls."""
REFERENCE = re.compile(r"T-[0-9A-Z]{4}-[0-9A-Z]{3}")


@dataclass(frozen=True)
class Person:
    """A signed-in page. What they press and fill they find by what is written there."""

    page: Page
    url: str
    by_keyboard: bool = False

    async def go(self, path: str) -> None:
        await self.page.goto(self.url + path)

    async def fill(self, label: str, text: str) -> None:
        await self.type_into(self.page.get_by_label(label, exact=True).first, text)

    async def press(self, name: str) -> None:
        await self.choose(self.page.get_by_role("button", name=name, exact=True).first, "Enter")

    async def unfold(self, title: str) -> None:
        await self.choose(self.page.locator("summary", has_text=title).first, "Enter")

    async def type_into(self, field: Locator, text: str) -> None:
        if self.by_keyboard:
            await self._reach(field)
            await self.page.keyboard.type(text)
        else:
            await field.fill(text)

    async def choose(self, control: Locator, key: str) -> None:
        """Click it, or reach it by Tab and press `key`."""
        if self.by_keyboard:
            await self._reach(control)
            await self.page.keyboard.press(key)
        else:
            await control.click()

    async def _reach(self, wanted: Locator) -> None:
        await wanted.wait_for()
        for _ in range(TABS):
            if await wanted.evaluate("element => element === document.activeElement"):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"{wanted} cannot be reached by keyboard")

    async def sees(self, words: str | re.Pattern[str]) -> None:
        """Waits until the page says so, as it keeps itself fresh."""
        await expect(self.page.locator("main")).to_contain_text(words, timeout=PATIENCE_MS)

    async def eventually_sees(self, path: str, words: str) -> None:
        """Opens the page again until it says so: for lists, which a person reloads."""
        for _ in range(100):
            await self.go(path)
            if words in await self.page.locator("main").inner_text():
                return
            await self.page.wait_for_timeout(300)
        raise AssertionError(f"{path} never said {words!r}")

    async def must_be_without_barriers(self) -> None:
        own = self.page.viewport_size
        for width in (NARROW, WIDE):
            await self.page.set_viewport_size({"width": width, "height": 900})
            assert await axe(self.page) == []
        assert own
        await self.page.set_viewport_size(own)

    async def asks(self, hospital: str, patient: Patient, description: str, *, with_nhs_number: bool = True) -> str:
        """Place a request from its page; the reference that it gets."""
        family, given, *_ = patient.name.split("^")
        year, month, day = patient.birth_date[:4], patient.birth_date[4:6], patient.birth_date[6:]
        await self.go("/requests/new")
        await self.fill("Hospital", hospital)
        if with_nhs_number:
            await self.fill("NHS number", patient.nhs_number)
        await self.fill("Family name", family)
        await self.fill("Given name", given)
        await self.fill("Date of birth", f"{int(day)} {int(month)} {year}")
        await self.fill("Description", description)
        await self.fill("For whom", "Dr Example Reader")
        await self.fill("Number to call back", "0113 496 0100")
        await self.fill("Why it is needed", "For comparison.")
        await self.press("Place the request")
        if await self.page.get_by_text("all the same").count():
            await self.page.get_by_role("button", name=re.compile("all the same")).click()
        await self.page.wait_for_url(re.compile(r"/transactions/T-"))
        found = REFERENCE.search(self.page.url)
        assert found
        return found[0]


@asynccontextmanager
async def at_work(
    browser: Browser, exchange: Exchange, username: str, *, width: int = WIDE, by_keyboard: bool = False
) -> AsyncIterator[Person]:
    """Somebody of the demo's accounts, signed in."""
    accounts = dict(line.split()[:2] for line in (exchange.var / "accounts").read_text().splitlines())
    context = await browser.new_context(viewport={"width": width, "height": 900}, locale="en-GB")
    page = await context.new_page()
    person = Person(page, exchange.settings.url, by_keyboard)
    await person.go("/sign-in")
    await page.fill("#username", username)
    await page.fill("#password", accounts[username])
    await person.press("Sign in")
    await page.wait_for_url(exchange.settings.url + "/")
    try:
        yield person
    finally:
        await context.close()
