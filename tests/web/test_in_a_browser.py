"""The rooms in a browser: by keyboard alone, on a phone and on a ward PC, without barriers, and alive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select

from models.db import Database
from models.tables import Delivery, Node, Transaction, now
from tests.database import PASSWORD, Registry
from tests.web.browser import NARROW, WIDE, axe, overflow
from tests.web.seeded import Seed
from tests.web.serving import Portal, serving

PRESENT_IN_SIGHT = """() => {
  const frame = document.querySelector(".iep-picture").getBoundingClientRect();
  const present = document.querySelector(".iep-here rect").getBoundingClientRect();
  return frame.left <= present.left && present.right <= frame.right;
}"""


@pytest.fixture
def reference(database: Database, registry: Registry) -> str:
    """One transaction of which everything is known; around it, others in other states."""
    with database.begin() as session:
        seed = Seed(session, registry)
        one = seed.delivery("on-worklist", urgency="urgent")
        for state in ("sending", "needs-attention", "confirmed"):
            seed.delivery(state)
        seed.arrival("held", "ZX2")
        seed.held_object("ZX2")
        node = session.get_one(Node, registry.nodes["ZX2_PACS"])
        node.last_answer_at = now() - timedelta(seconds=42)
        return one.reference


# Named before `browser_page` by every test: a browser that outlives the portal complains.
@pytest.fixture
def portal(database: Database, reference: str) -> Iterator[Portal]:
    url = database.engine.url.render_as_string(hide_password=False)
    with serving("tests.web.portal:from_environment", {"IEP_TEST_DATABASE": url}) as running:
        yield running


async def reach(page: Page, name: str) -> None:
    """Press Tab until the link or button called `name` has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused = await page.evaluate("(document.activeElement.innerText || document.activeElement.id || '').trim()")
        if focused.split("\n")[0] == name:
            return
    pytest.fail(f"{name} cannot be reached by keyboard")


async def unfold(page: Page, room: str) -> None:
    """On a phone the navigation shows as many rooms as there is width for, and the others under "More"."""
    if not await page.locator(".nhsuk-header__navigation").get_by_role("link", name=room).is_visible():
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.id") == "toggle-menu":
                break
        await page.keyboard.press("Enter")


async def sign_in(page: Page, portal: Portal) -> None:
    await page.goto(portal.address + "/")
    assert await axe(page) == []
    await reach(page, "username")
    await page.keyboard.type("officer.zx2")
    await reach(page, "password")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(portal.address + "/")


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_every_room_by_keyboard(
    portal: Portal, browser_page: Page, registry: Registry, reference: str, width: int
) -> None:
    page = browser_page
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal)
    await expect(page.get_by_text("3 need you, 1 of them urgent.")).to_be_visible()
    for room in ("Transactions", "Requests", "Held", "Nodes", "Home"):
        await unfold(page, room)
        await reach(page, room)
        await page.keyboard.press("Enter")
        await page.wait_for_url(portal.address + ("/" if room == "Home" else f"/{room.lower()}"))
        assert await axe(page) == [], room
        assert await overflow(page) == 0, room
    await reach(page, reference)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/transactions/{reference}")
    await expect(page.locator(".iep-lead")).to_contain_text("6 images on ZX2's worklist")
    await page.locator("summary", has_text="Technical detail").press("Enter")
    assert await axe(page) == []
    assert await overflow(page) == 0
    await page.goto(f"{portal.address}/nodes/{registry.nodes['ZX2_PACS']}")
    assert await axe(page) == []
    assert await overflow(page) == 0


async def test_a_page_lives_and_loses_nothing_typed(
    portal: Portal, browser_page: Page, database: Database, reference: str
) -> None:
    page = browser_page
    await sign_in(page, portal)
    await page.goto(f"{portal.address}/transactions/{reference}")
    await page.locator("summary", has_text="your own identifiers").click()
    await page.get_by_label("Your Patient ID").fill("L-77")
    before = await page.locator(".iep-fresh").inner_text()
    await expect(page.locator(".iep-fresh")).not_to_have_text(before, timeout=15_000)
    assert await page.get_by_label("Your Patient ID").input_value() == "L-77"
    await page.get_by_role("button", name="Release under these").click()
    await expect(page.locator(".iep-message")).to_have_text("Released.")
    with database.begin() as session:
        one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        one.state = "confirmed"
        session.scalars(select(Delivery).where(Delivery.transaction_id == one.id)).one().state = "confirmed"
    await expect(page.locator(".iep-lead")).to_contain_text("Confirmed: ", timeout=15_000)
    await expect(page.get_by_role("button", name="Release")).to_have_count(0)
    await expect(page.locator("#announced")).to_contain_text("Now Confirmed.")
    await expect(page.locator(".iep-message")).to_have_count(0)


async def test_the_present_state_is_in_sight_on_a_phone_and_stays_so(
    portal: Portal, browser_page: Page, database: Database, reference: str
) -> None:
    page = browser_page
    await page.set_viewport_size({"width": NARROW, "height": 900})
    await sign_in(page, portal)
    await page.goto(f"{portal.address}/transactions/{reference}")
    for state in ("on-worklist", "sent", "confirmed"):
        with database.begin() as session:
            session.scalars(select(Transaction).where(Transaction.reference == reference)).one().state = state
        await expect(page.locator("#course title")).to_contain_text(state.replace("-", " "), timeout=15_000)
        assert await page.evaluate(PRESENT_IN_SIGHT), state


async def test_the_focus_stays_while_a_page_refreshes_itself(
    portal: Portal, browser_page: Page, database: Database, reference: str
) -> None:
    page = browser_page
    await sign_in(page, portal)
    await page.locator(f'a[href="/transactions/{reference}"]').first.focus()
    for news in (False, True):
        if news:
            with database.begin() as session:
                session.scalars(select(Transaction).where(Transaction.state == "sending")).one().state = "sent"
        before = await page.locator(".iep-fresh").inner_text()
        await expect(page.locator(".iep-fresh")).not_to_have_text(before, timeout=15_000)
        focused = await page.evaluate("document.activeElement.getAttribute('href')")
        assert focused == f"/transactions/{reference}"
    await expect(page.get_by_text("it is being asked whether it has them").first).to_be_visible(timeout=15_000)


async def test_a_page_says_when_it_is_stale(portal: Portal, browser: Browser, reference: str) -> None:
    context = await browser.new_context()  # one that may complain of failures
    page = await context.new_page()
    await sign_in(page, portal)
    await page.goto(f"{portal.address}/transactions/{reference}")
    await expect(page.locator("[data-stale]")).to_be_hidden()
    await page.route("**/live*", lambda route: route.fulfill(status=500, body=""))
    await expect(page.locator("[data-stale]")).to_be_visible(timeout=15_000)
    await page.unroute("**/live*")
    await expect(page.locator("[data-stale]")).to_be_hidden(timeout=15_000)
    await context.close()


async def test_a_session_that_has_ended_leads_to_the_sign_in(
    portal: Portal, browser_page: Page, reference: str
) -> None:
    page = browser_page
    await sign_in(page, portal)
    await page.goto(f"{portal.address}/transactions/{reference}")
    await page.context.clear_cookies()
    await page.wait_for_url(f"**/sign-in?next=/transactions/{reference}", timeout=15_000)
