"""The rooms in a browser: by keyboard alone, on a phone and on a ward PC, without barriers, and alive."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations, pairwise

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.db import Database
from models.tables import Delivery, Node, Transaction, TransitionRow, new_id, now
from tests.database import PASSWORD, Registry
from tests.web.browser import NARROW, WIDE, axe, overflow
from tests.web.seeded import Seed
from tests.web.serving import Portal

BOXES = """() => [...document.querySelectorAll(".iep-course li")].map((box) => {
  const {left, right, top, bottom} = box.getBoundingClientRect();
  return {left, right, top, bottom, here: box.ariaCurrent === "step", way: !!box.closest(".iep-way")};
})"""


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


def add_way(session: Session, one: Transaction, *states: str) -> None:
    """Steps of the delivery of `one` through these states, in place of those it has."""
    delivery = session.scalars(select(Delivery).where(Delivery.transaction_id == one.id)).one()
    session.execute(delete(TransitionRow).where(TransitionRow.transaction_id == one.id))
    for number, (before, after) in enumerate(pairwise(states)):
        session.add(
            TransitionRow(
                transaction_id=one.id, institution_id=one.institution_id, lifecycle="delivery",
                subject_id=delivery.id, run_id=new_id(), sequence=number, event="released", before=before, after=after,
                actor="exchange", detail="", at=now() - timedelta(minutes=20 - number),
            )
        )  # fmt: skip


# Named before `browser_page` by every test: a browser that outlives the portal complains.
@pytest.fixture
def portal(shared_portal: Portal, reference: str) -> Portal:
    return shared_portal


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


@pytest.mark.parametrize("width", [NARROW, WIDE])
async def test_a_course_is_read_in_its_order_and_nothing_hides_anything(
    portal: Portal, browser_page: Page, database: Database, reference: str, width: int
) -> None:
    page = browser_page
    await page.set_viewport_size({"width": width, "height": 900})
    await sign_in(page, portal)
    with database.begin() as session:
        one = session.scalars(select(Transaction).where(Transaction.reference == reference)).one()
        add_way(session, one, "waiting", "on-worklist", "sending", "needs-attention", "sending")
        one.state = "sending"
    await page.goto(f"{portal.address}/transactions/{reference}")
    await expect(page.locator(".iep-way strong")).to_have_text(
        ["Waiting", "On worklist", "Sending", "Needs attention", "Sending"]
    )
    boxes = await page.evaluate(BOXES)
    assert [box["here"] for box in boxes if box["way"]] == [False] * 4 + [True]
    assert not all(box["way"] for box in boxes)
    for box, after in combinations(boxes, 2):
        assert box["bottom"] <= after["top"] or box["right"] <= after["left"], "one after the other"
        assert width == WIDE or not after["way"] or box["bottom"] < after["top"], "a column on a phone"
    assert all(box["left"] >= 0 and box["right"] <= width for box in boxes)
    assert await axe(page) == []


async def test_a_course_goes_on_by_itself(
    portal: Portal, browser_page: Page, database: Database, reference: str
) -> None:
    page = browser_page
    await sign_in(page, portal)
    await page.goto(f"{portal.address}/transactions/{reference}")
    present = page.get_by_role("list", name="The states of this delivery so far").locator("[aria-current=step]")
    for state, words in (("on-worklist", "On worklist"), ("sent", "Sent"), ("confirmed", "Confirmed")):
        with database.begin() as session:
            session.scalars(select(Transaction).where(Transaction.reference == reference)).one().state = state
        await expect(present.locator("strong")).to_have_text(words, timeout=15_000)
    await expect(page.get_by_text("It may become")).to_have_count(0)


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
